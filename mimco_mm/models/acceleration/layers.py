import mmcv
from mmcv.cnn.bricks.transformer import PatchMerging
from mmpretrain.models.utils import CosineEMA, MultiheadAttention, ShiftWindowMSA
from mmpretrain.models.utils.attention import WindowMSA
from torch import nn

from .attention import FastMultiheadAttention, FastShiftWindowMSA, FastWindowMSA
from .moving_average import FastCosineEMA
from .onednn_linear import OneDNNLinear, onednn_is_faster
from .patch_merging import FastPatchMerging

FASTER = {
    MultiheadAttention: FastMultiheadAttention,
    WindowMSA: FastWindowMSA,
    ShiftWindowMSA: FastShiftWindowMSA,
    PatchMerging: FastPatchMerging,
    CosineEMA: FastCosineEMA,
}


def accelerate(model: nn.Module) -> nn.Module:
    """Let layers of mmpretrain and torch compute the same faster: in place, weights and all.

    Only layers of exactly these classes are touched; subclasses may compute something else. A
    frozen teacher's ``hidden_networks`` are reached as well.
    """
    linear = dict.fromkeys((nn.Linear, mmcv.cnn.Linear), OneDNNLinear)
    faster = {**FASTER, **linear} if onednn_is_faster() else FASTER
    for module in model.modules():
        module.__class__ = faster.get(type(module), type(module))
        for network in getattr(module, 'hidden_networks', ()):
            accelerate(network)
    return model
