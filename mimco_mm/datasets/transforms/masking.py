from mmpretrain.datasets.transforms import SimMIMMaskGenerator
from mmpretrain.registry import TRANSFORMS

from ...errors import ConfigError


@TRANSFORMS.register_module()
class MaskGenerator(SimMIMMaskGenerator):
    """SimMIM's random mask, m of Algorithm 1, one cell a mask unit: ``mask`` (h, w), 1 = masked.

    ceil(ratio x units) units are masked: 30 of 49 for 224 px, 32-px units and 60 %. The backbones
    and MimCo map the units onto their own grids.

    Args:
        input_size: side of the image in px.
        mask_patch_size: side of a mask unit in px (32 in the paper).
        mask_ratio: part of the units to mask, above 0 and at most 1 (0.6 in the paper).
    """

    def __init__(self,
                 input_size: int = 224,
                 mask_patch_size: int = 32,
                 mask_ratio: float = 0.6) -> None:
        if not 0 < mask_ratio <= 1:
            raise ConfigError(
                f'`mask_ratio` must be above 0 and at most 1, got {mask_ratio}. To train without '
                'masks (Table 11) leave the mask generator out of the pipeline, as '
                'configs/pretrain/ablations/mimco_swin-t_no-mask.py does.')
        if input_size % mask_patch_size:
            raise ConfigError(f'`input_size`={input_size} is not a multiple of '
                              f'`mask_patch_size`={mask_patch_size}: no whole number of mask units '
                              'covers the image.')
        super().__init__(
            input_size=input_size,
            mask_patch_size=mask_patch_size,
            model_patch_size=mask_patch_size,
            mask_ratio=mask_ratio)
