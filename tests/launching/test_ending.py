"""What is told of an error: the user's ones by their message, whoever has wrapped them."""

import signal
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.errors import ConfigError, DataError, MissingFile, UserError
from mimco_mm.launching.ending import errors_told, message_of


def wrapped(inner: Exception, outer: Exception) -> Exception:
    try:
        try:
            raise inner
        except type(inner):
            raise outer  # noqa: B904  as libraries do
    except type(outer) as error:
        return error


@pytest.mark.parametrize('error, message', [
    (CheckpointError('No such file.'), 'No such file.'),
    (wrapped(ConfigError('Set `a`.'), TypeError('class X: Set `a`.')), 'Set `a`.'),
    (torch.OutOfMemoryError('CUDA out of memory. Tried\nmore'),
     'CUDA out of memory. Tried Take fewer images at a time, with as many in a step: --batch-size '
     'and --accumulate.'),
    (ValueError('a slip of ours'), None),
    (KeyError('x'), None),
])
def test_message_of(error, message):
    assert message_of(error) == message


def test_message_of__a_folder_that_was_deleted(tmp_path):
    for folder, told in ((tmp_path / 'gone', True), (tmp_path, False)):
        with pytest.raises(FileNotFoundError) as error:
            (folder / 'scalars.json').read_text()
        message = message_of(error.value)
        assert bool(message) is told
        assert not told or str(folder) in message and '--work-dir' in message


class Broken(Dataset):

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int):
        raise DataError('100 images in a row cannot be read, the first is a: b.jpg (truncated).')


def test_message_of__a_data_worker_s():
    with pytest.raises(DataError) as error:
        next(iter(DataLoader(Broken(), num_workers=1)))
    assert 'Traceback' in str(error.value)
    assert message_of(error.value) == ('100 images in a row cannot be read, the first is a: b.jpg '
                                       '(truncated).')


def test_errors_told__one_line_and_exit_code_1_or_the_traceback():
    with pytest.raises(SystemExit, match='^error: Set `a`.$'), errors_told():
        raise ConfigError('Set `a`.')
    with pytest.raises(ZeroDivisionError), errors_told():
        1 / 0  # noqa: B018


def test_errors__are_what_they_were_to_others_too():
    assert issubclass(ConfigError, ValueError) and issubclass(CheckpointError, ValueError)
    assert issubclass(DataError, RuntimeError) and issubclass(MissingFile, FileNotFoundError)
    assert all(issubclass(one, UserError) for one in (ConfigError, DataError, MissingFile))


SWALLOWED = '''
import os, signal, time
from mimco_mm.launching.building import parts_told
from mimco_mm.launching.ending import errors_told
with errors_told(), parts_told({}):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    except:  # as mmengine has it around the formatting of a config
        raise SyntaxError('Failed to format the config file')
'''


def test_errors_told__a_signal_that_a_library_took_for_an_error_is_one():
    done = subprocess.run([sys.executable, '-c', SWALLOWED], capture_output=True, text=True,
                          timeout=300)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, '\nInterrupted by SIGTERM.\n')
