"""What a second process costs a step: both apart, both together, and what they send each other."""

import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Callable, ContextManager, Dict, List, Tuple
from unittest import mock

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ..engine.training_images import build_preprocessor
from ..evaluation import leave_processes
from ..models.utils import convert_sync_batchnorm, equal_sync_batch_norm, key_queue

Sent = Dict[str, Tuple[int, int]]  # kind of message -> calls, bytes from this rank


def work(rank: int, config: str, batch_size: int, repeats: int, folder: str) -> None:
    """One of two gloo processes of one thread each, which train on noise, on the CPU.

    They take turns at three kinds of step: one process alone; both apart, without a word to each
    other (what it costs to share the machine); both together. Rank 0 prints the figures.

    Args:
        rank: of this process.
        config: of MimCo.
        batch_size: images a process.
        repeats: steps of each kind.
        folder: where the processes meet, and their teachers' files lie.
    """
    torch.set_num_threads(1)
    dist.init_process_group('gloo', f'file://{folder}/group', rank=rank, world_size=2)
    MMLogger.get_instance('scaling', log_level='ERROR')
    MessageHub.get_current_instance().update_info_dict(dict(iter=0, max_iters=1000))
    cfg = Config.fromfile(config)
    init_default_scope('mmpretrain')
    teacher = MODELS.build(cfg.model.target_generator.backbone).state_dict()
    file = cfg.model.target_generator.checkpoint = f'{folder}/teacher-{rank}.pth'
    torch.save({f'backbone.{key}': value for key, value in teacher.items()}, file)
    cfg.model.data_preprocessor = build_preprocessor(cfg)
    kinds = trainers(cfg, random_batch(cfg, batch_size))
    seconds: Dict[str, List[float]] = {mode: [] for mode in kinds}
    for _ in range(repeats + 1):
        for mode, (step, _) in kinds.items():
            dist.barrier()
            start = time.perf_counter()
            if mode != 'alone' or rank == 0:
                step()
            seconds[mode].append(time.perf_counter() - start)
    sent = count_sent(*kinds['together'])
    if rank == 0:
        steady = {mode: times[1:] for mode, times in seconds.items()}  # the first warms up
        print(f'{Path(config).stem}, {report(steady, batch_size, sent)}')
    dist.barrier()
    leave_processes()


def report(seconds: Dict[str, List[float]], batch_size: int, sent: Sent) -> str:
    """The figures of ``work`` in words."""
    middle = {mode: median(times) for mode, times in seconds.items()}
    lines = [f'{batch_size} images a process; median (least to most)']
    for mode, times in seconds.items():
        rate = batch_size * (1 if mode == 'alone' else 2) / middle[mode]
        lines.append(f'  {mode}: {middle[mode]:.3f} s a step ({min(times):.3f} to '
                     f'{max(times):.3f}), {rate:.2f} images/s')
    lines.append(f'  efficiency {middle["alone"] / middle["together"]:.0%}, of which the machine '
                 f'{middle["alone"] / middle["apart"]:.0%}; communication '
                 f'{1 - middle["apart"] / middle["together"]:.0%} of a step together')
    return '\n'.join([*lines, *(f'  {kind}: {calls} calls, {size} bytes from each rank'
                                for kind, (calls, size) in sent.items())])


def random_batch(cfg: Config, count: int) -> dict:
    """Images and masks of the sizes that the config's pipeline, or its preprocessor, makes."""
    masks = cfg.data_preprocessor.get('mask') or next(
        part for part in cfg.train_pipeline if 'mask_patch_size' in part)
    size, side = masks.input_size, masks.input_size // masks.mask_patch_size
    mask = torch.arange(side * side).view(side, side) < masks.mask_ratio * side * side
    return dict(inputs=torch.randint(256, (count, 3, size, size), dtype=torch.uint8),
                data_samples=[DataSample(mask=mask) for _ in range(count)])


def trainers(cfg: Config, batch: dict) -> Dict[str, Tuple[Callable[[], None], nn.Module]]:
    """Kind of step -> (function that makes it, model)."""
    def trainer(together: bool) -> Tuple[Callable[[], None], nn.Module]:
        model = MODELS.build(cfg.model)
        model.init_weights()
        if together:
            model = MMDistributedDataParallel(convert_sync_batchnorm(model),
                                              broadcast_buffers=False)
        else:
            model = revert_sync_batchnorm(model)
        optim_wrapper = build_optim_wrapper(model.train(), cfg.optim_wrapper.copy())

        def step() -> None:
            alone = mock.patch.object(key_queue, 'all_gather', lambda keys: [keys])
            with nullcontext() if together else alone:
                model.train_step(batch, optim_wrapper)

        return step, model

    apart = trainer(together=False)
    return dict(alone=apart, apart=apart, together=trainer(together=True))


def count_sent(step: Callable[[], None], model: nn.Module) -> Sent:
    """What one step sends, counted where it is handed over."""
    sent: Sent = {}

    def noting(kind: str, send: Callable) -> Callable:
        def noted(tensor, **kwargs):
            calls, count = sent.get(kind, (0, 0))
            sent[kind] = (calls + 1, count + tensor.nbytes)
            return send(tensor, **kwargs)
        return noted

    def noted(kind: str, module: object, name: str) -> ContextManager:
        return mock.patch.object(module, name, noting(kind, getattr(module, name)))

    reduce_gradients = noting('gradients', dist.all_reduce)
    model.register_comm_hook(None, lambda state, bucket: reduce_gradients(
        bucket.buffer().div_(dist.get_world_size()), async_op=True).get_future().then(
            lambda future: future.value()[0]))
    with noted('keys', key_queue, 'all_gather'), \
            noted('BN', equal_sync_batch_norm, 'all_gather'), \
            noted('BN', equal_sync_batch_norm, 'all_reduce'):
        step()
    return sent
