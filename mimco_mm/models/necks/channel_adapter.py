from mmpretrain.registry import MODELS
from torch import nn


@MODELS.register_module()
class ChannelAdapter(nn.Conv2d):
    """Learned map from the student's width to the teacher's, position by position.

    p3 is the moving average of p1, so both need features of one width. Where student and teacher
    differ, this 1 x 1 convolution stands between the student and p1 (ours, not the paper's).

    Args:
        in_channels: width of the student.
        out_channels: width of the teacher.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)
