"""The demo, on two classes of few images for one epoch a stage."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import tiny

DEMO = Path(__file__).parents[2] / 'tools' / 'demo.py'


def demo(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(DEMO), *options], text=True, timeout=500,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture
def data(tmp_path) -> Path:
    return tiny.write_stripes(tmp_path / 'data', 64, 32)


def test_demo__trains_judges_draws_and_does_nothing_twice(data, tmp_path):
    work_dir = tmp_path / 'demo'
    options = ('--data-root', str(data), '--epochs', '1', '--work-dir', str(work_dir))
    first = demo(*options)
    assert first.returncode == 0, first.stdout[-3000:]
    results = json.loads((work_dir / 'results.json').read_text())
    assert set(results['accuracies']) == {'random init', 'SimMIM', 'MoBY (teacher)', 'MimCo'}
    for title, accuracy in results['accuracies'].items():
        # even random features tell lying from standing stripes better than a coin
        assert 50 < accuracy <= 100, title
        assert f'{title:15} {accuracy:5.1f} %' in first.stdout
    for picture in ('curves.png', 'neighbours.png'):
        assert min(Image.open(work_dir / picture).size) > 200
    second = demo(*options)
    assert second.stdout.splitlines()[-6:] == first.stdout.splitlines()[-6:]
    assert 'log in' not in second.stdout

    other = demo('--data-root', str(data), '--epochs', '2', '--work-dir', str(work_dir))
    assert other.returncode == 1 and 'epochs was 1, now is 2' in other.stdout

    # a student is not another teacher's
    with open(work_dir / 'moby_swin-micro' / 'epoch_1.pth', 'ab') as teacher:
        teacher.write(b'another')
    other = demo(*options)
    assert other.returncode == 1, other.stdout
    assert 'mimco_swin-micro holds results of something else: teacher_sha256 was' in other.stdout
    # nor are results those of other images in the same folder
    next(data.rglob('*.png')).unlink()
    other = demo(*options)
    assert other.returncode == 1 and 'images.files was 192, now is 191' in other.stdout
