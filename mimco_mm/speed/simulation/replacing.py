from contextlib import contextmanager
from typing import Any, Iterator, Tuple


@contextmanager
def replaced(*attributes: Tuple[Any, str, Any]) -> Iterator[None]:
    """Modules that are told of a device which torch does not know as one that computes.

    Args:
        *attributes: (module, name, what it is while the block runs). Each must be there: a torch
            that has moved it is an error, not a count of something else.
    """
    before = [(module, name, getattr(module, name)) for module, name, _ in attributes]
    try:
        for module, name, value in attributes:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
