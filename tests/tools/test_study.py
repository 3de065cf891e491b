"""The study from its command, on two classes of few images."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

from PIL import Image

from mimco_mm import study as package
from tests import tiny

from .modules import TOOLS, load_tool, refusal

ROWS = ['--rows', 'simmim', 'mimco', 'simmim-moby']
SIZE = ['--size', 'reduced', '--set', 'train=16', 'test=8', 'epochs=3', 'finetune_epochs=1',
        'batch_size=16']


def options(tmp_path: Path, data: Path) -> list[str]:
    return [*SIZE, '--data', str(data), '--out', str(tmp_path / 'study'), '--networks', 'vit',
            '--seeds', '0']


def study(tmp_path: Path, data: Path, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(TOOLS / 'study.py'), *options(tmp_path, data), *more], text=True,
        timeout=500, env=dict(os.environ, OMP_NUM_THREADS='1'), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def test_rows__are_the_packages():
    assert load_tool('study.py').ROWS == tuple(row.name for row in package.ROWS)


def test_study__interrupted_ends_in_order_with_its_jobs_saved(tmp_path):
    data = tiny.write_stripes(tmp_path / 'data', 20, 8)
    # the second process is idle: the student waits for its teacher
    command = [sys.executable, str(TOOLS / 'study.py'), *options(tmp_path, data), '--rows', 'mimco',
               '--jobs', '2', '--set', 'epochs=99']
    with subprocess.Popen(command, text=True, env=dict(os.environ, OMP_NUM_THREADS='1'),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        log = tmp_path / 'study' / 'study.log'
        wait_until(lambda: log.is_file() and 'Epoch(train)' in log.read_text())
        process.terminate()
        printed, _ = process.communicate(timeout=200)
    assert process.returncode == 143
    assert printed.splitlines()[-1] == 'interrupted; the same command goes on'
    assert not (tmp_path / 'study' / 'running.lock').exists()
    assert list((tmp_path / 'study' / 'vit_moby_seed-0' / 'pretrain').glob('iter_*.pth'))


def wait_until(done: Callable[[], bool], seconds: int = 300) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.5)


def test_study__trains_judges_reports_and_does_nothing_twice(tmp_path):
    data = tiny.write_stripes(tmp_path / 'data', 20, 8)
    first = study(tmp_path, data, *ROWS, '--jobs', '2')
    assert first.returncode == 0, first.stdout[-3000:]
    results = json.loads((tmp_path / 'study' / 'results.json').read_text())
    assert [job['row'] for job in results['jobs']] == ['mimco', 'moby', 'simmim', 'simmim-moby']
    for job in results['jobs']:
        assert {job[metric] > 40 for metric in ('knn', 'linear', 'finetune')} == {True}, job
    assert len(list((tmp_path / 'study' / 'data' / 'train').rglob('*.png'))) == 32
    log = (tmp_path / 'study' / 'study.log').read_text()
    assert 'vit_moby_seed-0/pretrain/backbone_epoch_9.pth' in log  # read by MimCo
    assert 'masks 60 %: 10 of 16 units of 8 px' in log
    assert min(Image.open(tmp_path / 'study' / 'scores.png').size) > 300
    assert '| MimCo | 3 | 21 |' in first.stdout and '100% of the work done, left: 0:00:00' in (
        first.stdout)
    for job in results['jobs']:
        assert len(job['configs']['finetune_vit-micro']) == 64 and job['seconds']['frozen'] > 0
    assert not list((tmp_path / 'study').rglob('epoch_*.pth'))

    # what is done is read, whichever part asks for it; a job that lost its results is done again
    done = {path: path.stat().st_mtime_ns
            for path in (tmp_path / 'study').glob('*/pretrain/backbone_*.pth')}
    (tmp_path / 'study' / 'vit_mimco_seed-0' / 'results.json').unlink()
    second = study(tmp_path, data, '--part', 'epochs', '--lengths', '1', '3')
    assert second.returncode == 0, second.stdout[-3000:]
    again = json.loads((tmp_path / 'study' / 'results.json').read_text())['jobs']
    short = [(job['row'], job['epochs']) for job in again if job['epochs'] < 3]
    assert short == [('l1', 1), ('mimco', 1), ('no-mask', 1)]
    assert {(job['row'], job['epochs']) for job in again} > {('simmim-long', 21), ('l1', 3)}
    for job in results['jobs']:  # bit for bit, the one that was done again too
        other = next(o for o in again if (o['row'], o['epochs']) == (job['row'], job['epochs']))
        assert [job[key] for key in ('knn', 'linear', 'finetune')] == [
            other[key] for key in ('knn', 'linear', 'finetune')]
    redone = tmp_path / 'study/vit_mimco_seed-0/pretrain/backbone_epoch_3.pth'
    assert {path for path, time in done.items() if path.stat().st_mtime_ns != time} == {redone}
    assert min(Image.open(tmp_path / 'study' / 'lengths.png').size) > 300

    assert 'data_root was ' in refusal('study.py', *options(tmp_path, data.parent))
    assert 'one batch, or more; got 40, 300 of each class at most.' in refusal(
        'study.py', '--size', 'reduced', '--set', 'batch_size=64', '--data', str(data), '--out',
        str(tmp_path / 'small'))
    assert not (tmp_path / 'small').exists()


def test_only_report__is_of_what_lies_there(tmp_path):
    study_dir = tmp_path / 'study'
    assert 'There is no study in' in refusal('study.py', '--only-report', '--out', study_dir)
    assert 'leave out --data, --jobs' in refusal(
        'study.py', '--only-report', '--jobs', 2, '--data', tmp_path, '--out', study_dir)
