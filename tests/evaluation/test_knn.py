"""k-NN in chunks, in float16, for many k at once; over processes: tests/transfers/test_knn.py."""

import math

import pytest
import torch

from mimco_mm.evaluation import knn_accuracies, knn_accuracy, nearest_neighbours

KS = (1, 5, 20)


def features(seed: int = 0, dtype=torch.float64) -> tuple:
    """Queries, labels, bank, bank labels of 7 classes that lie near each other."""
    torch.manual_seed(seed)
    centres = torch.randn(7, 6, dtype=dtype)
    bank_labels, labels = torch.randint(7, (61, )), torch.randint(7, (40, ))
    bank = centres[bank_labels] + 1.2 * torch.randn(61, 6, dtype=dtype)
    queries = centres[labels] + 1.2 * torch.randn(40, 6, dtype=dtype)
    return queries, labels, bank, bank_labels


def plain_loops(queries, labels, bank, bank_labels, k, top, temperature=0.07) -> float:
    right = 0
    for query, label in zip(queries, labels):
        similar = [float(query @ key / query.norm() / key.norm()) for key in bank]
        votes = {}
        for index in sorted(range(len(bank)), key=lambda i: -similar[i])[:k]:
            label_ = int(bank_labels[index])
            votes[label_] = votes.get(label_, 0.) + math.exp(similar[index] / temperature)
        right += int(label) in sorted(votes, key=lambda name: -votes[name])[:top]
    return 100. * right / len(labels)


@pytest.mark.parametrize('chunk, bank_chunk', [(1024, 65536), (7, 65536), (40, 9), (3, 1)])
def test_knn_accuracies__equal_plain_loops_in_any_chunks(chunk, bank_chunk):
    data = features()
    found = knn_accuracies(*data, ks=KS, top=(1, 2, 5), chunk=chunk, bank_chunk=bank_chunk)
    for k in KS:
        for top in (1, 2, 5):
            assert found[k][top] == pytest.approx(plain_loops(*data, k, top)), (k, top)
    assert 20 < found[20][1] < found[20][5] <= 100
    assert knn_accuracy(*data, k=5) == found[5][1]


def test_nearest_neighbours__in_chunks_of_the_bank():
    queries, _, bank, _ = features()
    (expected, expected_rows), = nearest_neighbours(queries, bank, 12)
    (similarity, rows), = nearest_neighbours(queries, bank, 12, bank_chunk=5)
    assert torch.equal(rows, expected_rows)
    torch.testing.assert_close(similarity, expected)
    assert (similarity.diff(dim=1) <= 0).all()


def test_nearest_neighbours__of_a_bank_in_float16_are_compared_in_float32():
    queries, _, bank, _ = features(dtype=torch.float32)
    (expected, _), = nearest_neighbours(queries, bank, 5)
    (similarity, _), = nearest_neighbours(queries, bank.half(), 5)
    assert similarity.dtype == torch.float32
    torch.testing.assert_close(similarity, expected, atol=1e-3, rtol=0)


def test_knn_accuracies__of_classes_that_the_bank_lacks():
    queries, labels, bank, bank_labels = features()
    found = knn_accuracies(queries, labels + 100, bank, bank_labels, ks=(5, ))
    assert found == {5: {1: 0., 5: 0.}}


def test_knn_accuracies__labels_without_a_vote_are_no_hits():
    bank, labels = torch.eye(3), torch.tensor([0, 1, 2])
    found = knn_accuracies(bank[:1], torch.tensor([2]), bank, labels, ks=(1, 3), top=(1, 3))
    assert found == {1: {1: 0., 3: 0.}, 3: {1: 0., 3: 100.}}


@pytest.mark.parametrize('damage, message', [
    (lambda data: data[0].__setitem__((3, 1), float('nan')), '1 features of the queries'),
    (lambda data: data[2].__setitem__((slice(2), 0), float('inf')), '2 features of the bank'),
])
def test_knn_accuracies__refuse_broken_features(damage, message):
    data = features()
    damage(data)
    with pytest.raises(ValueError, match=message):
        knn_accuracies(*data, ks=(5, ))


def test_knn_accuracies__refuse_more_neighbours_than_images():
    with pytest.raises(ValueError, match='200 neighbours of 61 training images.*lower `ks`'):
        knn_accuracies(*features())


def test_knn_accuracies__alone_never_wait_for_other_ranks(monkeypatch):
    """As within a training run, where one rank measures while the others wait for it."""
    for name in ('all_gather', 'all_gather_object'):
        monkeypatch.setattr(f'mimco_mm.evaluation.knn.{name}', None)
    assert 0 < knn_accuracy(*features(), k=5) < 100
