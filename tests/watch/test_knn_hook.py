"""k-NN accuracy while training: off by default, the same as offline, and it leaves no trace."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmpretrain.models import ResNet

from mimco_mm.datasets import LabelError
from mimco_mm.evaluation import extract_features, knn_accuracy, labelled_folder
from mimco_mm.watch.knn_hook import KNNHook
from tests import tiny
from tests.datasets.packs import pack
from tests.leaves import leaves


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
            dict(bank='bank', queries='queries', interval=1, k=3, num_workers=0),
            **options)
        runner = tiny.train(cfg)
        runner.random_state = torch.get_rng_state()
        return runner

    return train


def accuracies(runner) -> dict:
    lines = Path(runner._log_dir, 'vis_data', 'scalars.json').read_text().splitlines()
    return {line['step']: line['knn/top1'] for line in map(json.loads, lines)
            if 'knn/top1' in line}


def log(runner) -> str:
    return Path(runner._log_dir, f'{runner.timestamp}.log').read_text()


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
    assert f'k-NN accuracy after epoch 2: {got[4]:.2f} %\n' in log(runner)


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


def test_bank__is_a_subset_of_all_classes(run, tmp_path):
    runner = run(data_root=str(tmp_path / 'labelled'), interval=2, bank_size=4, query_size=2)
    (hook, ) = (hook for hook in runner.hooks if isinstance(hook, KNNHook))
    assert [part.labels.tolist() for part in hook.parts] == [[0, 0, 1, 1], [0, 1]]
    assert accuracies(runner).keys() == {4}


def test_options__are_checked_before_the_run(run, tmp_path):
    with pytest.raises(ValueError, match='(?s)no such folder .*LOC_val.*Name the folder .*--knn'):
        run(data_root=str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='`interval` of KNNHook must be at least 1, got 0'):
        run(data_root=str(tmp_path / 'labelled'), interval=0)
    with pytest.raises(ValueError, match='`k` of KNNHook is 11, but the bank, .* has 10 images'):
        run(data_root=str(tmp_path / 'labelled'), k=11)
    (tmp_path / 'labelled' / 'queries' / 'b').rename(tmp_path / 'b')
    with pytest.raises(LabelError, match='only in .*bank: b; only in .*queries: none'):
        run(data_root=str(tmp_path / 'labelled'))
    assert not list(tmp_path.rglob('epoch_*.pth'))


def test_size__is_that_of_the_backbone(run, tmp_path):
    for img_size, expected in ((None, 32), (64, 64)):
        runner = run(data_root=str(tmp_path / 'labelled'), img_size=img_size, interval=3)
        (hook, ) = (hook for hook in runner.hooks if isinstance(hook, KNNHook))
        assert hook.img_size == expected
    with pytest.raises(ValueError, match='ResNet does not tell .* set `img_size` of KNNHook'):
        hook = KNNHook(str(tmp_path / 'labelled'), 'bank', 'queries', k=3)
        hook.before_run(SimpleNamespace(model=SimpleNamespace(backbone=ResNet(18))))


def test_hidden_folders__are_no_classes(run, tmp_path):
    data = tiny.write_stripes(tmp_path / 'stripes', 10, 10)
    options = dict(data_root=str(data), bank='train', queries='test', interval=2)
    expected = accuracies(run(**options))
    shutil.copytree(data / 'train' / 'standing', data / 'train' / '.ipynb_checkpoints')
    assert accuracies(run(**options)) == expected and expected[4] > 60


def test_unreadable_images__are_left_out_and_counted(run, tmp_path):
    for part, label in (('bank', 'a'), ('queries', 'b')):
        folder = tmp_path / 'labelled' / part / label / 'train'
        (folder / '04.png').unlink()
    expected = accuracies(run(data_root=str(tmp_path / 'labelled'), batch_size=1))
    cut = tmp_path / 'labelled' / 'bank' / 'a' / 'train' / '04.png'
    cut.write_bytes(b'cut')
    (tmp_path / 'labelled' / 'queries' / 'b' / 'train' / '04.png').write_bytes(b'')
    runner = run(data_root=str(tmp_path / 'labelled'), batch_size=1)
    assert accuracies(runner) == expected
    assert f'(2 images that cannot be read are left out, such as {cut}' in log(runner)


def test_failed_measurement__comes_after_the_checkpoint_and_ends_nothing(run, tmp_path):
    (tmp_path / 'labelled' / 'bank' / 'a' / 'train' / '04.png').write_bytes(b'')
    runner = run(data_root=str(tmp_path / 'labelled'), k=10)
    assert not accuracies(runner)
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file()
    for epoch in (1, 2):
        saved, failed = (log(runner).index(text) for text in (
            f'Saving checkpoint at {epoch} epochs',
            f'k-NN accuracy after epoch {epoch}: failed, and the run goes on without it'))
        assert saved < failed


def test_config__switches_it_on_by_one_option():
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / 'mimco_swin-t.py')
    cfg.merge_from_dict({'custom_hooks.7.data_root': 'data/imagenet'})
    assert cfg.custom_hooks[7] == dict(type='KNNHook', data_root='data/imagenet')
