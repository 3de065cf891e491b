"""What a request makes of a config, and when a run is refused."""

from pathlib import Path
from typing import Optional

import pytest
import torch
from mmengine.config import Config

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.errors import ConfigError, UserError
from mimco_mm.launching import Request
from mimco_mm.launching.checks import check_sizes, check_start
from mimco_mm.launching.run_config import complete
from mimco_mm.launching.training_images import check_data
from mimco_mm.options import CONFIGS, set_option
from mimco_mm.options.data import set_data


def make_config(**changes) -> Config:
    loader = dict(batch_size=4, num_workers=2)
    config = dict(
        default_scope='mmpretrain',
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
        auto_scale_lr=dict(base_batch_size=2048, enable=False),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        train_dataloader=dict(loader),
        val_dataloader=dict(loader),
        val_cfg=dict(),
        val_evaluator=dict(type='Accuracy'))
    return Config({**config, **changes})


def merged(*cfg_options: str, changes: Optional[dict] = None, **request) -> Config:
    return complete(make_config(**(changes or {})),
                    Request('configs/pretrain/some_config.py', cfg_options=cfg_options, **request))


class TestComplete:

    def test_work_dir__option_then_config_then_name(self):
        assert merged(work_dir='a b', changes=dict(work_dir='c')).work_dir == 'a b'
        assert merged(changes=dict(work_dir='c')).work_dir == 'c'
        assert Path(merged().work_dir) == Path('work_dirs/some_config')

    @pytest.mark.parametrize('resume, wanted', [
        (None, (None, None)), ('auto', (True, None)), ('x/epoch_3.pth', (True, 'x/epoch_3.pth'))])
    def test_resume(self, resume, wanted):
        cfg = merged(resume=resume)
        assert (cfg.get('resume'), cfg.get('load_from')) == wanted

    def test_resume__begins_from_load_from_until_there_is_a_checkpoint(self, tmp_path):
        request = dict(work_dir=str(tmp_path), resume='auto')
        first = merged('load_from=w.pth', **request)
        assert (first.resume, first.load_from) == (False, 'w.pth')
        (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
        later = merged(changes=dict(load_from='w.pth'), **request)
        assert (later.resume, later.load_from) == (True, None)

    def test_resume__from_one_file_alone(self):
        with pytest.raises(ConfigError, match='--resume a.pth and --cfg-options load_from=b.pth'):
            merged('load_from=b.pth', resume='a.pth')

    @pytest.mark.parametrize('amp, wanted', [
        ('bf16', dict(type='AutocastOptimWrapper', dtype='bfloat16')),
        ('fp16', dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')),
        ('off', dict(type='OptimWrapper')),
        (None, dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=8.)),
    ])
    def test_amp(self, amp, wanted):
        wrapper = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=8., clip_grad=None)
        cfg = merged(amp=amp, changes=dict(optim_wrapper=wrapper))
        assert cfg.optim_wrapper.to_dict() == dict(**wanted, clip_grad=None)

    def test_amp__unknown_wrapper(self):
        with pytest.raises(ConfigError, match='DeepSpeedOptimWrapper'):
            merged(amp='bf16', changes=dict(optim_wrapper=dict(type='DeepSpeedOptimWrapper')))

    def test_validate(self):
        cfg = merged(validate=False)
        assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
        with pytest.raises(ConfigError, match='--no-validate makes no sense .* does not validate'):
            merged(validate=False, changes=dict(val_dataloader=None))

    def test_scale_lr(self):
        assert merged(scale_lr=True).auto_scale_lr.enable
        assert not merged().auto_scale_lr.enable
        with pytest.raises(ConfigError, match='base_batch_size'):
            merged(scale_lr=True, changes=dict(auto_scale_lr=None))
        with pytest.raises(ConfigError, match='--lr.*give either'):
            merged(scale_lr=True, shortcuts=dict(lr=0.1))
        with pytest.raises(ConfigError, match='--lr.*give either'):
            merged('auto_scale_lr.enable=True', shortcuts=dict(lr=0.1))
        assert not merged(shortcuts=dict(lr=0.1)).auto_scale_lr.enable
        with pytest.raises(ConfigError, match='--auto-scale-lr makes no sense .* already'):
            merged(scale_lr=True, changes=dict(
                auto_scale_lr=dict(base_batch_size=512, enable=True)))

    def test_dataloaders__defaults_and_options(self):
        loader = merged().train_dataloader
        assert loader.collate_fn.type == 'default_collate'
        assert loader.persistent_workers
        loader = merged(pin_memory=False, persistent_workers=False).val_dataloader
        assert not loader.pin_memory
        assert not loader.persistent_workers

    def test_dataloaders__config_wins_over_defaults(self):
        own = dict(num_workers=1, pin_memory=False, collate_fn=dict(type='pseudo_collate'))
        loader = merged(changes=dict(train_dataloader=own)).train_dataloader
        assert not loader.pin_memory
        assert loader.collate_fn.type == 'pseudo_collate'

    def test_dataloaders__no_workers_cannot_persist(self):
        loader = dict(num_workers=2, persistent_workers=True)
        cfg = merged('train_dataloader.num_workers=0', changes=dict(train_dataloader=loader))
        assert not cfg.train_dataloader.persistent_workers

    def test_cfg_options__come_last(self):
        cfg = merged('optim_wrapper.optimizer.lr=0.5', 'optim_wrapper.loss_scale=128.0', amp='fp16',
                     launcher='pytorch')
        assert cfg.optim_wrapper.optimizer.lr == 0.5
        assert cfg.optim_wrapper.loss_scale == 128.0
        assert cfg.launcher == 'pytorch'


@pytest.mark.parametrize('text', ['work_dir=x', 'resume=False', 'launcher=pytorch'])
def test_complete__keys_that_an_option_decides_are_refused(text):
    with pytest.raises(ConfigError, match='--cfg-options .* says; use that'):
        merged(text)


class TestCheckStart:

    @pytest.mark.parametrize('name', ['last_checkpoint', 'epoch_3.pth', 'iter_100.pth'])
    def test_work_dir_holds_a_run(self, tmp_path, name):
        (tmp_path / name).touch()
        with pytest.raises(ConfigError, match=f'(?s){name}.*--resume.*--work-dir'):
            check_start(merged(work_dir=str(tmp_path)))
        with pytest.raises(CheckpointError, match=f'(?s){name}.*to begin the run anew|{name}.*'
                                                  'begins the run anew'):
            check_start(merged(work_dir=str(tmp_path), resume='auto'))

    def test_logs_alone_do_not_count(self, tmp_path):
        (tmp_path / '20250101_000000').mkdir()
        check_start(merged(work_dir=str(tmp_path)))

    def test_resume_from_what_is_no_run(self, tmp_path):
        torch.save(dict(state_dict={}, meta={}), tmp_path / 'backbone_epoch_1.pth')
        (tmp_path / 'cut.pth').write_bytes(b'PK\x03\x04')
        with pytest.raises(CheckpointError, match='has no optimizer, message_hub: a run goes on'):
            check_start(merged(resume=str(tmp_path / 'backbone_epoch_1.pth')))
        with pytest.raises(CheckpointError, match='cut.pth .*its end is missing'):
            check_start(merged(resume=str(tmp_path / 'cut.pth')))
        with pytest.raises(CheckpointError, match='of this machine, got http://x/a.pth'):
            check_start(merged(resume='http://x/a.pth'))

    @pytest.mark.parametrize('place', ['file', 'file/in it'])
    def test_work_dir_that_is_no_folder(self, tmp_path, place):
        (tmp_path / 'file').touch()
        with pytest.raises(ConfigError, match='file is no folder that can be written to'):
            check_start(merged(work_dir=str(tmp_path / place)))

    def test_resume_from_a_folder_without_checkpoints(self, tmp_path):
        with pytest.raises(ConfigError, match='has no epoch_N.pth or iter_N.pth; --resume alone'):
            check_start(merged(resume=str(tmp_path)))

    def test_force_change_is_for_a_run_that_goes_on_and_is_compared(self):
        for request, told in ((dict(), 'give --resume'), (dict(resume='auto'), 'RunIdentityHook')):
            with pytest.raises(ConfigError, match=f'--force-change .*{told}'):
                merged(force_change=['model'], **request)

    def test_resume_from_a_missing_file(self, tmp_path):
        with pytest.raises(ConfigError, match='epoch_9.pth'):
            check_start(merged(resume=str(tmp_path / 'epoch_9.pth')))


def pretraining(name: str, **changes) -> Config:
    cfg = Config.fromfile(CONFIGS / 'pretrain' / f'{name}.py')
    cfg.merge_from_dict(changes)
    return cfg


@pytest.mark.parametrize('changes, told', [
    ({'model.backbone.img_size': 192}, '192 px by `model.backbone.img_size`; 224 px by'),
    ({'model.target_generator.backbone.img_size': 256}, '256 px by `model.target_generator'),
    ({'train_dataloader.dataset.dataset.pipeline.3.input_size': 192}, 'MaskGenerator.input_size'),
    ({'train_dataloader.dataset.dataset.pipeline.1.scale': 192}, 'CodedResizedCrop.scale'),
])
def test_check_sizes__of_crops_masks_and_networks(changes, told):
    check_sizes(pretraining('mimco_swin-t'))
    with pytest.raises(ConfigError, match=f'do not have one size: .*{told}'):
        check_sizes(pretraining('mimco_swin-t', **changes))


@pytest.mark.parametrize('key', ['data_preprocessor.mask.input_size',
                                 'data_preprocessor.views.0.BatchedResizedCrop.scale'])
def test_check_sizes__of_what_the_preprocessor_crops_and_masks(key):
    cfg = Config.fromfile(CONFIGS / 'study' / 'mimco_vit-micro.py')
    check_sizes(cfg)
    set_option(cfg, key, '64')
    with pytest.raises(ConfigError, match=f'do not have one size: .*64 px by `{key}`'):
        check_sizes(cfg)


def test_check_sizes__a_teacher_that_resizes_has_its_own():
    name = 'other_teachers/mimco_swin-t_dinov2-vit-s'
    check_sizes(pretraining(name))
    with pytest.raises(ConfigError, match='must be the same, got 224 and 196'):
        check_sizes(pretraining(name, **{'model.target_generator.input_size': 224}))


def test_check_data(tmp_path):
    key = 'train_dataloader.dataset.dataset.data_root'
    (tmp_path / 'train').mkdir()
    check_data(pretraining('mimco_swin-t', **{key: str(tmp_path)}))
    with pytest.raises(ConfigError, match='no folder .*nowhere/train.*--data FOLDER'):
        check_data(pretraining('mimco_swin-t', **{key: str(tmp_path / 'nowhere')}))


@pytest.mark.parametrize('scheme, content, error', [
    ('tar', None, 'nowhere, and there is none. python tools/convert/pack_images.py'),
    ('lmdb', None, 'nowhere, and there is none. python tools/convert/pack_images.py'),
    ('tar', 'a.tar', 'have no index .*index_shards.py'),
    ('lmdb', 'data.mdb', 'no database of LMDB, or cut or damaged .*pack_images.py'),
])
def test_check_data__says_of_packed_images_what_is_wrong_with_them(tmp_path, scheme, content,
                                                                    error):
    folder = tmp_path / 'nowhere'
    if content:
        folder.mkdir()
        (folder / content).write_bytes(b'')
    cfg = pretraining('mimco_swin-t')
    set_data(cfg, f'{scheme}://{folder}')
    with pytest.raises(UserError, match=error):
        check_data(cfg)
