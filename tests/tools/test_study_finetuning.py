"""The choice of the study's fine-tuning on few training images, from its command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mimco_mm.study.finetuning import table
from tests import tiny

from .modules import TOOLS, refusal


def test_finetuning__is_judged_by_training_images_that_nothing_trains_on(tmp_path):
    data = tiny.write_stripes(tmp_path / 'data', 52, 4)
    for image in (data / 'test').rglob('*.png'):
        image.write_bytes(b'no image')  # of the test no pixel is read
    options = ['--data', str(data), '--out', str(tmp_path / 'out'), '--train', '40', '--held-out',
               '8']
    ended = subprocess.run(
        [sys.executable, str(TOOLS / 'study_finetuning.py'), *options, '--epochs', '1',
         '--lengths', '2', '1', '--seeds', '3'], text=True, timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='1'), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert ended.returncode == 0 and 'no image' not in ended.stdout, ended.stdout[-3000:]
    assert ended.stdout.count('accuracy/top1: ') == 4  # each run is judged once
    lines = [line.split(' | ') for line in ended.stdout.splitlines()[-2:]]
    assert [line[0] for line in lines] == ['| 1', '| 2']
    for line in lines:
        scratch, simmim, apart = map(float, line[1:4])
        assert 0 < scratch <= 100 and 0 < simmim <= 100
        assert apart == pytest.approx(simmim - scratch, abs=0.01)
    used = {path.relative_to(tmp_path / 'out/data').as_posix(): Path(os.readlink(path))
            for path in (tmp_path / 'out' / 'data').rglob('*.png')}
    assert used == {
        f'{part}/{name}/{index:02d}.png': data / 'train' / name / f'{index:02d}.png'
        for name in ('lying', 'standing')
        for part, indices in (('train', range(40)), ('test', range(44, 52))) for index in indices}
    assert (tmp_path / 'out/2-epochs/vit_simmim_seed-3/finetune').is_dir()
    said = refusal('study_finetuning.py', *options, '--epochs', 2)
    assert 'epochs was 1, now is 2' in said


def test_download__without_a_network_says_which_file_goes_where(tmp_path, monkeypatch):
    for name in ('https_proxy', 'HTTPS_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')  # where nothing listens
    said = refusal('study_finetuning.py', '--download', '--data', tmp_path / 'images/cifar10',
                   '--out', tmp_path / 'out')
    assert re.search(r'https://\S+/cifar-10-python.tar.gz cannot be downloaded .* put it at '
                     f'{tmp_path}/images/cifar-10-python.tar.gz.* --data', said), said


def test_ranking__is_beyond_the_range_of_seeds_and_two_standard_errors():
    def ranked(scratch, simmim, images) -> str:
        found = dict(scratch=[(5, seed, one) for seed, one in enumerate(scratch)],
                     simmim=[(5, seed, one) for seed, one in enumerate(simmim)])
        return table(found, images).splitlines()[-1]

    assert ranked([40., 42.], [45., 44.], 10000) == (
        '| 5 | 40.00, 42.00 | 45.00, 44.00 | +3.50 | 2.00 | yes |')
    assert ranked([40., 42.], [43., 42.5], 10000).endswith('| +1.75 | 2.00 | no |')
    # 2 x 100 x sqrt(2 x 0.5 x 0.5 / 5000) = 2
    assert ranked([49.99], [50.01], 5000).endswith('| +0.02 | 2.00 | no |')
    assert ranked([45.], [40.], 10000).endswith('| -5.00 | 1.40 | yes |')
