"""What is said of more data workers than cores."""

import os
import warnings

import pytest
from mmengine.config import Config
from torch.utils.data import DataLoader

from mimco_mm.engine.worker_count import too_many_workers

CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


@pytest.mark.parametrize('processes', [1, 2])
def test_workers__that_fit_are_not_spoken_of_and_others_once(processes, monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        fits, more = (too_many_workers(Config(dict(
            train_dataloader=dict(num_workers=count), val_dataloader=None)))
            for count in (CORES // processes, CORES + 1))
        DataLoader([0], num_workers=CORES + 1)  # torch has its own words
    assert fits is None and not warned
    assert more.startswith(f'{CORES + 1} data workers') and (
        f'on {CORES} cores: --workers {max(CORES // processes, 1)} would' in more)
    assert (f'for each of {processes} processes' in more) == (processes > 1)
