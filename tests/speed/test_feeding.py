"""Stock pipelines, PSNR and the table of what feeding costs."""

import math
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS

from mimco_mm.speed.feeding import feeding_markdown, feeding_table, psnr, with_stock_transforms
from mimco_mm.speed.turns import interleaved
from tests import tiny


def test_with_stock_transforms__replaces_ours_alone_in_views_too():
    crop = dict(type='AntialiasedResizedCrop', scale=8, interpolation='bicubic')
    pipeline = [dict(type='LoadRGBImage'), dict(type='MultiView', transforms=[[crop], [crop]]),
                dict(type='ColorJitter'), dict(type='PackPlanes', meta_keys=('img_path', ))]
    stock = dict(type='RandomResizedCrop', scale=8, interpolation='bicubic', backend='cv2')
    assert with_stock_transforms(pipeline, 'cv2') == [
        dict(type='LoadImageFromFile', imdecode_backend='cv2'),
        dict(type='MultiView', transforms=[[stock], [stock]]), dict(type='ColorJitter'),
        dict(type='PackInputs', meta_keys=['img_path'])]
    assert pipeline[0] == dict(type='LoadRGBImage')


@pytest.mark.parametrize('name', ['mimco_swin-t', 'teachers/moby_swin-t'])
def test_with_stock_transforms__leaves_none_of_ours_in_a_pipeline(name):
    file = tiny.CONFIGS / 'pretrain' / f'{name}.py'
    pipeline = with_stock_transforms(Config.fromfile(file).train_pipeline, 'pillow')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        built = [TRANSFORMS.build(transform) for transform in pipeline]
    assert not [one for one in built if type(one).__module__.startswith('mimco_mm')]


def test_interleaved__takes_turns_and_counts_cpu_time_alone(capsys):
    turns = []

    def work(name, seconds):
        turns.append(name)
        started = time.process_time()
        while time.process_time() - started < seconds:
            yield
        time.sleep(0.2)

    found = interleaved(dict(a=lambda: work('a', 0.02), b=lambda: work('b', 0.0)), rounds=3)
    assert turns == ['a', 'b'] * 3
    assert all(0.02 <= each < 0.15 for each in found['a'])
    assert all(each < 0.02 for each in found['b'])
    assert '6/6' in capsys.readouterr().err


def test_psnr__of_all_and_of_the_worst():
    reference = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    images = reference.clone()
    assert psnr(images, reference) == (math.inf, math.inf)
    images[1] -= 10
    assert psnr(images, reference) == pytest.approx(
        (10 * math.log10(255**2 / 50), 10 * math.log10(255**2 / 100)), rel=1e-6)


def test_feeding_table__ratios_are_of_the_same_round():
    seconds = dict(decode=[1e-3, 2e-3, 1e-3], slow=[8e-3, 16e-3, 8e-3], quick=[2e-3, 4e-3, 2.2e-3])
    decode, slow, quick = rows = feeding_table(
        seconds, dict(slow='slow', quick='slow'), 'decode', dict(quick=(60.0, 50.0)))
    assert decode['decodings'] == 1 and 'speedup' not in decode and 'psnr' not in decode
    assert slow['speedup'] == 1 and slow['decodings'] == pytest.approx(8)
    assert quick['speedup'] == pytest.approx(4) and quick['decodings'] == pytest.approx(2)
    assert (quick['slowest'], quick['fastest']) == pytest.approx((250, 500))
    assert quick['images_per_s'] == pytest.approx(1000 / 2.2)
    assert feeding_markdown(rows).splitlines()[-1] == (
        '| quick | 455 (250 to 500) | 2.200 | 2.00 | 4.00 | 60.0 (50.0) |')
