"""How our own tools write a `--cfg-options` argument for one another."""


def as_option(key: str, value: object) -> str:
    """KEY="VALUE": in quotes, so that a path stays whole with its blanks, commas and digits."""
    quote = "'" if '"' in str(value) else '"'
    return f'{key}={quote}{value}{quote}'
