"""What a part of the check is told, and what it tells."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict

OUTCOMES = ('pass', 'figure', 'skipped', 'fail')


@dataclass(frozen=True)
class Setting:
    """What all parts share.

    Attributes:
        device: 'cuda', or 'cpu' for a rehearsal, which has small networks and few turns.
        batch_size: images of a step.
        folder: for the files of the parts, which find each other's there.
    """

    device: str
    batch_size: int
    folder: Path

    @property
    def rehearsal(self) -> bool:
        return self.device == 'cpu'


@dataclass(frozen=True)
class Row:
    """One thing that was looked at.

    Attributes:
        what: it is.
        outcome: 'pass' and 'fail' of what must hold, 'figure' of what was measured, 'skipped' of
            what could not be looked at.
        told: the finding in words; of what was skipped, why.
        figures: for the JSON.
    """

    what: str
    outcome: str
    told: str
    figures: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f'An outcome is one of {", ".join(OUTCOMES)}, not {self.outcome!r}.')

    def as_dict(self) -> Dict[str, Any]:
        return asdict(self)


def judged(what: str, holds: bool, told: str, **figures: Any) -> Row:
    """'pass' or 'fail'."""
    return Row(what, 'pass' if holds else 'fail', told, figures)


def figure(what: str, told: str, **figures: Any) -> Row:
    return Row(what, 'figure', told, figures)


def skipped(what: str, why: str) -> Row:
    return Row(what, 'skipped', why)
