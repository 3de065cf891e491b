from typing import Dict, List

from mmengine.optim import DefaultOptimWrapperConstructor
from mmpretrain.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with one group for all parameters of the same settings.

    mmengine makes one group a parameter, 196 for MimCo with Swin-T. An optimizer and a schedule
    work group by group, so a fused optimizer would launch a kernel for each of them.
    """

    def add_params(self, params: List[dict], module: nn.Module, prefix: str = '',
                   **kwargs) -> None:
        """See the base class, which calls this again for every child, with a ``prefix``."""
        super().add_params(params, module, prefix, **kwargs)
        if not prefix:
            params[:] = merge_groups(params)


def merge_groups(groups: List[dict]) -> List[dict]:
    """Groups of an optimizer, with those of the same settings made one, in order."""
    merged: Dict[tuple, dict] = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != 'params'}
        key = tuple(sorted(settings.items()))
        merged.setdefault(key, dict(params=[], **settings))['params'] += group['params']
    return list(merged.values())
