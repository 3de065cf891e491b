import mmcv
from mmcv.cnn.bricks.transformer import PatchMerging
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import CosineEMA, MultiheadAttention, ShiftWindowMSA
from mmpretrain.models.utils.attention import WindowMSA
from torch import nn

from .attention import FastMultiheadAttention, FastShiftWindowMSA, FastWindowMSA
from .joint_casts import CastLinear, FastSwinBlock, FastTransformerEncoderLayer
from .moving_average import FastCosineEMA
from .onednn_linear import OneDNNLinear, onednn_is_faster
from .patch_merging import FastPatchMerging

FASTER = {
    MultiheadAttention: FastMultiheadAttention,
    WindowMSA: FastWindowMSA,
    ShiftWindowMSA: FastShiftWindowMSA,
    PatchMerging: FastPatchMerging,
    CosineEMA: FastCosineEMA,
    SwinBlock: FastSwinBlock,
    TransformerEncoderLayer: FastTransformerEncoderLayer,
}


def accelerate(model: nn.Module) -> nn.Module:
    """Let layers of mmpretrain and torch compute the same faster: in place, weights and all.

    Only layers of exactly these classes are touched; subclasses may compute something else. A
    frozen teacher's ``hidden_networks`` are reached as well. Weights may be initialised later:
    mmengine's initialisers go by the name of a layer's class or of one of its direct bases, so each
    of ours has the class that it stands for among them.
    """
    linear = OneDNNLinear if onednn_is_faster() else CastLinear
    faster = {**FASTER, nn.Linear: linear, mmcv.cnn.Linear: linear}
    for module in model.modules():
        module.__class__ = faster.get(type(module), type(module))
        for network in getattr(module, 'hidden_networks', ()):
            accelerate(network)
    return model
