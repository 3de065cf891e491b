import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from mimco_mm.models.utils import MomentumCopy, cosine_momentum
from tests.reference import algorithm1, moby


@pytest.fixture
def hub():
    return MessageHub.get_instance(f'momentum-{torch.rand(1).item()}')


@pytest.mark.parametrize('step, wanted', [(0, 0.99), (50, 0.995), (100, 1.0), (25, 0.9914645)])
def test_cosine_momentum__values(step, wanted):
    assert cosine_momentum(0.99, step, 100) == pytest.approx(wanted, abs=1e-7)
    assert cosine_momentum(0.99, step, 100) == pytest.approx(
        algorithm1.cosine_momentum(step, 100), abs=1e-12)


def test_update__follows_the_source_by_the_steps_momentum(hub):
    torch.manual_seed(0)
    source = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).double()
    copy = MomentumCopy(source, 0.99)
    hub.update_info('max_iters', 20)
    for step in (0, 7, 19):
        hub.update_info('iter', step)
        with torch.no_grad():
            for parameter in source.parameters():
                parameter += torch.randn_like(parameter)
        wanted = moby.ema(dict(copy.module.named_parameters()), dict(source.named_parameters()),
                          algorithm1.cosine_momentum(step, 20))
        copy.update(source)
        for name, parameter in copy.module.named_parameters():
            torch.testing.assert_close(parameter.detach(), wanted[name].detach(), rtol=0,
                                       atol=1e-12)


def test_update__buffers_stay_the_copys_own(hub):
    source = nn.BatchNorm2d(2)
    copy = MomentumCopy(source)
    hub.update_info('iter', 0), hub.update_info('max_iters', 1)
    source.running_mean += 5
    copy.update(source)
    assert copy.module.running_mean.abs().sum() == 0


def test_momentum__without_a_training_step_is_an_error(hub):
    with pytest.raises(RuntimeError, match='iter=None and max_iters=None'):
        MomentumCopy(nn.Conv2d(1, 1, 1)).momentum()
