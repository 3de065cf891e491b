"""MoBY against the formulas of its official code, written as loops."""

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mimco_mm.models import MoBY
from tests.reference import algorithm1, moby

ARCH = dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2])


def neck(in_channels: int) -> dict:
    return dict(type='MimCoNeck', in_channels=in_channels, hid_channels=16, out_channels=6,
                norm_cfg=dict(type='BN'))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MoBY(
        backbone=dict(type='SwinTransformer', arch=ARCH, img_size=16, patch_size=2, window_size=2,
                      drop_path_rate=0.2, out_indices=(1, )),
        neck=neck(16),
        head=dict(type='QueueContrastiveHead', predictor=neck(6), feat_dim=6, queue_len=7,
                  num_queues=2, loss=dict(type='InfoNCELoss', temperature=0.2)))
    model.init_weights()
    model.double().train()
    return model


def at_step(step: int, total: int = 10) -> None:
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', step)
    hub.update_info('max_iters', total)


def test_init__key_branch_is_a_copy_without_drop_path(model):
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, model.key_backbone.module.state_dict()[name]), name
    drops = [m.drop_prob for m in model.backbone.modules() if hasattr(m, 'drop_prob')]
    key_drops = [m.drop_prob for m in model.key_backbone.modules() if hasattr(m, 'drop_prob')]
    assert max(drops) == pytest.approx(0.2) and max(key_drops) == 0
    assert not any(p.requires_grad for p in model.key_backbone.parameters())


def test_loss__equals_the_official_formula(model):
    for module in model.backbone.modules():  # the reference cannot repeat random drops
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.
    views = list(torch.randn(2, 5, 3, 16, 16, dtype=torch.float64))
    for step in range(3):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.02 * torch.randn_like(parameter)
        before = {k: v.clone() for k, v in model.key_backbone.module.named_parameters()}
        queues = [algorithm1.PlainQueue(7, 6, q.keys, int(q.pointer)) for q in model.head.queues]
        at_step(step)
        losses = model.loss(views, [])

        momentum = algorithm1.cosine_momentum(step, 10)
        online = dict(model.backbone.named_parameters())
        for name, value in model.key_backbone.module.named_parameters():
            wanted = moby.ema(before[name], online[name], momentum)
            torch.testing.assert_close(value.detach(), wanted.detach(), rtol=0, atol=1e-9)
        q1, q2 = (F.normalize(model.query(v), dim=1).detach() for v in views)
        k1, k2 = (F.normalize(model.key(v), dim=1) for v in views)
        wanted = moby.moby_loss(q1, q2, k1, k2, queues[0].tensor(), queues[1].tensor(), 0.2)
        assert sum(losses.values()).item() == pytest.approx(wanted, 1e-6)
        for queue, reference, keys in zip(model.head.queues, queues, (k1, k2)):
            reference.enqueue(keys)
            torch.testing.assert_close(queue.keys, reference.tensor(), rtol=0, atol=1e-9)
            assert queue.pointer.item() == reference.pointer


def test_loss__gradients_exist_for_the_online_branch_only(model):
    at_step(0)
    sum(model.loss(list(torch.randn(2, 5, 3, 16, 16, dtype=torch.float64)), []).values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith('key_'), name
