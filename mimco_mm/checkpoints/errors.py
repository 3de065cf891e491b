from ..errors import UserError


class CheckpointError(UserError, ValueError):
    """A checkpoint that cannot be used as it was asked for; the message says what mends it."""
