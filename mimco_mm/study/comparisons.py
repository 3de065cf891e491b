"""The orders that the paper's tables show, and what became of them in the small study."""

from statistics import mean, stdev
from typing import Dict, List, NamedTuple, Sequence

from scipy.stats import t as student_t


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


class Outcome(NamedTuple):
    """Of a comparison on one network.

    Attributes:
        network: 'swin' or 'vit'.
        difference: better - worse in the paper's sense, mean over the seeds, in points.
        margin: half the 95 % interval of that mean, the seeds being pairs (Student's t).
    """

    comparison: Comparison
    network: str
    difference: float
    margin: float

    @property
    def verdict(self) -> str:
        """'same order' or 'other order' where the interval excludes 0, else 'undecided'."""
        if abs(self.difference) <= self.margin:
            return 'undecided'
        return 'same order' if self.difference > 0 else 'other order'


def compare(results: Sequence[dict], networks: Sequence[str]) -> List[Outcome]:
    """All comparisons that at least two seeds have both rows of.

    Args:
        results: dicts of ``row``, ``network``, ``seed`` and the metrics, in percent.
        networks: which to look at, in this order.
    """
    by_key: Dict[tuple, dict] = {(r['row'], r['network'], r['seed']): r for r in results}
    outcomes = []
    for comparison in COMPARISONS:
        for network in networks:
            pairs = [(by_key.get((comparison.better, network, seed)),
                      by_key.get((comparison.worse, network, seed)))
                     for seed in sorted({r['seed'] for r in results})]
            gaps = [one[comparison.metric] - other[comparison.metric]
                    for one, other in pairs if one and other]
            if len(gaps) > 1:
                quantile = float(student_t.ppf(0.975, len(gaps) - 1))  # two-sided 95 %
                margin = quantile * stdev(gaps) / len(gaps)**0.5
                outcomes.append(Outcome(comparison, network, mean(gaps), margin))
    return outcomes
