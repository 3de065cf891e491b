"""Whole training steps on a device without values: what a GPU would be asked for, by any machine.

A tensor of the host in the wrong place, or a value that is read, is an error there or a count.
"""

import pytest
import torch
from mmengine.config import Config

from mimco_mm.errors import ConfigError
from mimco_mm.speed.simulation import simulate
from mimco_mm.speed.simulation.autocast import like_cuda
from mimco_mm.speed.simulation.ledger import Ledger
from tests import tiny

# torch 2.5 has fewer operators with shapes for tensors without values
pytestmark = pytest.mark.maintained_only
# at eight ranks and 256 images, at most: launches of a step and its peak in GiB, as counted when
# this was written, and one in fifty more
LIMITS = {
    'mimco_swin-t': (1380, 17.8), 'mimco_vit-s': (1390, 12.),
    'baselines/simmim_swin-t': (757, 15.5),
    'teachers/mocov3_vit-s': (2006, 17.8), 'baselines/simmim-moby_swin-t': (3880, 44.9)}


def config(name: str) -> Config:
    return Config.fromfile(tiny.CONFIGS / 'pretrain' / f'{name}.py')


@pytest.mark.parametrize('name', LIMITS)
def test_step__of_eight_ranks_waits_for_nothing(name):
    step, (launches, gib) = simulate(config(name), batch_size=256, ranks=8), LIMITS[name]
    assert (step.forward.waits, step.backward.waits) == (0, 0)
    assert step.total('blocking') == 0
    assert step.optimizer.waits == (name != 'teachers/mocov3_vit-s')  # clipping logs the norm
    assert 0.9 * launches < step.total('launches') <= launches
    assert 0.9 * gib < step.peak / 2**30 <= gib


def test_step__of_one_gpu_and_swin_t_has_1300_launches_at_most():
    assert simulate(config('mimco_swin-t'), batch_size=256).total('launches') <= 1300


def test_step__memory_grows_with_batch_and_precision_products_with_the_batch():
    name = 'baselines/simmim_vit-s'
    few, more = simulate(config(name), 64), simulate(config(name), 128, dtype=None)
    assert few.fixed == more.fixed
    assert 2.5 < (more.peak - more.fixed) / (few.peak - few.fixed) < 4
    assert more.total('flops') == pytest.approx(2 * few.total('flops'), rel=0.01)


@pytest.mark.parametrize('name', ['study/mimco_swin-micro', 'study/finetune_swin-micro'])
def test_step__of_other_configs_is_refused(name):
    with pytest.raises(ConfigError, match='take one of configs/pretrain'):
        simulate(Config.fromfile(tiny.CONFIGS / f'{name}.py'), 4)


def test_ledger__counts_what_a_product_takes():
    a, b = (torch.zeros(64, 32, device='meta'), torch.zeros(32, 16, device='meta'))
    with Ledger() as ledger:
        c = a @ b
        assert ledger.counts.launches == 1 and ledger.counts.flops == 2 * 64 * 32 * 16
        assert ledger.counts.moved == 4 * (64 * 32 + 32 * 16 + 64 * 16)
        c = c.view(16, 64)[0].expand(3, 64)  # views of it
        assert ledger.counts.launches == 1 and ledger.alive == 64 * 16 * 4
        del c
        assert ledger.alive == 0 and ledger.peak == 64 * 16 * 4


def test_ledger__sees_waits_blocking_copies_and_strays():
    host, device = torch.zeros(4), torch.zeros(4, device='meta')
    with Ledger() as ledger:
        device.sum().item()
        float(device[0])
        device.cpu()
        assert ledger.counts.waits == 3
        host.to('meta', non_blocking=True)
        assert ledger.counts.blocking == 0
        host.to('meta')
        device[torch.tensor([1, 2])]
        assert ledger.counts.blocking == 2
        device + 1 + torch.tensor(1.)  # numbers travel with the kernel
        with pytest.raises(RuntimeError, match='tensors of the host'):
            device + host
        with pytest.raises(RuntimeError, match='the host would wait'):
            device[device > 0]


def test_autocast__casts_as_on_a_gpu():
    layer, norm = torch.nn.Linear(8, 8, device='meta'), torch.nn.LayerNorm(8, device='meta')
    x = torch.zeros(2, 8, device='meta')
    with like_cuda():
        with torch.autocast('meta', torch.bfloat16):
            assert torch.is_autocast_enabled('meta')
            assert layer(x).dtype == torch.bfloat16 and norm(layer(x)).dtype == torch.float32
            with torch.autocast('meta', enabled=False):
                assert layer(x).dtype == torch.float32
        layer(x).sum().backward()
    assert layer.weight.grad.dtype == torch.float32
