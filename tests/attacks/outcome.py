"""What came of one attack, and the table of all."""

from collections import defaultdict
from typing import Iterable, NamedTuple


class Outcome(NamedTuple):
    """One try.

    Attributes:
        kind: of attack, a row of the table.
        name: which of its kind.
        survived: whether it ended as it should.
        told: how it ended, in a few words.
    """

    kind: str
    name: str
    survived: bool
    told: str


def table(outcomes: Iterable[Outcome]) -> str:
    """A Markdown table, a row a kind: how often it was tried, how often survived, and how."""
    kinds = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.kind].append(outcome)
    rows = ['| tried | times | survived | how it ended |', '| --- | ---: | ---: | --- |']
    for kind, tries in kinds.items():
        ends = defaultdict(int)
        for outcome in tries:
            ends[outcome.told] += 1
        told = '; '.join(f'{end} ({count})' for end, count in
                         sorted(ends.items(), key=lambda end: -end[1])[:4])
        rows.append(f'| {kind} | {len(tries)} | {sum(t.survived for t in tries)} | {told} |')
    return '\n'.join(rows)
