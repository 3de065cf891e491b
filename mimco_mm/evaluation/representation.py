"""How much of its space a set of features uses: measures of collapse that need no labels."""

import torch
from torch.nn import functional as F


def feature_std(features: torch.Tensor) -> torch.Tensor:
    """Standard deviation of L2-normalised features (N, C) over the samples, in units of 1/sqrt(C).

    The mean over channels, as SimSiam plots it (arXiv 2011.10566, section 4.1), times sqrt(C): 1
    for features that lie in all directions alike, 0 for constant ones, whatever C is.

    Returns:
        A 0-d tensor in float32 or better, on the features' device.

    Raises:
        ValueError: fewer than two features.
    """
    features = F.normalize(_matrix(features), dim=1)
    return features.std(0).mean() * features.shape[1]**0.5


def rankme(features: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """RankMe, the effective rank of features (N, C), not centred (arXiv 2210.02885, Eq. 1 and 2).

    The exponential of the entropy of the singular values' shares: 1 if all features lie on one
    line, at most min(N, C). It grows with N: compare figures of one N only.

    The singular values are the roots of the eigenvalues of the smaller Gram matrix, in float64,
    which takes a fraction of a decomposition's time; values under 1e-8 of the largest get lost.

    Args:
        features: those of N samples.
        eps: added to each share, as in the paper (1e-7 for float32).

    Returns:
        A 0-d float64 tensor on the features' device: NaN where a feature is not finite, 0 where all
        of them are 0.

    Raises:
        ValueError: fewer than two features.
    """
    features = _matrix(features).double()
    gram = features @ features.T if len(features) < features.shape[1] else features.T @ features
    finite = gram.isfinite().all()
    singular = torch.linalg.eigvalsh(torch.where(finite, gram, 0.)).clamp(min=0).sqrt()
    share = singular / singular.sum() + eps
    rank = torch.nan_to_num(torch.exp(-(share * share.log()).sum()), nan=0.)
    return torch.where(finite, rank, torch.nan)


def _matrix(features: torch.Tensor) -> torch.Tensor:
    """Features in float32 or better, if they are two or more vectors."""
    if features.dim() != 2 or len(features) < 2:
        raise ValueError(f'Expected features (N, C) with N >= 2, got {tuple(features.shape)}.')
    return features.to(torch.promote_types(features.dtype, torch.float32))
