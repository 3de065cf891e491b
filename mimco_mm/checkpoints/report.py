from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class LoadReport:
    """What a loading did, in one line: file, hash, format, coverage.

    Attributes:
        checkpoint: path or URL, as given.
        sha256: of the file.
        release: where in the file the backbone lay.
        naming: how its tensors were named.
        matched: tensors of the network that the file gave a value.
        fresh: tensors of the network that keep their initial value, by the caller's leave.
        left_out: tensors of the file that belong to no backbone, or not to this one.
        resized: what was interpolated to another image or window size.
        covered: parameters (scalars) of the network that the file gave a value.
        parameters: those that the network has.
    """

    checkpoint: str
    sha256: str
    release: str
    naming: str
    matched: int
    fresh: Tuple[str, ...]
    left_out: Tuple[str, ...]
    resized: Tuple[str, ...]
    covered: int
    parameters: int

    def __str__(self) -> str:
        # A loading that leaves anything missing or unexpected is refused, and has no report.
        parts = [
            f'{self.checkpoint} (sha256 {self.sha256[:12]}; {self.release}, {self.naming}): '
            f'{self.matched} tensors matched, 0 missing, 0 unexpected, '
            f'{100 * self.covered / max(self.parameters, 1):.4g} % of '
            f'{self.parameters / 1e6:.1f} M parameters'
        ]
        for what, names in (('resized', self.resized), ('initialised afresh', self.fresh),
                            ('left out', self.left_out)):
            if names:
                parts.append(f'{what}: {shortened(names)}')
        return ', '.join(parts)


def shortened(names: Tuple[str, ...], shown: int = 3) -> str:
    more = len(names) - shown
    return ', '.join(names[:shown]) + (f' and {more} more' if more > 0 else '')
