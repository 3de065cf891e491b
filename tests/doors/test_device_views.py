"""Stage 1 with views that the device makes: through the command, and on after an interruption."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny

from .support import checkout, run, summary, write_jpegs

TRAIN = 'python tools/train.py moby.py --work-dir {} --data images --workers {}'


@pytest.fixture
def folder(tmp_path) -> Path:
    config = tiny.config('teachers/moby_swin-t', tmp_path, tmp_path, batch_size=4, epochs=2)
    for key in ('work_dir', 'experiment_name'):
        config.pop(key)
    config.dump(tmp_path / 'moby.py')
    write_jpegs(tmp_path / 'images', 8, side=64)
    return checkout(tmp_path)


def test_views__of_a_resumed_run_are_those_of_an_unbroken_one(folder):
    place = ' --cfg-options views_by=device'
    whole = run(TRAIN.format('whole', 0) + place, folder)
    assert whole.code == 0, whole.text
    assert '2 views of an image, made on cpu of crops by the workers' in summary(whole.text)
    (folder / 'half').mkdir()
    shutil.copy(folder / 'whole' / 'epoch_1.pth', folder / 'half')
    other = run(TRAIN.format('half', 2) + ' --resume --dry-run --cfg-options views_by=workers',
                folder)
    assert other.code == 1 and 'data_preprocessor.type: was CropViewDataPrep' in other.text
    assert 'by the device: --cfg-options views_by=device goes on so.' in other.text
    assert other.text.rstrip().endswith(
        '--force-change data_preprocessor train_dataloader.dataset train_dataloader.collate_fn')
    half = run(TRAIN.format('half', 2) + ' --resume' + place, folder)
    assert half.code == 0 and re.search(r'Going on from .*epoch_1\.pth', half.text), half.text
    states = [read_checkpoint(folder / name / 'epoch_2.pth')['state_dict']
              for name in ('whole', 'half')]
    assert states[0].keys() == states[1].keys() and len(states[0]) > 50
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
