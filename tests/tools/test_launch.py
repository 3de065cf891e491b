"""Real runs of a few steps on the CPU, started as users start them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mmpretrain
import pytest

from tests import tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config_file(tmp_path) -> Path:
    """One epoch of MimCo on 8 small images; its work dir is tmp_path / 'run'."""
    cfg = tiny.config(
        'mimco_swin-t', tmp_path / 'run', tiny.write_images(tmp_path / 'images', 8), epochs=1,
        **{'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth'))})
    path = tmp_path / 'tiny config.py'
    cfg.dump(path)
    return path


def run(*command: str | Path) -> str:
    # as from a shell: nothing of an outer launcher, and this Python is the active environment's
    env = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')}
    env.update(VIRTUAL_ENV=sys.prefix, CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT),
               PATH=f'{Path(sys.executable).parent}{os.pathsep}{env["PATH"]}')
    result = subprocess.run([str(part) for part in command], env=env, text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout


def last_step(log: str) -> str:
    return re.findall(r'Epoch\(train\) +\[1\]\[(\d+/\d+)\]', log)[-1]


def test_dist_train__two_processes_without_a_gpu(config_file):
    log = run('bash', ROOT / 'tools' / 'dist_train.sh', config_file, '2')
    assert last_step(log) == '1/1'  # 8 images, 4 in a batch on each of 2 processes


def test_train__from_a_checkout(config_file):
    log = run(sys.executable, ROOT / 'tools' / 'train.py', config_file, '--amp', 'off')
    assert last_step(log) == '2/2'


def test_train__by_mmpretrains_own_script(config_file):
    """What `mim train mmpretrain CONFIG` runs."""
    script = Path(mmpretrain.__file__).parent / '.mim' / 'tools' / 'train.py'
    log = run(sys.executable, script, config_file, '--launcher', 'none')
    assert last_step(log) == '2/2'
