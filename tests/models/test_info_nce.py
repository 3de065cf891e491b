import math

import pytest
import torch
from torch.nn import functional as F

from mimco_mm.models import InfoNCELoss
from tests.reference.algorithm1 import info_nce


def unit(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, dtype=dtype), dim=1)


@pytest.mark.parametrize('temperature', [0.07, 0.2, 1.0])
def test_forward__equals_the_plain_loops(temperature):
    torch.manual_seed(0)
    q, k, queue = unit(6, 4), unit(6, 4), unit(9, 4)
    loss = InfoNCELoss(temperature)(q, k, queue)
    assert loss.item() == pytest.approx(info_nce(q, k, queue, temperature), 1e-6)


def test_forward__identical_pairs_and_orthogonal_queue_have_a_closed_form():
    q = torch.eye(8, dtype=torch.float64)[:2]
    queue = torch.eye(8, dtype=torch.float64)[2:]
    e = math.exp(1 / 0.2)
    assert InfoNCELoss(0.2)(q, q, queue).item() == pytest.approx(-math.log(e / (e + 6)), 1e-9)


def test_forward__gradient_equals_autograd_of_cross_entropy():
    torch.manual_seed(0)
    q, k, queue = unit(6, 4).requires_grad_(), unit(6, 4), unit(9, 4)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
    wanted, = torch.autograd.grad(F.cross_entropy(logits, torch.zeros(6, dtype=torch.long)), q)
    got, = torch.autograd.grad(InfoNCELoss(0.2)(q, k, queue), q)
    torch.testing.assert_close(got, wanted)


def test_forward__stays_in_float32_under_autocast():
    torch.manual_seed(0)
    q, k, queue = unit(64, 32, dtype=torch.float32), unit(64, 32), unit(500, 32)
    wanted = InfoNCELoss(0.07)(q.double(), k, queue)
    with torch.autocast('cpu', torch.bfloat16):
        got = InfoNCELoss(0.07)(q, k.float(), queue.float())
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(wanted.item(), 1e-5)


def test_forward__loss_weight_scales():
    q, k, queue = unit(3, 4), unit(3, 4), unit(5, 4)
    assert InfoNCELoss(loss_weight=2.)(q, k, queue) == 2 * InfoNCELoss()(q, k, queue)
