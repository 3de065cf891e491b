"""The protocol of revisited Oxford and Paris as plain loops, from its text.

Junk is taken out of the ranking first. AP is the area under the precision-recall curve: from one
positive to the next, recall grows by one part of all positives, and precision is the mean of that
before and that after the positive is seen; before the first image it is 1. Precision at k looks at
the first k images, or at those up to the last positive if they are fewer. Queries without a
positive are left out of the means.
"""
import math
from collections.abc import Sequence


def ranking(similarities: Sequence[float]) -> list[int]:
    """Images, most similar first; of equal ones the lower number first."""
    left, order = list(range(len(similarities))), []
    while left:
        best = left[0]
        for image in left:
            if similarities[image] > similarities[best]:
                best = image
        left.remove(best)
        order.append(best)
    return order


def roles(entry: dict, level: str) -> tuple[list, list]:
    """(what is to be found, what is ignored)."""
    easy, hard, junk = (list(entry[key]) for key in ('easy', 'hard', 'junk'))
    if level == 'easy':
        return easy, junk + hard
    if level == 'medium':
        return easy + hard, junk
    if level == 'hard':
        return hard, junk + easy
    raise ValueError(level)


def average_precision(order: list[int], wanted: list, ignored: list) -> float:
    seen, found, area, precision = 0, 0, 0., 1.
    for image in order:
        if image in ignored:
            continue
        seen += 1
        before = precision
        if image in wanted:
            found += 1
        precision = found / seen
        if image in wanted:
            area += (before + precision) / 2 / len(wanted)
    return area


def precision_at(order: list[int], wanted: list, ignored: list, k: int) -> float:
    kept = [image for image in order if image not in ignored]
    while kept[-1] not in wanted:
        kept.pop()
    kept = kept[:k]
    return sum(image in wanted for image in kept) / len(kept)


def scores(similarity: Sequence[Sequence[float]], gnd: list[dict],
           ks: Sequence[int]) -> dict[str, dict[str, float]]:
    """Percentages, as mean over the queries that have something to find; NaN without any."""
    results = {}
    for level in ('easy', 'medium', 'hard'):
        sums, count = [0.] * (1 + len(ks)), 0
        for row, entry in zip(similarity, gnd):
            wanted, ignored = roles(entry, level)
            if not wanted:
                continue
            order = ranking(row)
            count += 1
            sums[0] += average_precision(order, wanted, ignored)
            for index, k in enumerate(ks):
                sums[1 + index] += precision_at(order, wanted, ignored, k)
        means = [100 * total / count if count else math.nan for total in sums]
        results[level] = dict(zip(['mAP', *(f'mP@{k}' for k in ks)], means), queries=count)
    return results
