import torch
from mmcv.cnn.bricks import DropPath
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn


def compile_blocks(model: nn.Module, backend: str = 'inductor', **kwargs) -> nn.Module:
    """Let torch.compile work on each transformer block by itself, the frozen teacher's as well.

    Blocks of one kind and shape share what is compiled, so that it takes a stage's time and not a
    network's. Parameters, names and checkpoints stay. A block that cannot be compiled runs as
    before, and torch says why.

    Args:
        model: any; blocks of mmpretrain's Swin and ViT are compiled.
        backend: of torch.compile.
        **kwargs: others of its arguments.
    """
    torch._dynamo.config.suppress_errors = True
    for module in model.modules():
        if isinstance(module, DropPath):
            module.drop_prob = float(module.drop_prob)  # numpy's would be data, and break the graph
        if isinstance(module, (SwinBlock, TransformerEncoderLayer)):
            module.compile(backend=backend, dynamic=False, **kwargs)
        for network in getattr(module, 'hidden_networks', ()):
            compile_blocks(network, backend, **kwargs)
    return model
