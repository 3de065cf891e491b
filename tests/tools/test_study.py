"""The study from its command, on two classes of few images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import tiny

ROOT = Path(__file__).parents[2]
# the command with a size that fits a test; spawned workers import what is not __main__
RUN = '''
import runpy, sys
sys.path.insert(0, {root!r})
if __name__ == '__main__':
    from mimco_mm.study import SIZES, Size
    SIZES['reduced'] = Size(train=16, test=8, epochs=3, finetune_epochs=1, batch_size=16)
    sys.argv[0] = 'study.py'
    sys.path.insert(0, {root!r} + '/tools')
    import study
    study.main()
'''


@pytest.fixture
def data(tmp_path) -> Path:
    return tiny.write_stripes(tmp_path / 'data', 20, 8)


def study(tmp_path: Path, data: Path, *options: str) -> subprocess.CompletedProcess:
    script = tmp_path / 'run.py'
    script.write_text(RUN.format(root=str(ROOT)))
    return subprocess.run(
        [sys.executable, str(script), '--size', 'reduced', '--data-root', str(data), '--work-dir',
         str(tmp_path / 'study'), '--networks', 'vit', '--seeds', '0', '--rows', 'simmim', 'mimco',
         'simmim-moby', *options], text=True,
        timeout=500, env=dict(os.environ, OMP_NUM_THREADS='1'), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def test_study__trains_judges_reports_and_does_nothing_twice(tmp_path, data):
    first = study(tmp_path, data, '--workers', '2')
    assert first.returncode == 0, first.stdout[-3000:]
    results = json.loads((tmp_path / 'study' / 'results.json').read_text())
    assert [job['row'] for job in results['jobs']] == ['mimco', 'moby', 'simmim', 'simmim-moby']
    for job in results['jobs']:
        assert {job[metric] > 40 for metric in ('knn', 'linear', 'finetune')} == {True}, job
    assert len(list((tmp_path / 'study' / 'data' / 'train').rglob('*.png'))) == 32
    log = (tmp_path / 'study' / 'study.log').read_text()
    assert 'vit_moby_seed-0/pretrain/backbone_epoch_9.pth' in log  # read by MimCo
    assert min(Image.open(tmp_path / 'study' / 'scores.png').size) > 300
    assert '| MimCo | 3 | 21 |' in first.stdout

    # a job that lost its results goes on from its checkpoints; the others are not touched
    done = {path: path.stat().st_mtime_ns
            for path in (tmp_path / 'study').glob('*/pretrain/backbone_*.pth')}
    (tmp_path / 'study' / 'vit_simmim_seed-0' / 'results.json').unlink()
    second = study(tmp_path, data)
    assert second.returncode == 0, second.stdout[-3000:]
    again = json.loads((tmp_path / 'study' / 'results.json').read_text())
    for job, other in zip(results['jobs'], again['jobs']):
        assert [job[key] for key in ('row', 'knn', 'linear', 'finetune')] == [
            other[key] for key in ('row', 'knn', 'linear', 'finetune')]
    redone = tmp_path / 'study/vit_simmim_seed-0/pretrain/backbone_epoch_3.pth'
    assert {path for path, time in done.items() if path.stat().st_mtime_ns != time} <= {redone}

    other = study(tmp_path, data.parent)
    assert other.returncode == 1 and 'data_root was ' in other.stdout


def test_study__unknown_rows_are_refused(tmp_path, data):
    result = study(tmp_path, data, '--rows', 'mae')
    assert result.returncode == 1 and 'expects some of scratch, moby' in result.stdout


def test_study__without_images_says_how_to_get_them(tmp_path):
    result = study(tmp_path, tmp_path / 'nothing')
    assert result.returncode == 1
    assert '--data-root' in result.stdout and '--download' in result.stdout
