"""Masks and feature maps. In every mask 1 (True) means masked, and a cell is one mask unit."""

from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample

from ...errors import ConfigError


def batch_masks(data_samples: List[DataSample]) -> Optional[torch.Tensor]:
    """The masks of a batch, (B, h, w) bool, where the data samples lie; None if they have none."""
    masks = [sample.mask for sample in data_samples if 'mask' in sample]
    if not masks:
        return None
    if len(masks) < len(data_samples):
        raise ConfigError(f'{len(masks)} of {len(data_samples)} samples have a mask: expected all '
                          'or none. Give every dataset of `train_dataloader` the same pipeline.')
    return torch.stack(masks).bool()


def expand_mask(mask: torch.Tensor, grid: Tuple[int, int]) -> torch.Tensor:
    """Repeat the cells of a mask (B, h, w) to a finer ``grid`` (H, W), exactly, as (B, H, W).

    Raises:
        ValueError: a cell of the grid would lie in more than one mask unit.
    """
    (height, width), (rows, columns) = mask.shape[-2:], grid
    if rows % height or columns % width:
        raise ConfigError(
            f'A mask of {height} x {width} units does not map onto a {rows} x {columns} grid '
            'exactly: the grid must be a multiple of it. Make `mask_patch_size` of the mask '
            'generator a multiple of the stride of the backbone.')
    return mask.repeat_interleave(rows // height, -2).repeat_interleave(columns // width, -1)


def common_grid(z: torch.Tensor, z_k: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Bring two maps (B, C, H, W) of one image to the coarser one's grid, exactly.

    The finer map is averaged over the patches that make up one of the coarser map's (ours; in the
    paper both grids are the same).

    Raises:
        ValueError: a patch of the finer map would lie in more than one of the coarser map's.
    """
    grids = tuple(z.shape[-2:]), tuple(z_k.shape[-2:])
    (rows, columns), (rows_k, columns_k) = grids
    if grids[0] == grids[1]:
        return z, z_k
    if rows % rows_k == columns % columns_k == 0:
        return F.avg_pool2d(z, (rows // rows_k, columns // columns_k)), z_k
    if rows_k % rows == columns_k % columns == 0:
        return z, F.avg_pool2d(z_k, (rows_k // rows, columns_k // columns))
    raise ConfigError(
        f'The student has {rows} x {columns} patches, the teacher {rows_k} x {columns_k}: a masked '
        'patch has no counterpart. Set `model.target_generator.input_size` so that the teacher '
        "has the student's patches or a multiple of them: student's patches x teacher's patch size "
        'in px.')


def masked_index(mask: torch.Tensor) -> torch.Tensor:
    """Positions (N,) of the masked cells of a mask (B, H, W) in ``tokens``' order.

    Call it on the host: on an accelerator the unknown N would make the host wait for the device.
    """
    return mask.flatten().nonzero().squeeze(1)


def tokens(x: torch.Tensor) -> torch.Tensor:
    """The positions of a feature map (B, C, H, W) as rows (B * H * W, C)."""
    return x.flatten(2).transpose(1, 2).flatten(0, 1)


def global_average(x: torch.Tensor) -> torch.Tensor:
    """GAP of Figure 1: (B, C, H, W) -> (B, C, 1, 1)."""
    return x.mean((2, 3), keepdim=True)


def mean_key(k: torch.Tensor, mask: Optional[torch.Tensor]) -> torch.Tensor:
    """One key an image: the mean (B, D) of a map (B, D, H, W) over all or the masked positions.

    At least in float32: what it leaves in a queue stays there.
    """
    dtype = torch.promote_types(k.dtype, torch.float32)
    if mask is None:
        return k.mean((2, 3), dtype=dtype)
    weight = mask.to(k.device, dtype, non_blocking=True).unsqueeze(1)
    return (k * weight).sum((2, 3)) / weight.sum((2, 3))
