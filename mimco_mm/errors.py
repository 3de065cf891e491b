"""The errors that are the user's to mend, and how they are told."""


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
