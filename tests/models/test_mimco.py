"""MimCo against the plain-loop reference of Algorithm 1, in float64."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample
from torch import nn

from mimco_mm.models import MimCo
from tests.reference import algorithm1

B, C, HIDDEN, D, K, GRID = 4, 6, 10, 5, 11, (3, 4)
STEPS, TOTAL = 4, 9


class Maps(nn.Module):
    """A backbone or a teacher that returns the maps it was given."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = nn.Parameter(maps)

    def forward(self, x, mask=None):
        return (self.maps, )


class TeacherMaps(Maps):

    def forward(self, x):
        return self.maps.detach()


def neck(in_channels: int) -> dict:
    return dict(type='MimCoNeck', in_channels=in_channels, hid_channels=HIDDEN, out_channels=D,
                norm_cfg=dict(type='BN'))


def head(queue_len: int = K) -> dict:
    return dict(type='QueueContrastiveHead', predictor=neck(D), feat_dim=D, queue_len=queue_len,
                loss=dict(type='InfoNCELoss', temperature=0.2))


def build(z: torch.Tensor, z_k: torch.Tensor, **kwargs) -> MimCo:
    levels = dict(patch_neck=neck(C), patch_head=head(), image_neck=neck(C), image_head=head())
    model = MimCo(backbone=Maps(z), target_generator=TeacherMaps(z_k), **{**levels, **kwargs})
    return model.double().train()


def samples(mask: torch.Tensor) -> list:
    return [DataSample().set_mask(m) for m in mask]


def weights_of(module: nn.Sequential) -> dict:
    conv1, bn, _, conv2 = module
    return dict(w1=conv1.weight, b1=conv1.bias, gamma=bn.weight, beta=bn.bias, w2=conv2.weight,
                b2=conv2.bias)


def at_step(step: int) -> None:
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', step)
    hub.update_info('max_iters', TOTAL)


def reference_queue(head) -> algorithm1.PlainQueue:
    queue = head.queues[0]
    return algorithm1.PlainQueue(K, D, queue.keys, int(queue.pointer))


@pytest.mark.parametrize('masked', [True, False])
@pytest.mark.parametrize('patch_queue_key', ['all', 'masked'])
@pytest.mark.parametrize('levels', [('patch', 'image'), ('patch', ), ('image', )])
def test_loss__equals_algorithm_1(levels, patch_queue_key, masked):
    torch.manual_seed(0)
    z, z_k = torch.randn(2, B, C, *GRID, dtype=torch.float64)
    off = {f'{level}_{part}': None for level in ('patch', 'image') if level not in levels
           for part in ('neck', 'head')}
    model = build(z, z_k, patch_queue_key=patch_queue_key, **off)
    for step in range(STEPS):  # more keys than the queue holds: it wraps around
        mask = torch.rand(B, *GRID) < 0.6
        mask[:, 0, 0] = True
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        z, z_k = model.backbone.maps, model.target_generator.maps
        wanted = algorithm1.mimco_step(
            z, z_k, mask if masked else None,
            weights={
                level: dict(
                    p1=weights_of(getattr(model, f'{level}_neck')),
                    p2=weights_of(getattr(model, f'{level}_head').predictor),
                    p3=weights_of(getattr(model, f'momentum_{level}_neck').module))
                for level in levels
            },
            queues={level: reference_queue(getattr(model, f'{level}_head')) for level in levels},
            temperature=0.2,
            momentum=algorithm1.cosine_momentum(step, TOTAL),
            patch_queue_key=patch_queue_key)
        at_step(step)
        losses = model.loss(torch.zeros(B, 3, 8, 8), samples(mask) if masked else
                            [DataSample()] * B)
        assert set(losses) == {f'loss_{level}' for level in levels}
        for level in levels:
            queue = getattr(model, f'{level}_head').queues[0]
            assert losses[f'loss_{level}'].item() == pytest.approx(wanted[f'loss_{level}'], 1e-6)
            torch.testing.assert_close(queue.keys, wanted[f'queue_{level}'], rtol=0, atol=1e-6)
            assert queue.pointer.item() == wanted[f'pointer_{level}']
            for name, value in weights_of(getattr(model, f'momentum_{level}_neck').module).items():
                torch.testing.assert_close(
                    value.flatten(), wanted[f'p3_{level}'][name].flatten(), rtol=0, atol=1e-6)


def test_loss__gradients_exist_for_student_p1_p2_only():
    torch.manual_seed(0)
    model = build(*torch.randn(2, B, C, *GRID))
    at_step(0)
    losses = model.loss(torch.zeros(B, 3, 8, 8), samples(torch.ones(B, *GRID)))
    sum(losses.values()).backward()
    with_gradient = {name.split('.')[0] for name, p in model.named_parameters()
                     if p.grad is not None and p.grad.abs().sum() > 0}
    assert with_gradient == {'backbone', 'patch_neck', 'patch_head', 'image_neck', 'image_head'}
    trained = [name for name, p in model.named_parameters()
               if not name.startswith(('momentum', 'target'))]
    # A bias before BN shifts what BN takes away again: its gradient exists, and is zero.
    assert all(dict(model.named_parameters())[name].grad is not None for name in trained)
    untouched = [p for name, p in model.named_parameters() if name not in trained]
    assert untouched and all(p.grad is None for p in untouched)


def test_loss__masked_positions_alone_count_at_the_patch_level():
    torch.manual_seed(0)
    model = build(*torch.randn(2, B, C, *GRID), image_neck=None, image_head=None)
    model.patch_neck[1].eval(), model.patch_head.predictor[1].eval()  # else BN mixes positions
    mask = torch.rand(B, *GRID) < 0.5
    at_step(0)
    model.loss(torch.zeros(B, 3, 8, 8), samples(mask))['loss_patch'].backward()
    touched = model.backbone.maps.grad.abs().sum(1) > 0
    assert torch.equal(touched, mask)


def test_loss__queue_smaller_than_the_batch_is_refused():
    model = build(*torch.randn(2, B, C, *GRID), image_head=head(queue_len=B - 1))
    at_step(0)
    with pytest.raises(ValueError, match=f'brings {B} keys, but the queue holds {B - 1}'):
        model.loss(torch.zeros(B, 3, 8, 8), samples(torch.ones(B, *GRID)))


def test_loss__mask_that_does_not_fit_the_features_is_refused():
    model = build(*torch.randn(2, B, C, *GRID))
    at_step(0)
    with pytest.raises(ValueError, match='5 x 4 units does not map onto a 3 x 4 grid'):
        model.loss(torch.zeros(B, 3, 8, 8), samples(torch.ones(B, 5, 4)))


def test_loss__widths_that_differ_are_named_and_an_adapter_mends_them():
    z, z_k = torch.randn(B, C, *GRID), torch.randn(B, C + 2, *GRID)
    wide = dict(patch_neck=neck(C + 2), image_neck=neck(C + 2))
    at_step(0)
    with pytest.raises(ValueError, match=f'{C} channels wide, the teacher {C + 2}.*ChannelAdapter'):
        build(z, z_k, **wide).loss(torch.zeros(B, 3, 8, 8), samples(torch.ones(B, *GRID)))
    model = build(z, z_k, adapter=dict(type='ChannelAdapter', in_channels=C, out_channels=C + 2),
                  **wide)
    sum(model.loss(torch.zeros(B, 3, 8, 8), samples(torch.ones(B, *GRID))).values()).backward()
    assert model.adapter.weight.grad.abs().sum() > 0


def test_loss__patch_grids_that_differ_are_refused():
    torch.manual_seed(0)
    z, z_k, mask = torch.randn(B, C, 3, 4), torch.randn(B, C, 6, 8), torch.rand(B, *GRID) < 0.6
    x = torch.zeros(B, 3, 8, 8)
    at_step(0)
    model = build(z, z_k)
    state = {key: value.clone() for key, value in model.state_dict().items()
             if 'target_generator' not in key}
    losses = model.loss(x, samples(mask))  # a multiple of the student's grid is averaged onto it
    same = build(z, sum(z_k[..., i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4)
    same.load_state_dict(state, strict=False)
    for name, loss in same.loss(x, samples(mask)).items():
        torch.testing.assert_close(loss, losses[name])
    with pytest.raises(ValueError, match='3 x 4 patches, the teacher 5 x 8'):
        build(z, torch.randn(B, C, 5, 8)).loss(x, samples(mask))


@pytest.mark.parametrize('kwargs, message', [
    (dict(patch_queue_key='some'), "'all' or 'masked'"),
    (dict(patch_neck=None), '`patch_neck` and `patch_head` go together'),
    (dict(patch_neck=None, patch_head=None, image_neck=None, image_head=None), 'Both levels'),
])
def test_init__contradictions_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(*torch.randn(2, B, C, *GRID), **kwargs)


def test_loss__l1_regresses_the_teachers_features_at_masked_positions():
    torch.manual_seed(0)
    model = build(
        *torch.randn(2, B, C, *GRID), patch_neck=dict(type='torch.nn.Identity'),
        patch_head=dict(type='FeatureRegressionHead', in_channels=C), image_neck=None,
        image_head=None)
    mask = torch.rand(B, *GRID) < 0.5
    at_step(0)
    loss = model.loss(torch.zeros(B, 3, 8, 8), samples(mask))['loss_patch']
    predicted = model.patch_head.predictor(model.backbone.maps).permute(0, 2, 3, 1)[mask]
    target = model.target_generator.maps.permute(0, 2, 3, 1)[mask]
    torch.testing.assert_close(loss, (predicted - target).abs().mean())
