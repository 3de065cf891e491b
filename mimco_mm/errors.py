"""The errors that are the user's to mend, and how they are told."""

import re


class UserError(Exception):
    """Ends a run for a reason that the user can mend; the message says how.

    It is shown by itself, without a traceback (see ``launching.ending``).
    """


class ConfigError(UserError, ValueError):
    """A config, an option or a file that cannot be used as it is."""


class DataError(UserError, RuntimeError):
    """Images that cannot be used as they are."""


class MissingFile(UserError, FileNotFoundError):
    """A file or folder that is not there."""


def without_workers_traceback(error: UserError) -> str:
    """The message of an error that may come from a data worker, with its traceback in the text."""
    text = str(error)
    if 'Original Traceback' in text:
        text = re.split(rf'^[\w.]*{type(error).__name__}: ', text, flags=re.MULTILINE)[-1]
    return text.strip()
