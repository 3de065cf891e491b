from functools import partial
from typing import Callable, List, Optional

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from mmpretrain.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ...errors import ConfigError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class BackboneLayerDecayConstructor(LearningRateDecayOptimWrapperConstructor):
    """mmpretrain's layer-wise learning rate decay, for any model that has one of its backbones.

    mmpretrain asks the model how deep a parameter lies, which detectors and segmenters cannot say;
    here ``model.backbone`` is asked. What is not in it has the full rate, as its final norm.
    """

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   get_layer_depth: Optional[Callable] = None,
                   **kwargs) -> None:
        """See the base class, which calls this again for every child, with ``get_layer_depth``."""
        if get_layer_depth is None:
            backbone = getattr(module, 'backbone', None)
            if not hasattr(backbone, 'get_layer_depth'):
                raise ConfigError(
                    'Layer-wise learning rate decay needs a `model.backbone` that knows the depth '
                    f'of its parameters (get_layer_depth), got {type(backbone).__name__}: take one '
                    "of mmpretrain's, e.g. `model.backbone.type=mmpretrain.VisionTransformer`, or "
                    'remove `optim_wrapper.constructor`.')
            get_layer_depth = partial(backbone.get_layer_depth, prefix='backbone.')
        super().add_params(params, module, prefix, get_layer_depth, **kwargs)
