"""The errors that are the user's to mend, and how they are told."""

import re
from contextlib import contextmanager
from typing import Iterator

# What a part with one teacher has under its key, and an error may name
KEYS = re.compile(r'\bmodel\.(?=target_generator|adapter|patch_|image_|weight|base_momentum)')


class UserError(Exception):
    """Ends a run for a reason that the user can mend; the message says how.

    It is shown by itself, without a traceback (see ``launching.ending``).
    """


class ConfigError(UserError, ValueError):
    """A config, an option or a file that cannot be used as it is."""


class DataError(UserError, RuntimeError):
    """Images that cannot be used as they are."""


class MissingPackage(DataError):
    """Images of a kind that is read by a package that is not installed."""


class MissingFile(UserError, FileNotFoundError):
    """A file or folder that is not there."""


def without_workers_traceback(error: UserError) -> str:
    """The message of an error that may come from a data worker, with its traceback in the text."""
    text = str(error)
    if 'Original Traceback' in text:
        text = re.split(rf'^[\w.]*{type(error).__name__}: ', text, flags=re.MULTILINE)[-1]
    return text.strip()


@contextmanager
def told_at(key: str) -> Iterator[None]:
    """Let errors of the part of one teacher name the keys where it stands in the config.

    Args:
        key: see ``teacher_parts``.
    """
    try:
        yield
    except UserError as error:
        if key == 'model':
            raise
        text = KEYS.sub(f'{key}.', str(error))
        raise type(error)(text if text != str(error) else f'`{key}`: {text}') from error
