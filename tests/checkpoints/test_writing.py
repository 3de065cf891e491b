"""Files are written whole or not at all, on a disk that is full too."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mimco_mm.checkpoints import TARGETS, CheckpointError, prepare_export, save_backbone, writing
from mimco_mm.checkpoints.target import WRITTEN_BY
from mimco_mm.checkpoints.writing import complaint, write_whole

from .exports import SWIN, student, write_run

TOOL = Path(__file__).parents[2] / 'tools' / 'convert' / 'export_backbone.py'


LIMIT = 20_000


def small_files() -> None:
    """No file of this process may exceed 20 kB: it meets what a full disk gives, an OSError."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


@contextlib.contextmanager
def full_disk():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def tree(folder: Path) -> dict:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob('*')}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp('run') / 'run.pth', student(SWIN))


def test_tool__a_full_disk_leaves_nothing_and_says_what_to_do(tmp_path, run):
    result = subprocess.run(
        [sys.executable, str(TOOL), run, 'new/out', '--to', 'transformers'], cwd=tmp_path,
        text=True, capture_output=True, timeout=300, preexec_fn=small_files)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith('error: new/out/model.safetensors cannot be written (')
    assert 'File too large' in last and 'MB. Check the rights to ' in last
    assert last.endswith(', its quota and its disk, or give another place.')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('library, out', [
    ('mmpretrain', 'new/deep/out.pth'), ('mmseg', 'out.pth'), ('official', 'out.pth'),
    ('timm', 'new/out.safetensors'), ('timm', 'new/out'), ('transformers', 'new/out')])
def test_save__a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path, run, library, out):
    export = prepare_export(run, library)
    card = None if '.' in out else WRITTEN_BY  # by which a folder is known as an export's
    with full_disk(), pytest.raises(CheckpointError, match='File too large'):
        TARGETS[library].save(tmp_path / out, export.state, export.architecture, card)
    assert not list(tmp_path.iterdir())
    TARGETS[library].save(tmp_path / out, export.state, export.architecture, card)
    before = tree(tmp_path)
    other = {key: value + 1 for key, value in export.state.items()}
    with full_disk(), pytest.raises(CheckpointError, match='File too large'):
        TARGETS[library].save(tmp_path / out, other, export.architecture, card)
    assert tree(tmp_path) == before


def test_save__in_a_place_that_is_no_folder(tmp_path, run):
    export = prepare_export(run, 'mmseg')
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(CheckpointError, match='out.pth cannot be written: .*/file is no folder'):
        TARGETS['mmseg'].save(tmp_path / 'file' / 'out.pth', export.state, export.architecture)
    assert (tmp_path / 'file').read_text() == 'mine'


def test_save_backbone__failure_leaves_the_file_that_was_there(tmp_path):
    file = tmp_path / 'backbone.pth'
    save_backbone(file, dict(a=torch.ones(1)), None)
    before = file.read_bytes()
    with full_disk(), pytest.raises(CheckpointError, match='cannot be written .File too large.'):
        save_backbone(file, dict(a=torch.zeros(10_000)), None)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_write_whole__an_interruption_leaves_nothing(tmp_path):

    def interrupted(path: Path) -> None:
        path.write_bytes(b'half')
        raise KeyboardInterrupt

    files = {tmp_path / 'a' / 'one': lambda path: path.write_bytes(b'whole'),
             tmp_path / 'a' / 'two': interrupted}
    with pytest.raises(KeyboardInterrupt):
        write_whole(files, 9)
    assert not list(tmp_path.iterdir())


def test_complaint__says_how_much_to_free(tmp_path):
    file = tmp_path / 'not there' / 'out.pth'
    text = complaint(file, 10**18, OSError(28, 'No space left on device'))
    assert text.startswith(f'{file} cannot be written: it takes 1000000000000.0 MB, and its disk')
    assert 'MB there, or give a place on another disk' in text


@pytest.fixture
def dead() -> int:
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    return process.pid


def test_remove_abandoned__what_nobody_writes_any_more(tmp_path, dead):
    old, mine = time.time() - 2 * writing.ABANDONED, os.getppid()
    for name, modified in ((f'a.pth.{dead}@{writing.HOST}.partial', None),
                           (f'b.pth.{mine}@{writing.HOST}.partial', old),
                           ('c.pth.7@another.partial', None), ('d.pth.7@another.partial', old),
                           ('e.pth.partial', old), ('epoch_1.pth', old)):
        (tmp_path / name).touch()
        if modified:
            os.utime(tmp_path / name, (modified, modified))
    assert writing.remove_abandoned(tmp_path) == [
        f'a.pth.{dead}@{writing.HOST}.partial', 'd.pth.7@another.partial']
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize('code, told', [
    (errno.ENOSPC, 'its disk is full: free 0.0 MB there, or'),
    (errno.EDQUOT, 'your quota there is used up: remove 0.0 MB of your files there, or'),
    (errno.EROFS, 'its disk is read-only')])
def test_complaint__says_what_to_do(tmp_path, code, told):
    text = complaint(tmp_path / 'out.pth', 9, OSError(code, os.strerror(code)))
    assert f'out.pth cannot be written ({os.strerror(code)}): {told}' in text
