"""What ends a run before its first step: one message, in one process as in two, and no trace."""

import shutil
from pathlib import Path

import pytest

from tests import tiny

from .support import checkout, run

TWO = 'tools/dist_train.sh tiny.py 2'


@pytest.fixture
def folder(tmp_path) -> Path:
    """A checkout with the config of a small MimCo, of 8 images; it has no work dir of its own."""
    cfg = tiny.config(
        'mimco_swin-t', tmp_path / 'run', tiny.write_images(tmp_path / 'images', 8), epochs=1,
        **{'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth'))})
    cfg._cfg_dict.pop('work_dir')
    cfg.dump(tmp_path / 'tiny.py')
    return checkout(tmp_path)


def refused(command: str, folder: Path, message: str, **variables: str) -> str:
    ended = run(command, folder, **variables)
    assert ended.code == 1 and 'Traceback' not in ended.text, ended.text
    assert ended.last.startswith(f'error: {message}'), ended.text
    assert ended.text.count('error: ') == 1
    assert not (folder / 'work_dirs').exists()
    return ended.text


def test_two_processes__sizes_that_do_not_fit_are_told_once(folder):
    refused(f'{TWO} --cfg-options model.patch_neck.in_channels=99', folder,
            '`model.patch_neck.0` (Conv2d) cannot be used as it is: RuntimeError: Given groups=1')


def test_two_processes__what_the_folders_tell_is_told_before_they_are_launched(folder):
    text = refused(f'{TWO} --knn nothere', folder, 'k-NN needs images in nothere/train/CLASS')
    assert 'Pre-training summary' not in text


def test_two_processes__images_that_need_a_command_first_are_told_with_it(folder):
    shutil.make_archive(str(folder / 'photos'), 'tar', folder / 'images')
    refused(f'{TWO} --data photos.tar', folder, f'The tar {folder}/photos.tar has no index '
            '(photos.index.npy, photos.index.json). Make it once: '
            f'python tools/convert/index_shards.py {folder}/photos.tar')
    text = run('python tools/convert/index_shards.py photos.tar && '
               f'{TWO} --data photos.tar --dry-run', folder).text
    assert 'photos.tar: 8 images in 1 shard' in text
    assert 'data tar://photos.tar: 8 images' in text


def test_two_machines__that_do_not_meet(folder):
    text = refused('tools/dist_train.sh tiny.py 1', folder, '2 machines did not meet at 127.0.0.1:',
                   NNODES='2', NODE_RANK='1', MASTER_ADDR='127.0.0.1', PORT='1',
                   MEETING_TIMEOUT='2')
    assert 'Waiting for 2 machines to meet at 127.0.0.1:1, 2 s at most' in text
