import torch
from mmpretrain.models.heads import MoCoV3Head
from mmpretrain.registry import MODELS


@MODELS.register_module()
class FloatMoCoV3Head(MoCoV3Head):
    """mmpretrain's head of MoCo v3, in float32 whatever autocast does.

    Its logits would be bfloat16 under our default autocast; the official recipe has float16, with
    eight times the resolution.
    """

    def loss(self, base_out: torch.Tensor, momentum_out: torch.Tensor) -> torch.Tensor:
        """The loss of queries (N, C) and keys (N, C)."""
        with torch.autocast(base_out.device.type, enabled=False):
            return super().loss(base_out.float(), momentum_out.float())
