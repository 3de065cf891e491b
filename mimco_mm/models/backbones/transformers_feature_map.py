from typing import Any, Callable, Dict, Optional, Tuple

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS

from ...checkpoints import HF, LibraryNetwork, config_folder, folder_json, library
from ...errors import ConfigError

# Kind of a config -> tokens that come before those of the patches
PREFIX_TOKENS: Dict[str, Callable[[Any], int]] = {
    'vit': lambda config: 1,
    'dinov2': lambda config: 1,
    'dinov2_with_registers': lambda config: 1 + config.num_register_tokens,
    'dinov3_vit': lambda config: 1 + config.num_register_tokens,
    'dinov3_convnext': lambda config: 1,  # the pooled map
    'siglip_vision_model': lambda config: 0,
}
NAFLEX = 'siglip2_vision_model'


@MODELS.register_module()
class TransformersFeatureMap(LibraryNetwork, BaseModule):
    """A vision model of transformers, as a backbone with a feature map: for teachers.

    Args:
        checkpoint: folder of the Hugging Face hub, 'hf:FOLDER' or 'hf:OWNER/MODEL', whose
            ``config.json`` describes the model. Its weights are loaded by who builds this.
        img_size: side of the images in px, where it is not the config's: learned positions are
            interpolated, as transformers does.

    Raises:
        ConfigError: a kind of model whose tokens are not known here.
    """

    def __init__(self, checkpoint: str, img_size: Optional[int] = None) -> None:
        super().__init__()
        transformers = library('transformers', 'transformers>=4.56,<5')
        about = folder_json(config_folder(checkpoint.removeprefix(HF)))
        about = {key: value for key, value in about.items() if not key.endswith('dtype')}
        try:
            config = transformers.AutoConfig.for_model(**about)
        except (TypeError, ValueError) as error:
            raise ConfigError(f'transformers {transformers.__version__} knows no model_type '
                              f'{about.get("model_type")!r}, which {checkpoint} has.') from error
        config = getattr(config, 'vision_config', config)  # of images and texts
        kind = self.model_name = config.model_type
        if kind not in PREFIX_TOKENS:
            advice = (' Take timm:naflexvit_base_patch16_siglip.v2_webli, or a SigLIP 2 of fixed '
                      'resolution.' if kind == NAFLEX else ' timm may have it: timm:NAME.')
            raise ConfigError(f'{checkpoint} is a {kind} of transformers; known as teachers are '
                              f'{", ".join(PREFIX_TOKENS)}.{advice}')
        self.prefix_tokens = PREFIX_TOKENS[kind](config)
        self.patch = getattr(config, 'patch_size', None) or 2**(1 + len(config.hidden_sizes))
        self.width = getattr(config, 'hidden_size', None) or config.hidden_sizes[-1]
        self.img_size = img_size or getattr(config, 'image_size', None)
        with torch.device('meta'):
            self.whole = whole_names(transformers, about, config)
        config.vision_use_head = False  # SigLIP's
        options = dict(add_pooling_layer=False) if kind == 'vit' else {}
        self.transformers_model = transformers.AutoModel.from_config(config, **options)
        self.options = (dict(interpolate_pos_encoding=True)
                        if img_size and kind in ('vit', 'siglip_vision_model') else {})

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """The last map (B, C, H, W) of images (B, 3, h, w), after the final norm."""
        grid = tuple(side // self.patch for side in x.shape[-2:])
        if x.is_meta:  # of which some models cannot compute
            return (x.new_empty(len(x), self.width, *grid), )
        tokens = self.transformers_model(x, **self.options).last_hidden_state
        return (tokens[:, self.prefix_tokens:].transpose(1, 2).unflatten(2, grid), )

    def converted(self, state: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        """Without what stands before the names in a model with a head, such as 'vit.'."""
        prefix = f'{self.transformers_model.base_model_prefix}.'
        wanted = self.transformers_model.state_dict().keys()
        return {key.removeprefix(prefix) if key.removeprefix(prefix) in wanted else key: value
                for key, value in state.items()}


def whole_names(transformers: Any, about: dict, config: Any) -> Tuple[str, ...]:
    """Names of all tensors of the class whose weights a folder holds, and of the bare model's."""
    classes = [getattr(transformers, name, None) for name in about.get('architectures') or ()]
    names = set(transformers.AutoModel.from_config(config).state_dict())
    for one in filter(None, classes):
        full = config if one.config_class is type(config) else one.config_class(**about)
        names.update(one(full).state_dict())
    return tuple(sorted(names))
