"""tools/test.py: what its options make of a config, and that it judges whole checkpoints only."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mimco_mm.errors import ConfigError
from mimco_mm.launching.testing import CheckpointTest, requested_test
from tests.tools.modules import call, load_tool, refusal
from tests.transfers import classifiers as small


@pytest.fixture
def merged(tmp_path):
    """Give the config of a test with some options, of a config with some keys."""

    def merge(*options: str, **changes) -> Config:
        file = tmp_path / 'some_config.py'
        Config(dict(
            default_scope='mmpretrain', model=dict(type='ImageClassifier'), test_cfg=dict(),
            test_dataloader=dict(batch_size=4, num_workers=0, dataset=dict(pipeline=['plain'])),
            test_evaluator=dict(type='Accuracy'), train_cfg=dict(), val_cfg=dict(),
            load_from='x.pth') | changes).dump(str(file))
        args = vars(load_tool('test.py').parse_args([str(file), 'epoch_1.pth', *options]))
        return requested_test(CheckpointTest(**{key: args[key] for key in CheckpointTest._fields}))

    return merge


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Folder of a finished small fine-tuning: config.py, imagenet/epoch_1.pth, swin.pth, data."""
    root = tmp_path_factory.mktemp('test_cli')
    small.write_images(root / 'data')
    small.write_backbone(root / 'swin.pth')
    cfg = small.config('imagenet/swin-t', root / 'data', root / 'swin.pth', root / 'imagenet',
                       **{'train_cfg.max_epochs': 1, 'optim_wrapper.optimizer.lr': 0.5})
    cfg.dump(str(root / 'config.py'))
    runner = small.train(cfg)
    top1 = runner.message_hub.get_scalar('val/accuracy/top1').current()
    (root / 'top1.txt').write_text(str(float(top1)))
    return root


def test_test__gives_what_the_training_measured(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    checkpoint = run / 'imagenet' / 'epoch_1.pth'
    call('test.py', run / 'config.py', checkpoint, '--out', tmp_path / 'predictions.pkl')
    written = json.loads((run / 'imagenet' / 'test' / 'epoch_1' / 'results.json').read_text())
    assert written['results']['accuracy/top1'] == pytest.approx(
        float((run / 'top1.txt').read_text()))
    assert len(written['checkpoint_sha256']) == 64 and written['checkpoint'] == str(checkpoint)
    assert (tmp_path / 'predictions.pkl').stat().st_size > 1000


def test_test__results_of_another_test_stay(run, tmp_path):
    same = run / 'config.py', run / 'imagenet' / 'epoch_1.pth', '--work-dir', tmp_path / 'out'
    call('test.py', *same)
    call('test.py', *same)
    file = tmp_path / 'out' / 'results.json'
    before = file.read_bytes()
    other = torch.load(same[1], weights_only=False)
    torch.save(dict(state_dict=other['state_dict']), tmp_path / 'epoch_1.pth')
    told = refusal('test.py', same[0], tmp_path / 'epoch_1.pth', *same[2:])
    assert re.search('results of another test: checkpoint_sha256 was .*--work-dir', told)
    told = refusal('test.py', *same, '--cfg-options', 'test_dataloader.batch_size=1')
    assert re.search('results of another test: cfg_options was .*--work-dir', told)
    assert file.read_bytes() == before


@pytest.mark.parametrize('damage, message', [
    (lambda state: state.pop('head.fc.bias'), r'1 tensors are missing in it \(head.fc.bias\)'),
    (lambda state: state.update(other=torch.ones(1)), r'unknown to the model \(other\)'),
    (lambda state: state.update({'head.fc.bias': torch.ones(9)}), r'another shape \(head.fc.bias'),
])
def test_test__refuses_what_does_not_fill_the_model(run, tmp_path, damage, message):
    content = torch.load(run / 'imagenet' / 'epoch_1.pth', weights_only=False)
    damage(content['state_dict'])
    torch.save(dict(state_dict=content['state_dict']), tmp_path / 'other.pth')
    assert re.search(f'is no checkpoint of this config: .*{message}', refusal(
        'test.py', run / 'config.py', tmp_path / 'other.pth', '--work-dir', tmp_path))
    assert not (tmp_path / 'results.json').exists()


def test_test__refuses_classes_that_the_checkpoint_was_not_trained_on(run, tmp_path):
    small.write_images(tmp_path, 2, parts=['val'], classes=('a', 'lying', 'mixed'))
    assert re.search('checkpoint and test_dataloader.*only in.*standing', refusal(
        'test.py', run / 'config.py', run / 'imagenet' / 'epoch_1.pth', '--work-dir',
        tmp_path / 'out', '--cfg-options', f'test_dataloader.dataset.data_root={tmp_path}'))


@pytest.mark.parametrize('config, checkpoint, message', [
    ('nothing.py', 'swin.pth', 'error: There is no config file'),
    ('config.py', 'nothing.pth', 'error: No such checkpoint file'),
    ('config.py', 'swin.pth', '(?s)error: .*missing in it .head.fc.bias, head.fc.weight'),
])
def test_test__wrong_files_are_explained(run, tmp_path, config, checkpoint, message):
    assert re.search(message, refusal('test.py', run / config, run / checkpoint, '--work-dir',
                                      tmp_path))


def test_options(merged):
    cfg = merged()
    assert Path(cfg.work_dir) == Path('work_dirs/some_config/test/epoch_1')
    assert Path(merged(work_dir='runs/a').work_dir) == Path('runs/a/test/epoch_1')
    assert merged('--work-dir', 'b').work_dir == 'b'
    assert cfg.train_cfg is cfg.val_cfg is cfg.load_from is None
    assert cfg.test_dataloader.collate_fn.type == 'default_collate'
    cfg = merged('--launcher', 'slurm', '--cfg-options', 'test_dataloader.batch_size=9')
    assert (cfg.launcher, cfg.test_dataloader.batch_size) == ('slurm', 9)


def test_options__test_time_augmentation(merged):
    cfg = merged('--tta', tta_model=dict(type='AverageClsScoreTTA'), tta_pipeline=['flipped'])
    assert cfg.model.to_dict() == dict(type='AverageClsScoreTTA',
                                       module=dict(type='ImageClassifier'))
    assert cfg.test_dataloader.dataset.pipeline == ['flipped']
    with pytest.raises(ConfigError, match='--tta needs `tta_model`'):
        merged('--tta')


def test_options__a_config_without_a_test_is_refused(merged):
    with pytest.raises(ConfigError, match='no test_dataloader.*nothing to test'):
        merged(test_dataloader=None)
    with pytest.raises(ConfigError, match='no test_cfg'):
        merged(test_cfg=None)


def test_out__must_be_a_pickle():
    assert 'ends in .pkl, got x.json' in refusal('test.py', 'c.py', 'c.pth', '--out', 'x.json')
