import inspect
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, Dict, Optional, Tuple

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS

from ...checkpoints import LibraryNetwork, library
from ...errors import ConfigError

# How timm resizes the position embeddings of some models, where its default does not do
BILINEAR = dict(interpolation='bilinear', antialias=False)
RESIZING = {'flexivit': BILINEAR, 'radio': BILINEAR,
            'base_patch16_radio_v3': dict(align_corners=True),
            'huge_patch16_radio_v3': dict(align_corners=True)}


@MODELS.register_module()
class TimmFeatureMap(LibraryNetwork, BaseModule):
    """Any model of timm, as a backbone with a feature map: for teachers that mmpretrain lacks.

    What comes after the map (pool, norm of the head, classifier, later blocks) is cut off.

    Args:
        model_name: of timm, e.g. 'vit_base_patch16_clip_quickgelu_224'.
        block: index of the block (of the stage, where it has stages) that is put out; the last by
            default.
        init_cfg: see mmengine's ``BaseModule``.
        **kwargs: those of ``timm.create_model``, such as ``img_size``.

    Raises:
        ConfigError: it is no model of this timm, or gives no feature maps.
    """

    def __init__(self, model_name: str, block: int = -1, init_cfg: Optional[dict] = None,
                 **kwargs: Any) -> None:
        super().__init__(init_cfg)
        timm = library('timm', 'timm>=1.0.9')
        self.model_name = model_name
        self.normed: Optional[bool] = None  # known once there was an image
        try:
            self.timm_model = timm.create_model(model_name, **kwargs)
        except RuntimeError as error:
            raise ConfigError(f'timm {timm.__version__} cannot build {model_name}: '
                              f'{error}') from error
        for method in ('forward_intermediates', 'prune_intermediate_layers'):
            if not hasattr(self.timm_model, method):
                raise ConfigError(
                    f'{model_name} of timm {timm.__version__} has no `{method}`, by which feature '
                    'maps are had. Take a newer timm, or another model.')
        self.whole = tuple(self.timm_model.state_dict())
        self.timm_model.prune_intermediate_layers([block], prune_head=True)
        self.entrypoint = timm.models.model_entrypoint(model_name.partition('.')[0])

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """Features (B, C, H, W) of images (B, 3, h, w), after the final norm.

        timm norms an earlier block of a ViT as well, but no earlier stage of a Swin, and nothing
        where the norm is the head's (Hiera).
        """
        if self.normed is None:
            self.normed = True
            try:
                return self.maps(x)
            except AssertionError as error:  # the first thing that timm looks at
                if 'norm' not in str(error):
                    raise
                self.normed = False
        return self.maps(x)

    def maps(self, x: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        return tuple(self.timm_model.forward_intermediates(
            x, indices=[-1], norm=self.normed, output_fmt='NCHW', intermediates_only=True))

    def converted(self, state: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        """By the function that timm applies to its own files, which stands beside the model."""
        module = vars(sys.modules[self.entrypoint.__module__])
        convert = module.get('checkpoint_filter_fn') or module.get('_filter_fn')
        if convert is None:
            return state
        options = dict(model=self.timm_model, adapt_layer_scale=True)  # the latter for DeiT III
        for part, resizing in RESIZING.items():
            options.update(resizing if part in self.entrypoint.__name__ else {})
        taken = inspect.signature(convert).parameters.keys() & options.keys()
        with redirect_stdout(StringIO()):  # some print
            return convert(state, **{name: options[name] for name in taken})
