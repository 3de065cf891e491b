"""A whole step of each config that trains on 224 px, on a device without values, at eight ranks.

A tensor of the host among the device's is an error there; a value that is read, or a copy that is
waited for, is counted, and there are none but those that are known. Networks are small, where they
may be.
"""

import pytest
from mmengine.config import Config

from mimco_mm.engine import fit_teacher, place_views
from mimco_mm.speed.gpu_check.sizes import shrink
from mimco_mm.speed.simulation import simulate
from tests import tiny

# torch 2.5 has fewer operators with shapes for tensors without values
pytestmark = pytest.mark.maintained_only
SCHEDULES = ('_300e', '_800e')  # differ from another config in their length alone
PRETRAINING = sorted(path.relative_to(tiny.CONFIGS).with_suffix('').as_posix()
                     for path in (tiny.CONFIGS / 'pretrain').rglob('*.py')
                     if not path.stem.endswith(SCHEDULES))
BENCHMARKS = [f'benchmarks/{task}/{network}' for task in ('imagenet', 'linear')
              for network in ('swin-t', 'vit-s')]


def small(name: str) -> Config:
    config = Config.fromfile(tiny.CONFIGS / f'{name}.py')
    fit_teacher(config)
    place_views(config, gpu=True)
    if 'model_name' not in str(config.model):  # timm's networks have the size of their name
        shrink(config.model)
    return config


def test_pretraining__is_all_of_it():
    assert len(PRETRAINING) > 20 and 'pretrain/teachers/moby_swin-b' in PRETRAINING


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining__waits_for_nothing(name):
    step = simulate(small(name), batch_size=4, ranks=8)
    assert (step.forward.waits, step.backward.waits) == (0, 0)
    # timm's ViT of DINOv3, EUPE's too, computes its rotary positions in each step
    rotary = name.endswith(('dinov3-vit-s', 'dinov3-vit-b', 'eupe-vit-s'))
    assert step.total('blocking') == rotary
    assert step.optimizer.waits == ('mocov3' not in name)  # clipping logs the norm
    assert step.backward.launches > 50 and step.peak > step.fixed


@pytest.mark.parametrize('name', BENCHMARKS)
def test_classifier__waits_as_mmpretrains_parts_do(name):
    step = simulate(small(name), batch_size=4, ranks=8)
    assert step.forward.waits <= 1  # labels are checked before they become one-hot
    assert step.backward.waits == 0 and step.optimizer.waits <= 1
    assert step.total('blocking') <= 3  # images, labels, the order of Mixup or CutMix
    assert step.forward.launches > 30 and step.peak > step.fixed
