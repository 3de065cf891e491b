"""What was measured of a checkpoint, for its model card."""

from pathlib import Path

from ..records import RecordError
from .report import Line, lines_of
from .results import read_results, read_run


def measured(folder: Path, sha256: str) -> str:
    """A table in Markdown of the figures in the work dir of a suite; '' if it has none yet.

    Args:
        folder: work dir of tools/transfers/run.sh.
        sha256: of the checkpoint that they must be of.

    Raises:
        FileNotFoundError: no such work dir.
        RecordError: it has the figures of another checkpoint, or is damaged.
    """
    run = read_run(folder)
    if run['sha256'] != sha256:
        raise RecordError(f'{folder} has the results of a checkpoint with sha256 '
                          f'{run["sha256"][:12]}, and what is exported has {sha256[:12]}: export '
                          f'{run["checkpoint"]}, or give another work dir.')
    lines = [line for line in lines_of(run, read_results(folder)) if line.ours is not None]
    return '\n'.join(['| benchmark | metric | percent | remarks |', '|---|---|---|---|',
                      *map(_row, lines)]) if lines else ''


def _row(line: Line) -> str:
    remarks = '; '.join(line.notes)
    if remarks:
        remarks = f"cannot stand beside the paper's: {remarks}"
    return f'| {line.title} | {line.metric} | {line.ours:.2f} | {remarks} |'
