from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Callable, Iterator, Optional

import torch
import torch.distributed as dist
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from ...models.acceleration import uncompiled
from ...models.utils import convert_sync_batchnorm
from .autocast import like_cuda
from .ledger import Counts, Ledger
from .replacing import replaced


@dataclass
class StepCount:
    """What one training step asks of a GPU, counted without one.

    Attributes:
        forward: from the batch on the host to the losses.
        backward: their gradients.
        optimizer: clipping and step.
        fixed: bytes that are there between steps: weights, optimizer state, queues.
        peak: bytes at most, without CUDA's own context and the allocator's gaps.
    """

    forward: Counts
    backward: Counts
    optimizer: Counts
    fixed: int
    peak: int

    @property
    def phases(self) -> tuple:
        return self.forward, self.backward, self.optimizer

    def total(self, name: str) -> int:
        """The sum of one of the counts over the three phases."""
        return sum(getattr(phase, name) for phase in self.phases)


def count_steps(model: nn.Module, batch: dict, optimization: dict,
                dtype: Optional[torch.dtype] = torch.bfloat16, ranks: int = 1) -> StepCount:
    """Count the second training step of a model.

    Everything runs but the kernels: preprocessing, losses, backward, clipping, optimizer, on the
    meta device. Not seen are the gradients' reduction over ranks, memory that kernels take for
    themselves, and kernels beyond the first of an operator.

    Args:
        model: initialised; it is left without values.
        batch: as a loader gives it, on the host.
        optimization: the config's ``optim_wrapper``; ``dtype`` chooses autocast.
        dtype: what autocast computes in; None computes in float32.
        ranks: processes that BN and queues are to find.

    Raises:
        RuntimeError: the step mixes tensors of host and device, or asks for as much memory as the
            values of a tensor say.
    """
    MessageHub.get_current_instance().update_info_dict(dict(iter=0, max_iters=100))
    optimization = {key: value for key, value in optimization.items()
                    if key not in ('dtype', 'loss_scale')}
    ledger = Ledger()
    with processes(ranks) if ranks > 1 else nullcontext(), like_cuda() as cuda, ledger:
        model = uncompiled(model).to('meta')
        model = convert_sync_batchnorm(model) if ranks > 1 else revert_sync_batchnorm(model)
        model.train()
        wrapper = build_optim_wrapper(model, dict(optimization, type='OptimWrapper'))
        for _ in range(2):
            fixed, ledger.peak, phases = ledger.alive, 0, []
            for phase in steps(model, batch, wrapper, dtype):
                ledger.counts = Counts()
                phase()
                phases.append(ledger.counts)
                cuda.weights.clear()
    return StepCount(*phases, fixed, ledger.peak)


def steps(model: nn.Module, batch: Any, optim_wrapper: OptimWrapper,
          dtype: Optional[torch.dtype]) -> Iterator[Callable[[], None]]:
    """The three parts of a training step, one after the other."""
    loss = []

    def forward() -> None:
        with torch.autocast('meta', dtype) if dtype else nullcontext():
            data = model.data_preprocessor(batch, True)
            loss.append(model.parse_losses(model(**data, mode='loss'))[0])

    def update() -> None:
        optim_wrapper.step()
        optim_wrapper.zero_grad()

    yield forward
    yield lambda: optim_wrapper.backward(loss.pop())
    yield update


@contextmanager
def processes(ranks: int) -> Iterator[None]:
    """A process group of so many ranks, of which this one alone is there: messages go nowhere."""
    from torch.testing._internal.distributed.fake_pg import FakeStore
    dist.init_process_group('fake', store=FakeStore(), rank=0, world_size=ranks)
    try:
        with replaced(*((import_module(f'mmengine.dist.{module}'), 'get_comm_device',
                         lambda group=None: torch.device('meta')) for module in ('dist', 'utils'))):
            yield
    finally:
        dist.destroy_process_group()
