from typing import Optional

import torch
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn

from ...checkpoints import LoadReport, load_backbone


@MODELS.register_module()
class FrozenTeacher(BaseModule):
    """The contrastive teacher f' of Algorithm 1: eval mode for good, no gradient, never saved.

    The network is kept out of this module's children on purpose. So ``train()`` does not reach it,
    the optimizer and the distributed wrapper do not see it, and it is not in ``state_dict()``: a
    checkpoint holds the student alone, and resuming reads the teacher from its own file again.

    Args:
        backbone: config of any backbone whose last output is a feature map (B, C, H, W) after the
            final norm. Its architecture must be the checkpoint's.
        checkpoint: path of the teacher's checkpoint. It is read by ``init_weights``, which a Runner
            calls before the first step, and must cover the backbone tensor by tensor.
    """

    def __init__(self, backbone: dict, checkpoint: str) -> None:
        super().__init__()
        self._network = (MODELS.build(backbone), )
        self.checkpoint = checkpoint
        self.report: Optional[LoadReport] = None

    @property
    def network(self) -> nn.Module:
        return self._network[0]

    def init_weights(self) -> None:
        """Load the checkpoint, once.

        Raises:
            CheckpointError: it is missing, unreadable, of another architecture, or not finite.
        """
        if self.report is None:
            self.network.init_weights()  # computes the fixed tensors that the file must agree with
            self.report = load_backbone(
                self.network, self.checkpoint, config_key='model.target_generator.checkpoint')
            self.network.requires_grad_(False)
            self.network.eval()
            MMLogger.get_current_instance().info(f'Teacher, frozen: {self.report}')

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The teacher's features (B, C, H, W) of unmasked images (B, 3, h, w)."""
        if self.report is None:
            raise RuntimeError('The teacher has not been loaded yet: call `init_weights()` of the '
                               'model first. A Runner does so before it trains.')
        return self.network(x)[-1]

    def _apply(self, fn, *args, **kwargs):
        """Let ``to()``, ``cuda()`` and ``half()`` reach the hidden network as well."""
        self.network._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)
