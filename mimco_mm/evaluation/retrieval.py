"""mAP and mP@k of revisited Oxford and Paris (Radenovic et al., CVPR 2018): pure functions."""

from typing import Any, Dict, Sequence, Tuple

import torch
from torch.nn import functional as F

from ..errors import ConfigError

# Level -> (what counts as found, what is taken out of the ranking)
LEVELS = {
    'easy': (('easy', ), ('junk', 'hard')),
    'medium': (('easy', 'hard'), ('junk', )),
    'hard': (('hard', ), ('junk', 'easy')),
}
KS = (1, 5, 10)


def retrieval_scores(queries: torch.Tensor, database: torch.Tensor, gnd: Sequence[Dict[str, Any]],
                     ks: Sequence[int] = KS) -> Dict[str, Dict[str, float]]:
    """Scores of the ranking by cosine similarity, see ``ranking_scores``.

    Args:
        queries: features (Q, C).
        database: features (N, C).
        gnd: Q dicts with lists of rows of ``database``: ``easy``, ``hard`` and ``junk``.
        ks: the k of mP@k.

    Raises:
        ValueError: a feature is not finite, or the sizes do not fit.
    """
    for name, features in (('queries', queries), ('database', database)):
        broken = (~features.isfinite().all(1)).sum().item()
        if broken:
            raise ConfigError(f'{broken} of {len(features)} features of the {name} are not finite: '
                              'the weights of the checkpoint are damaged or diverged.')
    similarity = F.normalize(queries, dim=1) @ F.normalize(database, dim=1).T
    return ranking_scores(rank(similarity), gnd, ks)


def rank(similarity: torch.Tensor) -> torch.Tensor:
    """Rows of the database (Q, N), most similar first, from similarities (Q, N).

    Equal similarities keep the order of the database, so that a ranking never depends on chance.
    """
    return similarity.argsort(dim=1, descending=True, stable=True)


def ranking_scores(ranking: torch.Tensor, gnd: Sequence[Dict[str, Any]],
                   ks: Sequence[int] = KS) -> Dict[str, Dict[str, float]]:
    """Level -> {'mAP', 'mP@1', ..., in percent; 'queries': how many have an image to find}.

    Queries with nothing to find are left out of the means; without any other, these are NaN.

    Args:
        ranking: (Q, N) int64, every row a permutation of 0 to N - 1.
        gnd: Q dicts with lists of these numbers: ``easy``, ``hard`` and ``junk``.
        ks: the k of mP@k.

    Raises:
        ValueError: as many dicts as rankings were expected.
    """
    if len(gnd) != len(ranking):
        raise ConfigError(f'Expected the ground truth of {len(ranking)} queries, got {len(gnd)}.')
    scores = {}
    for level, (found, removed) in LEVELS.items():
        positive, junk = (ranked(listed(gnd, lists, ranking.shape[1]), ranking)
                          for lists in (found, removed))
        counted = positive.any(1)
        area, precision_at_k = average_precision(positive, junk, ks)
        means = 100 * torch.cat((area[:, None], precision_at_k), 1)[counted].mean(0)
        scores[level] = dict(zip(('mAP', *(f'mP@{k}' for k in ks)), means.tolist()),
                             queries=int(counted.sum()))
    return scores


def listed(gnd: Sequence[Dict[str, Any]], lists: Sequence[str], images: int) -> torch.Tensor:
    """Which images (Q, N) are in one of these lists of each query, bool."""
    mask = torch.zeros(len(gnd), images, dtype=torch.bool)
    for row, entry in zip(mask, gnd):
        for name in lists:
            row[torch.as_tensor(entry[name], dtype=torch.long)] = True
    return mask


def ranked(mask: torch.Tensor, ranking: torch.Tensor) -> torch.Tensor:
    """A mask over images (Q, N) in the order of the rankings (Q, N)."""
    return mask.to(ranking.device).gather(1, ranking)


def average_precision(positive: torch.Tensor, junk: torch.Tensor,
                      ks: Sequence[int] = KS) -> Tuple[torch.Tensor, torch.Tensor]:
    """AP (Q,) and precision at k (Q, len(ks)) of each query, float64; NaN where none is positive.

    Junk does not take up a rank. AP is the area under the precision-recall curve by trapezoids: the
    j-th positive (from 0) at rank r (from 0) adds the mean of j / r, or 1 at rank 0, and of
    (j + 1) / (r + 1). Precision at k stops at the last positive where that comes before rank k, so
    that few positives found first are a precision of 1.

    Args:
        positive: (Q, N) bool, in the order of the ranking.
        junk: (Q, N) bool, likewise; no image is both.
        ks: the k of the precisions.
    """
    found = positive.cumsum(1).double()                         # positives up to here, with it
    rank_ = (~junk).cumsum(1).double() - 1                      # rank from 0, without junk
    total = positive.sum(1).double()
    before = torch.where(rank_ > 0, (found - 1) / rank_.clamp(min=1), 1.)
    after = found / (rank_ + 1).clamp(min=1)
    area = torch.where(positive, (before + after) / 2, 0.).sum(1) / total
    last = torch.where(positive, rank_ + 1, 0.).amax(1)
    at_k = []
    for k in ks:
        depth = last.clamp(max=k)
        at_k.append((positive & (rank_ < depth[:, None])).sum(1) / depth)
    return area, torch.stack(at_k, 1)
