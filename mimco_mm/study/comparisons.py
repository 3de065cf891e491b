"""The orders that the paper's tables show, and what became of them in the small study."""

from statistics import mean, stdev
from typing import List, NamedTuple, Optional, Sequence

from scipy.stats import t as student_t

LEVEL = 0.05  # of the corrected p-values
VERDICTS = ('as in the paper', 'against it', 'undecided')


class Comparison(NamedTuple):
    """One pair of a table, the better one in the paper first.

    Attributes:
        table: its number.
        better: a row of the study.
        worse: likewise.
        paper: both figures as printed, with what they are.
        metric: ours that stands for it: 'finetune' for fine-tuning, 'knn' for retrieval.
    """

    table: int
    better: str
    worse: str
    paper: str
    metric: str = 'finetune'


COMPARISONS = (
    Comparison(1, 'mimco', 'scratch', 'Swin-T 81.7 > 81.2, ViT-S 82.5 > 79.9'),
    Comparison(1, 'mimco', 'simmim-long', 'Swin-T 81.7 > 80.9'),
    Comparison(1, 'mimco', 'moby', 'Swin-T 81.7 > 81.4, ViT-S 82.5 > 81.4'),
    Comparison(4, 'mimco', 'simmim-long', 'mAP, ROx-M 30.16 > 4.23', 'knn'),
    Comparison(7, 'patch-only', 'l1', 'Swin-T 81.55 > 81.35'),
    Comparison(8, 'mimco', 'patch-only', 'Swin-T 81.66 > 81.55'),
    Comparison(8, 'mimco', 'image-only', 'Swin-T 81.66 > 81.59'),
    Comparison(8, 'image-only', 'patch-only', 'Swin-T 81.59 > 81.55'),
    Comparison(9, 'image-only', 'mimco', 'mAP, ROx-M 31.58 > 30.16', 'knn'),
    Comparison(9, 'mimco', 'patch-only', 'mAP, ROx-M 30.16 > 22.46', 'knn'),
    Comparison(10, 'mimco', 'simmim-moby', 'Swin-T 81.66 > 81.06'),
    Comparison(11, 'mimco', 'no-mask', 'Swin-T 81.66 > 81.23'),
)


class Gap(NamedTuple):
    """How far one row is above another, over the seeds that have both.

    Attributes:
        difference: mean, in points.
        margin: half the 95 % interval of that mean, the seeds being pairs (Student's t).
        p: of a mean of 0, two-sided, by the paired t-test.
        seeds: how many.
    """

    difference: float
    margin: float
    p: float
    seeds: int


class Outcome(NamedTuple):
    """Of a comparison on one network.

    Attributes:
        network: 'swin' or 'vit'.
        gap: better - worse in the paper's sense.
        p: the gap's, corrected by Holm for all comparisons of the network.
    """

    comparison: Comparison
    network: str
    gap: Gap
    p: float

    @property
    def verdict(self) -> str:
        """One of ``VERDICTS``, decided where the corrected p is below 0.05."""
        if not self.p < LEVEL:
            return 'undecided'
        return 'as in the paper' if self.gap.difference > 0 else 'against it'


def compare(results: Sequence[dict], networks: Sequence[str]) -> List[Outcome]:
    """All comparisons that at least two seeds have both rows of.

    Args:
        results: dicts of ``row``, ``network``, ``seed`` and the metrics, in percent.
        networks: which to look at, in this order.
    """
    found = []
    for network in networks:
        gaps = {c: gap(results, network, c.better, c.worse, c.metric) for c in COMPARISONS}
        gaps = {comparison: one for comparison, one in gaps.items() if one}
        corrected = holm([one.p for one in gaps.values()], len(COMPARISONS))
        found += [Outcome(comparison, network, one, p)
                  for (comparison, one), p in zip(gaps.items(), corrected)]
    return sorted(found, key=lambda outcome: COMPARISONS.index(outcome.comparison))


def gap(results: Sequence[dict], network: str, better: str, worse: str,
        metric: str) -> Optional[Gap]:
    """The gap between two rows; None of fewer than two seeds."""
    scores = {(r['row'], r['seed']): r[metric] for r in results if r['network'] == network}
    gaps = [score - scores[worse, seed] for (row, seed), score in sorted(scores.items())
            if row == better and (worse, seed) in scores]
    if len(gaps) < 2:
        return None
    error = stdev(gaps) / len(gaps)**0.5
    known = student_t(len(gaps) - 1)
    p = 2 * known.sf(abs(mean(gaps)) / error) if error else float(mean(gaps) == 0)
    return Gap(mean(gaps), float(known.ppf(0.975)) * error, float(p), len(gaps))


def holm(values: Sequence[float], family: int) -> List[float]:
    """p-values corrected for a family of tests, of which some may not be done yet (Holm, 1979)."""
    corrected, highest = [0.] * len(values), 0.
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1., (family - rank) * values[index]))
        corrected[index] = highest
    return corrected
