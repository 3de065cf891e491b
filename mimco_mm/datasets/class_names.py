from typing import Optional, Sequence

from ..errors import UserError
from ..names import printable

SHOWN = 3  # classes that an error names


class LabelError(UserError, RuntimeError):
    """Images or labels that are missing, or that do not fit each other or the classifier."""


def check_same_classes(first: str, its: Optional[Sequence[str]], second: str,
                       others: Optional[Sequence[str]]) -> None:
    """Compare the classes of two sets of images, where both know theirs.

    Args:
        first: what the images are called.
        its: their classes, in the order of the labels; None of a list of labels.
        second: the same of the others.
        others: likewise.

    Raises:
        LabelError: not the same classes, so that one label would mean two things.
    """
    if not its or not others or tuple(its) == tuple(others):
        return
    only = [sorted(set(one) - set(other)) for one, other in ((its, others), (others, its))]
    raise LabelError(
        f'{first} and {second} do not have the same classes: {len(its)} and {len(others)}; '
        f'only in {first}: {brief(only[0])}; only in {second}: {brief(only[1])}. Labels are '
        'numbered in the order of the folders, which must be the same in both.')


def brief(names: Optional[Sequence[str]]) -> str:
    """The first of some classes' names."""
    if not names:
        return 'none' if names is not None else 'by the largest label of the list'
    return ', '.join(map(printable, names[:SHOWN])) + ' ...' * (len(names) > SHOWN)
