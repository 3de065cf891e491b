from typing import Tuple

import torch
from mmengine.runner import Runner
from mmengine.utils import track_iter_progress
from torch import nn
from torch.utils.data import DataLoader


def labelled_folder(data_root: str, part: str, img_size: int, batch_size: int = 256,
                    num_workers: int = 2) -> DataLoader:
    """The images of data_root/part/CLASS, in order, as they are when features are judged.

    Images from 224 px on are resized to 8/7 of the side and cropped at the centre (256 to 224, the
    custom of ImageNet); smaller ones are resized to the side.
    """
    edge = img_size * 8 // 7 if img_size >= 224 else img_size
    pipeline = [
        dict(type='LoadRGBImage'),
        dict(type='ResizeEdge', scale=edge, backend='pillow', interpolation='bicubic'),
        dict(type='CenterCrop', crop_size=img_size),
        dict(type='PackInputs', meta_keys=('img_path', )),
    ]
    return Runner.build_dataloader(dict(
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='mmpretrain.CustomDataset', data_root=data_root, data_prefix=part,
                     pipeline=pipeline)))


@torch.no_grad()
def extract_features(backbone: nn.Module, preprocessor: nn.Module,
                     loader: DataLoader) -> Tuple[torch.Tensor, torch.Tensor]:
    """Features (N, C), the last map after the final norm averaged over positions, and labels (N,).

    For a ViT these are the patch tokens, without the class token.
    """
    backbone.eval()
    features, labels = [], []
    for batch in track_iter_progress((loader, len(loader))):
        data = preprocessor(batch)
        features.append(backbone(data['inputs'])[-1].mean((2, 3)).float().cpu())
        labels += [int(sample.gt_label) for sample in batch['data_samples']]
    return torch.cat(features), torch.tensor(labels)
