"""Two gloo processes on a CPU do what one process does with the same global batch."""

import os
import socket
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS, RUNNERS

from mimco_mm.evaluation import leave_processes
from tests import tiny

GLOBAL_BATCH, EPOCHS = 8, 3


@HOOKS.register_module(force=True)
class RecordLosses(Hook):
    """Keeps every step's losses, as the mean over ranks."""

    def __init__(self):
        self.losses = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        losses = {}
        for name, value in outputs.items():
            value = value.detach().clone()
            all_reduce(value, 'mean')
            losses[name] = value.item()
        self.losses.append(losses)


def worker(rank: int, world_size: int, port: int, name: str, root: Path) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world_size),
                      MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    cfg = tiny.config(name, root / f'run-{world_size}', root / 'images',
                      batch_size=GLOBAL_BATCH // world_size, epochs=EPOCHS,
                      **{'model.backbone.drop_path_rate': 0.})  # its draws belong to a rank
    if 'mimco' in name:
        cfg.model.target_generator.checkpoint = str(root / 'teacher.pth')
    cfg.launcher = 'none' if world_size == 1 else 'pytorch'
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='RecordLosses')]
    runner = RUNNERS.build(cfg)
    runner.train()
    model = getattr(runner.model, 'module', runner.model)
    losses = next(hook.losses for hook in runner.hooks if isinstance(hook, RecordLosses))
    torch.save(dict(losses=losses, state=model.state_dict()), root / f'{world_size}-{rank}.pth')
    leave_processes()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def run(world_size: int, name: str, root: Path) -> list:
    mp.spawn(worker, (world_size, free_port(), name, root), world_size)
    return [torch.load(root / f'{world_size}-{rank}.pth', weights_only=True)
            for rank in range(world_size)]


def interleaved(keys: torch.Tensor) -> torch.Tensor:
    """Queue rows as two ranks write them, where one process wrote its batch in sampler order.

    The sampler deals images to the ranks in turn: rank 0 has rows 0, 2, 4, 6 of a batch.
    """
    full = len(keys) // GLOBAL_BATCH * GLOBAL_BATCH
    batches = keys[:full].view(-1, GLOBAL_BATCH, keys.shape[1])
    return torch.cat([batches[:, 0::2], batches[:, 1::2]], 1).flatten(0, 1)


@pytest.mark.parametrize('name', ['mimco_swin-t', 'teachers/moby_swin-t'])
def test_two_processes__equal_one(name, tmp_path):
    tiny.write_images(tmp_path / 'images', 2 * GLOBAL_BATCH)
    tiny.write_teacher(tmp_path / 'teacher.pth')
    (single, ), (first, second) = run(1, name, tmp_path), run(2, name, tmp_path)
    assert len(single['losses']) == len(first['losses']) == 2 * EPOCHS
    for wanted, got in zip(single['losses'], first['losses']):
        assert wanted == pytest.approx(got, rel=2e-5)
    queues = [key for key in single['state'] if key.endswith('.keys')]
    assert len(queues) == 2
    for key in queues:
        assert torch.equal(first['state'][key], second['state'][key]), 'ranks hold other queues'
        # 6 batches of 8 keys went through a queue of 40: slots 0-7 hold the last batch
        torch.testing.assert_close(first['state'][key], interleaved(single['state'][key]),
                                   rtol=0, atol=2e-4)
    for key, value in first['state'].items():
        assert torch.equal(value, second['state'][key]), f'ranks differ in {key}'
        # BN cancels the biases before it: their gradients are rounding, which AdamW makes steps.
        if 'queues' not in key and not key.endswith(('neck.0.bias', 'module.0.bias',
                                                     'predictor.0.bias', 'backbone.norm1.bias')):
            torch.testing.assert_close(value, single['state'][key], rtol=2e-3, atol=2e-5,
                                       msg=lambda text, key=key: f'{key}: {text}')
