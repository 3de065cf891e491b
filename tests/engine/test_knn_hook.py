"""k-NN accuracy while training: off by default, the same as offline, and it leaves no trace."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mimco_mm.engine.hooks import KNNHook
from mimco_mm.evaluation import extract_features, knn_accuracy, labelled_folder
from tests import tiny
from tests.datasets.test_storage import pack
from tests.engine.test_resume import leaves


@pytest.fixture
def run(tmp_path):
    """A function that trains 2 epochs, KNNHook's options given; returns the runner."""
    tiny.write_images(tmp_path / 'images', 8)
    for part in ('bank', 'queries'):
        for label in 'ab':
            tiny.write_images(tmp_path / 'labelled' / part / label, 5)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')

    def train(**options):
        cfg = tiny.config('mimco_swin-t', tmp_path / 'run', tmp_path / 'images', epochs=2,
                          **{'model.target_generator.checkpoint': str(teacher)})
        next(hook for hook in cfg.custom_hooks if hook.type == 'KNNHook').update(
            dict(bank='bank', queries='queries', img_size=32, interval=1, k=3, num_workers=0),
            **options)
        runner = tiny.train(cfg)
        runner.random_state = torch.get_rng_state()
        return runner

    return train


def accuracies(runner) -> dict:
    lines = Path(runner._log_dir, 'vis_data', 'scalars.json').read_text().splitlines()
    return {line['step']: line['knn/top1'] for line in map(json.loads, lines)
            if 'knn/top1' in line}


def test_accuracy__is_logged_and_is_the_offline_one(run, tmp_path):
    runner = run(data_root=str(tmp_path / 'labelled'))
    model = runner.model
    got = accuracies(runner)
    assert got.keys() == {2, 4}
    loaders = [labelled_folder(str(tmp_path / 'labelled'), part, 32, num_workers=0)
               for part in ('queries', 'bank')]
    features = [part for loader in loaders for part in extract_features(
        model.backbone, model.data_preprocessor, loader)]
    assert len(features[0]) == 10
    assert got[4] == pytest.approx(knn_accuracy(*features, k=3), abs=1e-6)
    log = Path(runner._log_dir, f'{runner.timestamp}.log').read_text()
    assert f'k-NN accuracy after epoch 2: {got[4]:.2f} %' in log


@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_accuracy__of_packed_images_is_that_of_their_folder(run, tmp_path, scheme):
    folder = accuracies(run(data_root=str(tmp_path / 'labelled')))
    for part in ('bank', 'queries'):
        pack(tmp_path / 'labelled' / part, tmp_path / 'packed' / part, scheme)
    assert accuracies(run(data_root=f'{scheme}://{tmp_path}/packed')) == folder


def test_measured_run__ends_bitwise_as_one_that_is_not(run, tmp_path):
    measured, other = run(data_root=str(tmp_path / 'labelled')), run()
    assert accuracies(measured) and not accuracies(other)
    states = [dict(leaves(runner.model.state_dict())) for runner in (measured, other)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert torch.equal(measured.random_state, other.random_state)
    assert [m.training for m in measured.model.modules()] == [
        m.training for m in other.model.modules()]


def test_bank__is_a_subset_of_all_classes(run, tmp_path, monkeypatch):
    seen = []
    features = KNNHook.features

    def spy(self, model, part):
        found = features(self, model, part)
        seen.append(found[1].tolist())
        return found

    monkeypatch.setattr(KNNHook, 'features', spy)
    run(data_root=str(tmp_path / 'labelled'), interval=2, bank_size=4, query_size=2)
    assert seen == [[0, 0, 1, 1], [0, 1]]


def test_options__are_checked_before_the_run(run, tmp_path):
    with pytest.raises(ValueError, match='(?s)no such folder. Set `data_root`, `bank`'):
        run(data_root=str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='`k` of KNNHook is 11, but the bank, .* has 10 images'):
        run(data_root=str(tmp_path / 'labelled'), k=11)


def test_config__switches_it_on_by_one_option():
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / 'mimco_swin-t.py')
    cfg.merge_from_dict({'custom_hooks.7.data_root': 'data/imagenet'})
    assert cfg.custom_hooks[7] == dict(type='KNNHook', data_root='data/imagenet')
