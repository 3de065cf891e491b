"""Every pre-training config is built, and its resolved values are those of the paper.

The tables below are typed from the paper and from MoBY's, MoCo v3's and SimMIM's code, not from
the configs.
"""

import copy
import functools
import gc
import math
from pathlib import Path

import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS, HOOKS, MODELS, PARAM_SCHEDULERS, RUNNERS
from torch import nn

from mimco_mm.datasets import MaskGenerator
from tests.reference.schedule import warmup_cosine_lr

CONFIGS = Path(__file__).parents[1] / 'configs'
NAMES = sorted(path.relative_to(CONFIGS / 'pretrain').with_suffix('').as_posix()
               for path in (CONFIGS / 'pretrain').rglob('*.py'))
STUDENTS = [name for name in NAMES if not name.startswith('teachers/')]
ABLATIONS = [name for name in NAMES if name.startswith('ablations/')]
GPUS = 8
EPOCH_LENGTH = 4  # iterations of an epoch, wherever a schedule is drawn
NETWORKS = {
    'swin-t': dict(channels=768, depth=12, grid=7, drop_path=0., teacher='moby_swin-t'),
    'swin-b': dict(channels=1024, depth=24, grid=7, drop_path=0., teacher='moby_swin-b'),
    'vit-s': dict(channels=384, depth=12, grid=14, drop_path=0.1, teacher='mocov3_vit-s'),
    'vit-b': dict(channels=768, depth=12, grid=14, drop_path=0.1, teacher='mocov3_vit-b'),
}
SWIN = {  # depths, heads of the stages, parameters of the backbone (Swin's Table 7, no classifier)
    'swin-t': ([2, 2, 6, 2], [3, 6, 12, 24], 27_519_354),
    'swin-b': ([2, 2, 18, 2], [4, 8, 16, 32], 86_743_224),
}
VIT = {'vit-s': (384, 1536), 'vit-b': (768, 3072)}  # width, width of the MLP
CROP_FLIP_COLOR_BLUR = dict(  # MoBY and MoCo v3 share the parts, not their order
    crop=dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.08, 1.), backend='pillow'),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='RandomApply', prob=0.8, transforms=[
        dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)]),
    grey=dict(type='RandomGrayscale', prob=0.2, keep_channels=True,
              channel_weights=(0.114, 0.587, 0.2989)),
    blur=dict(type='GaussianBlur', magnitude_range=(0.1, 2.), magnitude_std='inf'),
    solarize=dict(type='Solarize', thr=128))


@functools.cache
def parsed(name: str) -> Config:
    return Config.fromfile(CONFIGS / 'pretrain' / f'{name}.py')


def read(name: str) -> Config:
    return copy.deepcopy(parsed(name))


def network_of(name: str) -> str:
    """'swin-t' of 'ablations/mimco_swin-t_l1'."""
    return name.split('/')[-1].split('_')[1]


def plain(value):
    """A config's value as bare dicts and lists, less the scope that mmengine notes in it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != '_scope_'}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def build_model(config: Config) -> nn.Module:
    """As mmengine's Runner does it."""
    config.model.setdefault('data_preprocessor', config.data_preprocessor)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config.model)


def build_pipeline(config: Config) -> list:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return list(Compose(config.train_dataloader.dataset.dataset.pipeline).transforms)


def learning_rates(config: Config) -> list:
    """The rate of every iteration, drawn on a parameter of its own."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=config.optim_wrapper.optimizer.lr)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        schedulers = [
            PARAM_SCHEDULERS.build(scheduler, default_args=dict(
                optimizer=optimizer, epoch_length=EPOCH_LENGTH))
            for scheduler in config.param_scheduler]
    rates = []
    for _ in range(config.train_cfg.max_epochs * EPOCH_LENGTH):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def drop_paths(network: nn.Module) -> list:
    """The drop path rate of each block, from first to last."""
    rates = [getattr(module, 'drop_prob', 0.) for name, module in network.named_modules()
             if name.endswith('ffn') for module in [getattr(module.dropout_layer, 'module',
                                                            module.dropout_layer)]]
    assert rates
    return rates


@pytest.fixture(scope='module', params=NAMES)
def built(request):
    """(name, config, model) of every config, one model in memory at a time."""
    config = read(request.param)
    yield request.param, config, build_model(config)
    gc.collect()


# Every config


def test_names__are_those_that_the_readme_promises():
    sizes = ('swin-b', 'swin-t', 'vit-b', 'vit-s')
    assert set(NAMES) == {
        *(f'mimco_{size}{epochs}' for size in sizes for epochs in ('', '_300e')),
        *(f'teachers/{teacher}' for teacher in ('moby_swin-b', 'moby_swin-t', 'mocov3_vit-b',
                                                'mocov3_vit-s')),
        *(f'ablations/mimco_swin-t_{change}' for change in (
            'image-only', 'l1', 'mask-50', 'mask-70', 'no-mask', 'patch-only')),
    }


def test_built__model_has_its_networks_shape(built):
    name, _, model = built
    expected = NETWORKS[network_of(name)]
    if 'swin' in name:
        depths, heads, parameters = SWIN[network_of(name)]
        assert list(model.backbone.depths) == depths and list(model.backbone.num_heads) == heads
        windows = {block.attn.window_size for stage in model.backbone.stages
                   for block in stage.blocks}
        assert windows == {7}
        learned = {key: p.numel() for key, p in model.backbone.named_parameters()}
        assert sum(learned.values()) - learned.pop('mask_token', 0) == parameters
    else:
        width, hidden = VIT[network_of(name)]
        assert model.backbone.embed_dims == width and len(model.backbone.layers) == 12
        assert {layer.attn.num_heads for layer in model.backbone.layers} == {12}
        assert {layer.ffn.feedforward_channels for layer in model.backbone.layers} == {hidden}
        assert model.backbone.patch_embed.projection.kernel_size == (16, 16)
        assert model.backbone.pos_embed.shape == (1, 197, width)
    rate = 0.2 if name.startswith('teachers/moby') else 0. if name.startswith('teachers/') else \
        expected['drop_path']
    rates = [rate * block / (expected['depth'] - 1) for block in range(expected['depth'])]
    assert drop_paths(model.backbone) == pytest.approx(rates)


def test_built__optimizer_is_the_papers_adamw(built):
    name, config, model = built
    decay, clip = (0.1, {}) if 'mocov3' in name else (0.05, {'max_norm': 5.})
    lr = {'moby': 1e-3, 'mocov3': 1.5e-4 * 4096 / 256, 'mimco': 1e-3 * 2048 / 512}[
        name.split('/')[-1].split('_')[0]]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    assert type(wrapper).__name__ == 'AutocastOptimWrapper'
    assert type(wrapper.optimizer) is torch.optim.AdamW
    assert wrapper.optimizer.defaults['betas'] == (0.9, 0.999)
    assert wrapper.optimizer.defaults['eps'] == 1e-8
    assert (wrapper.clip_grad_kwargs or {}) == clip

    names = {id(p): key for key, p in model.named_parameters()}
    groups = [(names[id(p)], p, group) for group in wrapper.optimizer.param_groups
              for p in group['params'] if p.requires_grad]
    assert {key for key, _, _ in groups} == {
        key for key, p in model.named_parameters() if p.requires_grad}
    assert [group['lr'] for _, _, group in groups] == pytest.approx([lr] * len(groups))
    undecayed = {key for key, _, group in groups if group['weight_decay'] == 0}
    assert {group['weight_decay'] for key, _, group in groups if key not in undecayed} == {decay}
    if 'mocov3' in name:
        assert not undecayed
    else:
        assert undecayed == {key for key, p, _ in groups
                             if p.dim() == 1 or key.endswith(('mask_token', 'cls_token'))}
        assert 'swin' not in name or any(
            key.endswith('relative_position_bias_table') for key, _, _ in groups)


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
    assert loader.dataset.type == 'ResilientDataset' and dataset.type == 'CustomDataset'
    assert (dataset.data_root, dataset.data_prefix) == ('data/imagenet', 'train')
    assert dataset.with_label is False
    for part in (loader.dataset, dataset):
        assert DATASETS.get(part.type) is not None


def test_built__images_are_normalised_with_imagenets_mean(built):
    _, config, model = built
    torch.manual_seed(0)
    views = len(model.data_preprocessor(
        dict(inputs=[torch.zeros(1, 3, 2, 2)] * 2, data_samples=[]))['inputs'])
    assert views == 2
    bgr = torch.tensor([30., 20., 10.]).reshape(1, 3, 1, 1)
    out = model.data_preprocessor(dict(inputs=[bgr], data_samples=[]))['inputs'][0].flatten()
    rgb, mean, std = (torch.tensor(values) for values in (
        (10., 20., 30.), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(out, (rgb / 255 - mean) / std, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', NAMES)
def test_config__run(name):
    config = read(name)
    assert plain(config.custom_imports) == dict(imports=['mimco_mm'], allow_failed_imports=False)
    assert config.default_scope == 'mmpretrain'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        assert RUNNERS.get(config.runner_type).__name__ == 'PretrainRunner'
        hooks = [type(HOOKS.build(hook)).__name__ for hook in config.custom_hooks]
    assert hooks == ['EpochSeedHook', 'RunIdentityHook', 'BrokenImageHook', 'PretrainSummaryHook']
    assert config.randomness.seed == 0
    assert config.get('val_dataloader') is None and config.get('test_dataloader') is None
    assert config.default_hooks.checkpoint.interval == 1


# MimCo


@pytest.mark.parametrize('name', STUDENTS)
def test_mimco__pipeline(name):
    types = ['LoadRGBImage', 'RandomResizedCrop', 'RandomFlip', 'MaskGenerator', 'PackInputs']
    ratio = {'mask-50': 0.5, 'mask-70': 0.7, 'no-mask': None}.get(name.split('_')[-1], 0.6)
    if ratio is None:
        types.remove('MaskGenerator')
    pipeline = build_pipeline(read(name))
    assert [type(transform).__name__ for transform in pipeline] == types
    crop, flip = pipeline[1:3]
    assert crop.scale == (224, 224) and crop.crop_ratio_range == (0.67, 1.)
    assert crop.aspect_ratio_range == (3 / 4, 4 / 3)
    assert (crop.interpolation, crop.backend) == ('bilinear', 'pillow')
    assert flip.prob == 0.5 and flip.direction == 'horizontal'
    for generator in pipeline[3:-1]:
        assert isinstance(generator, MaskGenerator)
        assert (generator.input_size, generator.mask_patch_size) == (224, 32)
        assert generator.mask_ratio == ratio


def check_mimco(name: str, model: nn.Module) -> None:
    channels = NETWORKS[network_of(name)]['channels']
    assert type(model.backbone).__name__ == (
        'MaskedSwinTransformer' if 'swin' in name else 'MaskedMoCoV3ViT')
    assert model.patch_queue_key == 'all' and isinstance(model.adapter, nn.Identity)
    for level in ('patch', 'image'):
        neck, head = getattr(model, f'{level}_neck'), getattr(model, f'{level}_head')
        off = name.endswith({'patch': 'image-only', 'image': ('patch-only', 'l1')}[level])
        if off:
            assert neck is None and head is None
            continue
        momentum = getattr(model, f'momentum_{level}_neck')
        assert momentum.base_momentum == 0.99
        if name.endswith('l1'):
            assert isinstance(neck, nn.Identity) and head.predictor.weight.shape[0] == channels
            assert type(head).__name__ == 'FeatureRegressionHead' and head.loss_weight == 1
            continue
        for projector in (neck, momentum.module):
            assert widths(projector) == [(4096, channels), (256, 4096)]
        assert widths(head.predictor) == [(4096, 256), (256, 4096)]
        assert [tuple(queue.keys.shape) for queue in head.queues] == [(4096, 256)]
        assert (head.loss_module.temperature, head.loss_module.loss_weight) == (0.2, 1.)
    check_teacher(name, model)


def widths(mlp: nn.Sequential) -> list:
    """(out, in) of both layers, between which a synchronised BN stands."""
    first, norm, relu, second = mlp
    assert isinstance(norm, nn.SyncBatchNorm) and isinstance(relu, nn.ReLU)
    return [tuple(layer.weight.shape[:2]) for layer in (first, second)]


def check_teacher(name: str, model: nn.Module) -> None:
    """The teacher is the student's network, less the mask token."""
    teacher = model.target_generator.network
    student = {key: value.shape for key, value in model.backbone.state_dict().items()}
    assert student.pop('mask_token') is not None
    assert {key: value.shape for key, value in teacher.state_dict().items()} == student
    if 'vit' in name:
        assert {layer.attn.num_heads for layer in teacher.layers} == {12}
        assert teacher.out_type == model.backbone.out_type == 'featmap'


@pytest.mark.parametrize('name', STUDENTS)
def test_mimco__teacher_is_what_stage_1_writes(name):
    config, stage_1 = read(name), read(f'teachers/{NETWORKS[network_of(name)]["teacher"]}')
    stem = Path(stage_1.filename).stem
    checkpoint = config.model.target_generator.checkpoint
    assert checkpoint == f'work_dirs/{stem}/epoch_{stage_1.train_cfg.max_epochs}.pth'
    teacher, written = (dict(plain(backbone)) for backbone in (
        config.model.target_generator.backbone, stage_1.model.backbone))
    for key in ('type', 'arch', 'img_size', 'patch_size'):
        assert teacher.get(key) == written.get(key)


# Stage 1


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
    shared = [parts[part] for part in ('crop', 'flip', 'color', 'grey')]
    for size in ('t', 'b'):
        first, second = views(read(f'teachers/moby_swin-{size}'))
        assert first == plain([*shared, {**parts['blur'], 'prob': 1.}])
        assert second == plain([*shared, {**parts['blur'], 'prob': 0.1},
                                {**parts['solarize'], 'prob': 0.2}])


def test_mocov3__views():
    parts = CROP_FLIP_COLOR_BLUR
    for size in ('s', 'b'):
        for view, blur, solarize in zip(views(read(f'teachers/mocov3_vit-{size}')), (1., 0.1),
                                        (0., 0.2)):
            assert view == plain([
                parts['crop'], parts['color'], parts['grey'], {**parts['blur'], 'prob': blur},
                {**parts['solarize'], 'prob': solarize}, parts['flip']])


@pytest.mark.parametrize('name', [name for name in NAMES if name.startswith('teachers/')])
def test_stage_1__pipeline_is_built_with_our_loader(name):
    pipeline = build_pipeline(read(name))
    assert [type(transform).__name__ for transform in pipeline] == [
        'LoadRGBImage', 'MultiView', 'PackInputs']
    for view in pipeline[1].transforms:
        (crop, ) = [t for t in view.transforms if type(t).__name__ == 'RandomResizedCrop']
        assert crop.aspect_ratio_range == (3 / 4, 4 / 3) and crop.interpolation == 'bilinear'
        (blur, ) = [t for t in view.transforms if type(t).__name__ == 'GaussianBlur']
        assert blur.magnitude_level == blur.total_level  # U(0.1, 2.0), all of the range


def check_moby(name: str, model: nn.Module) -> None:
    channels = NETWORKS[network_of(name)]['channels']
    assert set(drop_paths(model.key_backbone.module)) == {0.}
    assert model.key_backbone.base_momentum == model.key_neck.base_momentum == 0.99
    for projector in (model.neck, model.key_neck.module):
        assert widths(projector) == [(4096, channels), (256, 4096)]
    assert widths(model.head.predictor) == [(4096, 256), (256, 4096)]
    assert [tuple(queue.keys.shape) for queue in model.head.queues] == [(4096, 256)] * 2
    assert (model.head.loss_module.temperature, model.head.loss_module.loss_weight) == (0.2, 1.)
    key = [p for part in (model.key_backbone, model.key_neck) for p in part.parameters()]
    assert key and not any(p.requires_grad for p in key)


def check_mocov3(name: str, model: nn.Module) -> None:
    width = VIT[network_of(name)][0]
    assert model.head.temperature == 0.2
    assert model.head.loss_module.loss_weight == pytest.approx(2 * 0.2)
    assert model.momentum_encoder.momentum == pytest.approx(0.01)  # mmengine's, of the new: 1 - m
    assert model.momentum_encoder.end_momentum == 0
    assert not any(p.requires_grad for p in model.backbone.patch_embed.parameters())
    linear = [m for m in model.neck.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in linear] == [(4096, width), (4096, 4096), (256, 4096)]
    predictor = [m for m in model.head.predictor.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in predictor] == [(4096, 256), (256, 4096)]
    assert all(m.bias is None for m in linear + predictor)
    for mlp in (model.neck, model.head.predictor):
        norms = [m for m in mlp.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert [m.affine for m in norms] == [True] * (len(norms) - 1) + [False]


def test_built__parts_have_the_papers_widths(built):
    name, _, model = built
    kind, check = {'mimco': ('MimCo', check_mimco), 'moby': ('MoBY', check_moby),
                   'mocov3': ('MoCoV3', check_mocov3)}[name.split('/')[-1].split('_')[0]]
    assert type(model).__name__ == kind
    check(name, model)


# What leaves change


def flat(value, path: str = '') -> dict:
    """{'model.backbone.arch': 'tiny', ...} of a config."""
    value = plain(value)
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: item for name, part in items
                for key, item in flat(part, f'{path}.{name}' if path else str(name)).items()}
    return {path: value}


def changes(name: str, parent: str) -> dict:
    """{path: (parent's value, leaf's value)}, None where there is none."""
    old, new = (flat(ConfigDict(read(config)._cfg_dict)) for config in (parent, name))
    return {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys()
            if old.get(path) != new.get(path)}


@pytest.mark.parametrize('size', ['swin-t', 'swin-b', 'vit-s', 'vit-b'])
def test_leaf__300_epochs_change_nothing_else(size):
    assert changes(f'mimco_{size}_300e', f'mimco_{size}') == {
        'param_scheduler.0.end': (100, 300), 'train_cfg.max_epochs': (100, 300)}


@pytest.mark.parametrize('name, parent, arch, width, teachers', [
    ('mimco_swin-b', 'mimco_swin-t', ('tiny', 'base'), (768, 1024), ('moby_swin-t', 'moby_swin-b')),
    ('mimco_vit-s', 'mimco_vit-b', ('base', 'mocov3-small'), (768, 384),
     ('mocov3_vit-b', 'mocov3_vit-s'))])
def test_leaf__size_changes_architecture_width_and_teacher_alone(name, parent, arch, width,
                                                                 teachers):
    assert changes(name, parent) == {
        'model.backbone.arch': arch, 'model.target_generator.backbone.arch': arch,
        'model.patch_neck.in_channels': width, 'model.image_neck.in_channels': width,
        'model.target_generator.checkpoint':
            tuple(f'work_dirs/{teacher}/epoch_300.pth' for teacher in teachers)}


@pytest.mark.parametrize('name, parent, arch, width', [
    ('moby_swin-b', 'moby_swin-t', ('tiny', 'base'), (768, 1024)),
    ('mocov3_vit-s', 'mocov3_vit-b', ('base', 'mocov3-small'), (768, 384))])
def test_leaf__size_of_a_teacher_changes_architecture_and_width_alone(name, parent, arch, width):
    assert changes(f'teachers/{name}', f'teachers/{parent}') == {
        'model.backbone.arch': arch, 'model.neck.in_channels': width}


def test_leaf__swin_and_vit_differ_in_the_networks_alone():
    changed = changes('mimco_vit-b', 'mimco_swin-t')
    assert {path.rsplit('.', 1)[0] for path in changed} <= {
        'model.backbone', 'model.target_generator', 'model.target_generator.backbone'}
    assert changed['model.backbone.drop_path_rate'] == (0., 0.1)


@pytest.mark.parametrize('ratio', [50, 70])
def test_ablation__mask_ratio(ratio):
    assert changes(f'ablations/mimco_swin-t_mask-{ratio}', 'mimco_swin-t') == {
        path: (0.6, ratio / 100) for path in (
            'train_pipeline.3.mask_ratio', 'train_dataloader.dataset.dataset.pipeline.3.mask_ratio')
    }


def test_ablation__no_mask():
    parent, leaf = read('mimco_swin-t'), read('ablations/mimco_swin-t_no-mask')
    kept = [t for t in plain(parent.train_pipeline) if t['type'] != 'MaskGenerator']
    assert plain(leaf.train_pipeline) == kept and len(kept) == len(parent.train_pipeline) - 1
    assert plain(leaf.train_dataloader.dataset.dataset.pipeline) == kept
    others = {path: values for path, values in changes(
        'ablations/mimco_swin-t_no-mask', 'mimco_swin-t').items() if 'pipeline' not in path}
    assert others == {'find_unused_parameters': (None, True)}


@pytest.mark.parametrize('name, off', [('image-only', 'patch'), ('patch-only', 'image')])
def test_ablation__one_level(name, off):
    changed = changes(f'ablations/mimco_swin-t_{name}', 'mimco_swin-t')
    assert {path.split('.')[1] for path in changed} == {f'{off}_neck', f'{off}_head'}
    assert {values[1] for values in changed.values()} == {None}
    model = read(f'ablations/mimco_swin-t_{name}').model
    assert model[f'{off}_neck'] is None and model[f'{off}_head'] is None


def test_ablation__l1():
    changed = changes('ablations/mimco_swin-t_l1', 'ablations/mimco_swin-t_patch-only')
    assert {path.rsplit('.', 1)[0] for path in changed if 'predictor' not in path
            and 'loss' not in path} == {'model.patch_neck', 'model.patch_head'}
    model = plain(read('ablations/mimco_swin-t_l1').model)
    assert model['patch_neck'] == dict(type='torch.nn.Identity')
    assert model['patch_head'] == dict(type='FeatureRegressionHead', in_channels=768)
    assert model['image_neck'] is None and model['image_head'] is None


def test_ablations__are_all_compared():
    assert {name.split('swin-t_')[1] for name in ABLATIONS} == {
        'mask-50', 'mask-70', 'no-mask', 'image-only', 'patch-only', 'l1'}


# The files


@pytest.mark.parametrize('path', sorted(CONFIGS.rglob('*.py')),
                         ids=lambda path: path.relative_to(CONFIGS).as_posix())
def test_file__is_short_and_starts_with_what_it_is(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= (60 if '_base_' in path.relative_to(CONFIGS).parts else 25)
    if '_base_' not in path.relative_to(CONFIGS).parts:
        assert lines[0].startswith('# ')
