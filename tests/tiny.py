"""A whole pre-training run in seconds: small Swins on small PNGs, from the real configs."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS, RUNNERS
from PIL import Image

CONFIGS = Path(__file__).parents[1] / 'configs'
ARCH = dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2])
BACKBONE = dict(arch=ARCH, img_size=32, patch_size=4, window_size=4, out_indices=(1, ))


def write_images(folder: Path, count: int, side: int = 40) -> Path:
    """``count`` smooth random images, train/NN.png."""
    rng = np.random.default_rng(0)
    (folder / 'train').mkdir(parents=True, exist_ok=True)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.BICUBIC).save(folder / 'train' / f'{index:02d}.png')
    return folder


def write_stripes(root: Path, train: int, test: int) -> Path:
    """Two classes, stripes that lie and stripes that stand: root/{train,test}/CLASS/NN.png."""
    rng = np.random.default_rng(0)
    for part, count in (('train', train), ('test', test)):
        for name in ('lying', 'standing'):
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                stripes = np.repeat(rng.integers(0, 256, (32, 1, 3)), 32, axis=1)
                stripes = stripes if name == 'lying' else stripes.transpose(1, 0, 2)
                Image.fromarray(stripes.astype(np.uint8)).save(folder / f'{index:02d}.png')
    return root


def write_teacher(path: Path, seed: int = 1) -> Path:
    """A stage-1 checkpoint of ``BACKBONE`` with random weights."""
    torch.manual_seed(seed)
    teacher = MODELS.build(dict(type='SwinTransformer', **BACKBONE))
    state = {f'backbone.{key}': value for key, value in teacher.state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), path)
    return path


def neck(in_channels: int) -> dict:
    return dict(in_channels=in_channels, hid_channels=16, out_channels=8)


def head(queue_len: int = 40) -> dict:
    return dict(predictor=neck(8), feat_dim=8, queue_len=queue_len)


def config(name: str, work_dir: Path, data_root: Path, batch_size: int = 4, epochs: int = 4,
           **overrides) -> Config:
    """The config configs/pretrain/NAME.py, with a network and images of 32 px."""
    cfg = Config.fromfile(CONFIGS / 'pretrain' / f'{name}.py')
    for network in (cfg.model.backbone, cfg.model.get('target_generator', {}).get('backbone', {})):
        network.update(BACKBONE)
    cfg.model.backbone.drop_path_rate = 0.1
    cfg.merge_from_dict(dict(model=heads(name)))
    for transform in cfg.train_pipeline:
        shrink(transform)
    cfg.param_scheduler[0].update(warmup=1, end=epochs)
    cfg.merge_from_dict(dict(
        work_dir=str(work_dir),
        # mmengine's loggers are told apart by this name and the second in which a run began
        experiment_name='_'.join(Path(work_dir).parts[-3:]),
        train_cfg=dict(max_epochs=epochs),
        train_dataloader=dict(
            batch_size=batch_size, num_workers=0, persistent_workers=False, pin_memory=False,
            dataset=dict(dataset=dict(data_root=str(data_root), pipeline=cfg.train_pipeline))),
        default_hooks=dict(logger=dict(interval=1))))
    cfg.merge_from_dict(overrides)
    return cfg


def heads(name: str) -> dict:
    """Small heads for the model of a config."""
    pixels = dict(in_channels=16, encoder_stride=8)
    if 'simmim-moby' in name:
        return dict(neck=neck(16), head=head(), decoder=pixels, pixel_head=dict(patch_size=8))
    if 'simmim' in name:
        return dict(neck=pixels, head=dict(patch_size=8))
    if 'moby' in name:
        return dict(neck=neck(16), head=head())
    return dict(patch_neck=neck(16), patch_head=head(), image_neck=neck(16), image_head=head())


def shrink(transform: dict) -> None:
    """224 px -> 32 px and 32-px mask units -> 8-px ones, in nested transforms too."""
    if transform.get('scale') == 224:
        transform['scale'] = 32
    if 'mask_patch_size' in transform:
        transform.update(input_size=32, mask_patch_size=8)
    for nested in transform.get('transforms', []):
        for inner in nested if isinstance(nested, list) else [nested]:
            shrink(inner)


def train(cfg: Config):
    """Run it to its end; returns the runner."""
    runner = RUNNERS.build(cfg)
    runner.train()
    return runner
