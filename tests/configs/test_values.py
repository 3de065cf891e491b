"""The resolved values of every pre-training config are those of the paper."""

import math
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.datasets.transforms import RandomResizedCrop
from mmpretrain.registry import DATASETS, HOOKS, RUNNERS

from mimco_mm.datasets import MaskGenerator

from ..reference.schedule import warmup_cosine_lr
from .support import (
    EPOCH_LENGTH,
    GPUS,
    NAMES,
    NETWORKS,
    STUDENTS,
    build_pipeline,
    learning_rates,
    network_of,
    plain,
    read,
)

CROP_FLIP_COLOR_BLUR = dict(  # MoBY and MoCo v3 share the parts, not their order
    crop=dict(scale=224, crop_ratio_range=(0.08, 1.)),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='RandomApply', prob=0.8, transforms=[
        dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)]),
    grey=dict(type='RandomGrayscale', prob=0.2, keep_channels=True,
              channel_weights=(0.114, 0.587, 0.2989)),
    blur=dict(type='GaussianBlur', magnitude_range=(0.1, 2.), magnitude_std='inf'),
    solarize=dict(type='Solarize', thr=128))


def test_names__are_those_that_the_readme_promises():
    sizes = ('swin-b', 'swin-t', 'vit-b', 'vit-s')
    assert set(NAMES) == {
        *(f'mimco_{size}{epochs}' for size in sizes for epochs in ('', '_300e')),
        *(f'teachers/{teacher}' for teacher in ('moby_swin-b', 'moby_swin-t', 'mocov3_vit-b',
                                                'mocov3_vit-s')),
        *(f'ablations/mimco_swin-t_{change}' for change in (
            'image-only', 'l1', 'mask-50', 'mask-70', 'no-mask', 'patch-only')),
        *(f'ablations/mimco_vit-s_{change}' for change in ('layer-norm-targets', 'penultimate')),
    }


@pytest.mark.parametrize('name', NAMES)
def test_config__schedule(name):
    config = read(name)
    rates, lr = learning_rates(config), config.optim_wrapper.optimizer.lr
    epochs = 300 if name.endswith('300e') or name.startswith('teachers/') else 100
    assert config.train_cfg.max_epochs == epochs and len(rates) == epochs * EPOCH_LENGTH
    if 'mocov3' in name:
        warmup, total = 40 * EPOCH_LENGTH, 300 * EPOCH_LENGTH
        assert rates[0] == pytest.approx(1e-4 * lr)
        assert max(rates) == pytest.approx(lr) and warmup - 2 < rates.index(max(rates)) <= warmup
        cosine = [lr * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
                  for step in range(warmup, total)]
        assert rates[warmup:] == pytest.approx(cosine, rel=1e-6)
    else:
        warmup, start, end = (5, 5e-7, 5e-6) if 'moby' in name else (10, 1e-6, 1e-5)
        scale = lr / 1e-3
        expected = [
            warmup_cosine_lr(step, warmup * EPOCH_LENGTH, epochs * EPOCH_LENGTH, lr,
                             start * scale, end * scale) for step in range(len(rates))]
        assert rates == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('name', NAMES)
def test_config__batch_and_lr_rule(name):
    config = read(name)
    batch = {'moby': 512, 'mocov3': 4096, 'mimco': 2048}[name.split('/')[-1].split('_')[0]]
    gpus = 16 if 'mocov3' in name else GPUS  # mmpretrain's 16 x 256
    assert config.train_dataloader.batch_size * gpus == batch
    assert plain(config.auto_scale_lr) == dict(base_batch_size=batch, enable=True)


@pytest.mark.parametrize('name', NAMES)
def test_config__data(name):
    loader = read(name).train_dataloader
    assert loader.drop_last and loader.persistent_workers and loader.num_workers > 0
    assert plain(loader.sampler) == dict(type='DefaultSampler', shuffle=True)
    dataset = loader.dataset.dataset
    assert loader.dataset.type == 'ResilientDataset' and dataset.type == 'ImageFolder'
    assert (dataset.data_root, dataset.data_prefix) == ('data/imagenet', 'train')
    assert dataset.with_label is False
    for part in (loader.dataset, dataset):
        assert DATASETS.get(part.type) is not None


@pytest.mark.parametrize('name', NAMES)
def test_config__run(name):
    config = read(name)
    assert plain(config.custom_imports) == dict(imports=['mimco_mm'], allow_failed_imports=False)
    assert config.default_scope == 'mmpretrain'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        assert RUNNERS.get(config.runner_type).__name__ == 'PretrainRunner'
        hooks = [type(HOOKS.build(hook)).__name__ for hook in config.custom_hooks]
    assert hooks == ['EpochSeedHook', 'RunIdentityHook', 'BrokenImageHook', 'PretrainSummaryHook',
                     'BackboneFileHook', 'NaNGuardHook', 'HealthHook', 'KNNHook',
                     'AccumulationHook']
    assert config.randomness.seed == 0
    assert config.get('val_dataloader') is None and config.get('test_dataloader') is None
    assert config.default_hooks.checkpoint.interval == 1


@pytest.mark.parametrize('name', STUDENTS)
def test_mimco__pipeline(name):
    types = ['LoadCodedImage', 'CodedResizedCrop', 'CodedFlip', 'MaskGenerator',
             'PackCodedInputs']
    ratio = {'mask-50': 0.5, 'mask-70': 0.7, 'no-mask': None}.get(name.split('_')[-1], 0.6)
    if ratio is None:
        types.remove('MaskGenerator')
    pipeline = build_pipeline(read(name))
    assert [type(transform).__name__ for transform in pipeline] == types
    crop, flip = pipeline[1:3]
    assert crop.scale == (224, 224) and crop.crop_ratio_range == (0.67, 1.)
    assert crop.aspect_ratio_range == (3 / 4, 4 / 3)
    assert crop.interpolation == 'bilinear'
    assert flip.prob == 0.5 and flip.direction == 'horizontal'
    for generator in pipeline[3:-1]:
        assert isinstance(generator, MaskGenerator)
        assert (generator.input_size, generator.mask_patch_size) == (224, 32)
        assert generator.mask_ratio == ratio


@pytest.mark.parametrize('name', STUDENTS)
def test_mimco__teacher_is_the_official_release(name):
    checkpoint = read(name).model.target_generator.checkpoint
    assert checkpoint == {
        'swin-t': 'https://github.com/SwinTransformer/storage/releases/download/v1.0.3/'
                  'moby_swin_t_300ep_pretrained.pth',
        'swin-b': 'work_dirs/moby_swin-b/backbone_epoch_300.pth',
        'vit-s': 'https://dl.fbaipublicfiles.com/moco-v3/vit-s-300ep/vit-s-300ep.pth.tar',
        'vit-b': 'https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar',
    }[network_of(name)]


@pytest.mark.parametrize('name', STUDENTS)
def test_mimco__teacher_is_the_network_of_stage_1(name):
    config, stage_1 = read(name), read(f'teachers/{NETWORKS[network_of(name)]["teacher"]}')
    teacher, written = (dict(plain(backbone)) for backbone in (
        config.model.target_generator.backbone, stage_1.model.backbone))
    for key in ('type', 'arch', 'img_size', 'patch_size'):
        assert teacher.get(key) == written.get(key)


def test_mimco__the_teacher_that_nobody_released_says_how_to_make_it():
    teacher = read('mimco_swin-b').model.target_generator
    assert 'configs/pretrain/teachers/moby_swin-b.py' in teacher.if_missing
    stage_1 = read('teachers/moby_swin-b')
    assert teacher.checkpoint == (f'work_dirs/{Path(stage_1.filename).stem}/'
                                  f'backbone_epoch_{stage_1.train_cfg.max_epochs}.pth')


def views(config: Config) -> list:
    """The transforms of the two views, without what stands for a default."""
    (multi_view, ) = [t for t in plain(config.train_dataloader.dataset.dataset.pipeline)
                      if t['type'] == 'MultiView']
    assert multi_view['num_views'] == [1, 1]
    for view in multi_view['transforms']:
        assert view[0].pop('interpolation', 'bilinear') == 'bilinear'
    return multi_view['transforms']


def test_moby__views():
    parts = CROP_FLIP_COLOR_BLUR
    shared = [{**parts['crop'], 'type': 'AntialiasedResizedCrop'},
              *(parts[part] for part in ('flip', 'color', 'grey'))]
    for size in ('t', 'b'):
        first, second = views(read(f'teachers/moby_swin-{size}'))
        assert first == plain([*shared, {**parts['blur'], 'prob': 1.}])
        assert second == plain([*shared, {**parts['blur'], 'prob': 0.1},
                                {**parts['solarize'], 'prob': 0.2}])


def test_mocov3__views():
    parts = CROP_FLIP_COLOR_BLUR
    crop = dict(**parts['crop'], type='RandomResizedCrop', backend='pillow')
    for size in ('s', 'b'):
        for view, blur, solarize in zip(views(read(f'teachers/mocov3_vit-{size}')), (1., 0.1),
                                        (0., 0.2)):
            assert view == plain([
                crop, parts['color'], parts['grey'], {**parts['blur'], 'prob': blur},
                {**parts['solarize'], 'prob': solarize}, parts['flip']])


@pytest.mark.parametrize('name', [name for name in NAMES if name.startswith('teachers/')])
def test_stage_1__pipeline_is_built_with_our_loader(name):
    pipeline = build_pipeline(read(name))
    assert [type(transform).__name__ for transform in pipeline] == [
        'LoadRGBImage', 'MultiView', 'PackInputs' if 'mocov3' in name else 'PackPlanes']
    for view in pipeline[1].transforms:
        (crop, ) = [t for t in view.transforms if isinstance(t, RandomResizedCrop)]
        assert crop.aspect_ratio_range == (3 / 4, 4 / 3) and crop.interpolation == 'bilinear'
        (blur, ) = [t for t in view.transforms if type(t).__name__ == 'GaussianBlur']
        assert blur.magnitude_level == blur.total_level  # U(0.1, 2.0), all of the range
