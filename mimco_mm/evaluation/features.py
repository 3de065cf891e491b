from typing import Dict, Tuple

import torch
from mmengine.dist import get_rank
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from ..datasets import centre_crop
from ..errors import ConfigError
from ..progress import of_share, progress


def labelled_folder(data_root: str, part: str, img_size: int, batch_size: int = 256,
                    num_workers: int = 2) -> DataLoader:
    """The images of data_root/part/CLASS, in order, through ``centre_crop``.

    One that cannot be read is an error that names it (``BrokenImageError``).
    """
    pipeline = [*centre_crop(img_size), dict(type='PackInputs', meta_keys=('img_path', ))]
    return labelled_loader(
        dict(type='mmpretrain.LabelledImages', data_root=data_root, data_prefix=part,
             pipeline=pipeline, test_mode=True), batch_size, num_workers)


def labelled_loader(dataset: dict, batch_size: int, num_workers: int) -> DataLoader:
    """The images of a dataset's config in order: all, or this rank's part of them, none twice.

    Rank r of n has the images r, r + n, r + 2n and so on.
    """
    return Runner.build_dataloader(dict(
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
        dataset=dataset))


@torch.no_grad()
def extract_features(backbone: nn.Module, preprocessor: nn.Module,
                     loader: DataLoader) -> Tuple[torch.Tensor, torch.Tensor]:
    """Features (N, C) and labels (N,) of the loader's images, on the CPU.

    A map, which comes after the final norm, is averaged over its positions; for a ViT these are the
    patch tokens, without the class token. A backbone that gives a vector, such as a ViT with
    ``out_type='cls_token'``, has chosen it itself.
    """
    backbone.eval()
    features, labels = [], []
    counted = progress(loader, len(loader.sampler), of_share('images'),
                       lambda batch: len(batch['data_samples']))
    for batch in counted if get_rank() == 0 else loader:
        data = preprocessor(batch)
        features.append(pooled(backbone(data['inputs'])[-1]).float().cpu())
        labels += [int(sample.gt_label) for sample in batch['data_samples']]
    return torch.cat(features), torch.tensor(labels)


@torch.no_grad()
def readable_features(backbone: nn.Module, preprocessor: nn.Module, loader: DataLoader,
                      broken: Dict[str, str]) -> Tuple[torch.Tensor, torch.Tensor]:
    """Features (N, C) of the images that can be read, and their rows (N,), on the CPU.

    The backbone works once for each batch, whatever can be read of it: a sharded one does so on
    all ranks together.

    Args:
        backbone: see ``extract_features``.
        preprocessor: of its images.
        loader: see ``image_loader``.
        broken: gets path -> reason of the images that cannot be read, and are left out.
    """
    backbone.eval()
    features, rows = [], []
    for batch in loader:
        broken.update(batch.broken)
        count, pixels = len(batch.rows), batch.pixels
        if count == 0:
            pixels = pixels.new_zeros(1, *pixels.shape[1:])
        data = preprocessor(dict(inputs=pixels, data_samples=[]))
        features.append(pooled(backbone(data['inputs'])[-1])[:count].float().cpu())
        rows.append(batch.rows)
    return torch.cat(features), torch.cat(rows)


def pooled(output: torch.Tensor) -> torch.Tensor:
    """Features (B, C) of a map (B, C, H, W), or of vectors (B, C), which they are already."""
    if output.dim() not in (2, 4):
        raise ConfigError(
            f'Expected maps (B, C, H, W) or vectors (B, C), got {tuple(output.shape)}: set '
            "`model.backbone.out_type` to 'featmap' or 'cls_token'.")
    return output.flatten(2).mean(2) if output.dim() == 4 else output
