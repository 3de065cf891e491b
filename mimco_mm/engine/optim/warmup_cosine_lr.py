import math
from typing import List

from mmengine.optim.scheduler import _ParamScheduler
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmpretrain.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    """Linear warm-up, then a cosine that counts the warm-up steps: timm's, as SimMIM and MoBY use.

    With 10 of 100 epochs of warm-up the cosine therefore goes on at 0.9755 of the peak. (A
    LinearLR followed by mmengine's CosineAnnealingLR would start the cosine at the peak.) All
    rates are parts of the peak, so they scale with it.

    Args:
        optimizer: the wrapped optimizer.
        warmup: warm-up steps, or epochs, and parts of them, with ``convert_to_iter_based``.
        start_ratio: first rate over the peak.
        min_ratio: last rate over the peak.
        **kwargs: ``begin``, ``end``, ``by_epoch`` and the like, see mmengine's schedulers.
    """

    def __init__(self,
                 optimizer,
                 warmup: float,
                 *args,
                 start_ratio: float = 0.,
                 min_ratio: float = 0.,
                 **kwargs) -> None:
        self.warmup = warmup
        self.start_ratio = start_ratio
        self.min_ratio = min_ratio
        super().__init__(optimizer, *args, **kwargs)

    @classmethod
    def build_iter_from_epoch(cls,
                              *args,
                              warmup: float,
                              end: int,
                              epoch_length: int,
                              by_epoch: bool = True,
                              **kwargs) -> 'WarmupCosineLR':
        """The schedule per iteration, from one in epochs."""
        return cls(
            *args,
            warmup=round(warmup * epoch_length),
            end=end * epoch_length,
            by_epoch=False,
            **kwargs)

    def _get_value(self) -> List[float]:
        step, total = self.last_step, self.end - self.begin
        if step < self.warmup:
            ratio = self.start_ratio + (1. - self.start_ratio) * step / self.warmup
        else:
            cosine = (1. + math.cos(math.pi * step / total)) / 2.
            ratio = self.min_ratio + (1. - self.min_ratio) * cosine
        return [base * ratio for base in self.base_values]
