"""Two gloo processes on this machine, each of which does its part of a test's work."""

import os
import socket
from pathlib import Path
from typing import Any, Callable

import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mimco_mm.evaluation import leave_processes


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


def losses_of(runner) -> list:
    return next(hook.losses for hook in runner.hooks if isinstance(hook, RecordLosses))


def on_two_ranks(work: Callable[[Path], Any], root: Path) -> list:
    """What ``work(root)`` gives on each rank; it trains with the launcher pytorch."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.spawn(one_rank, (port, work, root), 2)
    return [torch.load(root / f'{rank}.pth', weights_only=True) for rank in range(2)]


def one_rank(rank: int, port: int, work: Callable[[Path], Any], root: Path) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2',
                      MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    Config.pretty_text = property(lambda cfg: f'{cfg._cfg_dict!r}\n')  # yapf takes its time
    torch.save(work(root), root / f'{rank}.pth')
    leave_processes()
