"""The demo, on two classes of few images for one epoch a stage."""

import json
import subprocess
import sys

from PIL import Image

from tests import tiny

from .modules import TOOLS, refusal


def demo(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(TOOLS / 'demo.py'), *options], text=True,
                          timeout=500, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_demo__trains_judges_draws_and_does_nothing_twice(tmp_path):
    data, work_dir = tiny.write_stripes(tmp_path / 'data', 64, 32), tmp_path / 'demo'
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

    said = refusal('demo.py', '--data-root', data, '--epochs', 2, '--work-dir', work_dir)
    assert 'epochs was 1, now is 2' in said

    # a student is not another teacher's
    with open(work_dir / 'moby_swin-micro' / 'epoch_1.pth', 'ab') as teacher:
        teacher.write(b'another')
    said = refusal('demo.py', *options)
    assert 'mimco_swin-micro holds results of something else: teacher_sha256 was' in said
    # nor are results those of other images in the same folder
    next(data.rglob('*.png')).unlink()
    assert 'images.files was 192, now is 191' in refusal('demo.py', *options)
