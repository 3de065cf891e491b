"""Windowed attention, whose kernels depend on card, bias and gradient."""

from typing import Iterator, List, Optional

import torch
from mmpretrain.models.utils.attention import WindowMSA
from torch import nn

from ....models.acceleration.attention import FastWindowMSA, fused_is_faster
from ..rows import Row, Setting, figure, judged, skipped

# Windows of 7 x 7 in an image of 224 px, heads of Swin-T and of Swin-B: stages 1 to 4
STAGES = ((64, 3), (16, 6), (4, 12), (1, 24), (64, 4), (16, 8), (4, 16), (1, 32))
BIASED_KERNEL = 'fmha_cutlass'  # of the memory-efficient attention, forward and backward
OTHERS = ('cudnn', 'softmax', 'flash')
SLACK = 1e-3


def run(setting: Setting) -> Iterator[Row]:
    """All shapes of Swin's attention, with and without mask and gradient, then the kernels."""
    images = 2 if setting.rehearsal else min(setting.batch_size, 64)
    stages = STAGES[2:4] if setting.rehearsal else STAGES
    for windows, heads in stages:
        for masked in (False, True)[:1 + (windows > 1)]:
            yield compared(Case(setting.device, images, windows, heads, masked))
    for frozen in (False, True):
        yield kernels(setting, Case(setting.device, images, *stages[0], True), frozen)


class Case:
    """One shape of attention: stock layers in float32 and bfloat16, and the faster ones."""

    def __init__(self, device: str, images: int, windows: int, heads: int, masked: bool) -> None:
        self.device, self.width = device, heads * 32
        self.name = f'{windows} windows, {heads} heads, {"shifted" if masked else "not shifted"}'
        self.stock = WindowMSA(self.width, (7, 7), heads).to(device)
        nn.init.normal_(self.stock.relative_position_bias_table)
        self.faster = FastWindowMSA(self.width, (7, 7), heads).to(device)
        self.faster.load_state_dict(self.stock.state_dict())
        self.x = torch.randn(images * windows, 49, self.width, device=device)
        hidden = torch.rand(windows, 49, 49, device=device) < 0.3
        self.mask = torch.where(hidden, -100., 0.) if masked else None

    def tensors(self, layer: nn.Module, dtype: Optional[torch.dtype]) -> List[torch.Tensor]:
        """Output, and gradients of the input, the biases' table and the first weight."""
        x = self.x.clone().requires_grad_()
        with torch.autocast(self.device, dtype or torch.bfloat16, enabled=dtype is not None):
            out = layer(x, self.mask)
        wanted = [x, layer.relative_position_bias_table, layer.qkv.weight]
        return [out, *torch.autograd.grad(out.float().square().mean(), wanted)]

    def forward(self, layer: nn.Module, frozen: bool) -> None:
        layer.requires_grad_(not frozen).train(not frozen)
        with torch.set_grad_enabled(not frozen), torch.autocast(self.device, torch.bfloat16):
            out = layer(self.x, self.mask)
        if not frozen:
            out.float().square().mean().backward()


def compared(case: Case) -> Row:
    """Whether the faster layer in bfloat16 is about as far from float32 as the stock one is."""
    exact = case.tensors(case.stock, None)
    stock, faster = (apart(case.tensors(layer, torch.bfloat16), exact)
                     for layer in (case.stock, case.faster))
    case.faster.requires_grad_(False).eval()
    with torch.no_grad(), torch.autocast(case.device, torch.bfloat16):
        frozen = apart([case.faster(case.x, case.mask)], exact)[0]
    stock, faster = [*stock, stock[0]], [*faster, frozen]
    names = ('output', 'of input', 'of bias', 'of weight', 'frozen')
    holds = all(mine <= 2 * theirs + SLACK for mine, theirs in zip(faster, stock))
    told = ', '.join(f'{name} {mine:.4f} ({theirs:.4f})'
                     for name, mine, theirs in zip(names, faster, stock))
    return judged(case.name, holds, f'from float32, in brackets stock: {told}',
                  faster=dict(zip(names, faster)), stock=dict(zip(names, stock)))


def apart(tensors: List[torch.Tensor], exact: List[torch.Tensor]) -> List[float]:
    """Relative distances."""
    return [((one.float() - other).norm() / other.norm()).item()
            for one, other in zip(tensors, exact)]


def kernels(setting: Setting, case: Case, frozen: bool) -> Row:
    """Which kernels a windowed attention runs: the memory-efficient ones are wanted."""
    what = f'kernels, {"frozen" if frozen else "trained"}'
    if setting.rehearsal:
        case.forward(case.faster, frozen)
        return skipped(what, "kernels are a GPU's")
    case.forward(case.faster, frozen)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        case.forward(case.faster, frozen)
        torch.cuda.synchronize()
    ran = sorted({event.key for event in profile.key_averages()})
    if not ran:
        return skipped(what, 'the profiler saw none: it may lack the rights')
    seen = [key for key in ran if any(part in key.lower() for part in (BIASED_KERNEL, *OTHERS))]
    told = '; '.join(key[:60] for key in seen) or 'none of attention'
    if not fused_is_faster(case.x):
        return figure(what, told, kernels=ran)
    holds = any(BIASED_KERNEL in key for key in seen) and all(BIASED_KERNEL in key for key in seen)
    return judged(what, holds, told, kernels=ran)
