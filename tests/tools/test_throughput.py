"""The whole tool once, on the smallest batch; and each method's step really trains."""

import json

import pytest
import torch
from mmengine.config import Config

from mimco_mm.speed.step import TrainingStep

from ..tiny import CONFIGS, write_images
from .modules import call, refusal


@pytest.mark.parametrize(
    'name', ['mimco_swin-t', 'baselines/simmim_swin-t', 'teachers/moby_swin-t'])
@pytest.mark.parametrize('faster', [False, True])
def test_step__moves_the_weights(tmp_path, name, faster):
    cfg = Config.fromfile(CONFIGS / 'pretrain' / f'{name}.py')
    arch = dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1])
    for network in (cfg.model.backbone, cfg.model.get('target_generator', {}).get('backbone', {})):
        network.update(arch=arch)
    for key in ('patch_neck', 'image_neck', 'neck'):
        if key in cfg.model:
            cfg.model[key].in_channels = 64
    step = TrainingStep(cfg, 2, torch.device('cpu'), None, faster, tmp_path)
    before = {key: p.detach().clone() for key, p in step.model.named_parameters()}
    step()
    moved = {key for key, p in step.model.named_parameters() if not torch.equal(p, before[key])}
    assert {key.split('.')[0] for key in moved} >= {'backbone'}
    groups = step.optim_wrapper.optimizer.param_groups
    assert (len(groups) < 5) == faster and bool(groups[0]['fused']) == faster
    if name == 'mimco_swin-t':
        step.parts()['optimizer']()
        states = step.optim_wrapper.optimizer.state
        trained = [p for p in step.model.parameters() if p.requires_grad]
        assert {int(states[parameter]['step']) for parameter in trained} == {2}  # heads as well


def test_tool__writes_rows_and_shares(tmp_path):
    images = write_images(tmp_path, 2, side=64)
    printed = call('speed/throughput.py', 'vit-s', '--batch-size', 2, '--repeats', 1, '--device',
                   'cpu', '--images', images, '--out', tmp_path / 'out.json')
    out = json.loads((tmp_path / 'out.json').read_text())
    result, = out['results']
    rows = {row['method']: row for row in result['rows']}
    assert list(rows) == ['SimMIM', 'MoCo v3', 'MimCo, plain layers', 'MimCo',
                          'SimMIM, faster layers']
    # 3 passes of one network, 8 of two views, and 4 with heads
    assert rows['MoCo v3']['operations'] > 2 * rows['SimMIM']['operations']
    assert 4 / 3 < rows['MimCo']['operations'] / rows['SimMIM']['operations'] < 2
    assert rows['MimCo']['operations'] == rows['MimCo, plain layers']['operations']
    assert set(result['shares']) == {'teacher', 'student', 'optimizer', 'heads'}
    assert result['core_seconds_of_data'] > 0
    assert 'ratio (range)' in printed


@pytest.mark.parametrize('options, message', [
    (['--batch-size', '1'], 'expected --batch-size from 2 up'),
    (['--repeats', '0'], 'expected --batch-size from 2 up'),
    (['resnet'], "expected one of swin-t, swin-b, vit-s, vit-b, got 'resnet'")])
def test_tool__says_what_it_needs(options, message):
    assert message in refusal('speed/throughput.py', *options)


def test_tool__looks_for_images_before_it_measures(tmp_path):
    assert 'There are no images' in refusal('speed/throughput.py', 'vit-s', '--images', tmp_path,
                                            '--out', tmp_path / 'out.json')
    assert not (tmp_path / 'out.json').exists()
