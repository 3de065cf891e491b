from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample

from ...datasets import image_seeds
from ...errors import ConfigError
from ...models.acceleration import accelerate
from ..step import build_model, masked_sample, optimization
from .simulated_step import StepCount, count_steps

VIEWS = {'MimCo': 1, 'MultiTeacherMimCo': 1, 'SimMIM': 1, 'MoBY': 2, 'MoCoV3': 2, 'SimMIMMoBY': 3}
CLASSIFIERS = ('ImageClassifier', 'LinearProbe')
PREPROCESSORS = ('CropViewDataPreprocessor', 'DecodingDataPreprocessor', 'MimCoDataPreprocessor',
                 'SelfSupDataPreprocessor')


def simulate(config: Config, batch_size: int, dtype: Optional[torch.dtype] = torch.bfloat16,
             ranks: int = 1, faster: bool = True) -> StepCount:
    """Count the second training step of a config, with weights and images that are made for it.

    Args:
        config: of configs/pretrain or configs/benchmarks/{imagenet,linear}.
        batch_size: images.
        dtype: what autocast computes in; None computes in float32.
        ranks: processes that BN and queues are to find.
        faster: see ``TrainingStep``.

    Raises:
        ConfigError: it is no config of a training on images of 224 px.
    """
    config = deepcopy(config)
    check(config)
    with DefaultScope.overwrite_default_scope('mmpretrain'), TemporaryDirectory() as folder:
        config.model.data_preprocessor = config.data_preprocessor
        if config.model.type in CLASSIFIERS:
            config.model.backbone.init_cfg = None  # the weights do not matter
        model = build_model(config.model, Path(folder))
        model = accelerate(model) if faster else model
        return count_steps(model, noise(config, batch_size),
                           optimization(config.optim_wrapper, faster), dtype, ranks)


def check(config: Config) -> None:
    model, preprocessor = (config.get(key) or {} for key in ('model', 'data_preprocessor'))
    known = model.get('type') in VIEWS and preprocessor.get('type') in PREPROCESSORS
    if not known and not (model.get('type') in CLASSIFIERS and 'type' not in preprocessor):
        raise ConfigError(
            f'A step is counted of {", ".join((*VIEWS, *CLASSIFIERS))} on images of 224 px, and '
            f'this config has model.type={model.get("type")!r} and '
            f'data_preprocessor.type={preprocessor.get("type")!r}: take one of configs/pretrain or '
            'of configs/benchmarks/imagenet.')


def noise(config: Config, batch_size: int) -> dict:
    """A batch as the loader has it, on the host."""
    pixels = torch.zeros(batch_size, 3, 224, 224, dtype=torch.uint8)
    if config.model.type in CLASSIFIERS:
        return dict(inputs=pixels, data_samples=[DataSample().set_gt_label(row % 2)
                                                 for row in range(batch_size)])
    samples = [masked_sample('cpu') for _ in range(batch_size)]
    for sample in samples:
        sample.set_metainfo(dict(flip=False, img_path=''))
    if config.data_preprocessor.type == 'CropViewDataPreprocessor':
        seeds = torch.from_numpy(image_seeds(0, 0, np.arange(batch_size)))
        crops = pixels.movedim(1, -1)[:, None].repeat(1, VIEWS[config.model.type], 1, 1, 1)
        return dict(inputs=dict(pixels=crops, seed=seeds), data_samples=samples)
    if config.data_preprocessor.type == 'DecodingDataPreprocessor':
        return dict(inputs=dict(pixels=pixels.permute(0, 2, 3, 1)), data_samples=samples)
    return dict(inputs=[pixels] * VIEWS[config.model.type], data_samples=samples)
