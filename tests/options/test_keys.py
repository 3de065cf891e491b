"""Keys of options: what reaches the run is set, all else is refused with the key that does."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

import mimco_mm  # noqa: F401  registers what configs name
from mimco_mm.errors import ConfigError
from mimco_mm.options import CONFIGS, apply_options, check_config
from mimco_mm.options.config_files import shipped
from mimco_mm.options.data import innermost_dataset
from mimco_mm.options.shortcuts import transforms

PIPELINE = 'train_dataloader.dataset.dataset.pipeline'
RUNNABLE = {short: path for short, path in shipped().items()
            if not short.startswith(('benchmarks/knn', 'benchmarks/retrieval'))}


def options(*texts: str, config: str = 'pretrain/mimco_swin-t') -> Config:
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    apply_options(cfg, texts)
    return cfg


@pytest.mark.parametrize('text, key, value', [
    ('fsdp=True', 'fsdp', True),
    ('load_from=work_dirs/a b,c/epoch_1.pth', 'load_from', 'work_dirs/a b,c/epoch_1.pth'),
    ('train_dataloader.batch_size=64', 'train_dataloader.batch_size', 64),
    ('train_dataloader.dataset.dataset.data_prefix=2017',
     'train_dataloader.dataset.dataset.data_prefix', '2017'),
    ('train_dataloader.dataset.dataset.data_root=/data/my photos, all',
     'train_dataloader.dataset.dataset.data_root', '/data/my photos, all'),
    ('train_dataloader.dataset.max_broken=7', 'train_dataloader.dataset.max_broken', 7),
    ('custom_hooks.KNNHook.interval=10', 'custom_hooks.7.interval', 10),
    ('custom_hooks.6.patience=3', 'custom_hooks.6.patience', 3),
    (f'{PIPELINE}.MaskGenerator.mask_ratio=0.3', f'{PIPELINE}.3.mask_ratio', 0.3),
    ('optim_wrapper.accumulative_counts=4', 'optim_wrapper.accumulative_counts', 4),
    ('optim_wrapper.clip_grad.max_norm=1', 'optim_wrapper.clip_grad.max_norm', 1),
    ('optim_wrapper.optimizer.betas=(0.9,0.95)', 'optim_wrapper.optimizer.betas', (0.9, 0.95)),
    ('model.patch_neck=None', 'model.patch_neck', None),
    ('randomness.deterministic=True', 'randomness.deterministic', True),
    ('default_hooks.checkpoint.filename_tmpl=e{}.pth', 'default_hooks.checkpoint.filename_tmpl',
     'e{}.pth'),
    ('param_scheduler.WarmupCosineLR.min_ratio=0', 'param_scheduler.0.min_ratio', 0),
])
def test_apply_options__sets_what_is_read(text, key, value):
    node = options(text)
    for part in key.split('.'):
        node = node[int(part) if part.isdigit() else part]
    assert node == value and type(node) is type(value)


def test_apply_options__a_type_first_whatever_the_order():
    cfg = options('visualizer.vis_backends.0.init_kwargs.project=a',
                  'visualizer.vis_backends.0.type=WandbVisBackend')
    assert cfg.visualizer.vis_backends[0] == dict(type='WandbVisBackend',
                                                  init_kwargs=dict(project='a'))


def test_apply_options__backends_beside_the_local_files_as_printed():
    page = (Path(__file__).parents[2] / 'docs' / 'watching_a_run.md').read_text()
    tensorboard, wandb = (options(text).visualizer.vis_backends for text in
                          re.findall(r'^ +"(visualizer\.vis_backends=.*)"$', page, re.MULTILINE))
    assert tensorboard == [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    assert wandb[1] == dict(type='WandbVisBackend', init_kwargs=dict(project='mimco'))


@pytest.mark.parametrize('text, message', [
    ('train_pipeline.3.mask_ratio=0.3', f'copied to {PIPELINE}. Set `{PIPELINE}.3.mask_ratio`'),
    ('head.queue_len=9', 'Set `model.patch_head.queue_len` and `model.image_head.queue_len`'),
    ('train_dataloder.batch_size=16', 'Did you mean `train_dataloader`'),
    ('fdsp=True', 'Did you mean `fsdp`?'),
    ('acelerate=False', 'Did you mean `accelerate`?'),
    ('mask_ratio=0.3', f'Set `{PIPELINE}.3.mask_ratio`. In training, --mask-ratio does'),
    ('epochs=50', 'a variable of the config file.*In training, --epochs does'),
    ('model.backbone.img_sze=192', r'\(MaskedSwinTransformer\) takes no `img_sze`. Did you mean'),
    ('model.patch_hed=None', 'Did you mean `patch_head`'),
    ('train_dataloader.sampler.shufle=False', 'Did you mean `shuffle`'),
    ('train_dataloader.num_worker=1', 'Did you mean `num_workers`'),
    ('train_dataloader.dataset.dataset.data_rot=/x', 'Did you mean `data_root`'),
    ('optim_wrapper.optimizer.lrr=1', 'Did you mean `lr`'),
    ('optim_wrapper.acumulative_counts=1', 'Did you mean `accumulative_counts`'),
    ('optim_wrapper.clip_grad.maxnorm=1', 'Did you mean `max_norm`'),
    ('train_cfg.max_epoch=3', 'Did you mean `max_epochs`'),
    ('custom_hooks.KNNHook.dataroot=/x', 'Did you mean `data_root`'),
    ('custom_hooks.KnnHook.data_root=/x', 'Did you mean `KNNHook`'),
    ('custom_hooks.77.data_root=/x', 'has 9 items, the last is custom_hooks.8'),
    ('default_hooks.checkpoint.intervall=2', 'Did you mean `interval`'),
    ('default_hooks.checkpoint.max_keep=2', 'takes no `max_keep`'),
    ('param_scheduler.0.wrmup=1', 'Did you mean `warmup`'),
    ('randomness.sed=1', 'Did you mean `seed`'),
    ('auto_scale_lr.enabled=True', 'Did you mean `enable`'),
    ('fsdp=no', "`fsdp` expects True or False, got 'no'"),
    ('accelerate=0', '`accelerate` expects True or False, got 0'),
    ('compile_blocks=yes', 'expects True or False'),
    ('train_dataloader.batch_size=2.5', 'expects a whole number, got 2.5'),
    ('model.backbone.drop_path_rate=x', "expects a number, got 'x'"),
    ('model.backbone.arch.depths=[1]', "is 'tiny', which has no parts"),
    ('model.type=MimCoo', 'there is no MimCoo.*Did you mean .*`MimCo`'),
    ('a = 4', 'expects KEY=VALUE'),
])
def test_apply_options__refuses_what_would_change_nothing(text, message):
    with pytest.raises(ConfigError, match=f'(?s){message}'):
        options(text)


DENSE = pytest.mark.maintained_only


@pytest.mark.parametrize('short', [
    pytest.param(short, marks=DENSE if '/coco/' in short or '/ade20k/' in short else ())
    for short in RUNNABLE])
def test_check_config__passes_every_config_of_ours(short):
    cfg = Config.fromfile(RUNNABLE[short])
    check_config(cfg)
    # the names at its head are those of what runs
    ratios = [one.mask_ratio for _, one in transforms(cfg) if 'mask_ratio' in one]
    teacher = cfg.model.get('target_generator', {})
    runs = dict(
        start=cfg.model.backbone.init_cfg.get('checkpoint') if 'start' in cfg else None,
        teacher=next((teacher[key] for key in ('checkpoint', 'timm') if key in teacher), None),
        batch_size=cfg.train_dataloader.get('batch_size'),
        epochs=cfg.train_cfg.get('max_epochs'),
        data=(innermost_dataset(cfg.train_dataloader) or {}).get('data_root'),
        mask_ratio=ratios[0] if ratios else None)
    assert {name: cfg[name] for name in runs if name in cfg} == {
        name: value for name, value in runs.items() if name in cfg}


@pytest.mark.parametrize('name', [
    'simmim/simmim_swin-base-w6_8xb256-amp-coslr-100e_in1k-192px',
    'mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k', 'resnet/resnet50_8xb32_in1k',
    'beit/beit_beit-base-p16_8xb256-amp-coslr-300e_in1k', 'swin_transformer/swin-tiny_16xb64_in1k'])
def test_check_config__passes_configs_of_mmpretrain(name):
    cfg = Config.fromstring(f"_base_ = 'mmpretrain::{name}.py'", '.py')
    check_config(cfg)


def test_check_config__finds_a_misspelt_key_of_the_file():
    cfg = Config.fromfile(CONFIGS / 'pretrain/mimco_swin-t.py')
    cfg.model.base_momentun = 0.9
    with pytest.raises(ConfigError, match='`model.base_momentun` would change nothing.*MimCo'):
        check_config(cfg)
