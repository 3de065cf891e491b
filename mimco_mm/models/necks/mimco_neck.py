from typing import Optional

from mmcv.cnn import build_norm_layer
from mmpretrain.registry import MODELS
from torch import nn


@MODELS.register_module()
class MimCoNeck(nn.Sequential):
    """The shape of p1, p2 and p3: two 1 x 1 convolutions with BN and ReLU between (section 3.2).

    On a feature map it is the paper's "2 layer convolution", on a pooled map (B, C, 1, 1) its
    "2 layer MLP". Widths, biases and the BN follow MoBY's MLP; the paper does not state them.

    Args:
        in_channels: C of the incoming map (B, C, H, W).
        hid_channels: width between the convolutions (MoBY: 4096).
        out_channels: width of the embedding (MoBY: 256).
        norm_cfg: the norm between them; by default BN, synchronised over ranks (MoBY).
    """

    def __init__(self,
                 in_channels: int,
                 hid_channels: int = 4096,
                 out_channels: int = 256,
                 norm_cfg: Optional[dict] = None) -> None:
        super().__init__(
            nn.Conv2d(in_channels, hid_channels, kernel_size=1),
            build_norm_layer(norm_cfg or dict(type='SyncBN'), hid_channels)[1],
            nn.ReLU(inplace=True),
            nn.Conv2d(hid_channels, out_channels, kernel_size=1))
