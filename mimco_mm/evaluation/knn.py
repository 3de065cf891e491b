from typing import Any, Dict, Iterator, List, Sequence, Tuple

import torch
from mmengine.dist import all_gather, all_gather_object, get_rank
from torch.nn import functional as F

from ..errors import ConfigError
from ..progress import progress

KS = (10, 20, 100, 200)
TEMPERATURE = 0.07


def nearest_neighbours(queries: torch.Tensor, bank: torch.Tensor, k: int, chunk: int = 4096,
                       bank_chunk: int = 65536) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """Cosine similarities and rows of the ``k`` nearest rows of ``bank``, a chunk at a time.

    Args:
        queries: (N, C).
        bank: (M, C), with M >= k. It may be kept in float16; similarities are float32 then.
        k: neighbours of each query.
        chunk: queries compared at once.
        bank_chunk: rows they are compared with at once; chunk x bank_chunk similarities are held.

    Yields:
        Two tensors (n, k) for each chunk of n queries, nearest first, on the bank's device.
    """
    for part in queries.split(chunk):
        part = unit(part.to(bank.device))
        similarity = part.new_empty(len(part), 0)
        rows = torch.empty(len(part), 0, dtype=torch.long, device=bank.device)
        for start in range(0, len(bank), bank_chunk):
            found = part @ unit(bank[start:start + bank_chunk]).T
            found, places = found.topk(min(k, found.shape[1]), dim=1)
            similarity, rows = nearest(torch.cat((similarity, found), 1),
                                       torch.cat((rows, places + start), 1), k)
        yield similarity, rows


def unit(features: torch.Tensor) -> torch.Tensor:
    """Features (N, C) of unit length, at least in float32."""
    return F.normalize(features.float() if features.dtype == torch.half else features, dim=1)


def nearest(similarity: torch.Tensor, values: torch.Tensor,
            k: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """The k largest similarities of each row (n, m) and what belongs to them, largest first."""
    similarity, places = similarity.topk(min(k, similarity.shape[1]), dim=1)
    return similarity, values.gather(1, places)


def knn_accuracy(queries: torch.Tensor, labels: torch.Tensor, bank: torch.Tensor,
                 bank_labels: torch.Tensor, k: int = 20,
                 temperature: float = TEMPERATURE) -> float:
    """Top-1 accuracy in percent of the weighted k-NN classifier, see ``knn_accuracies``."""
    return knn_accuracies(queries, labels, bank, bank_labels, (k, ), temperature)[k][1]


def knn_accuracies(queries: torch.Tensor, labels: torch.Tensor, bank: torch.Tensor,
                   bank_labels: torch.Tensor, ks: Sequence[int] = KS,
                   temperature: float = TEMPERATURE, top: Sequence[int] = (1, 5),
                   chunk: int = 1024, bank_chunk: int = 65536, distributed: bool = False,
                   bar: bool = False) -> Dict[int, Dict[int, float]]:
    """Accuracies in percent of the weighted k-NN classifier (Wu et al. 2018; DINO).

    Each of the k neighbours votes for its label with weight exp(cosine similarity / temperature).
    All ``ks`` are judged in one pass.

    Args:
        queries: features (N, C).
        labels: their labels (N,).
        bank: features (M, C) on the device that is to compute, in float32 or float16.
        bank_labels: (M,).
        ks: numbers of neighbours.
        temperature: of the votes.
        top: how many of the most voted labels may hold the right one; labels without a vote
            never do.
        chunk: see ``nearest_neighbours``.
        bank_chunk: see ``nearest_neighbours``.
        distributed: whether all ranks are here, each with its own part of queries and bank; all
            get the result that one process would have. Otherwise this process is by itself.
        bar: whether rank 0 shows a bar.

    Returns:
        {k: {top: accuracy}}.

    Raises:
        ValueError: fewer than k images in the bank, or features that are not finite.
    """
    check(queries, bank, max(ks), distributed)
    queries = torch.cat(parts(queries.cpu(), distributed))
    labels = torch.cat(parts(labels.cpu(), distributed))
    classes = 1 + max(parts(int(bank_labels.max()) if len(bank_labels) else 0, distributed))
    bank_labels = bank_labels.to(bank.device)
    found = nearest_neighbours(queries, bank, max(ks), chunk, bank_chunk)
    if bar and get_rank() == 0:
        found = progress(found, len(queries), 'queries', lambda part: len(part[0]))
    right = {k: dict.fromkeys(top, 0) for k in ks}
    truth = iter(labels.split(chunk))
    for similarity, rows in found:
        similarity, voters = similarity.cpu(), bank_labels[rows].cpu()
        if distributed:
            similarity, voters = over_ranks(similarity, voters, max(ks))
        expected = next(truth)[:, None]
        for k in ks:
            votes = similarity.new_zeros(len(voters), classes)
            votes.scatter_add_(1, voters[:, :k], (similarity[:, :k] / temperature).exp())
            votes, ranked = votes.topk(min(max(top), classes), dim=1)
            hits = (ranked == expected) & (votes > 0)  # without a vote it would be by chance
            for most in top:
                right[k][most] += hits[:, :most].any(1).sum().item()
    return {k: {most: 100. * count / len(labels) for most, count in counts.items()}
            for k, counts in right.items()}


def over_ranks(similarity: torch.Tensor, values: torch.Tensor,
               k: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """The k nearest (n, k) of all ranks' parts of the bank, from each rank's nearest (n, <= k)."""
    missing = k - similarity.shape[1]  # a rank's part may be smaller than k
    similarity = F.pad(similarity, (0, missing), value=float('-inf'))
    values = F.pad(values, (0, missing))
    return nearest(torch.cat(all_gather(similarity), 1), torch.cat(all_gather(values), 1), k)


def parts(value: Any, distributed: bool) -> List[Any]:
    """A value of every rank, or only that of this one."""
    return all_gather_object(value) if distributed else [value]


def check(queries: torch.Tensor, bank: torch.Tensor, k: int, distributed: bool) -> None:
    """Raise ValueError, on all ranks alike, for too few images or broken features."""
    size = sum(parts(len(bank), distributed))
    if size < k:
        raise ConfigError(f'{k} neighbours of {size} training images were asked for: lower `ks`.')
    for name, features in (('queries', queries), ('bank', bank)):
        broken = sum(parts((~features.isfinite().all(1)).sum().item(), distributed))
        if broken:
            raise ConfigError(f'{broken} features of the {name} are not finite: the weights of the '
                              'checkpoint are damaged or diverged.')
