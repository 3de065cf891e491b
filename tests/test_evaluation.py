import math

import pytest
import torch

from mimco_mm.evaluation import knn_accuracy, nearest_neighbours


def plain_knn(queries, labels, bank, bank_labels, k, temperature) -> float:
    """The weighted k-NN classifier as loops."""
    right = 0
    for query, label in zip(queries, labels):
        similarities = [float(query @ key / query.norm() / key.norm()) for key in bank]
        votes = {}
        for index in sorted(range(len(bank)), key=lambda i: -similarities[i])[:k]:
            vote = math.exp(similarities[index] / temperature)
            votes[int(bank_labels[index])] = votes.get(int(bank_labels[index]), 0.) + vote
        right += max(votes, key=votes.get) == int(label)
    return 100. * right / len(labels)


@pytest.mark.parametrize('k', [1, 5, 20])
def test_knn_accuracy__equals_plain_loops(k):
    torch.manual_seed(0)
    bank, queries = torch.randn(60, 6, dtype=torch.float64), torch.randn(40, 6, dtype=torch.float64)
    bank_labels, labels = torch.randint(4, (60, )), torch.randint(4, (40, ))
    wanted = plain_knn(queries, labels, bank, bank_labels, k, 0.07)
    assert 0 < wanted < 100
    assert knn_accuracy(queries, labels, bank, bank_labels, k=k) == pytest.approx(wanted, 1e-5)


def test_nearest_neighbours__do_not_depend_on_the_chunk():
    torch.manual_seed(0)
    bank, queries = torch.randn(60, 6), torch.randn(40, 6)
    whole = torch.cat([rows for _, rows in nearest_neighbours(queries, bank, 5)])
    parts = torch.cat([rows for _, rows in nearest_neighbours(queries, bank, 5, chunk=7)])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[:, 0], torch.tensor([
        max(range(60), key=lambda i: torch.cosine_similarity(query, bank[i], dim=0).item())
        for query in queries]))
