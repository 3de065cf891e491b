"""Strangers' data through the tools themselves: a run goes on, or ends with a message alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from tests import tiny
from tests.attacks import shards
from tests.attacks.jpegs import photograph, saved, sized
from tests.tools.modules import TOOLS


def run(tool: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(TOOLS / tool), *map(str, arguments)], cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300)


@pytest.fixture
def config(tmp_path) -> Path:
    """An epoch of a config on tiny networks, its images not yet chosen, with a data worker."""
    config: Config = tiny.config('mimco_swin-t', tmp_path, tmp_path, epochs=1)
    config.model.target_generator.checkpoint = str(tiny.write_teacher(tmp_path / 'teacher.pth'))
    config.train_dataloader.num_workers = 1
    for key in ('work_dir', 'experiment_name'):
        config.pop(key)
    config.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


def test_shards_of_a_stranger__are_indexed_and_trained_on(config, tmp_path):
    """Nothing of this machine is read, no giant image decoded, and what is left out is said."""
    folder = tmp_path / 'shards'
    folder.mkdir()
    (tmp_path / 'private.jpg').write_bytes(saved(photograph()))
    shards.write_tar(folder / 'a.tar', {
        **{f'{n}.jpg': saved(photograph()) for n in range(5)},
        'giant.jpg': sized(60000, 60000),
        '../private.jpg': saved(photograph()),
        'private.jpg': saved(photograph()), 'private.cls': os.fsencode(tmp_path)})
    indexed = run('convert/index_shards.py', folder, cwd=tmp_path)
    assert indexed.returncode == 0, indexed.stdout
    assert indexed.stdout.splitlines()[-1].endswith(
        '7 images in 1 shards; ignored: classes (.cls) that are no name of a folder: 1, '
        'names that lead out of the folder: 1')

    trained = run('train.py', config, '--work-dir', tmp_path / 'run', '--data', f'tar://{folder}',
                  '--batch-size', '7', cwd=tmp_path)
    assert trained.returncode == 0, trained.stdout
    assert (tmp_path / 'run' / 'broken_images.txt').read_text() == (
        f'epoch 1: tar://{folder}/giant.jpg: 60000 x 60000 px by its header, and no image of more '
        'than 178956970 px is read; to shrink it: docs/data.md#large-images\n')
    assert '1 of 7 images could not be read in epoch 1' in trained.stdout
