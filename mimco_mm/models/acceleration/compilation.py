import logging
import warnings
from contextlib import nullcontext
from typing import ContextManager, Tuple

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.logging import print_log
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn

# Shapes (and rates of drop path) of one kind of block in a network and its teacher, at most; torch
# compiles eight by itself, and lets all others run as they are, without a word.
SHAPES = 64
BLOCKS = (SwinBlock, TransformerEncoderLayer)


def compile_blocks(model: nn.Module, backend: str = 'inductor', **kwargs) -> nn.Module:
    """Let torch.compile work on each transformer block by itself, the frozen teacher's as well.

    Blocks of one kind and shape share what is compiled, so that it takes a stage's time and not a
    network's. Parameters, names and checkpoints stay. A block that cannot be compiled runs as
    before, and a line of the log says why (TORCHDYNAMO_VERBOSE=1: all that torch says).

    Args:
        model: any; blocks of mmpretrain's Swin and ViT are compiled.
        backend: of torch.compile.
        **kwargs: others of its arguments.
    """
    torch._dynamo.config.suppress_errors = True
    logging.getLogger('torch._dynamo.convert_frame').addFilter(in_a_line)
    # of Swin's masks of windows, which depend on their shape alone
    warnings.filterwarnings('ignore', 'Dynamo detected a call to a `functools.lru_cache`')
    torch._dynamo.config.cache_size_limit = max(torch._dynamo.config.cache_size_limit, SHAPES)
    for module in model.modules():
        if isinstance(module, DropPath):
            module.drop_prob = float(module.drop_prob)  # numpy's would be data, and break the graph
        if isinstance(module, BLOCKS):
            module.compile(backend=backend, dynamic=False, **kwargs)
        for network in getattr(module, 'hidden_networks', ()):
            compile_blocks(network, backend, **kwargs)
    return model


def in_a_line(record: logging.LogRecord) -> bool:
    """A filter of torch's log: why a block cannot be compiled is told in a line of the run's."""
    error = record.exc_info and record.exc_info[1]
    told = error and not torch._dynamo.config.verbose
    if told:
        place = record.getMessage().splitlines()[0].replace("WON'T CONVERT ", '').strip()
        reason = ' '.join(str(error).split('\n\n')[0].split())
        print_log(f'Not compiled, and run as it is: {place} ({type(error).__name__}: {reason})',
                  'current', logging.WARNING)
    return not told


def as_they_are() -> ContextManager:
    """Run compiled blocks as they are meanwhile: what is computed once is not worth compiling."""
    set_stance = getattr(torch.compiler, 'set_stance', None)  # from torch 2.6 on
    return set_stance('force_eager') if set_stance else nullcontext()


def compiled_blocks(model: nn.Module) -> Tuple[int, int]:
    """How many transformer blocks are left to torch.compile, and how many there are.

    Those of a frozen teacher count as well.
    """
    networks = [model, *(network for module in model.modules()
                         for network in getattr(module, 'hidden_networks', ()))]
    blocks = [module for network in networks for module in network.modules()
              if isinstance(module, BLOCKS)]
    return sum(block._compiled_call_impl is not None for block in blocks), len(blocks)


def uncompiled(model: nn.Module) -> nn.Module:
    """Let the blocks run as they are again, in place."""
    for module in model.modules():
        if isinstance(module, BLOCKS):
            module._compiled_call_impl = None
        for network in getattr(module, 'hidden_networks', ()):
            uncompiled(network)
    return model
