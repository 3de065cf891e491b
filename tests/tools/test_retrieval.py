"""The retrieval command from photographs to JSON, on a small set and a small random Swin."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from mimco_mm.datasets import load_ground_truth, load_revisited
from mimco_mm.evaluation import extract_global_features
from mimco_mm.transfers.retrieval import table, without_nan
from tests.reference import retrieval as reference
from tests.tools.modules import call, refusal

ROOT = Path(__file__).parents[2]
TOOLS, CONFIGS = ROOT / 'tools' / 'transfers', ROOT / 'configs' / 'benchmarks' / 'retrieval'
TOOL, MAKE = 'transfers/retrieval.py', 'transfers/make_retrieval_set.py'
ARCH = dict(embed_dims=8, depths=[1, 2], num_heads=[1, 2])


def start(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *map(str, command)], text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def photographs(folder: Path, count: int = 8) -> Path:
    """Smooth images of one colour cast each, of different sizes, in a subfolder too."""
    rng = np.random.default_rng(0)
    for index in range(count):
        cast = rng.integers(0, 256, 3)
        coarse = (0.6 * cast + 0.4 * rng.integers(0, 256, (5, 7, 3))).astype(np.uint8)
        path = folder / ('' if index % 2 else 'more') / f'{index}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (int(rng.integers(80, 200)), int(rng.integers(80, 200)))
        Image.fromarray(coarse).resize(size, Image.BICUBIC).save(path)
    return folder


def files(folder: Path) -> dict:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*'))
            if path.is_file()}


@pytest.fixture(scope='module')
def small(tmp_path_factory) -> Path:
    """Both sets, the configs for a small Swin, and its checkpoint."""
    root = tmp_path_factory.mktemp('small')
    photographs(root / 'photographs')
    for name, seed in (('roxford5k', 0), ('rparis6k', 1)):
        made = call(MAKE, root / 'photographs', root / 'data', '--name', name, '--queries', 3,
                    '--views', 2, '--side', 96, '--seed', seed)
        assert '3 queries, 20 database images' in made  # 3 x (2 + 2 + 1) + 5 distractors
    for name in ('dino', 'ibot'):
        cfg = Config.fromfile(CONFIGS / f'swin-t_{name}.py')
        cfg.model.backbone.update(arch=ARCH, out_indices=(1, ))
        cfg.num_workers = 0
        cfg.dump(str(root / f'{name}.py'))
    cfg.pop('sets')
    cfg.dump(str(root / 'setless.py'))
    torch.manual_seed(0)
    backbone = MODELS.build(dict(type='SwinTransformer', arch=ARCH, out_indices=(1, )))
    torch.save({f'backbone.{key}': value for key, value in backbone.state_dict().items()},
               root / 'swin.pth')
    return root


# The command


def test_retrieval__scores_are_those_of_features_and_plain_loops(small, tmp_path):
    out = tmp_path / 'new' / 'results.json'
    result = start(TOOLS / 'retrieval.py', small / 'dino.py', small / 'swin.pth', '--data-root',
                   small / 'data', '--out', out, '--cfg-options', 'crop_queries=True')
    assert result.returncode == 0, result.stdout[-3000:]
    written = json.loads(out.read_text())
    assert written['results'].keys() == {'roxford5k', 'rparis6k'}
    cfg = Config.fromfile(small / 'dino.py')
    backbone = MODELS.build(dict(type='SwinTransformer', arch=ARCH, out_indices=(1, ),
                                 pad_small_map=True))
    state = torch.load(small / 'swin.pth', weights_only=True)
    backbone.load_state_dict({key[len('backbone.'):]: value for key, value in state.items()})
    for name, settings in (('roxford5k', (224, [1])), ('rparis6k', (512, [1, 2 ** -.5, .5]))):
        truth, queries, database = load_revisited(small / 'data', name, settings[0], True)
        features = [extract_global_features(
            backbone, images, cfg.data_preprocessor.mean, cfg.data_preprocessor.std, settings[1],
            num_workers=0)[0] for images in (queries, database)]
        unit = [(part / part.norm(dim=1, keepdim=True)).double() for part in features]
        expected = reference.scores((unit[0] @ unit[1].T).tolist(), truth.gnd, (1, 5, 10))
        found = written['results'][name]
        for level, scores in expected.items():
            assert found['scores'][level] == pytest.approx(scores)
            assert f'{name:11} {level:6}{scores["mAP"]:8.2f}' in result.stdout
        assert (found['images'], found['queries'], found['truncated']) == (20, 3, [])
        assert scores['queries'] == 3 and found['scores']['easy']['mAP'] > 30  # colour casts help
        assert f"{name} here has 20 images and 3 queries: not the benchmark's own" in result.stdout
    assert '(paper)' not in result.stdout
    assert written['checkpoint']['sha256'] in subprocess.run(
        ['sha256sum', str(small / 'swin.pth')], capture_output=True, text=True).stdout
    assert written['config']['crop_queries'] is True
    assert written['config']['sets']['roxford5k'] == dict(img_size=224, scales=[1])
    assert 'tools/transfers/retrieval.py' in written['command'] and '--cfg-options' in written[
        'command']


def test_retrieval__two_processes_write_what_one_writes(small, tmp_path):
    call(TOOL, small / 'ibot.py', small / 'swin.pth', '--data-root', small / 'data', '--sets',
         'roxford5k', '--out', tmp_path / '1.json')
    double = start('-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2',
                   TOOLS / 'retrieval.py', small / 'ibot.py', small / 'swin.pth', '--data-root',
                   small / 'data', '--sets', 'roxford5k', '--out', tmp_path / '2.json')
    assert double.returncode == 0, double.stdout[-3000:]
    one, two = (json.loads((tmp_path / f'{n}.json').read_text()) for n in (1, 2))
    assert one['results'] == two['results'] and set(one['results']) == {'roxford5k'}
    assert one['config']['sets']['roxford5k']['scales'] == [1, 2 ** -.5, .5]
    assert double.stdout.count('Results and settings are in') == 1


@pytest.mark.parametrize('damage, message', [
    (lambda set_: (set_ / 'jpg' / 'query_0001.jpg').unlink(),
     'error: 1 of 3 query images are not there: '),
    (lambda set_: (set_ / 'gnd_roxford5k.pkl').unlink(), 'error: There is no ground truth '),
    (lambda set_: (set_ / 'gnd_roxford5k.pkl').write_bytes(b'\x80\x03'), 'is no pickle, or a trun'),
    (lambda set_: (set_ / 'jpg' / 'query_0001.jpg').write_bytes(b'x'), 'query_0001.jpg cannot be '),
])
def test_retrieval__bad_input_is_explained(small, tmp_path, damage, message):
    for path, content in files(small / 'data' / 'roxford5k').items():
        target = tmp_path / 'roxford5k' / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    damage(tmp_path / 'roxford5k')
    said = refusal(TOOL, small / 'dino.py', small / 'swin.pth', '--sets', 'roxford5k',
                   '--data-root', tmp_path, '--out', tmp_path / 'out.json')
    assert message in said and said.startswith('error: ')
    assert '\n' not in said and not (tmp_path / 'out.json').exists()


@pytest.mark.parametrize('config, checkpoint, options, message', [
    ('nothing.py', 'swin.pth', [], 'There is no config file'),
    ('dino.py', 'nothing.pth', [], '`CHECKPOINT`=.*\n.*No such checkpoint file'),
    ('dino.py', 'swin.pth', ['--sets', 'oxford'], 'some of roxford5k, rparis6k.*, got oxford'),
    ('setless.py', 'swin.pth', [], 'has no `sets`'),
    ('dino.py', 'swin.pth', ['--cfg-options', 'model.backbone.arch.depths=[1,1]'],
     'tensors unexpected: stages.1.blocks.1'),
])
def test_retrieval__wrong_use_is_explained(small, monkeypatch, tmp_path, config, checkpoint,
                                           options, message):
    monkeypatch.chdir(tmp_path)
    assert re.search(f'(?s){message}', refusal(
        TOOL, small / config, small / checkpoint, '--data-root', small / 'data', *options))


def test_table__stands_beside_the_paper_for_the_benchmarks_own_sets():
    scores = {level: {'mAP': value, 'mP@1': 1., 'mP@5': 2., 'mP@10': float('nan'), 'queries': 70}
              for level, value in (('easy', 50.), ('medium', 29.994), ('hard', 7.5))}
    results = dict(roxford5k=dict(scores=scores, images=4993, queries=70),
                   rparis6k=dict(scores=scores, images=6322, queries=70))
    lines = table(results).splitlines()
    rows = {line[:43].strip(): line[43:].split() for line in lines[-7:]}
    assert rows['mAP, %'] == ['ROx', 'M', 'ROx', 'H', 'RPar', 'M', 'RPar', 'H']
    assert rows['this checkpoint'] == ['29.99', '7.50', '29.99', '7.50']
    assert rows['SimMIM, 800 epochs (paper)'] == ['4.23', '1.53', '8.06', '3.13']
    assert rows['MimCo, 100 epochs (paper)'] == ['30.16', '7.91', '50.82', '21.31']
    assert rows['MimCo, 300 epochs (paper)'] == ['28.73', '7.81', '51.51', '22.14']
    del results['roxford5k']
    text = table(results)
    assert 'ROx' not in text and '50.82   21.31' in text and 'not comparable' not in text
    assert without_nan(results)['rparis6k']['scores']['easy']['mP@10'] is None


@pytest.mark.parametrize('name, oxford', [('dino', (224, [1])), ('ibot', (512, [1, 2 ** -.5, .5]))])
def test_config__has_the_protocols_sizes(name, oxford):
    cfg = Config.fromfile(CONFIGS / f'swin-t_{name}.py')
    assert {key: (s.img_size, s.scales) for key, s in cfg.sets.items()} == dict(
        roxford5k=oxford, rparis6k=(512, [1, 2 ** -.5, .5]))
    assert cfg.crop_queries is False
    np.testing.assert_allclose(cfg.data_preprocessor.mean, 255 * np.array([.485, .456, .406]))
    np.testing.assert_allclose(cfg.data_preprocessor.std, 255 * np.array([.229, .224, .225]))
    backbone = dict(cfg.model.backbone)
    assert backbone.pop('init_cfg')['type'] == 'PretrainedBackbone'
    network = MODELS.build(backbone)
    network.eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 96, 64))[-1].shape == (1, 768, 3, 2)


# The set from photographs


def test_make__is_the_same_for_the_same_seed_alone(small, tmp_path):
    options = ('--queries', 3, '--views', 2, '--side', 96)
    for out, seed in (('again', 0), ('other', 1)):
        call(MAKE, small / 'photographs', tmp_path / out, *options, '--seed', seed)
    first = files(small / 'data' / 'roxford5k')
    assert first == files(tmp_path / 'again' / 'roxford5k') != files(tmp_path / 'other/roxford5k')


def test_make__has_the_format_of_the_benchmark(small):
    folder = small / 'data' / 'roxford5k'
    truth = load_ground_truth(folder / 'gnd_roxford5k.pkl')
    names = {f'{name}.jpg' for name in truth.imlist + truth.qimlist}
    assert names == {path.name for path in (folder / 'jpg').iterdir()} and len(names) == 23
    for number, entry in enumerate(truth.gnd):
        for kind, count in (('easy', 2), ('hard', 2), ('junk', 1)):
            assert {truth.imlist[row].rsplit('_', 1)[0] for row in entry[kind]} == {
                f'{kind}_{number:04d}'}
            assert len(entry[kind]) == count
        width, height = Image.open(folder / 'jpg' / f'query_{number:04d}.jpg').size
        assert max(width, height) == 96
        left, top, right, bottom = entry['bbx']
        assert 0 < left < right < width and 0 < top < bottom < height
    assert list(truth.imlist) != sorted(truth.imlist)

    class Plain(pickle.Unpickler):
        def find_class(self, module, name):
            raise AssertionError(f'{module}.{name} in a file of plain Python types')

    with (folder / 'gnd_roxford5k.pkl').open('rb') as file:
        Plain(file).load()


def test_make__bad_input_is_explained(small, tmp_path):
    again = refusal(MAKE, small / 'photographs', small / 'data', '--queries', 3)
    assert 'roxford5k is there already; remove it' in again
    wrong = refusal(MAKE, small / 'photographs', tmp_path, '--views', 0)
    assert '--views: expected a number from 1 up, got 0' in wrong
    (tmp_path / 'broken').mkdir()
    for index in range(2):
        (tmp_path / 'broken' / f'{index}.jpg').write_bytes(b'no image')
    assert '.jpg cannot be read' in refusal(MAKE, tmp_path / 'broken', tmp_path / 'out',
                                            '--queries', 1)
