"""A run that is killed while it writes, runs out of disk, is damaged, copied: nothing is lost."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mimco_mm.checkpoints import find_resumable, read_checkpoint
from tests import tiny
from tests.tools.modules import refusal

from .forked import run_forked
from .support import checkout, environment, run

QUEUE = 100_000  # keys: a checkpoint of some 30 MB, so that its writing takes a while


def config(root: Path, work_dir: str, queue_len: int = 40):
    return tiny.config('mimco_swin-t', root / work_dir, root / 'images', **{
        'model.target_generator.checkpoint': str(root / 'teacher.pth'),
        'model.patch_head.queue_len': queue_len, 'model.image_head.queue_len': queue_len,
        'default_hooks.checkpoint.max_keep_ckpts': 1})


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A checkout with images, a teacher and two configs of 4 epochs: run.py, and large.py."""
    root = tmp_path_factory.mktemp('killed')
    tiny.write_images(root / 'images', 8)
    tiny.write_teacher(root / 'teacher.pth')
    config(root, 'run').dump(root / 'run.py')
    config(root, 'large', QUEUE).dump(root / 'large.py')
    return checkout(root)


def kill_while_writing(folder: Path, name: str) -> None:
    """Start large.py and SIGKILL it when it has begun to write ``name``."""
    process = subprocess.Popen(
        [sys.executable, 'tools/train.py', 'large.py'], cwd=folder, env=environment(folder),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    try:
        while not list((folder / 'large').glob(f'{name}.*.partial')):
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.0005)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_killed_between_write_and_rename__goes_on_as_if_it_had_not_been(folder):
    kill_while_writing(folder, 'epoch_3.pth')
    work_dir = folder / 'large'
    files = {path.name for path in work_dir.glob('*.p*')} - {'large.py'}
    (partial, ) = files - {'epoch_2.pth'}  # of max_keep_ckpts=1, the old one is still there
    assert partial.startswith('epoch_3.pth.') and partial.endswith('.partial')
    assert find_resumable(work_dir)[:3] == (work_dir / 'epoch_2.pth', 2, 4)
    text = run('python tools/train.py large.py --resume', folder)
    assert text.code == 0, text.text
    assert f'Removed {partial}, which a killed process had begun to write.' in text.text
    assert f'Going on from {work_dir}/epoch_2.pth (2 epochs done, 4 iterations).' in text.text
    assert {path.name for path in work_dir.glob('*.p*')} == {
        'large.py', 'epoch_4.pth', 'backbone_epoch_4.pth'}
    tiny.train(config(folder, 'unbroken', QUEUE))
    wanted, got = (read_checkpoint(one / 'epoch_4.pth')['state_dict']
                   for one in (folder / 'unbroken', work_dir))
    assert all(torch.equal(value, got[key]) for key, value in wanted.items())


@pytest.fixture(scope='module')
def finished(folder) -> Path:
    """The work dir of run.py, through the door, to its end."""
    begun = run('python tools/train.py run.py --resume', folder)
    assert begun.code == 0, begun.text
    assert f'There is no checkpoint in {folder}/run yet: the run starts from the' in begun.text
    return folder / 'run'


def test_resume__of_a_finished_run_says_so(folder, finished):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob('*')}
    ended = run('python tools/train.py run.py --resume', folder)
    assert ended.code == 0 and len(ended.text.strip().splitlines()) == 1
    assert ended.text.startswith(f'The run in {finished} is finished at epoch 4, nothing is left')
    assert f'{finished}/backbone_epoch_4.pth' in ended.text
    assert {path: path.stat().st_mtime_ns for path in finished.rglob('*')} == before


def test_resume__of_a_damaged_copy_with_more_epochs(folder, finished):
    copy = Path(shutil.copytree(finished, folder / 'copy'))  # last_checkpoint names the original's
    content = torch.load(copy / 'epoch_4.pth', weights_only=False)
    content['meta'].update(epoch=3, iter=6)
    torch.save(content, copy / 'epoch_3.pth')
    (copy / 'epoch_4.pth').write_bytes((copy / 'epoch_4.pth').read_bytes()[:100_000])
    command = ['train.py', 'run.py', '--work-dir', 'copy', '--resume', '--epochs', '5']
    dry, ended = run_forked(dict(dry=[*command, '--dry-run'], real=command), folder).values()
    assert (dry.code, ended.code) == (0, 0), ended.text
    for text in (dry.text, ended.text):
        assert 'Skipped epoch_4.pth: copy/epoch_4.pth (100 kB) begins as' in text
    assert 'Going on from copy/epoch_3.pth (3 epochs done, 6 iterations).' in ended.text
    assert 'Changed on resume: param_scheduler.0.end: was 4, now 5' in ended.text
    assert 'the learning rate of the next step is ' in ended.text and 'by the old' in ended.text
    assert find_resumable(copy)[:3] == (copy / 'epoch_5.pth', 5, 10)
    assert not (finished / 'epoch_5.pth').exists()


def test_resume__of_another_run_is_refused_in_words(folder, finished, monkeypatch):
    monkeypatch.chdir(folder)
    told = refusal('train.py', 'run.py', '--resume', 'run', '--work-dir', 'other', '--accumulate',
                   2, '--mask-ratio', 0.5, '--epochs', 5).splitlines()
    pipeline = 'train_dataloader.dataset.dataset.pipeline.3.mask_ratio'
    assert told[:3] == ['error: The checkpoint is of a run with other settings:',
                        '  effective_batch: was 4, now 8', f'  {pipeline}: was 0.6, now 0.5']
    assert told[3].endswith(f'--resume --force-change effective_batch {pipeline}')
    assert len(told) == 4


def test_resume__of_a_finished_run_as_another_is_refused_in_words(folder, finished, monkeypatch):
    monkeypatch.chdir(folder)
    others = tiny.write_images(folder / 'others', 5)
    told = refusal('train.py', 'run.py', '--resume', '--mask-ratio', 0.5)
    assert 'pipeline.3.mask_ratio: was 0.6, now 0.5' in told
    assert 'nonsense: this is what it was' in refusal('train.py', 'run.py', '--resume',
                                                      '--force-change', 'nonsense')
    assert 'images: was 8, now 5' in refusal('train.py', 'run.py', '--resume', '--data', others)


def test_full_disk__leaves_the_last_checkpoint_and_says_how_to_go_on(folder, finished):
    work_dir = Path(shutil.copytree(finished, folder / 'small'))
    limit = (work_dir / 'epoch_4.pth').stat().st_size // 1024 - 50  # in kB, as of a quota
    ended = run(f'ulimit -f {limit}; python tools/train.py run.py --work-dir small --resume '
                '--epochs 5', folder)
    assert ended.code == 1 and 'Traceback' not in ended.text
    assert ended.last.startswith('error: ') and 'epoch_5.pth cannot be written (' in ended.last
    assert ended.last.endswith('Then --resume goes on from small/epoch_4.pth (4 epochs done, 8 '
                               'iterations): that file is whole.')
    assert {path.name for path in work_dir.glob('*.p*')} == {
        'run.py', 'epoch_4.pth', 'backbone_epoch_4.pth'}  # max_keep_ckpts is 1
