"""tools/train.py and tools/dist_train.sh: what only tells of a run does not end it."""

import os
import re
from pathlib import Path

import pytest

from tests import tiny
from tests.doors.support import ROOT, run, steps
from tests.tools.modules import refusal

MICRO = ROOT / 'configs' / 'study' / 'mimco_swin-micro.py'
LATIN_1, TWO_LINES = b'caf\xe9.png', b'two\nlines.png'
SHOWN = {LATIN_1: r'caf\xe9.png', TWO_LINES: r'two\nlines.png'}


def write(folder: Path, name: bytes) -> None:
    """An image of which nothing but a few bytes is left."""
    folder.mkdir(parents=True, exist_ok=True)
    Path(os.fsdecode(os.fsencode(folder) + b'/' + name)).write_bytes(b'cut')


@pytest.fixture
def config_file(tmp_path) -> Path:
    """One epoch of MimCo on 8 images, 2 of which are broken and have odd names, with k-NN on."""
    data = tiny.write_images(tmp_path / 'images', 6)
    for part in ('bank', 'queries'):
        for label in 'ab':
            tiny.write_images(tmp_path / 'labelled' / part / label, 4)
    for name in SHOWN:
        write(data / 'train', name)
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', data, epochs=1, **{
        'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth')),
        'train_dataloader.num_workers': 1})
    next(hook for hook in cfg.custom_hooks if hook.type == 'KNNHook').update(
        data_root=str(tmp_path / 'labelled'), bank='bank', queries='queries', interval=1, k=3,
        num_workers=1)
    cfg.dump(tmp_path / 'tiny config.py')
    return tmp_path / 'tiny config.py'


def trained(command: str, folder: Path) -> str:
    """What a command says that trains to its end."""
    ended = run(command, folder)
    assert ended.code == 0, ended.text[-4000:]
    return ended.text


def assert_listed(folder: Path) -> None:
    """The broken images are listed in the work dir, each name on one line."""
    listed = (folder / 'run' / 'broken_images.txt').read_text(encoding='utf-8').splitlines()
    assert [line.split(': ')[1] for line in listed] == [
        f'{folder}/images/train/{SHOWN[name]}' for name in (LATIN_1, TWO_LINES)]


def test_odd_names_and_unreadable_images__are_told_after_the_checkpoint(config_file):
    folder = config_file.parent
    write(folder / 'labelled' / 'bank' / '.ipynb_checkpoints', b'a-checkpoint.png')
    write(folder / 'labelled' / 'bank' / 'a', LATIN_1)
    log = trained(f'bash {ROOT}/tools/dist_train.sh "{config_file}" 2', folder)
    assert steps(log) == '1/1'  # 8 images, 4 in a batch on each of 2 processes
    told = [log.index(text) for text in (
        'Saving checkpoint at 1 epochs', '2 of 8 images could not be read in epoch 1',
        'k-NN accuracy after epoch 1')]
    assert told == sorted(told) and (folder / 'run' / 'epoch_1.pth').is_file()
    assert 'Logging error' not in log and 'Traceback' not in log
    assert_listed(folder)
    (line, ) = re.findall('k-NN accuracy after.*', log)
    assert re.fullmatch(r'k-NN accuracy after epoch 1: \d+\.\d\d % \(1 images that cannot be read '
                        rf'are left out, such as .*/bank/a/{re.escape(SHOWN[LATIN_1])}: .*', line)


def test_knn__of_too_few_readable_images_fails_alone(config_file):
    folder = config_file.parent / 'labelled' / 'bank' / 'a' / 'train'
    for path in (*folder.iterdir(), *(folder.parents[1] / 'b' / 'train').iterdir()):
        path.write_bytes(b'')
    log = trained(f'python {ROOT}/tools/train.py "{config_file}" --amp off', config_file.parent)
    assert steps(log) == '2/2'
    told = [log.index(text) for text in (
        'Saving checkpoint at 1 epochs', '2 of 8 images could not be read in epoch 1',
        'k-NN accuracy after epoch 1: failed, and the run goes on without it (')]
    assert told == sorted(told) and 'Logging error' not in log
    assert_listed(config_file.parent)


def test_knn__with_a_class_missing_in_one_part_is_refused(config_file):
    folder = config_file.parent
    (folder / 'labelled' / 'queries' / 'a').rename(folder / 'a')
    said = refusal('train.py', config_file)
    assert re.search('only in .*/bank: a; only in .*/queries: none', said)
    assert not (folder / 'run' / 'epoch_1.pth').exists()


def test_parts_that_do_not_fit__are_refused_at_once(tmp_path):
    said = refusal('train.py', MICRO, '--work-dir', tmp_path / 'run',
                   '--cfg-options', 'train_dataloader.collate_fn.type=collate_coded')
    assert re.match(
        r'error: .*PackCodedInputs at the end of `train_dataloader\.dataset\.dataset\.pipeline` '
        r'\(it is PackInputs\), `data_preprocessor\.type` DecodingDataPreprocessor \(it is View',
        said)
    assert not (tmp_path / 'run').exists()
