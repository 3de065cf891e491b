from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator, Optional
from unittest import mock

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from ...errors import ConfigError
from ...models.acceleration import accelerate
from ...models.utils import convert_sync_batchnorm
from ..step import build_model, masked_sample
from .autocast import like_cuda
from .ledger import Counts, Ledger

VIEWS = {'MimCo': 1, 'SimMIM': 1, 'MoBY': 2, 'MoCoV3': 2, 'SimMIMMoBY': 3}
PREPROCESSORS = ('DecodingDataPreprocessor', 'MimCoDataPreprocessor', 'SelfSupDataPreprocessor')


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


def simulate(config: Config, batch_size: int, dtype: Optional[torch.dtype] = torch.bfloat16,
             ranks: int = 1) -> StepCount:
    """Count the second training step of a config of configs/pretrain.

    Everything runs but the kernels: preprocessing, losses, backward, clipping, optimizer, on the
    meta device. Not seen are the gradients' reduction over ranks, memory that kernels take for
    themselves, and kernels beyond the first of an operator.

    Args:
        config: is changed.
        batch_size: images.
        dtype: what autocast computes in; None computes in float32.
        ranks: processes that BN and queues are to find.

    Raises:
        ConfigError: it is no config of a pre-training on images of 224 px.
    """
    check(config)
    with DefaultScope.overwrite_default_scope('mmpretrain'), TemporaryDirectory() as folder, \
            processes(ranks) if ranks > 1 else nullcontext():
        config.model.data_preprocessor = config.data_preprocessor
        model = accelerate(build_model(config.model, Path(folder)))
        hub = MessageHub.get_current_instance()
        hub.update_info_dict(dict(iter=0, max_iters=100))
        ledger = Ledger()
        with like_cuda() as cuda, ledger:
            model = model.to('meta')
            model = convert_sync_batchnorm(model) if ranks > 1 else revert_sync_batchnorm(model)
            model.train()
            wrapper = dict(config.optim_wrapper, type='OptimWrapper')
            wrapper.pop('dtype', None)
            optim_wrapper = build_optim_wrapper(model, wrapper)
            batch = noise(config, batch_size)
            for _ in range(2):
                fixed, ledger.peak, phases = ledger.alive, 0, []
                for phase in steps(model, batch, optim_wrapper, dtype):
                    ledger.counts = Counts()
                    phase()
                    phases.append(ledger.counts)
                    cuda.weights.clear()
        return StepCount(*phases, fixed, ledger.peak)


def check(config: Config) -> None:
    model, preprocessor = (config.get(key) or {} for key in ('model', 'data_preprocessor'))
    if model.get('type') not in VIEWS or preprocessor.get('type') not in PREPROCESSORS:
        raise ConfigError(
            f'A step is counted of {", ".join(VIEWS)} on images of 224 px, and this config has '
            f'model.type={model.get("type")!r} and '
            f'data_preprocessor.type={preprocessor.get("type")!r}: take one of configs/pretrain.')


def steps(model, batch: dict, optim_wrapper, dtype: Optional[torch.dtype]) -> Iterator:
    """The three parts of a training step, one after the other."""
    loss = []

    def forward():
        with torch.autocast('meta', dtype) if dtype else nullcontext():
            data = model.data_preprocessor(batch, True)
            loss.append(model.parse_losses(model(**data, mode='loss'))[0])

    def update():
        optim_wrapper.step()
        optim_wrapper.zero_grad()

    yield forward
    yield lambda: optim_wrapper.backward(loss.pop())
    yield update


def noise(config: Config, batch_size: int) -> dict:
    """A batch as the loader has it, on the host."""
    samples = [masked_sample('cpu') for _ in range(batch_size)]
    for sample in samples:
        sample.set_metainfo(dict(flip=False, img_path=''))
    if config.data_preprocessor.get('type') == 'DecodingDataPreprocessor':
        inputs = dict(pixels=torch.zeros(batch_size, 224, 224, 3, dtype=torch.uint8))
    else:
        inputs = [torch.zeros(batch_size, 3, 224, 224, dtype=torch.uint8)
                  for _ in range(VIEWS[config.model.type])]
    return dict(inputs=inputs, data_samples=samples)


@contextmanager
def processes(ranks: int) -> Iterator[None]:
    """A process group of so many ranks, of which this one alone is there: messages go nowhere."""
    from torch.testing._internal.distributed.fake_pg import FakeStore
    dist.init_process_group('fake', store=FakeStore(), rank=0, world_size=ranks)
    try:
        with ExitStack() as stack:
            for module in ('mmengine.dist.dist', 'mmengine.dist.utils'):
                stack.enter_context(mock.patch(f'{module}.get_comm_device',
                                               lambda group=None: torch.device('meta')))
            yield
    finally:
        dist.destroy_process_group()
