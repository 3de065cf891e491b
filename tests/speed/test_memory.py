"""Planted allocations are found: what lived at once counts, what was there before does not."""

import pytest
import torch

from mimco_mm.speed.memory import PeakMemory

MIB = 2**20


def mib(n: int) -> torch.Tensor:
    return torch.empty(n * MIB, dtype=torch.uint8)


def test_peak__is_of_what_lives_at_once():
    before = mib(64)
    with PeakMemory() as peak:
        first, second = mib(3), mib(2)
        del first, before
        third = mib(4)
    assert peak.bytes == 6 * MIB and len(second) + len(third) == 6 * MIB


def test_peak__sees_what_a_kernel_takes_for_itself():
    x = torch.zeros(256, 1024)  # 1 MiB
    with PeakMemory() as peak:
        x.logsumexp(1)  # takes exp(x - max)
    assert MIB <= peak.bytes < 1.1 * MIB


def test_peak__counts_backward():
    x = torch.zeros(MIB // 4, requires_grad=True)
    with PeakMemory() as peak:
        x.exp().sum().backward()  # exp(x) is kept for the gradient, which is as large
    assert 2 * MIB <= peak.bytes < 2.1 * MIB


def test_peak__of_no_work_is_none_and_an_error_passes():
    with PeakMemory() as peak:
        pass
    assert peak.bytes == 0
    with pytest.raises(KeyError), PeakMemory():
        raise KeyError


def test_peak__unknown_device_is_refused():
    with pytest.raises(ValueError, match="'cpu' and 'cuda', got device 'meta'"):
        PeakMemory('meta')
