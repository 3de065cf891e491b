"""Fully sharded data parallel (FSDP): parameters, gradients, optimizer state, a part on each rank.

torch's ``fully_shard`` makes a DTensor of each parameter, in place: modules keep their names, and
there is no wrapper. A unit of it has its parameters whole only while it runs. What follows
parameters outside their unit's forward, such as the moving average p3, works on the shards.
"""

from contextlib import contextmanager
from typing import Any, Dict, Iterator

import torch
from mmengine.device import get_device
from mmengine.dist import get_rank, get_world_size
from mmengine.model import BaseAveragedModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.utils import apply_to
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import nn

from ..errors import ConfigError

try:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard
    from torch.distributed.tensor import DTensor, distribute_tensor
except ImportError:  # torch < 2.6
    fully_shard = None


def check_shardable(model: nn.Module) -> None:
    """Raise ValueError where ``fsdp`` cannot work."""
    if get_world_size() == 1:
        raise ConfigError('`fsdp=True` shards the state of a run over several processes, and this '
                          'is one alone: start it with `tools/dist_train.sh CONFIG GPUS`, GPUS > '
                          '1, or leave `fsdp` out.')
    if fully_shard is None:
        raise ConfigError(f'`fsdp=True` needs torch 2.6 or later, got {torch.__version__}. To save '
                          'memory without it: a smaller `train_dataloader.batch_size` with '
                          '`optim_wrapper.accumulative_counts`.')
    averages = any(isinstance(part, BaseAveragedModel) for part in model.modules())
    if averages or not isinstance(model, BaseSelfSupervisor):
        raise ConfigError('`fsdp=True` is for pre-training by MimCo, MoBY, SimMIM and SimMIM + '
                          f"MoBY (MoCo v3's moving average is mmengine's, of whole tensors), got "
                          f'{type(model).__name__}: leave it out.')


def shard(model: nn.Module, optim_wrapper: OptimWrapper) -> None:
    """Keep this rank's part of the model's parameters and of the optimizer's state, in place.

    Both must be the same on all ranks, initialised or resumed.

    Raises:
        ValueError: loss scaling, which would have to look at the gradients of all ranks.
    """
    if isinstance(optim_wrapper, AmpOptimWrapper):
        raise ConfigError('`fsdp=True` works without loss scaling only: train with `--amp bf16` or '
                          '`--amp off` (`optim_wrapper.type` is AmpOptimWrapper).')
    whole = dict(model.named_parameters())
    mesh = init_device_mesh(get_device().split(':')[0], (get_world_size(), ))
    for unit in (*units(model), model):
        fully_shard(unit, mesh=mesh)
    sharded = {whole[name]: parameter for name, parameter in model.named_parameters()}

    optimizer = optim_wrapper.optimizer
    for group in optimizer.param_groups:
        group['params'] = [sharded[parameter] for parameter in group['params']]
    states = {sharded[parameter]: shard_state(state, sharded[parameter])
              for parameter, state in optimizer.state.items()}
    optimizer.state.clear()
    optimizer.state.update(states)


def shard_state(state: Dict[str, Any], parameter: 'DTensor') -> Dict[str, Any]:
    """The optimizer's state of a parameter: what has its shape is sharded as it is."""
    return {key: distribute_tensor(value, parameter.device_mesh, parameter.placements)
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape else value
            for key, value in state.items()}


def units(module: nn.Module) -> Iterator[nn.Module]:
    """What is sharded together: parts of the model that are called, and before each its blocks.

    A head, say, is not called by itself, but its predictor is. The blocks are members of the
    innermost lists: of a Swin's stage, others call parts.
    """
    for child in module.children():
        if is_unit(child):
            lists = [part for part in child.modules() if isinstance(part, nn.ModuleList)]
            yield from (block for part in lists for block in part
                        if is_unit(block) and not has_list(block))
            yield child
        else:
            yield from units(child)


def is_unit(module: nn.Module) -> bool:
    """Whether a module is called, and has parameters; of an algorithm in it parts are called."""
    called = (type(module).forward is not nn.Module.forward
              and not isinstance(module, BaseSelfSupervisor))
    return called and any(True for _ in module.parameters())


def has_list(module: nn.Module) -> bool:
    return any(isinstance(part, nn.ModuleList) for part in module.modules())


def gathered(state: Any) -> Any:
    """A state dict whose sharded tensors are whole, and on the CPU; on rank 0, elsewhere None.

    All ranks must call it together.
    """
    def gather(shard: 'DTensor') -> Any:
        whole = shard.full_tensor()
        return whole.cpu() if get_rank() == 0 else None

    return apply_to(state, is_sharded, gather)


def is_sharded(value: Any) -> bool:
    return fully_shard is not None and isinstance(value, DTensor)


def unsharded_type(module: nn.Module) -> type:
    """The class of a module before it was sharded: ``fully_shard`` derives one of it."""
    kind = type(module)
    return kind.__bases__[1] if fully_shard is not None and isinstance(module, FSDPModule) else kind


@contextmanager
def gathered_states(*parts: Any) -> Iterator[None]:
    """Within it, ``state_dict()`` of the parts is ``gathered``; all ranks must enter together."""
    states = [gathered(part.state_dict()) for part in parts]
    for part, state in zip(parts, states):
        part.state_dict = lambda state=state: state
    try:
        yield
    finally:
        for part in parts:
            del part.state_dict
