from typing import Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList
from mmpretrain.models.utils import LayerNorm2d
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

EPS = 1e-6  # of the layer norms, ViTDet's

@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """ViTDet's pyramid: maps of strides 4, 8, 16, 32 and 64 out of a plain ViT's last one.

    The map is deconvolved twice, once, kept, or max-pooled; each then passes a 1x1 and a 3x3
    convolution, both with layer norm, and the coarsest is subsampled once more.

    Args:
        in_channels: C, the ViT's width; a multiple of 4.
        out_channels: width of the pyramid.
    """

    def __init__(self, in_channels: int, out_channels: int = 256) -> None:
        super().__init__()
        half, quarter = in_channels // 2, in_channels // 4
        self.scales = ModuleList([
            nn.Sequential(_double(in_channels, half), LayerNorm2d(half, eps=EPS), nn.GELU(),
                          _double(half, quarter)),
            _double(in_channels, half),
            nn.Identity(),
            nn.MaxPool2d(2),
        ])
        self.convs = ModuleList([
            nn.Sequential(_conv(width, out_channels, 1), _conv(out_channels, out_channels, 3))
            for width in (quarter, half, in_channels, in_channels)
        ])

    def forward(self, inputs: Sequence[torch.Tensor]) -> Tuple[torch.Tensor, ...]:
        """Five maps, finest first, of the backbone's maps, of which the last (B, C, H, W) counts.

        They are (B, ``out_channels``, s H, s W), s = 4, 2, 1, 1/2, 1/4.
        """
        levels = [conv(scale(inputs[-1])) for scale, conv in zip(self.scales, self.convs)]
        return (*levels, F.max_pool2d(levels[-1], 1, stride=2))


def _double(in_channels: int, out_channels: int) -> nn.Module:
    return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Module:
    return ConvModule(in_channels, out_channels, kernel_size, padding=kernel_size // 2,
                      norm_cfg=dict(type='mmpretrain.LN2d', eps=EPS), act_cfg=None)
