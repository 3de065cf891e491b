"""Projectors, predictors and heads against the formulas they stand for."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mimco_mm.models import ChannelAdapter, FeatureRegressionHead, MimCoNeck, QueueContrastiveHead

B, C, HIDDEN, D, K = 5, 6, 7, 4, 9


def neck(in_channels: int = C) -> MimCoNeck:
    return MimCoNeck(in_channels, HIDDEN, D, norm_cfg=dict(type='BN')).double()


def mlp_of(convolutions: MimCoNeck) -> nn.Sequential:
    """MoBY's MLP, Linear - BN - ReLU - Linear, with the neck's weights."""
    mlp = nn.Sequential(nn.Linear(C, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(),
                        nn.Linear(HIDDEN, D)).double()
    with torch.no_grad():
        for mine, theirs in zip(mlp.parameters(), convolutions.parameters(), strict=True):
            mine.copy_(theirs.flatten(1) if theirs.dim() == 4 else theirs)
    return mlp


@pytest.mark.parametrize('training', [True, False])
def test_mimco_neck__on_a_pooled_map_is_mobys_mlp(training):
    torch.manual_seed(0)
    convolutions = neck()
    with torch.no_grad():
        for parameter in convolutions.parameters():
            parameter.normal_()
    mlp = mlp_of(convolutions)
    convolutions.train(training), mlp.train(training)
    x = torch.randn(B, C, dtype=torch.float64)
    torch.testing.assert_close(convolutions(x[..., None, None])[..., 0, 0], mlp(x))
    torch.testing.assert_close(convolutions[1].running_var, mlp[1].running_var)
    assert torch.equal(mlp[1].running_var, torch.ones(HIDDEN).double()) != training


def test_mimco_neck__on_a_map_is_the_mlp_of_all_positions():
    torch.manual_seed(0)
    convolutions, x = neck(), torch.randn(B, C, 2, 3, dtype=torch.float64)
    expected = mlp_of(convolutions)(x.permute(0, 2, 3, 1).reshape(-1, C))
    torch.testing.assert_close(convolutions(x).permute(0, 2, 3, 1).reshape(-1, D), expected)


def test_mimco_neck__defaults_are_mobys():
    conv1, norm, relu, conv2 = MODELS.build(dict(type='MimCoNeck', in_channels=768))
    assert conv1.weight.shape == (4096, 768, 1, 1) and conv1.bias is not None
    assert isinstance(norm, nn.SyncBatchNorm) and norm.num_features == 4096
    assert norm.eps == 1e-5 and norm.momentum == 0.1 and norm.affine
    assert type(relu) is nn.ReLU
    assert conv2.weight.shape == (256, 4096, 1, 1) and conv2.bias is not None


def test_channel_adapter__maps_every_position_alike():
    torch.manual_seed(0)
    adapter, x = ChannelAdapter(C, D), torch.randn(B, C, 2, 3)
    expected = torch.einsum('dc,bchw->bdhw', adapter.weight[..., 0, 0], x)
    torch.testing.assert_close(adapter(x), expected + adapter.bias[:, None, None])
    built = MODELS.build(dict(type='ChannelAdapter', in_channels=C, out_channels=D))
    assert built.weight.shape == (D, C, 1, 1) and built.weight.requires_grad


@pytest.mark.parametrize('weight', [1., 2.5])
def test_regression_head__loss_is_the_mean_absolute_error(weight):
    head = FeatureRegressionHead(in_channels=2, loss_weight=weight)
    q = torch.tensor([[1., -2.], [0., 4.], [3., 3.]], requires_grad=True)
    k = torch.tensor([[0., 1.], [0., 2.], [5., 3.]])
    loss = head.loss(q, k)
    assert loss.item() == pytest.approx(weight * (1 + 3 + 0 + 2 + 2 + 0) / 6)
    loss.backward()
    sign = torch.tensor([[1., -1.], [0., 1.], [-1., 0.]])
    torch.testing.assert_close(q.grad, weight * sign / 6)


def test_regression_head__predictor_is_one_learned_convolution():
    torch.manual_seed(0)
    head, x = FeatureRegressionHead(in_channels=C), torch.randn(B, C, 2, 3)
    shapes = {name: tuple(p.shape) for name, p in head.named_parameters()}
    assert shapes == {'predictor.weight': (C, C, 1, 1), 'predictor.bias': (C, )}
    expected = torch.einsum('dc,bchw->bdhw', head.predictor.weight[..., 0, 0], x)
    torch.testing.assert_close(head.predict(x), expected + head.predictor.bias[:, None, None])
    before = {key: value.clone() for key, value in head.state_dict().items()}
    head.enqueue(torch.randn(B, C))
    assert all(torch.equal(value, before[key]) for key, value in head.state_dict().items())


def test_regression_head__loss_under_autocast_is_as_fine_as_the_target():
    torch.manual_seed(0)
    head = FeatureRegressionHead(in_channels=C)
    q, k = torch.randn(B, C).bfloat16(), torch.randn(B, C)
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(q, k)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, (q.float() - k).abs().mean())


def contrastive_head(**kwargs) -> QueueContrastiveHead:
    predictor = dict(type='MimCoNeck', in_channels=D, hid_channels=HIDDEN, out_channels=D,
                     norm_cfg=dict(type='BN'))
    return QueueContrastiveHead(predictor, dict(type='InfoNCELoss', temperature=0.5), feat_dim=D,
                                queue_len=K, **kwargs).double()


def test_contrastive_head__loss_is_cross_entropy_over_positive_and_queue():
    torch.manual_seed(0)
    head = contrastive_head(num_queues=2)
    q, k = torch.randn(2, B, D, dtype=torch.float64) * 3
    for queue in (0, 1):
        unit_q, unit_k = F.normalize(q, dim=1), F.normalize(k, dim=1)
        logits = torch.cat([(unit_q * unit_k).sum(1, True), unit_q @ head.queues[queue].keys.T], 1)
        expected = F.cross_entropy(logits / 0.5, torch.zeros(B, dtype=torch.long))
        torch.testing.assert_close(head.loss(q, k, queue=queue), expected)
    assert not torch.equal(head.queues[0].keys, head.queues[1].keys)


def test_contrastive_head__scale_of_queries_and_keys_does_not_count():
    torch.manual_seed(0)
    head = contrastive_head()
    q, k = torch.randn(2, B, D, dtype=torch.float64)
    torch.testing.assert_close(head.loss(q, k), head.loss(7 * q, k / 3))


def test_contrastive_head__enqueue_keeps_unit_keys_in_one_queue():
    torch.manual_seed(0)
    head = contrastive_head(num_queues=2)
    untouched, k = head.queues[0].keys.clone(), torch.randn(B, D, dtype=torch.float64)
    head.enqueue(k, queue=1)
    torch.testing.assert_close(head.queues[1].keys[:B], k / k.norm(dim=1, keepdim=True))
    assert head.queues[1].pointer == B
    assert torch.equal(head.queues[0].keys, untouched) and head.queues[0].pointer == 0


def test_contrastive_head__backward_uses_the_queue_of_its_loss():
    torch.manual_seed(0)
    head = contrastive_head()
    q, k = torch.randn(2, B, D, dtype=torch.float64)
    gradients = []
    for enqueue in (False, True):
        leaf = q.clone().requires_grad_()
        loss = head.loss(leaf, k)
        if enqueue:
            head.enqueue(k)
        loss.backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients) and gradients[0].abs().sum() > 0


def test_contrastive_head__half_precision_features_give_unit_keys():
    torch.manual_seed(0)
    head, k = contrastive_head().float(), torch.randn(B, D).bfloat16()
    head.enqueue(k)
    torch.testing.assert_close(head.queues[0].keys[:B].norm(dim=1), torch.ones(B))
    assert head.loss(k, k).dtype == torch.float32


def test_float_mocov3_head__keeps_float32_logits_under_autocast():
    torch.manual_seed(0)
    predictor = dict(type='NonLinearNeck', in_channels=8, hid_channels=16, out_channels=8,
                     with_avg_pool=False)
    head = MODELS.build(dict(type='FloatMoCoV3Head', predictor=predictor, temperature=0.2,
                             loss=dict(type='CrossEntropyLoss', loss_weight=0.4)))
    q, k = torch.randn(2, 6, 8)
    wanted = super(type(head), head).loss(q, k)
    with torch.autocast('cpu', torch.bfloat16):
        plain = super(type(head), head).loss(q, k)
        got = head.loss(q.bfloat16().float(), k)
        exact = head.loss(q, k)
    assert exact.dtype == got.dtype == torch.float32
    torch.testing.assert_close(exact, wanted)
    assert (plain.float() - wanted).abs() > 10 * (exact - wanted).abs()
