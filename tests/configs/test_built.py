"""The models that the pre-training configs build have the paper's networks, heads and optimizer.

The expected values are typed from the paper and from MoBY's, MoCo v3's and SimMIM's code, not from
the configs.
"""

import gc

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from .support import NAMES, NETWORKS, SWIN, VIT, build_model, drop_paths, network_of, read


@pytest.fixture(scope='module', params=NAMES)
def built(request):
    """(name, config, model) of every config, one model in memory at a time."""
    config = read(request.param)
    yield request.param, config, build_model(config)
    gc.collect()


def test_built__model_has_its_networks_shape(built):
    name, _, model = built
    expected = NETWORKS[network_of(name)]
    if 'swin' in name:
        depths, heads, parameters = SWIN[network_of(name)]
        assert list(model.backbone.depths) == depths and list(model.backbone.num_heads) == heads
        windows = {block.attn.window_size for stage in model.backbone.stages
                   for block in stage.blocks}
        assert windows == {7}
        learned = {key: p.numel() for key, p in model.backbone.named_parameters()}
        assert sum(learned.values()) - learned.pop('mask_token', 0) == parameters
    else:
        width, hidden = VIT[network_of(name)]
        assert model.backbone.embed_dims == width and len(model.backbone.layers) == 12
        assert {layer.attn.num_heads for layer in model.backbone.layers} == {12}
        assert {layer.ffn.feedforward_channels for layer in model.backbone.layers} == {hidden}
        assert model.backbone.patch_embed.projection.kernel_size == (16, 16)
        assert model.backbone.pos_embed.shape == (1, 197, width)
    rate = 0.2 if name.startswith('teachers/moby') else 0. if name.startswith('teachers/') else \
        expected['drop_path']
    rates = [rate * block / (expected['depth'] - 1) for block in range(expected['depth'])]
    assert drop_paths(model.backbone) == pytest.approx(rates)


def test_built__optimizer_is_the_papers_adamw(built):
    name, config, model = built
    decay, clip = (0.1, {}) if 'mocov3' in name else (0.05, {'max_norm': 5.})
    lr = {'moby': 1e-3, 'mocov3': 1.5e-4 * 4096 / 256, 'mimco': 1e-3 * 2048 / 512}[
        name.split('/')[-1].split('_')[0]]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
    assert type(wrapper).__name__ == 'AutocastOptimWrapper'
    assert type(wrapper.optimizer) is torch.optim.AdamW
    assert wrapper.optimizer.defaults['betas'] == (0.9, 0.999)
    assert wrapper.optimizer.defaults['eps'] == 1e-8
    assert (wrapper.clip_grad_kwargs or {}) == clip

    names = {id(p): key for key, p in model.named_parameters()}
    groups = [(names[id(p)], p, group) for group in wrapper.optimizer.param_groups
              for p in group['params'] if p.requires_grad]
    assert {key for key, _, _ in groups} == {
        key for key, p in model.named_parameters() if p.requires_grad}
    assert [group['lr'] for _, _, group in groups] == pytest.approx([lr] * len(groups))
    undecayed = {key for key, _, group in groups if group['weight_decay'] == 0}
    assert {group['weight_decay'] for key, _, group in groups if key not in undecayed} == {decay}
    if 'mocov3' in name:
        assert not undecayed
    else:
        assert undecayed == {key for key, p, _ in groups
                             if p.dim() == 1 or key.endswith(('mask_token', 'cls_token'))}
        assert 'swin' not in name or any(
            key.endswith('relative_position_bias_table') for key, _, _ in groups)


def test_built__images_are_normalised_with_imagenets_mean(built):
    _, config, model = built
    torch.manual_seed(0)
    views = len(model.data_preprocessor(
        dict(inputs=[torch.zeros(1, 3, 2, 2)] * 2, data_samples=[]))['inputs'])
    assert views == 2
    bgr = torch.tensor([30., 20., 10.]).reshape(1, 3, 1, 1)
    out = model.data_preprocessor(dict(inputs=[bgr], data_samples=[]))['inputs'][0].flatten()
    rgb, mean, std = (torch.tensor(values) for values in (
        (10., 20., 30.), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(out, (rgb / 255 - mean) / std, rtol=1e-4, atol=1e-4)


def check_mimco(name: str, model: nn.Module) -> None:
    channels = NETWORKS[network_of(name)]['channels']
    assert type(model.backbone).__name__ == (
        'MaskedSwinTransformer' if 'swin' in name else 'MaskedMoCoV3ViT')
    assert model.patch_queue_key == 'all' and isinstance(model.adapter, nn.Identity)
    for level in ('patch', 'image'):
        neck, head = getattr(model, f'{level}_neck'), getattr(model, f'{level}_head')
        off = name.endswith({'patch': 'image-only', 'image': ('patch-only', 'l1')}[level])
        if off:
            assert neck is None and head is None
            continue
        momentum = getattr(model, f'momentum_{level}_neck')
        assert momentum.base_momentum == 0.99
        if name.endswith('l1'):
            assert isinstance(neck, nn.Identity) and head.predictor.weight.shape[0] == channels
            assert type(head).__name__ == 'FeatureRegressionHead' and head.loss_weight == 1
            continue
        for projector in (neck, momentum.module):
            assert widths(projector) == [(4096, channels), (256, 4096)]
        assert widths(head.predictor) == [(4096, 256), (256, 4096)]
        assert [tuple(queue.keys.shape) for queue in head.queues] == [(4096, 256)]
        assert (head.loss_module.temperature, head.loss_module.loss_weight) == (0.2, 1.)
    check_teacher(name, model)


def widths(mlp: nn.Sequential) -> list:
    """(out, in) of both layers, between which a synchronised BN stands."""
    first, norm, relu, second = mlp
    assert isinstance(norm, nn.SyncBatchNorm) and isinstance(relu, nn.ReLU)
    return [tuple(layer.weight.shape[:2]) for layer in (first, second)]


def check_teacher(name: str, model: nn.Module) -> None:
    """The teacher is the student's network, less the mask token."""
    teacher = model.target_generator.network
    student = {key: value.shape for key, value in model.backbone.state_dict().items()}
    assert student.pop('mask_token') is not None
    assert {key: value.shape for key, value in teacher.state_dict().items()} == student
    if 'vit' in name:
        assert {layer.attn.num_heads for layer in teacher.layers} == {12}
        assert teacher.out_type == model.backbone.out_type == 'featmap'


def check_moby(name: str, model: nn.Module) -> None:
    channels = NETWORKS[network_of(name)]['channels']
    assert set(drop_paths(model.key_backbone.module)) == {0.}
    assert model.key_backbone.base_momentum == model.key_neck.base_momentum == 0.99
    for projector in (model.neck, model.key_neck.module):
        assert widths(projector) == [(4096, channels), (256, 4096)]
    assert widths(model.head.predictor) == [(4096, 256), (256, 4096)]
    assert [tuple(queue.keys.shape) for queue in model.head.queues] == [(4096, 256)] * 2
    assert (model.head.loss_module.temperature, model.head.loss_module.loss_weight) == (0.2, 1.)
    key = [p for part in (model.key_backbone, model.key_neck) for p in part.parameters()]
    assert key and not any(p.requires_grad for p in key)


def check_mocov3(name: str, model: nn.Module) -> None:
    width = VIT[network_of(name)][0]
    assert model.head.temperature == 0.2
    assert model.head.loss_module.loss_weight == pytest.approx(2 * 0.2)
    assert model.momentum_encoder.momentum == pytest.approx(0.01)  # mmengine's, of the new: 1 - m
    assert model.momentum_encoder.end_momentum == 0
    assert not any(p.requires_grad for p in model.backbone.patch_embed.parameters())
    linear = [m for m in model.neck.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in linear] == [(4096, width), (4096, 4096), (256, 4096)]
    predictor = [m for m in model.head.predictor.modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in predictor] == [(4096, 256), (256, 4096)]
    assert all(m.bias is None for m in linear + predictor)
    for mlp in (model.neck, model.head.predictor):
        norms = [m for m in mlp.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert [m.affine for m in norms] == [True] * (len(norms) - 1) + [False]


def test_built__parts_have_the_papers_widths(built):
    name, _, model = built
    kind, check = {'mimco': ('MimCo', check_mimco), 'moby': ('MoBY', check_moby),
                   'mocov3': ('MoCoV3', check_mocov3)}[name.split('/')[-1].split('_')[0]]
    assert type(model).__name__ == kind
    check(name, model)
