"""Figure 2's points: the paper's, and those of own runs."""

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from ..errors import ConfigError
from ..tables import TABLE_1, Result, objections, read_results, read_run


class Point(NamedTuple):
    """One fine-tuning on ImageNet-1K.

    Attributes:
        network: as the configs name it.
        method: as Table 1 names it.
        epochs: of the pre-training; None for training with labels alone.
        effective_epochs: see ``effective_epochs``; None likewise.
        top1: percent.
        source: 'paper', or the file that it is read from.
    """

    network: str
    method: str
    epochs: Optional[int]
    effective_epochs: Optional[int]
    top1: float
    source: str


def paper_points(networks: Sequence[str]) -> List[Point]:
    """Table 1's rows of these networks."""
    return [Point(row.network, row.method, row.epochs, row.effective_epochs, row.values['top1'],
                  'paper') for row in TABLE_1 if row.network in networks]


def own_points(run: dict, results: List[Result], networks: Sequence[str]) -> List[Point]:
    """The fine-tunings on ImageNet of one suite of transfers.

    Args:
        run: see ``read_run``.
        results: see ``read_results``.
        networks: that are drawn.

    Raises:
        ValueError: there is nothing to draw; the message says why.
    """
    found = [result for result in results
             if result.benchmark == 'imagenet' and 'top1' in result.values]
    if run['network'] not in networks:
        raise ConfigError(f'it is of {run["network"]}, not of {", ".join(networks)}: --network '
                          'chooses')
    if not found:
        raise ConfigError('it has no result on ImageNet; --suite imagenet of '
                          'tools/transfers/run.sh makes one')
    if run['effective_epochs'] is None:
        raise ConfigError('its effective epochs are not known, which the type of the algorithm and '
                          "the name of the teacher's file tell; write `effective_epochs` into its "
                          'run.json by hand')
    for result in found:
        reasons = objections(run, result)
        if not result.is_of(run):
            reasons.insert(0, 'it is of another checkpoint than its run.json')
        if reasons:
            raise ConfigError("its result on ImageNet cannot stand beside the paper's: "
                             + '; '.join(reasons))
    return [Point(run['network'], run['method'], run['epochs'], run['effective_epochs'],
                  result.values['top1'], result.source) for result in found]


def read_own_points(folders: Sequence[Path], networks: Sequence[str]) -> List[Point]:
    """The points of all work dirs; says which give none, and why.

    Raises:
        FileNotFoundError: a folder is none of tools/transfers/run.sh.
    """
    unmatched = [folder for folder in folders if '*' in str(folder) and not folder.exists()]
    for pattern in unmatched:  # as a shell leaves it
        print(f'there is no work dir {pattern} yet')
    folders = [folder for folder in folders if folder not in unmatched]
    points: List[Point] = []
    skipped = 0
    for folder, run in [(folder, read_run(folder)) for folder in folders]:
        try:
            points += own_points(run, read_results(folder), networks)
        except ConfigError as reason:
            print(f'skipped {folder}: {reason}')
            skipped += 1
    if skipped:
        print(f'{skipped} of {len(folders)} work dirs skipped')
    if not points:
        print("no points of your own: only the paper's are drawn")
    return points


def points_table(points: List[Point]) -> str:
    """The points as text, one a line."""
    lines = [f'{"network":9}{"method":13}{"epochs":>7}{"effective":>11}{"top-1, %":>10}  from']
    for point in points:
        epochs, effective = ('-' if value is None else value
                             for value in (point.epochs, point.effective_epochs))
        lines.append(f'{point.network:9}{point.method:13}{epochs:>7}{effective:>11}'
                     f'{point.top1:10.2f}  {point.source}')
    return '\n'.join(lines)
