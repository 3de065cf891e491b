"""tools/train.py and tools/dist_train.sh: what only tells of a run does not end it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.tools.test_launch import ROOT, run

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
    cfg.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


def start(config_file: Path, processes: int) -> str:
    if processes == 1:
        return run(sys.executable, ROOT / 'tools' / 'train.py', config_file)
    return run('bash', ROOT / 'tools' / 'dist_train.sh', config_file, processes)


def failed(*command: str | Path) -> str:
    """What a command says that ends with 1."""
    result = subprocess.run([sys.executable, *map(str, command)], text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''})
    assert result.returncode == 1, result.stdout[-4000:]
    return result.stdout


@pytest.mark.parametrize('processes', [1, 2])
def test_odd_names_and_unreadable_images__are_told_after_the_checkpoint(config_file, processes):
    folder = config_file.parent
    write(folder / 'labelled' / 'bank' / '.ipynb_checkpoints', b'a-checkpoint.png')
    write(folder / 'labelled' / 'bank' / 'a', LATIN_1)
    log = start(config_file, processes)
    told = [log.index(text) for text in (
        'Saving checkpoint at 1 epochs', '2 of 8 images could not be read in epoch 1',
        'k-NN accuracy after epoch 1')]
    assert told == sorted(told) and (folder / 'run' / 'epoch_1.pth').is_file()
    assert 'Logging error' not in log and 'Traceback' not in log
    listed = (folder / 'run' / 'broken_images.txt').read_text(encoding='utf-8').splitlines()
    assert [line.split(': ')[1] for line in listed] == [
        f'{folder}/images/train/{SHOWN[name]}' for name in (LATIN_1, TWO_LINES)]
    (line, ) = re.findall('k-NN accuracy after.*', log)
    assert re.fullmatch(r'k-NN accuracy after epoch 1: \d+\.\d\d % \(1 images that cannot be read '
                        rf'are left out, such as .*/bank/a/{re.escape(SHOWN[LATIN_1])}: .*', line)


def test_knn__of_too_few_readable_images_fails_alone(config_file):
    folder = config_file.parent / 'labelled' / 'bank' / 'a' / 'train'
    for path in (*folder.iterdir(), *(folder.parents[1] / 'b' / 'train').iterdir()):
        path.write_bytes(b'')
    log = start(config_file, 1)
    assert log.index('Saving checkpoint at 1 epochs') < log.index(
        'k-NN accuracy after epoch 1: failed, and the run goes on without it (')


def test_knn__with_a_class_missing_in_one_part_is_refused(config_file):
    folder = config_file.parent
    (folder / 'labelled' / 'queries' / 'a').rename(folder / 'a')
    said = failed(ROOT / 'tools' / 'train.py', config_file)
    assert re.search('only in .*/bank: a; only in .*/queries: none', said)
    assert 'Epoch(train)' not in said


@pytest.mark.parametrize('options, message', [
    (['--cfg-options', 'train_dataloader.collate_fn.type=collate_coded'],
     r'PackCodedInputs at the end of `train_dataloader\.dataset\.dataset\.pipeline` \(it is '
     r'PackInputs\), `data_preprocessor\.type` DecodingDataPreprocessor \(it is View'),
    (['--amp', 'fp16'], 'AmpOptimWrapper .* needs a GPU.* `--amp off`'),
])
def test_parts_that_do_not_fit__are_refused_at_once(tmp_path, options, message):
    said = failed(ROOT / 'tools' / 'train.py', ROOT / 'configs' / 'study' / 'mimco_swin-micro.py',
                  '--work-dir', tmp_path / 'run', *options)
    assert re.match(f'error: .*{message}', said.splitlines()[-1])
    assert 'Traceback' not in said and not (tmp_path / 'run').exists()
