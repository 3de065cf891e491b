import pytest
import torch

from mimco_mm.models.utils import KeyQueue
from tests.reference.algorithm1 import PlainQueue


def test_enqueue__any_batch_size_wraps_around_in_order():
    torch.manual_seed(0)
    queue = KeyQueue(7, 3)
    reference = PlainQueue(7, 3, queue.keys)
    for batch in (3, 7, 1, 5, 2, 7):
        keys = torch.randn(batch, 3)
        queue.enqueue(keys)
        reference.enqueue(keys)
        assert torch.equal(queue.keys.double(), reference.tensor())
        assert queue.pointer.item() == reference.pointer


def test_enqueue__more_keys_than_places_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match='brings 8 keys, but the queue holds 7'):
        KeyQueue(7, 3).enqueue(torch.randn(8, 3))


def test_state_dict__keeps_keys_and_pointer():
    queue, restored = KeyQueue(7, 3), KeyQueue(7, 3)
    queue.enqueue(torch.randn(5, 3))
    restored.load_state_dict(queue.state_dict())
    keys = torch.randn(4, 3)
    queue.enqueue(keys)
    restored.enqueue(keys)
    assert torch.equal(queue.keys, restored.keys) and queue.pointer == restored.pointer == 2


def test_init__keys_are_random_unit_vectors():
    keys = KeyQueue(4096, 256).keys
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(4096))
    assert keys.mean(0).norm() < 0.05
