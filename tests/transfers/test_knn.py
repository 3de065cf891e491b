"""The k-NN command from images to JSON, on small images and random backbones."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from mimco_mm.evaluation import knn_accuracies, labelled_loader
from tests.configs.support import CONFIGS
from tests.tools.modules import TOOLS, call, refusal
from tests.transfers import classifiers as small

KNN = 'transfers/knn.py'
WIDTHS = {'swin-t': 768, 'swin-b': 1024, 'vit-s': 384, 'vit-b': 768}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Images, and for a small Swin and ViT the configs and checkpoints."""
    root = tmp_path_factory.mktemp('knn')
    small.write_images(root / 'data')
    for family, name in (('swin', 'swin-t'), ('vit', 'vit-s')):
        small.write_backbone(root / f'{family}.pth', family)
        cfg = Config.fromfile(CONFIGS / 'benchmarks' / 'knn' / f'{name}.py')
        cfg.model.backbone.update(small.SWIN if family == 'swin' else small.VIT)
        for part in (cfg.bank, cfg.queries):
            small.shrink(part.pipeline)
        cfg.merge_from_dict(dict(ks=[1, 5, 20], batch_size=5, num_workers=0))
        cfg.dump(str(root / f'{family}.py'))
    return root


def expected(files, family: str, out_type: str = 'featmap') -> dict:
    """By a plain loop over single images, and float32."""
    network = MODELS.build({**small.backbone(family), **(
        dict(out_type=out_type) if family == 'vit' else {})})
    network.eval()  # returns None in mmpretrain
    network.load_state_dict({
        key.removeprefix('backbone.'): value for key, value in torch.load(
            files / f'{family}.pth', weights_only=True)['state_dict'].items()})
    cfg = Config.fromfile(files / f'{family}.py')
    mean, std = (torch.tensor(cfg.data_preprocessor[key]).view(3, 1, 1) for key in ('mean', 'std'))
    found = []
    with DefaultScope.overwrite_default_scope('mmpretrain'), torch.no_grad():
        for part in (cfg.queries, cfg.bank):
            images = labelled_loader({**part, 'data_root': str(files / 'data')}, 1, 0).dataset
            outputs = [network((sample['inputs'].flip(0) - mean).div(std)[None])[-1]
                       for sample in images]
            vectors = [out.mean((2, 3)) if out.dim() == 4 else out for out in outputs]
            found += [torch.cat(vectors), torch.tensor(images.get_gt_labels())]
    scores = knn_accuracies(*found, ks=[1, 5, 20])
    return {f'k{k}_top{top}': value for k, each in scores.items() for top, value in each.items()}


@pytest.mark.parametrize('family, pool', [('swin', 'mean'), ('vit', 'mean'), ('vit', 'cls')])
def test_knn__equals_single_images(files, tmp_path, family, pool):
    out = tmp_path / 'new' / 'results.json'
    printed = call(KNN, files / f'{family}.py', files / f'{family}.pth', '--data-root',
                   files / 'data', '--pool', pool, '--out', out, '--cfg-options',
                   'bank_dtype=float32')
    written = json.loads(out.read_text())
    wanted = expected(files, family, 'cls_token' if pool == 'cls' else 'featmap')
    assert written['results'] == pytest.approx(wanted)
    assert written['results']['k5_top1'] > 40  # stripes are told from noise by any network
    assert (written['benchmark'], written['images']) == ('knn', dict(bank=24, queries=24))
    assert len(written['checkpoint_sha256']) == 64 and '--pool' in written['command']
    assert f'{wanted["k20_top1"]:10.2f}' in printed


def test_knn__hidden_files_and_folders_count_nowhere(files, tmp_path):
    """A class of one part alone, as a notebook leaves it, would shift all labels."""
    shutil.copytree(files / 'data', tmp_path / 'data')
    one = next((files / 'data' / 'val').rglob('*.png'))
    for copy in ('.ipynb_checkpoints/a-checkpoint.png', 'lying/.ipynb_checkpoints/a.png'):
        (tmp_path / 'data' / 'val' / copy).parent.mkdir()
        shutil.copy(one, tmp_path / 'data' / 'val' / copy)
    (tmp_path / 'data' / 'train' / 'lying' / '._0.jpg').write_bytes(b'no image')
    found = []
    for root in (files / 'data', tmp_path / 'data'):
        call(KNN, files / 'swin.py', files / 'swin.pth', '--data-root', root, '--out',
             tmp_path / 'found.json')
        found.append(json.loads((tmp_path / 'found.json').read_text()))
    assert found[0]['results'] == found[1]['results'] and found[0]['images'] == found[1]['images']


def test_knn__two_processes_write_what_one_writes(files, tmp_path):
    arguments = (files / 'swin.py', files / 'swin.pth', '--data-root', files / 'data', '--out')
    call(KNN, *arguments, tmp_path / '1.json')
    double = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2',
         str(TOOLS / KNN), *map(str, arguments), str(tmp_path / '2.json')], text=True, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert double.returncode == 0, double.stdout[-3000:]
    one, two = (json.loads((tmp_path / f'{count}.json').read_text()) for count in (1, 2))
    # k = 20 is more than the 12 images of the bank that each process has
    assert one['results'] == two['results'] and 'k20_top5' in two['results']
    assert double.stdout.count('Results and settings are in') == 1


@pytest.mark.parametrize('config, checkpoint, options, message', [
    ('nothing.py', 'swin.pth', [], 'There is no config file'),
    ('swin.py', 'nothing.pth', [], '`CHECKPOINT`=.*\n.*No such checkpoint file'),
    ('swin.py', 'vit.pth', [], 'Cannot load SwinTransformer'),
    ('swin.py', 'swin.pth', ['--pool', 'cls'], 'SwinTransformer has'),
    ('swin.py', 'swin.pth', ['--cfg-options', 'ks=[1,200]'], 'has 200, and the bank has 24 images'),
    ('swin.py', 'swin.pth', ['--cfg-options', 'ks=[0]'], '`ks` expects a whole number from 1 up'),
    ('swin.py', 'swin.pth', ['--cfg-options', 'queries.data_prefix=test'],
     'one folder of images for each class under .*test'),
    ('swin.py', 'swin.pth', ['--cfg-options', 'queries.data_prefix=train/lying'],
     'There are no images .* beside the class folders'),
])
def test_knn__wrong_use_is_explained(files, monkeypatch, tmp_path, config, checkpoint, options,
                                     message):
    monkeypatch.chdir(tmp_path)
    assert re.search(f'(?s){message}', refusal(
        KNN, files / config, files / checkpoint, '--data-root', files / 'data', *options))
    assert not list(tmp_path.rglob('results.json'))


def test_knn__classes_of_both_parts_must_be_the_same(files, tmp_path):
    small.write_images(tmp_path, 2, parts=['train'])
    small.write_images(tmp_path, 2, parts=['val'], classes=small.CLASSES[:2])
    assert 'only in bank: standing; only in queries: none' in refusal(
        KNN, files / 'swin.py', files / 'swin.pth', '--data-root', tmp_path)


def test_knn__a_broken_image_is_named(files, tmp_path):
    small.write_images(tmp_path, 2)
    (tmp_path / 'val' / 'lying' / '1.png').write_bytes(b'nothing')
    assert 'lying/1.png cannot be read' in refusal(
        KNN, files / 'swin.py', files / 'swin.pth', '--data-root', tmp_path, '--cfg-options',
        'ks=[1]')


@pytest.mark.parametrize('name', WIDTHS)
def test_config__features_of_the_paper_s_networks(name):
    cfg = Config.fromfile(CONFIGS / 'benchmarks' / 'knn' / f'{name}.py')
    assert (cfg.ks, cfg.temperature) == ([10, 20, 100, 200], 0.07)
    assert [part.data_prefix for part in (cfg.bank, cfg.queries)] == ['train', 'val']
    assert [t.get('scale', t.get('crop_size')) for t in cfg.queries.pipeline[1:3]] == [256, 224]
    cfg.model.backbone.pop('init_cfg')
    with DefaultScope.overwrite_default_scope('mmpretrain'), torch.no_grad():
        network = MODELS.build(cfg.model.backbone)
        network.eval()
        grid = 7 if 'swin' in name else 14
        assert network(torch.randn(1, 3, 224, 224))[-1].shape == (1, WIDTHS[name], grid, grid)
    if name == 'vit-s':
        assert network.layers[0].attn.num_heads == 12
