"""A checkpoint that would run code when it is unpickled runs none, whatever door it comes by."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests import tiny
from tests.transfers import classifiers, dense_sets

from ..harm import HARMS
from ..reference.official.files import moby
from ..reference.official.swin import random_swin
from .forked import run_forked
from .support import Ended

CALLED = r'evil\.pth cannot be read safely: to unpickle it is to call posix.system'
DOORS = ('resume', 'last_checkpoint', 'load_from', 'mmengine_load_from', 'mmengine_resume',
         'pretrained', 'teacher', 'transfer', 'test', 'knn', 'retrieval', 'export')


def dense(root: Path) -> Config:
    """A small Mask R-CNN that begins from a good file."""
    from tests.transfers.test_coco import SWIN_T, small
    root.mkdir()
    good = moby(root / 'moby.pth', random_swin(**dense_sets.SWIN))
    return small(SWIN_T, dense_sets.make_sets(root), root, good)


def own_swin(cfg: Config) -> Config:
    """The same with mmdet's own Swin, which reads its file by itself."""
    cfg.model.backbone = dict(
        type='SwinTransformer', embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2],
        window_size=2, init_cfg=dict(type='Pretrained', checkpoint='evil.pth'))
    return cfg


@pytest.fixture(scope='module')
def ended(tmp_path_factory) -> dict:
    """How the command of each door ended; those named ``goes_on`` need refuse nothing."""
    root = tmp_path_factory.mktemp('untrusted')
    mark = root / 'mark'
    data = tiny.write_images(root / 'images', 8)
    teacher = str(tiny.write_teacher(root / 'teacher.pth'))
    options = {'model.target_generator.checkpoint': teacher, 'train_cfg.max_epochs': 1}
    cfg = tiny.config('mimco_swin-t', root / 'run', data, **options)
    tiny.train(cfg)
    cfg.train_cfg.max_epochs = 2
    cfg.dump(root / 'config.py')
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='evil.pth')
    cfg.dump(root / 'pretrained.py')
    cfg.model.backbone.pop('init_cfg'), cfg.pop('runner_type')
    cfg.dump(root / 'mmengines_runner.py')

    content = torch.load(root / 'run' / 'epoch_1.pth', weights_only=False)
    code = f'import pathlib\npathlib.Path({str(mark)!r}).touch()\n'
    torch.save({**content, 'meta': {**content['meta'], 'config': code}}, root / 'sly.pth')
    evil = {**content, 'meta': {**content['meta'], 'harm': HARMS['os.system'](mark)}}
    torch.save(evil, root / 'evil.pth')
    torch.save({**content, 'meta': {**content['meta'], 'harm': HARMS['open'](mark)}},
               root / 'opening.pth')
    for name in ('evil', 'opening'):  # or else nothing is tested
        torch.load(root / f'{name}.pth', weights_only=False)
        assert mark.exists()
        mark.unlink()
    (root / 'noted').mkdir()
    (root / 'noted' / 'last_checkpoint').write_text(str(root / 'evil.pth'))

    images = classifiers.write_images(root / 'classes', 4)
    small = classifiers.config('imagenet/swin-t', images, root / 'evil.pth', root / 'imagenet')
    small.dump(root / 'imagenet.py')
    commands = dict(
        resume=['train.py', 'config.py', '--work-dir', 'a', '--resume', 'evil.pth'],
        resume_opening=['train.py', 'config.py', '--work-dir', 'a', '--resume', 'opening.pth'],
        last_checkpoint=['train.py', 'config.py', '--work-dir', 'noted', '--resume'],
        goes_on=['train.py', 'config.py', '--work-dir', 'run', '--resume', 'sly.pth',
                 '--force-change', 'train_cfg.max_epochs'],
        load_from=['train.py', 'config.py', '--work-dir', 'b', '--cfg-options',
                   'load_from=evil.pth'],
        mmengine_load_from=['train.py', 'mmengines_runner.py', '--work-dir', 'b', '--cfg-options',
                            'load_from=evil.pth'],
        mmengine_resume=['train.py', 'mmengines_runner.py', '--work-dir', 'b', '--resume',
                         'evil.pth'],
        pretrained=['train.py', 'pretrained.py', '--work-dir', 'c'],
        teacher=['train.py', 'config.py', '--work-dir', 'd', '--teacher', 'evil.pth'],
        transfer=['train.py', 'imagenet.py', '--work-dir', 'e'],
        test=['test.py', 'imagenet.py', 'evil.pth', '--work-dir', 'f'],
        knn=['transfers/knn.py', 'benchmarks/knn/swin-t', 'evil.pth', '--data-root', 'classes',
             '--cfg-options', 'ks=[10]'],
        retrieval=['transfers/retrieval.py', 'benchmarks/retrieval/swin-t_dino', 'evil.pth'],
        export=['convert/export_backbone.py', 'evil.pth', 'out.pth', '--to', 'mmpretrain'],
    )
    if importlib.util.find_spec('mmdet'):
        coco = dense(root / 'coco')
        coco.dump(root / 'coco.py')
        own_swin(coco).dump(root / 'coco_own.py')
        commands['detection'] = ['train.py', 'coco.py', '--work-dir', 'g', '--cfg-options',
                                 'load_from=evil.pth']
        commands['mmdets_swin'] = ['train.py', 'coco_own.py', '--work-dir', 'h']
    found = run_forked(commands, root)
    assert not mark.exists(), [name for name, one in found.items() if 'mark' in one.text]
    return found


def check_refusal(ended: Ended, message: str = CALLED) -> None:
    assert ended.code == 1, ended.text
    assert re.search(f'error: (.*\n)*.*{message}', ended.text), ended.text
    assert 'Traceback' not in ended.text


@pytest.mark.parametrize('door', DOORS)
def test_door__calls_nothing_and_says_so(ended, door):
    check_refusal(ended[door])


@pytest.mark.maintained_only
@pytest.mark.parametrize('door', ['detection', 'mmdets_swin'])
def test_door_of_mmdet__calls_nothing_and_says_so(ended, door):
    check_refusal(ended[door])


def test_resume__takes_no_class_but_those_of_a_run(ended):
    check_refusal(ended['resume_opening'], r'opening\.pth cannot be read safely: to unpickle it is '
                                           r'to call _?io\.open')


def test_resume__runs_no_config_that_the_file_has(ended):
    assert ended['goes_on'].code == 0, ended['goes_on'].text
    assert 'Loaded all' in ended['goes_on'].text and 'resumed epoch: 1' in ended['goes_on'].text
