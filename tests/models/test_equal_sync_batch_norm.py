"""BN over ranks with equal batches: torch's on one process, by kernels that CUDA has as well."""

import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mimco_mm.models.utils import EqualSyncBatchNorm

SHAPES = pytest.mark.parametrize('shape', [(8, 3), (8, 3, 2, 5)], ids=['rows', 'maps'])
AFFINE = pytest.mark.parametrize('affine', [True, False], ids=['affine', 'plain'])


@SHAPES
@AFFINE
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_equal_sync_batch_norm__is_torchs_on_one_process_in_any_precision(dtype, affine, shape):
    torch.manual_seed(0)
    plain = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3, momentum=.3, affine=affine)
    ours = EqualSyncBatchNorm(3, momentum=0.3, affine=affine)
    if dtype is torch.float64:  # autocast keeps the weights in float32
        plain, ours = plain.double(), ours.double()
    x = torch.randn(shape).to(dtype).requires_grad_()
    mine, weights = x.detach().clone().requires_grad_(), torch.randn(shape).to(dtype)
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    try:
        found = ours(mine)
        (found * weights).sum().backward()
    finally:
        dist.destroy_process_group()
    expected = plain(x)
    (expected * weights).sum().backward()
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(mine.grad, x.grad)
    torch.testing.assert_close([p.grad for p in ours.parameters()],
                               [p.grad for p in plain.parameters()])
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())


class OnCuda(TorchDispatchMode):
    """Has CUDA's kernels of BN look at what the CPU's are given; they stop at the missing driver.

    Attributes:
        said: what they stopped at.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if 'batch_norm' in func.name():
            with pytest.raises(Exception) as refusal:
                func.redispatch(torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA), *args)
            self.said.append(str(refusal.value))
        return func(*args, **(kwargs or {}))


@SHAPES
@AFFINE
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.skipif(
    torch.cuda.is_available() or not torch._C._dispatch_has_kernel_for_dispatch_key(
        'aten::native_batch_norm_backward', 'CUDA'),
    reason="asks a torch that has CUDA's kernels, on a machine without a GPU")
def test_equal_sync_batch_norm__gives_cudas_backward_all_that_it_wants(dtype, affine, shape):
    norm = EqualSyncBatchNorm(3, affine=affine)
    out = norm(torch.randn(shape).to(dtype).requires_grad_())
    with OnCuda() as kernels:
        out.float().sum().backward()
    assert kernels.said and all('driver' in said for said in kernels.said), kernels.said
