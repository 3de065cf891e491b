"""Where the first NaN or infinity of a training step comes from, found by running it once more."""

from contextlib import AbstractContextManager
from typing import Dict, Iterator, List, Tuple

import torch
from mmengine.dist import all_reduce
from torch import nn

from ..engine.sharding import is_sharded, unsharded_type
from ..models import teachers_of

# In the order in which a step makes them.
STAGES = ('input', 'parameter', 'module output', 'loss', 'gradient')
Finding = Tuple[int, int, str]  # (stage, position in it, what): of two, the smaller came first
NOTHING: Finding = (len(STAGES), 0, 'none when the step was run again: the cause may be random '
                    '(drop path), or gone with the step')


def first_bad_tensor(model: nn.Module, batch: dict,
                     precision: AbstractContextManager) -> Finding:
    """Repeat forward and backward of a step, and name the first tensor that is not finite.

    It is the first of: inputs, parameters, module outputs in the order in which they are computed,
    losses, gradients (the one nearest to the loss). Running statistics, queues and moving averages
    of the model take the step a second time, so this is for a run that ends here. All ranks must
    call it together where the model communicates (synchronised BN, queues).

    Args:
        model: one of mmpretrain's self-supervised algorithms, not wrapped, in training mode.
        batch: as the dataloader gives it.
        precision: what the forward pass runs in, e.g. ``optim_wrapper.optim_context(model)``.

    Returns:
        (stage, position, text), comparable between ranks.
    """
    found: List[Finding] = []
    with precision:
        data = model.data_preprocessor(batch, training=True)
        inputs = data['inputs'] if isinstance(data['inputs'], (list, tuple)) else [data['inputs']]
        found += bad_ones(0, {f'input {index} of the model' if len(inputs) > 1 else
                              'input of the model': view for index, view in enumerate(inputs)})
        found += bad_ones(1, {f'parameter {name}': parameter.detach()
                              for name, parameter in model.named_parameters()})
        with watched_outputs(model, found):
            losses = model(**data, mode='loss')
        loss, log_vars = model.parse_losses(losses)
    found += bad_ones(3, {f'loss {name}': value for name, value in log_vars.items()})
    if not on_any_rank(found) and loss.requires_grad:
        found += bad_ones(4, {f'gradient of {name}': gradient for name, gradient in reversed(
            gradients_of(loss, model)) if gradient is not None})
    return min(found, default=NOTHING)


def gradients_of(loss: torch.Tensor, model: nn.Module) -> List[Tuple[str, torch.Tensor]]:
    """(name, gradient or None) of all trainable parameters."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if any(is_sharded(p) for p in parameters.values()):  # those of the graph are not these shards
        model.zero_grad()
        loss.backward()
        return [(name, p.grad) for name, p in parameters.items()]
    # not backward(): it would call on DistributedDataParallel, whose forward was not used
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return list(zip(parameters, gradients))


def on_any_rank(found: List[Finding]) -> bool:
    """Whether a rank has found something: backward communicates as well, so all or none do it."""
    flag = torch.tensor(len(found))
    all_reduce(flag, 'max')
    return bool(flag)


def bad_ones(stage: int, tensors: Dict[str, torch.Tensor]) -> Iterator[Finding]:
    """The tensors that are not finite, described."""
    for position, (name, tensor) in enumerate(tensors.items()):
        if not tensor.isfinite().all():
            yield stage, position, describe(name, tensor)


def describe(name: str, tensor: torch.Tensor) -> str:
    """'output of backbone.norm3, (4, 49, 768): 3 NaN and 0 infinite of 150528 values'."""
    return (f'{name}, {tuple(tensor.shape)}: {int(tensor.isnan().sum())} NaN and '
            f'{int(tensor.isinf().sum())} infinite of {tensor.numel()} values')


class watched_outputs:
    """While it is entered, the first bad output of any module, the teacher's too, is noted."""

    def __init__(self, model: nn.Module, found: List[Finding]) -> None:
        self.found = found
        self.calls = 0
        self.noted = False
        self.modules = {name: module for name, module in model.named_modules() if name}
        for name, teacher in teachers_of(model).items():  # hidden from the model
            place = f'teacher_{name}.target_generator' if name else 'target_generator'
            self.modules.update((f'{place}.network.{inner}'.rstrip('.'), module)
                                for inner, module in teacher.network.named_modules())

    def __enter__(self) -> None:
        self.handles = [module.register_forward_hook(self._hook(name))
                        for name, module in self.modules.items()]

    def __exit__(self, *exc_info) -> None:
        for handle in self.handles:
            handle.remove()

    def _hook(self, name: str):
        def look(module, inputs, output):
            self.calls += 1
            if self.noted:
                return
            for tensor in tensors_in(output):
                if not tensor.isfinite().all():
                    self.noted = True
                    kind = unsharded_type(module).__name__
                    text = describe(f'output of {name} ({kind})', tensor)
                    self.found.append((2, self.calls, text))
                    return

        return look


def tensors_in(output) -> Iterator[torch.Tensor]:
    """The floating-point tensors of a module's output."""
    if isinstance(output, torch.Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        yield from tensors_in(list(output.values()))
    elif isinstance(output, (list, tuple)):
        for item in output:
            yield from tensors_in(item)
