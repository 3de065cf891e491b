from typing import Iterator, Tuple

import torch
from torch.nn import functional as F


def nearest_neighbours(queries: torch.Tensor, bank: torch.Tensor, k: int,
                       chunk: int = 4096) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """Cosine similarities and rows of the ``k`` nearest rows of ``bank``, a chunk at a time.

    Args:
        queries: (N, C).
        bank: (M, C), with M >= k.
        k: neighbours of each query.
        chunk: queries compared at once; chunk x M similarities are held.

    Yields:
        Two tensors (n, k) for each chunk of n queries, nearest first.
    """
    bank = F.normalize(bank, dim=1)
    for part in queries.split(chunk):
        yield (F.normalize(part, dim=1) @ bank.T).topk(k, dim=1)


def knn_accuracy(queries: torch.Tensor, labels: torch.Tensor, bank: torch.Tensor,
                 bank_labels: torch.Tensor, k: int = 20, temperature: float = 0.07) -> float:
    """Top-1 accuracy in percent of the weighted k-NN classifier (Wu et al. 2018; DINO).

    Each of the k neighbours votes for its label with weight exp(cosine similarity / temperature).
    """
    classes = int(bank_labels.max()) + 1
    predictions = []
    for similarity, rows in nearest_neighbours(queries, bank, k):
        votes = similarity.new_zeros(len(rows), classes)
        votes.scatter_add_(1, bank_labels[rows], (similarity / temperature).exp())
        predictions.append(votes.argmax(1))
    return 100. * (torch.cat(predictions) == labels).float().mean().item()
