"""A new run from another's weights: the backbone whole or nothing, and word of all else."""

import pytest
import torch
from mmpretrain.registry import MODELS
from safetensors.torch import save_file

from mimco_mm.checkpoints import CheckpointError, load_whole, read_run, start_from
from tests import tiny
from tests.transfers import classifiers

from ..reference.official import files, swin, vit

OFFICIAL = dict(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=4, img_size=32, patch=4)


@pytest.fixture
def build(tmp_path):
    """A small model of a pre-training config, random weights of a seed."""

    def built(name: str = 'mimco_swin-t', seed: int = 0, **changes):
        cfg = tiny.config(name, tmp_path, tmp_path)
        cfg.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
        torch.manual_seed(seed)
        return MODELS.build(cfg.model)

    return built


def saved(path, model) -> str:
    torch.save(dict(state_dict=model.state_dict(), meta=dict(epoch=1)), path)
    return str(path)


def copied(model) -> dict:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(got: dict, wanted: dict, part: str = '') -> bool:
    names = [name for name in wanted if name.startswith(part)]
    assert names
    return all(torch.equal(got[name], wanted[name]) for name in names)


def test_same_algorithm__is_loaded_whole_with_heads_and_queues(build, tmp_path):
    model, other = build(), build(seed=1)
    content, told = start_from(model, saved(tmp_path / 'epoch_1.pth', other))
    assert same(model.state_dict(), other.state_dict())
    assert same(content['state_dict'], other.state_dict()) and content['meta'] == dict(epoch=1)
    assert 'load_from, MimCo: ' in told and '38 tensors matched' in told
    assert 'all else from it as well: image_head, image_neck, momentum_' in told
    assert 'anew' not in told and 'not taken' not in told


def test_another_algorithm__gives_its_backbone_alone(build, tmp_path):
    model, other = build(), build('baselines/simmim_swin-t', seed=1)
    before = copied(model)
    _, told = start_from(model, saved(tmp_path / 'epoch_1.pth', other))
    assert same(model.state_dict(), {
        f'backbone.{key}': value for key, value in other.backbone.state_dict().items()})
    assert not same(before, model.state_dict(), 'backbone.patch_embed')
    assert same(model.state_dict(), {key: value for key, value in before.items()
                                     if not key.startswith('backbone.')})
    assert 'begins anew: image_head, image_neck, ' in told
    assert 'not taken from the file: neck (' in told


@pytest.mark.parametrize('write', [
    lambda path, state: files.moby(path.with_suffix('.pth'), state),
    lambda path, state: save_file(
        {key: value.contiguous() for key, value in swin.swin_to_timm(state).items()},
        path.with_suffix('.safetensors')) or path.with_suffix('.safetensors')],
    ids=['official', 'safetensors'])
def test_other_names__are_converted(build, tmp_path, write):
    state, model = swin.random_swin(**OFFICIAL), build()
    _, told = start_from(model, str(write(tmp_path / 'release', state)))
    wanted = {f'backbone.{key}': value for key, value in swin.swin_to_mmpretrain(state).items()}
    assert same(model.state_dict(), wanted) and len(wanted) > 30
    assert 'initialised afresh: mask_token' in told and 'begins anew: image_head' in told


def test_another_network__is_refused_and_leaves_the_model(build, tmp_path):
    model = build()
    before = copied(model)
    path = str(files.dino_backbone(tmp_path / 'vit.pth', vit.random_vit()))
    with pytest.raises(CheckpointError, match='Cannot load MimCo from `load_from`=.*vit.pth'
                       r'(.|\n)*tensors missing'):
        start_from(model, path)
    assert same(model.state_dict(), before)


def test_incomplete_backbone__is_refused(build, tmp_path):
    model = build()
    state = build(seed=1).state_dict()
    state.pop('backbone.norm1.weight')
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='1 tensors missing: norm1.weight'):
        start_from(model, str(tmp_path / 'a.pth'))


def test_same_algorithm__with_other_heads_is_refused(build, tmp_path):
    wider = build(image_head=dict(feat_dim=8, queue_len=80))
    with pytest.raises(CheckpointError, match=r'same algorithm, but \d tensors have another shape '
                       r'.*image_head\..*queue.* Set neck, head and queue as in its run'):
        start_from(build(), saved(tmp_path / 'a.pth', wider))


def test_missing_file__names_the_key(build, tmp_path):
    with pytest.raises(CheckpointError, match='`load_from`=.*\n.*No such checkpoint file'
                       '.*Name one that there is by `load_from`'):
        start_from(build(), str(tmp_path / 'nothing.pth'))


def classifier(tmp_path, classes: int, seed: int):
    cfg = classifiers.config('imagenet/swin-t', tmp_path, tmp_path / 'x', tmp_path, classes=classes)
    cfg.model.backbone.pop('init_cfg')
    torch.manual_seed(seed)
    return MODELS.build(cfg.model)


def test_transfer__begins_anew_what_has_other_classes(tmp_path):
    model, other = classifier(tmp_path, 3, 0), classifier(tmp_path, 5, 1)
    _, told = start_from(model, saved(tmp_path / 'epoch_1.pth', other))
    assert same(model.state_dict(), {key: value for key, value in other.state_dict().items()
                                     if not key.startswith('head.')})
    assert 'begins anew: head (2 tensors)' in told


def test_batch_norms_of_a_backbone__may_have_counted(tmp_path):
    """A counter of batches is no tensor that a formula fixes."""
    config = dict(type='ImageClassifier', backbone=dict(type='ResNet', depth=18),
                  head=dict(type='LinearClsHead', num_classes=2, in_channels=512))
    model, other = MODELS.build(config), MODELS.build(config)
    other.backbone.bn1.num_batches_tracked += 7
    start_from(model, saved(tmp_path / 'a.pth', other))
    assert model.backbone.bn1.num_batches_tracked == 7


def test_read_run_and_load_whole__want_a_run_of_exactly_this_model(build, tmp_path):
    path = saved(tmp_path / 'epoch_1.pth', build(seed=1))
    content, model = read_run(path, 'cpu'), build()
    load_whole(model, content['state_dict'], path)
    assert content['meta'] == dict(epoch=1) and same(model.state_dict(), content['state_dict'])
    with pytest.raises(CheckpointError, match='does not go on with this SimMIM: .*missing in it'
                       '.*load_from=FILE'):
        load_whole(build('baselines/simmim_swin-t'), content['state_dict'], path)
    torch.save(dict(model={}), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='has no state_dict and no meta.* --resume'):
        read_run(str(tmp_path / 'other.pth'), 'cpu')
