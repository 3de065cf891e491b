import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mimco_mm.models import InfoNCELoss
from mimco_mm.models.losses import info_nce_loss
from mimco_mm.speed.memory import PeakMemory
from tests.reference.algorithm1 import info_nce


def unit(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, dtype=dtype), dim=1)


def plain(q, k, queue, temperature: float = 0.2) -> torch.Tensor:
    """Eq. (1) with all logits at once, differentiated by autograd."""
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def with_gradients(loss, q, k, queue) -> list:
    """[loss, gradient of q, gradient of k]."""
    q, k = q.detach().requires_grad_(), k.detach().requires_grad_()
    value = loss(q, k, queue)
    return [value.detach(), *torch.autograd.grad(value, (q, k))]


class Products(TorchDispatchMode):
    """Counts matrix products."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten.mm.default
        return func(*args, **(kwargs or {}))


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


@pytest.mark.parametrize('queries', [1, 2, 3, 7, 8, 9, 16, 21])
def test_forward__chunks_of_any_number_of_queries_equal_the_plain_loss(queries, monkeypatch):
    monkeypatch.setattr(info_nce_loss, 'CHUNK', 4)
    torch.manual_seed(0)
    tensors = unit(queries, 4), unit(queries, 4), unit(9, 4)
    for got, wanted in zip(with_gradients(InfoNCELoss(), *tensors),
                           with_gradients(plain, *tensors)):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('temperature', [0.2, 1e-3])  # exp(1 / 1e-3) is beyond float32
def test_forward__float32_equals_float64(temperature):
    torch.manual_seed(0)
    tensors = [unit(5000, 64, dtype=torch.float32) for _ in range(2)] + [unit(100, 64).float()]
    exact = with_gradients(lambda *x: plain(*x, temperature), *(x.double() for x in tensors))
    for got, wanted in zip(with_gradients(InfoNCELoss(temperature), *tensors), exact):
        assert got.dtype == torch.float32
        assert (got - wanted).norm() < 1e-5 * max(1, 0.02 / temperature) * wanted.norm()


def test_forward__gradients_equal_finite_differences():
    torch.manual_seed(0)
    q, k, queue = unit(5, 4).requires_grad_(), unit(5, 4).requires_grad_(), unit(9, 4)
    assert torch.autograd.gradcheck(lambda q, k: InfoNCELoss(0.3, 2.)(q, k, queue), (q, k))


def test_forward__no_queries_give_nan_and_an_empty_gradient():
    tensors = unit(0, 4), unit(0, 4), unit(9, 4)
    value, of_q, of_k = with_gradients(InfoNCELoss(), *tensors)
    assert value.isnan() and plain(*tensors).isnan() and of_q.shape == of_k.shape == (0, 4)


def test_backward__scales_and_may_come_again():
    torch.manual_seed(0)
    q, k, queue = unit(6, 4).requires_grad_(), unit(6, 4), unit(9, 4)
    wanted, = torch.autograd.grad(plain(q, k, queue), q)
    loss = InfoNCELoss()(q, k, queue)
    (3 * loss).backward(retain_graph=True)
    torch.testing.assert_close(q.grad, 3 * wanted)
    loss.backward()
    torch.testing.assert_close(q.grad, 4 * wanted)


def test_backward__has_no_gradient_of_its_own():
    q = unit(6, 4).requires_grad_()
    loss = InfoNCELoss()(q, unit(6, 4), unit(9, 4))
    with pytest.raises(RuntimeError, match='differentiable once: create_graph=True'):
        torch.autograd.grad(loss, q, create_graph=True)


def test_forward__a_queue_that_wants_a_gradient_is_refused():
    with pytest.raises(ValueError, match=r'queue.detach\(\)'):
        InfoNCELoss()(unit(6, 4), unit(6, 4), unit(9, 4).requires_grad_())


@pytest.mark.parametrize('grad, products', [(True, 4), (False, 2)])
def test_forward__takes_two_products_a_chunk_and_one_without_gradients(grad, products):
    q, k, queue = unit(6, 4).requires_grad_(), unit(6, 4), unit(9, 4)
    with torch.set_grad_enabled(grad), Products() as counted:  # six queries are two chunks
        loss = InfoNCELoss()(q, k, queue)
        if grad:
            loss.backward()
    assert counted.count == products


@pytest.mark.parametrize('queries', [784, 7680])  # 16 and 256 images of Swin-T
def test_memory__is_a_quarter_of_what_autograd_takes(queries):
    q, k, queue = (unit(n, 256, dtype=torch.float32) for n in (queries, queries, 4096))
    q.requires_grad_()

    def keeps_all_logits() -> torch.Tensor:
        negatives = (q / 0.2) @ queue.T
        return F.softplus(negatives.logsumexp(1) - (q * k).sum(1) / 0.2).mean()

    peaks = []
    for loss in (keeps_all_logits, lambda: InfoNCELoss()(q, k, queue)):
        with PeakMemory('cpu') as peak:
            torch.autograd.grad(loss(), q)
        peaks.append(peak.bytes)
    assert peaks[0] > 4 * 4 * queries * 4096  # the logits, and three temporaries of their size
    assert peaks[1] <= peaks[0] / 4


def test_compile__takes_the_loss_in_one_graph():
    torch.manual_seed(0)
    tensors = unit(6, 4), unit(6, 4), unit(9, 4)
    compiled = torch.compile(InfoNCELoss(), backend='aot_eager', fullgraph=True)
    for got, wanted in zip(with_gradients(compiled, *tensors), with_gradients(plain, *tensors)):
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
