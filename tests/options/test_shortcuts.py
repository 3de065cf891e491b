"""Short options: one name for one thing in every pre-training config."""

import pytest
from mmengine.config import Config

import mimco_mm  # noqa: F401  registers what configs name
from mimco_mm.errors import ConfigError
from mimco_mm.options import CONFIGS, SHORTCUTS, apply_shortcuts
from mimco_mm.options.config_files import shipped
from mimco_mm.options.data import innermost_dataset
from mimco_mm.options.shortcuts import transforms

PRETRAINING = [short for short in shipped()
               if short.startswith(('pretrain', 'study')) and 'finetune' not in short]
METHODS = ['pretrain/mimco_swin-t', 'pretrain/teachers/moby_swin-t',
           'pretrain/teachers/mocov3_vit-s', 'pretrain/baselines/simmim_swin-t',
           'pretrain/baselines/simmim-moby_swin-t']


def changed(name: str, **values) -> Config:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    apply_shortcuts(cfg, values)
    return cfg


@pytest.mark.parametrize('name', PRETRAINING)
def test_shortcuts__reach_what_runs_in_every_pretraining(name, tmp_path):
    cfg = changed(name, data=f'{tmp_path}/my photos, 2017/', batch_size=3, accumulate=5, epochs=7,
                  lr=0.25, workers=0, seed=11, knn='/knn')
    dataset = innermost_dataset(cfg.train_dataloader)
    assert (dataset.data_root, dataset.data_prefix) == (f'{tmp_path}/my photos, 2017', '')
    assert (cfg.train_dataloader.batch_size, cfg.train_dataloader.num_workers) == (3, 0)
    assert not cfg.train_dataloader.persistent_workers
    assert cfg.optim_wrapper.accumulative_counts == 5
    assert cfg.optim_wrapper.optimizer.lr == 0.25 and not cfg.auto_scale_lr.enable
    assert cfg.train_cfg.max_epochs == 7 and cfg.randomness.seed == 11
    assert max(scheduler.end for scheduler in cfg.param_scheduler) == 7
    assert cfg.get('epochs', 7) == 7  # the name that the file has for it
    assert [hook.data_root for hook in cfg.custom_hooks if hook.type == 'KNNHook'] == ['/knn']


@pytest.mark.parametrize('name, epochs, warmup', [
    ('pretrain/mimco_swin-t', 50, 5), ('pretrain/mimco_swin-t', 300, 30),
    ('pretrain/mimco_swin-t', 3, 0.3), ('pretrain/teachers/moby_swin-t', 60, 1)])
def test_epochs__warmup_keeps_its_share(name, epochs, warmup):
    scheduler, = changed(name, epochs=epochs).param_scheduler
    assert (scheduler.warmup, scheduler.end) == (warmup, epochs)


def test_epochs__every_part_of_a_schedule_follows():
    warmup, cosine = changed('pretrain/teachers/mocov3_vit-s', epochs=30).param_scheduler
    assert (warmup.begin, warmup.end, cosine.begin, cosine.end) == (0, 4, 4, 30)
    assert cosine.get('T_max', 26) == 26


@pytest.mark.parametrize('ratio', [0.3, 0.75])
@pytest.mark.parametrize('name', ['pretrain/mimco_swin-t', 'pretrain/baselines/simmim_vit-b',
                                  'pretrain/baselines/simmim-moby_swin-t', 'study/mimco_vit-micro'])
def test_mask_ratio(name, ratio):
    cfg = changed(name, mask_ratio=ratio)
    assert [one.mask_ratio for _, one in transforms(cfg) if 'mask_ratio' in one] == [ratio]


def test_teacher__takes_the_place_of_another_with_all_that_was_said_of_it():
    cfg = changed('pretrain/other_teachers/mimco_swin-t_dinov2-vit-s', teacher='/t/my teacher.pth')
    assert cfg.model.target_generator.checkpoint == '/t/my teacher.pth'
    assert 'sha256' not in cfg.model.target_generator


@pytest.mark.parametrize('name', [
    'pretrain/mimco_swin-t', 'pretrain/other_teachers/mimco_swin-t_dinov2-vit-s',
    'pretrain/other_teachers/mimco_swin-t_eupe-vit-s'])
def test_teacher__by_name_keeps_the_switches_of_the_targets_alone(name):
    kept = {} if name == 'pretrain/mimco_swin-t' else dict(layer_norm_targets=True)
    for library in ('timm', 'hf'):
        cfg = changed(name, teacher=f'{library}:a/b=c')
        assert cfg.model.target_generator == {'type': 'FrozenTeacher', library: 'a/b=c', **kept}


@pytest.mark.parametrize('name, values, message', [
    (METHODS[0], dict(teacher='timm:'), 'expects a name after timm:, such as timm:vit_small'),
    (METHODS[0], dict(teacher='hf:=x'), 'expects a name after hf:'),
    (METHODS[0], dict(teacher='timm:vit_tiny='), 'expects a file after ='),
    (METHODS[0], dict(teacher='timm: '), 'expects a name after timm:'),
    *((name, dict(teacher=['t.pth', 'u.pth']), '--teacher makes no sense.*no teacher')
      for name in METHODS[1:3]),
    *((name, dict(teacher='t.pth'), '--teacher makes no sense.*no teacher')
      for name in METHODS[1:]),
    *((name, dict(mask_ratio=0.5), '--mask-ratio makes no sense.*masks nothing')
      for name in METHODS[1:3]),
    ('pretrain/ablations/mimco_swin-t_no-mask', dict(mask_ratio=0.5), 'masks nothing'),
    ('benchmarks/imagenet/swin-t', dict(knn='x'), '--knn makes no sense.*no KNNHook'),
    ('benchmarks/knn/swin-t', dict(epochs=3), '--epochs makes no sense.*trains nothing'),
    (METHODS[0], dict(mask_ratio=1.), 'between 0 and 1, got 1.0'),
    (METHODS[0], dict(batch_size=0), '--batch-size expects a number from 1 up, got 0'),
    (METHODS[0], dict(accumulate=0), '--accumulate expects'),
    (METHODS[0], dict(epochs=0), '--epochs expects'),
    (METHODS[0], dict(workers=-1), '--workers expects'),
    (METHODS[0], dict(lr=0.), '--lr expects a rate above 0'),
    (METHODS[0], dict(lr=float('inf')), '--lr expects a rate above 0'),
    (METHODS[0], dict(seed=-1), '--seed expects a number from 0'),
    (METHODS[0], dict(data=''), '--data expects a folder, a tar, tar://FOLDER or lmdb://FOLDER'),
    (METHODS[0], dict(data='s3://bucket'), "got 's3://bucket'"),
])
def test_shortcuts__are_refused_where_they_make_no_sense(name, values, message):
    with pytest.raises(ConfigError, match=message):
        changed(name, **values)


@pytest.mark.parametrize('inside, wanted', [
    (['train', 'val'], 'train'), (['train', 'test'], 'train'), (['train'], ''),
    (['cats', 'dogs', 'val'], '')])
def test_data__of_a_folder_with_a_part_for_testing_takes_the_other(tmp_path, inside, wanted):
    for name in inside:
        (tmp_path / name).mkdir()
    dataset = innermost_dataset(changed('pretrain/mimco_swin-t', data=str(tmp_path))
                                .train_dataloader)
    assert dataset.data_root == str(tmp_path / wanted) and dataset.data_prefix == ''


def test_data__of_a_transfer_is_the_folder_of_its_parts():
    cfg = changed('benchmarks/imagenet/swin-t', data='/d')
    assert {innermost_dataset(cfg[f'{part}_dataloader']).data_root
            for part in ('train', 'val', 'test')} == {'/d'}
    assert innermost_dataset(cfg.val_dataloader).data_prefix == 'val'


@pytest.mark.maintained_only
def test_data__of_a_detection_takes_its_annotations_along():
    cfg = changed('benchmarks/coco/mask-rcnn_swin-t_1x', data='/c')
    assert cfg.train_dataloader.dataset.data_root == '/c'
    assert cfg.val_evaluator.ann_file == '/c/annotations/instances_val2017.json'


def test_shortcuts__are_the_options_of_train_py():
    from tests.tools.modules import load_tool
    args = load_tool('train.py').parse_args(['c.py'])
    assert set(SHORTCUTS) <= vars(args).keys()
