class CheckpointError(ValueError):
    """A checkpoint that cannot be used as it was asked for; the message says what mends it."""
