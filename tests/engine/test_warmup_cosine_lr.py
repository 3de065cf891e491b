import pytest
import torch

from mimco_mm.engine import WarmupCosineLR
from tests.reference.schedule import warmup_cosine_lr


@pytest.mark.parametrize('warmup, epochs, start, low', [(10, 100, 1e-6, 1e-5),
                                                         (5, 300, 5e-7, 5e-6)])
def test_rates__equal_timms_schedule(warmup, epochs, start, low):
    base, length = 1e-3, 3
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = WarmupCosineLR.build_iter_from_epoch(
        optimizer, warmup=warmup, end=epochs, epoch_length=length, by_epoch=True,
        start_ratio=start / base, min_ratio=low / base)
    for step in range(epochs * length):
        wanted = warmup_cosine_lr(step, warmup * length, epochs * length, base, start, low)
        assert optimizer.param_groups[0]['lr'] == pytest.approx(wanted, rel=1e-9), step
        optimizer.step()
        scheduler.step()


def test_rates__resume_from_the_cosine_below_the_peak():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.)
    scheduler = WarmupCosineLR(optimizer, warmup=10, end=100)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]['lr'] == pytest.approx(0.9755, abs=1e-4)


def test_state__survives_saving():
    def build():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.)
        return optimizer, WarmupCosineLR(optimizer, warmup=3, end=20)
    (optimizer, scheduler), (restored_optimizer, restored) = build(), build()
    for _ in range(7):
        optimizer.step(), scheduler.step()
    restored.load_state_dict(scheduler.state_dict())
    restored_optimizer.load_state_dict(optimizer.state_dict())
    for _ in range(5):
        for o, s in ((optimizer, scheduler), (restored_optimizer, restored)):
            o.step(), s.step()
        assert optimizer.param_groups[0]['lr'] == restored_optimizer.param_groups[0]['lr']
