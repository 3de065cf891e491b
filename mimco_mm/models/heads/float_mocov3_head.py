import torch
from mmengine.dist import all_gather, get_rank
from mmpretrain.models.heads import MoCoV3Head
from mmpretrain.registry import MODELS
from torch.nn import functional as F


@MODELS.register_module()
class FloatMoCoV3Head(MoCoV3Head):
    """mmpretrain's head of MoCo v3, in float32 whatever autocast does, with labels on the device.

    Its logits would be bfloat16 under our default autocast; the official recipe has float16, with
    eight times the resolution. Labels that come from the host are a copy that it waits for.
    """

    def loss(self, base_out: torch.Tensor, momentum_out: torch.Tensor) -> torch.Tensor:
        """The loss of queries (N, C) and keys (N, C)."""
        with torch.autocast(base_out.device.type, enabled=False):
            q = F.normalize(self.predictor([base_out.float()])[0], dim=1)
            k = torch.cat(all_gather(F.normalize(momentum_out.float(), dim=1)))  # of all ranks
            logits = torch.einsum('nc,mc->nm', [q, k]) / self.temperature
            labels = torch.arange(len(q), device=q.device) + len(q) * get_rank()
            return self.loss_module(logits, labels)
