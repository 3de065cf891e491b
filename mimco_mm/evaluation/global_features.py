"""One feature for each image of any size, by a frozen backbone, on one process or several."""

from typing import Any, Dict, List, Sequence, Tuple

import torch
from mmengine.dist import all_gather_object, get_dist_info
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset

from ..datasets.transforms import BrokenImageError
from ..errors import without_workers_traceback
from ..progress import of_share, progress


def global_feature(backbone: nn.Module, image: torch.Tensor,
                   scales: Sequence[float] = (1., )) -> torch.Tensor:
    """Feature (C,) of one normalised image (1, 3, H, W).

    A map is averaged over its positions; a ViT with ``out_type='cls_token'`` gives a vector itself.
    With several scales the raw features are averaged, and the mean gets unit length (DINO): larger
    features count more. Sizes that are no multiple of patch or window are padded by the backbone.

    Args:
        backbone: in eval mode; its last output is (1, C, h, w) or (1, C).
        image: the image at scale 1.
        scales: factors of both sides, by bilinear interpolation without antialiasing.
    """
    features = []
    for scale in scales:
        scaled = image if scale == 1 else F.interpolate(
            image, scale_factor=scale, mode='bilinear', align_corners=False)
        output = backbone(scaled)[-1]
        if output.dim() not in (2, 4):
            raise ValueError(f'Expected a map (1, C, H, W) or a vector (1, C) from '
                             f'{type(backbone).__name__}, got {tuple(output.shape)}: set '
                             "`model.backbone.out_type` to 'featmap' or 'cls_token'.")
        features.append(output.flatten(2).mean(2)[0] if output.dim() == 4 else output[0])
    if len(features) == 1:
        return features[0]
    return F.normalize(torch.stack(features).mean(0), dim=0)


@torch.no_grad()
def extract_global_features(backbone: nn.Module, images: Dataset, mean: Sequence[float],
                            std: Sequence[float], scales: Sequence[float] = (1., ),
                            num_workers: int = 2) -> Tuple[torch.Tensor, List[str]]:
    """Features (N, C) of all images, float32 on the CPU, and the paths of those that end early.

    Under a process group every rank takes each world-size-th image, and all get the result.

    Args:
        backbone: on the device that is to be used; it is set to eval mode.
        images: gives dicts of ``image`` (3, h, w) uint8 RGB, ``path`` and ``truncated``.
        mean: of R, G and B, out of 255.
        std: likewise.
        scales: see ``global_feature``.
        num_workers: processes of this rank that decode images.

    Raises:
        BrokenImageError: an image cannot be decoded.
    """
    backbone.eval()
    rank, world_size = get_dist_info()
    mine = list(range(rank, len(images), world_size))
    device = next(backbone.parameters()).device
    mean, std = (torch.tensor(value, device=device).view(1, 3, 1, 1) for value in (mean, std))
    # one image a batch: sizes differ
    loader = DataLoader(Subset(images, mine), batch_size=None, num_workers=num_workers)
    features, truncated = [], []
    try:
        counted = progress(loader, len(mine), of_share('images'))
        for sample in counted if rank == 0 and mine else loader:
            features.append(_feature_of(sample, backbone, mean, std, scales))
            if sample['truncated']:
                truncated.append(sample['path'])
    except BrokenImageError as error:
        raise BrokenImageError(without_workers_traceback(error)) from error
    parts = all_gather_object((mine, torch.stack(features) if features else [], truncated))
    return _in_order(parts, len(images))


def _feature_of(sample: Dict[str, Any], backbone: nn.Module, mean: torch.Tensor,
                std: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    image = (sample['image'].to(mean.device)[None].float() - mean) / std
    return global_feature(backbone, image, scales).float().cpu()


def _in_order(parts: list, count: int) -> Tuple[torch.Tensor, List[str]]:
    """The ranks' (rows, features, truncated paths) as one, in the order of the images."""
    features: List[torch.Tensor] = [torch.empty(0)] * count
    for rows, found, _ in parts:
        for row, feature in zip(rows, found):
            features[row] = feature
    return torch.stack(features), sorted(path for *_, paths in parts for path in paths)
