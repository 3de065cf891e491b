"""The backbone alone, written beside the last checkpoint when training ends."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmpretrain.registry import HOOKS, MODELS
from torch.utils.data import DataLoader

from mimco_mm.checkpoints import (
    TARGETS,
    load_backbone,
    model_card,
    prepare_export,
    read_checkpoint,
    sha256_of,
    unknown_to,
)
from mimco_mm.version import __version__
from tests import tiny

NAMES = ('teachers/moby_swin-t', 'mimco_swin-t')
STUDENT = pytest.mark.parametrize('name', NAMES)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """{config: work dir}: stage 1 in 2 epochs, and stage 2 taught by the file it has left."""
    folder = tmp_path_factory.mktemp('runs')
    data, moby, mimco = tiny.write_images(folder / 'images', 8), folder / 'moby', folder / 'mimco'
    tiny.train(tiny.config(NAMES[0], moby, data, epochs=2))
    tiny.train(tiny.config(NAMES[1], mimco, data, epochs=2, **{
        'model.target_generator.checkpoint': str(moby / 'backbone_epoch_2.pth')}))
    return dict(zip(NAMES, (moby, mimco)))


def test_hook__names_the_epoch_of_the_end_not_of_the_last_checkpoint(tmp_path):
    data = tiny.write_images(tmp_path / 'images', 4)
    tiny.train(tiny.config(NAMES[0], tmp_path / 'run', data, epochs=3, **{
        'default_hooks.checkpoint.interval': 2, 'default_hooks.checkpoint.save_last': False}))
    files = {path.name for path in (tmp_path / 'run').glob('*.pth')}
    assert files == {'epoch_2.pth', 'backbone_epoch_3.pth'}


def test_hook__a_finished_run_that_is_resumed_keeps_its_file(tmp_path):
    data = tiny.write_images(tmp_path / 'images', 4)
    file = tmp_path / 'run' / 'backbone_epoch_1.pth'
    tiny.train(tiny.config(NAMES[0], tmp_path / 'run', data, epochs=1))
    before = file.read_bytes()
    again = dict(resume=True, **{'default_hooks.checkpoint.interval': 7})  # it stands in the file
    tiny.train(tiny.config(NAMES[0], tmp_path / 'run', data, epochs=1, **again))
    assert file.read_bytes() == before
    file.unlink()  # as of a run that was killed before it
    tiny.train(tiny.config(NAMES[0], tmp_path / 'run', data, epochs=1, **again))
    assert file.read_bytes() != before


def student_in(work_dir) -> dict:
    state = read_checkpoint(work_dir / 'epoch_2.pth')['state_dict']
    return {key: value for key, value in state.items() if key.startswith('backbone.')}


@STUDENT
def test_hook__writes_the_student_of_the_last_checkpoint_and_nothing_else(runs, name):
    files = {path.name for path in runs[name].glob('*.pth')}
    assert files == {'epoch_1.pth', 'epoch_2.pth', 'backbone_epoch_2.pth'}
    content = torch.load(runs[name] / 'backbone_epoch_2.pth', weights_only=True)
    assert content.keys() == {'meta', 'state_dict'}
    wanted = student_in(runs[name])
    assert content['state_dict'].keys() == wanted.keys() and wanted
    assert all(torch.equal(value, wanted[key]) for key, value in content['state_dict'].items())
    assert not any(value.requires_grad for value in content['state_dict'].values())


def test_hook__meta_says_which_run_and_which_teacher(runs):
    meta = read_checkpoint(runs['mimco_swin-t'] / 'backbone_epoch_2.pth')['meta']
    assert (meta['algorithm'], meta['epoch'], meta['iter'], meta['seed']) == ('MimCo', 2, 4, 0)
    assert meta['mimco_mm_version'] == __version__
    assert f'{runs["teachers/moby_swin-t"] / "backbone_epoch_2.pth"} (sha256 ' in meta['teacher']
    assert meta['run_identity']['images'] == 8
    whole = read_checkpoint(runs['mimco_swin-t'] / 'epoch_2.pth')['meta']['run_identity']
    assert {**meta['run_identity'], 'changed': []} == whole
    assert "type='FrozenTeacher'" in meta['config']
    moby = read_checkpoint(runs['teachers/moby_swin-t'] / 'backbone_epoch_2.pth')['meta']
    assert (moby['algorithm'], moby['epoch'], moby['teacher']) == ('MoBY', 2, None)


@pytest.mark.parametrize('name', ['backbone_epoch_2.pth', 'epoch_2.pth'])
def test_hook__the_model_card_of_an_export_tells_the_run(runs, name):
    file = str(runs['mimco_swin-t'] / name)
    export = prepare_export(file, 'timm')
    card = model_card(export, TARGETS['timm'], file).splitlines()
    teacher = sha256_of(str(runs['teachers/moby_swin-t'] / 'backbone_epoch_2.pth'))
    for line in ('- method: `MimCo`, [arXiv 2209.03063](https://arxiv.org/abs/2209.03063)',
                 f'- teacher: `.../backbone_epoch_2.pth`, sha256 `{teacher}`',
                 '- data: `.../images/train`, 8 images', '- epochs: 2 of 2, batch 4, seed 0'):
        assert line in card
    assert unknown_to(export, 'mit', '') == ['results (--results)']


def test_hook__stage_2_has_learned_from_the_file_of_stage_1(runs):
    moby = runs['teachers/moby_swin-t']
    teacher = MODELS.build(dict(
        type='FrozenTeacher', backbone=dict(type='SwinTransformer', **tiny.BACKBONE),
        checkpoint=str(moby / 'backbone_epoch_2.pth')))
    teacher.init_weights()
    assert teacher.report.sha256 == read_checkpoint(
        runs['mimco_swin-t'] / 'epoch_2.pth')['meta']['run_identity']['teacher_sha256']
    network = MODELS.build(dict(type='SwinTransformer', **tiny.BACKBONE))
    network.load_state_dict({key.removeprefix('backbone.'): value
                             for key, value in student_in(moby).items()}, strict=True)
    network.eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(teacher(x), network(x)[-1])


@STUDENT
def test_hook__file_is_loaded_and_exported_as_a_whole_checkpoint_is(runs, name):
    network = MODELS.build(dict(type='SwinTransformer', **tiny.BACKBONE))
    network.init_weights()
    report = load_backbone(network, str(runs[name] / 'backbone_epoch_2.pth'), config_key='key')
    assert report.covered == report.parameters
    wanted = student_in(runs[name])
    assert all(torch.equal(value, wanted[f'backbone.{key}'])
               for key, value in network.state_dict().items())
    alone, whole = (prepare_export(str(runs[name] / file), 'timm').state
                    for file in ('backbone_epoch_2.pth', 'epoch_2.pth'))
    assert alone.keys() == whole.keys()
    assert all(torch.equal(alone[key], whole[key]) for key in whole)


def runner_of(backbone: dict, folder) -> SimpleNamespace:
    """What the hook sees of a runner that has trained ``backbone`` for 7 iterations."""
    return SimpleNamespace(
        model=SimpleNamespace(backbone=MODELS.build(backbone), target_generator=None),
        message_hub=MessageHub.get_instance(f'hub of {folder}'), work_dir=str(folder), iter=7,
        epoch=0, seed=3, train_loop=None, cfg=Config(dict(model=dict())),
        world_size=1, train_dataloader=DataLoader(range(8), batch_size=2),
        optim_wrapper=SimpleNamespace(_accumulative_counts=1),
        logger=MMLogger.get_current_instance())


VIT = dict(
    type='MaskedMoCoV3ViT', img_size=32, patch_size=16,
    arch=dict(embed_dims=48, num_layers=1, num_heads=6, feedforward_channels=96))


def test_hook__heads_of_a_vit_are_in_the_file(tmp_path):
    runner = runner_of(VIT, tmp_path)
    runner.model.backbone.init_weights()
    HOOKS.build(dict(type='BackboneFileHook')).after_train(runner)
    export = prepare_export(str(tmp_path / 'backbone_iter_7.pth'), 'transformers')
    assert export.architecture.heads == 6


def test_hook__other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.is_main_process', lambda group=None: False)
    HOOKS.build(dict(type='BackboneFileHook')).after_train(runner_of(VIT, tmp_path))
    assert not list(tmp_path.iterdir())


def test_hook__comes_after_the_hook_that_writes_checkpoints():
    from mmengine.hooks import CheckpointHook, Hook
    from mmengine.runner.priority import get_priority
    hook = HOOKS.build(dict(type='BackboneFileHook'))
    assert get_priority(hook.priority) >= get_priority(CheckpointHook.priority)
    assert type(hook).after_train is not Hook.after_train
