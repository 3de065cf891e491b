"""Fine-tuning on ImageNet: the recipe's values, layer by layer, and small runs of it."""

import hashlib
import json
import math
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.evaluation import Accuracy
from mmpretrain.registry import MODELS, PARAM_SCHEDULERS
from torch.nn import functional as F

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.datasets import LabelError
from tests.configs.support import CONFIGS, plain
from tests.transfers import classifiers as small

# Network -> depths, epochs, layer decay, drop path, width (paper 4.1 and Table 6)
RECIPES = {
    'swin-t': ([2, 2, 6, 2], 100, 0.75, 0.1, 768),
    'swin-b': ([2, 2, 18, 2], 100, 0.80, 0.2, 1024),
    'vit-s': ([12], 300, 0.75, 0.1, 384),
    'vit-b': ([12], 100, 0.65, 0.1, 768),
}
GPUS = 8


def read(name: str) -> Config:
    return Config.fromfile(CONFIGS / 'benchmarks' / 'imagenet' / f'{name}.py')


def build(cfg: Config) -> torch.nn.Module:
    """As mmengine's Runner does it, less the checkpoint."""
    cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    cfg.model.backbone.pop('init_cfg')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', RECIPES)
def test_config__recipe(name):
    cfg = read(name)
    _, epochs, decay, drop_path, width = RECIPES[name]
    wrapper = plain(cfg.optim_wrapper)
    assert wrapper['optimizer'] == dict(type='AdamW', lr=1e-3, betas=[0.9, 0.999], eps=1e-8,
                                        weight_decay=0.05)
    assert wrapper['paramwise_cfg']['layer_decay_rate'] == decay and 'clip_grad' not in wrapper
    assert cfg.model.backbone.drop_path_rate == drop_path
    assert (cfg.model.head.in_channels, cfg.model.head.num_classes) == (width, 1000)
    assert cfg.train_cfg.max_epochs == epochs
    assert cfg.train_dataloader.batch_size * GPUS == cfg.auto_scale_lr.base_batch_size == 1024
    assert plain(cfg.model.train_cfg.augments) == [dict(type='Mixup', alpha=0.8),
                                                   dict(type='CutMix', alpha=1.0)]
    assert cfg.model.head.loss.label_smooth_val == 0.1
    crop, _, augment, erasing = plain(cfg.train_dataloader.dataset.dataset.pipeline)[1:5]
    assert (crop['scale'], crop['interpolation'], crop['backend']) == (224, 'bicubic', 'pillow')
    assert {key: augment[key] for key in ('policies', 'num_policies', 'magnitude_level',
                                          'magnitude_std')} == dict(
        policies='timm_increasing', num_policies=2, magnitude_level=9, magnitude_std=0.5)
    assert erasing['erase_prob'] == 0.25
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        resize, centre = loader.dataset.pipeline[1:3]
        assert (resize.scale, resize.interpolation, centre.crop_size) == (256, 'bicubic', 224)
        assert loader.dataset.data_prefix == 'val' and loader.dataset.test_mode
    assert 'checkpoint' in cfg.model.backbone.init_cfg and cfg.work_dir.endswith(name)


def published_layer(name: str, depths: list) -> int:
    """Which layer id a parameter has in iBOT (ViT) and SimMIM (Swin), by their own rules."""
    last = sum(depths) + 1
    if not name.startswith('backbone.'):
        return last
    name = name[len('backbone.'):]
    if name in ('cls_token', 'pos_embed') or name.startswith('patch_embed'):
        return 0
    vit = re.match(r'layers\.(\d+)\.', name)
    if vit:
        return int(vit[1]) + 1
    block = re.match(r'stages\.(\d+)\.blocks\.(\d+)\.', name)
    if block:
        return sum(depths[:int(block[1])]) + int(block[2]) + 1
    downsample = re.match(r'stages\.(\d+)\.downsample\.', name)
    if downsample:
        return sum(depths[:int(downsample[1]) + 1])
    return last


@pytest.mark.parametrize('name', RECIPES)
def test_layers__rates_and_weight_decay_are_the_published_ones(name):
    cfg, (depths, _, decay, *_) = read(name), RECIPES[name]
    model = build(cfg)
    wrapper_cfg = plain(cfg.optim_wrapper)
    wrapper_cfg['type'] = 'OptimWrapper'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        optimizer = build_optim_wrapper(model, wrapper_cfg).optimizer
    groups = {id(group['params'][0]): group for group in optimizer.param_groups}
    layers = set()
    for parameter_name, parameter in model.named_parameters():
        layer = published_layer(parameter_name, depths)
        group = groups.pop(id(parameter))
        layers.add(layer)
        assert group['lr'] == pytest.approx(1e-3 * decay ** (sum(depths) + 1 - layer))
        undecayed = parameter.ndim == 1 or parameter_name.endswith(('pos_embed', 'cls_token'))
        assert group['weight_decay'] == (0. if undecayed else 0.05), parameter_name
    assert not groups and layers == set(range(sum(depths) + 2))
    biases = [name for name, _ in model.named_parameters() if 'relative_position_bias' in name]
    assert bool(biases) == name.startswith('swin')


@pytest.mark.parametrize('name, epochs', [('swin-t', 100), ('vit-s', 300)])
def test_schedule__is_ibots_for_every_layer(name, epochs):
    length, peaks = 3, [1e-3, 1e-3 * 0.75 ** 13]
    groups = [dict(params=[torch.nn.Parameter(torch.ones(1))], lr=lr) for lr in peaks]
    optimizer = torch.optim.SGD(groups, lr=1.)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        schedulers = [PARAM_SCHEDULERS.build(scheduler, default_args=dict(
            optimizer=optimizer, epoch_length=length)) for scheduler in read(name).param_scheduler]
    warmup, total = 20 * length, epochs * length
    for step in range(total):
        if step < warmup:  # numpy's linspace(0, 1, warmup)
            ratio = step / (warmup - 1)
        else:
            ratio = 1e-3 + (1 - 1e-3) * (1 + math.cos(
                math.pi * (step - warmup) / (total - warmup))) / 2
        rates = [group['lr'] for group in optimizer.param_groups]
        assert rates == pytest.approx([ratio * peak for peak in peaks], rel=1e-6, abs=1e-10)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_vit__is_moco_v3s_with_12_heads_trained_positions_and_one_norm_after_the_mean():
    cfg = read('vit-s')
    model = build(cfg).eval()
    backbone = model.backbone
    assert {layer.attn.num_heads for layer in backbone.layers} == {12}
    assert backbone.pos_embed.requires_grad and not hasattr(backbone, 'ln1')
    with torch.no_grad():
        backbone.ln2.weight.uniform_(0.5, 1.5)
        images = torch.randn(2, 3, 224, 224)
        tokens = backbone.patch_embed(images)[0]
        tokens = torch.cat((backbone.cls_token.expand(2, -1, -1), tokens), 1) + backbone.pos_embed
        for layer in backbone.layers:
            tokens = layer(tokens)
        expected = F.layer_norm(tokens[:, 1:].mean(1), (384, ), backbone.ln2.weight,
                                backbone.ln2.bias, 1e-6)
        torch.testing.assert_close(model.extract_feat(images)[-1], expected)


def test_head__begins_almost_at_zero():
    torch.manual_seed(0)
    head = MODELS.build(read('swin-t').model.head)
    head.init_weights()
    assert head.fc.weight.std().item() == pytest.approx(0.02 * 0.001, rel=0.01)
    assert head.fc.weight.abs().max() < 2e-4 and not head.fc.bias.any()


# Small runs


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp('imagenet')
    small.write_images(root / 'data')
    for family in ('swin', 'vit'):
        small.write_backbone(root / f'{family}.pth', family)
    return root


def config(files, name, tmp_path, **overrides) -> Config:
    family = 'vit' if 'vit' in name else 'swin'
    return small.config(f'imagenet/{name}', files / 'data', files / f'{family}.pth', tmp_path,
                        **{'optim_wrapper.optimizer.lr': 0.05, **overrides})


@pytest.mark.parametrize('name', ['swin-t', 'vit-s'])
def test_run__trains_judges_and_resumes_as_if_unbroken(name, files, tmp_path):
    whole = small.train(config(files, name, tmp_path / 'whole'))
    first = config(files, name, tmp_path / 'parts')
    first.train_cfg.max_epochs = 1
    small.train(first)
    rest = config(files, name, tmp_path / 'parts', resume=True)
    rest.custom_hooks[1].force_change = ['train_cfg.max_epochs']
    resumed = small.train(rest)
    assert resumed.iter == whole.iter == 8
    start = torch.load(files / f'{name[:name.index("-")]}.pth', weights_only=True)['state_dict']
    for key, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[key], value, msg=lambda text, key=key:
                                   f'{key}: {text}')
        if key in start and value.is_floating_point():
            assert not torch.equal(value, start[key]), f'{key} was not trained'
    assert 0 <= whole.message_hub.get_scalar('val/accuracy/top1').current() <= 100
    best = [path.name for path in (tmp_path / 'whole').glob('best_accuracy_top1_epoch_*.pth')]
    assert len(best) == 1
    lr = whole.message_hub.get_scalar('train/lr')
    assert lr.current() < max(lr.data[0])


def test_resume__from_another_start_is_refused(files, tmp_path):
    first = config(files, 'swin-t', tmp_path / 'run')
    first.train_cfg.max_epochs = 1
    small.train(first)
    other = torch.load(files / 'swin.pth', weights_only=True)
    other['state_dict']['backbone.norm1.bias'] += 1
    torch.save(other, tmp_path / 'other.pth')
    rest = config(files, 'swin-t', tmp_path / 'run', resume=True)
    rest.model.backbone.init_cfg.checkpoint = str(tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='(?s)start_sha256: was .*, now .*--work-dir'):
        small.train(rest)


def test_resume__of_a_run_killed_in_its_last_evaluation_evaluates(files, tmp_path, monkeypatch):
    def trained(**overrides):
        cfg = config(files, 'swin-t', tmp_path / 'run', resume=True, **overrides)
        cfg.train_cfg.max_epochs = 1
        return small.train(cfg)

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(Accuracy, 'compute_metrics', lambda *_: 1 / 0)
        trained()
    assert not list((tmp_path / 'run').glob('best_*'))
    assert (tmp_path / 'run' / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    assert trained().iter == 4
    assert list((tmp_path / 'run').glob('best_accuracy_top1_epoch_1.pth'))
    logs = (file.read_text() for file in (tmp_path / 'run').glob('*/vis_data/scalars.json'))
    assert [line['step'] for log in logs for line in map(json.loads, log.splitlines())
            if 'accuracy/top1' in line] == [1]


def test_run__records_what_it_is_measured_on(files, tmp_path):
    small.train(config(files, 'swin-t', tmp_path))
    record = json.loads((tmp_path / 'data_record.json').read_text())
    part = dict(folder=str(files / 'data'), images=24, classes=3)
    digest = hashlib.sha256((files / 'swin.pth').read_bytes()).hexdigest()
    assert record == dict(start_sha256=digest, schedule=dict(unit='epochs', length=2),
                          data=dict(train=part, val=part))


def test_run__lr_follows_the_batch(files, tmp_path):
    cfg = config(files, 'swin-t', tmp_path, **{'optim_wrapper.accumulative_counts': 2})
    runner = small.train(cfg)
    peaks = {group['initial_lr'] for group in runner.optim_wrapper.optimizer.param_groups}
    assert max(peaks) == pytest.approx(0.05 * 6 * 2 / 1024)
    assert min(peaks) == pytest.approx(max(peaks) * 0.75 ** 4)  # 3 blocks: layers 0 to 4


@pytest.mark.parametrize('overrides, message', [
    ({'model.head.num_classes': 10}, 'have 3 classes.*has 10 outputs.*num_classes=3 data_prep'),
    ({'model.head.num_classes': 2, 'data_preprocessor.num_classes': 2}, '3 classes.*2 outputs'),
    ({'data_preprocessor.num_classes': 1000}, 'mixes labels of 1000 classes'),
    ({'val_evaluator.topk': (1, 5)}, 'Top-5 accuracy of 3 classes.*val_evaluator.topk=1'),
    ({'val_dataloader.dataset.data_prefix': 'test'}, 'one folder of images for each class under'),
    ({'val_dataloader.dataset.ann_file': 'val.txt'}, 'list .*val.txt with a line `IMAGE LABEL`'),
    ({'train_dataloader.dataset.dataset.ann_file': 'no.txt'}, 'train_dataloader.dataset.dataset'),
])
def test_run__labels_that_do_not_fit_are_refused_at_the_start(overrides, message, files, tmp_path):
    with pytest.raises(RuntimeError, match=f'(?s){message}'):
        small.train(config(files, 'swin-t', tmp_path, **overrides))
    assert not list(tmp_path.glob('*.pth'))


def test_run__train_and_val_must_have_the_same_classes(files, tmp_path):
    small.write_images(tmp_path / 'data', parts=['train'])
    small.write_images(tmp_path / 'data', parts=['val'], classes=('lying', 'other', 'standing'))
    cfg = small.config('imagenet/swin-t', tmp_path / 'data', files / 'swin.pth', tmp_path / 'run')
    with pytest.raises(LabelError, match='only in train_dataloader: mixed; .*other'):
        small.train(cfg)


def test_labels__of_a_list(files, tmp_path):
    lines = [f'{name}/{index}.png {label}' for label, name in enumerate(small.CLASSES)
             for index in range(8)]
    small.write_images(tmp_path / 'data')
    (tmp_path / 'data' / 'val.txt').write_text('\n'.join(lines))
    overrides = {'val_dataloader.dataset.ann_file': 'val.txt', 'train_cfg.max_epochs': 1}
    cfg = small.config('imagenet/swin-t', tmp_path / 'data', files / 'swin.pth', tmp_path / 'run',
                       **overrides)
    small.train(cfg)
    (tmp_path / 'data' / 'val.txt').write_text(lines[0] + '\nstanding/0.png 3')
    cfg.work_dir = str(tmp_path / 'second')
    with pytest.raises(LabelError, match='val_dataloader have 4 classes'):
        small.train(cfg)
    (tmp_path / 'data' / 'val.txt').write_text('no label\nstanding/0.png')
    with pytest.raises(LabelError, match='`IMAGE LABEL` for each image'):
        small.train(cfg)


def test_run__checkpoint_without_a_backbone_is_refused(files, tmp_path):
    torch.save(dict(state_dict={'head.fc.weight': torch.ones(3, 16)}), tmp_path / 'head.pth')
    cfg = config(files, 'swin-t', tmp_path / 'run')
    cfg.model.backbone.init_cfg.checkpoint = str(tmp_path / 'head.pth')
    with pytest.raises(CheckpointError, match='model.backbone.init_cfg.checkpoint'):
        small.train(cfg)


def test_val__a_broken_image_is_named(files, tmp_path):
    data = small.write_images(tmp_path / 'data')
    (data / 'val' / 'mixed' / '3.png').write_bytes(b'nothing')
    cfg = small.config('imagenet/swin-t', data, files / 'swin.pth', tmp_path / 'run',
                       **{'train_cfg.max_epochs': 1})
    with pytest.raises(OSError, match='mixed/3.png cannot be read'):
        small.train(cfg)
