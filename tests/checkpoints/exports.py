"""Students, runs and exports of them, and what other libraries make of images by them."""

import importlib
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import TARGETS, prepare_export

from ..reference.official import swin, vit

SWIN = dict(
    type='MaskedSwinTransformer', img_size=32, patch_size=2, window_size=4, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=[1, 2, 4]), out_indices=(2, ))
VIT = dict(
    type='MaskedMoCoV3ViT', img_size=32, patch_size=8, drop_path_rate=0.,
    arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=96))
STUDENTS = pytest.mark.parametrize('config', [SWIN, VIT], ids=['swin', 'vit'])
SUFFIX = dict(timm='.safetensors', transformers='')
maintained_only = pytest.mark.maintained_only


def randomise(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Draw every learned tensor, so that no default looks loaded; activations stay near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.requires_grad:
                fan_in = value[0].numel() if value.ndim in (2, 4) else 16
                value.copy_(torch.randn(value.shape, generator=generator) * fan_in ** -0.5)
                value += name.endswith('weight') and value.ndim == 1
    network.eval()
    return network


def student(config: dict) -> torch.nn.Module:
    network = MODELS.build(config)
    network.init_weights()
    return randomise(network)


def write_run(path: Path, network: torch.nn.Module) -> str:
    """A whole checkpoint of a run: backbone, heads, optimizer and what mmengine adds."""
    history = HistoryBuffer()
    history.update(1.5)
    state = {f'backbone.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(
        meta=dict(epoch=2, iter=4, seed=0, cfg='model = dict()'),
        state_dict={**state, 'patch_neck.0.weight': torch.ones(2), 'image_head.queues.0.keys':
                    torch.ones(2, 3), 'momentum_patch_neck.module.0.weight': torch.ones(2)},
        optimizer=dict(state={0: dict(exp_avg=torch.ones(2))}, param_groups=[]),
        message_hub=dict(log_scalars={'train/loss': history})), path)
    return str(path)


def heads_of(config: dict):
    return None if config is SWIN else 4


def save(library: str, checkpoint: str, folder: Path, heads=None) -> Path:
    export = prepare_export(checkpoint, library, heads)
    out = folder / f'{library}{SUFFIX.get(library, ".pth")}'
    TARGETS[library].save(out, export.state, export.architecture)
    return out


def images(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def assert_features(network, got, side: int = 32) -> None:
    """``got(images)`` must be the student's last map, (B, C, H, W), of unmasked images."""
    wanted, got = network(images(side))[-1], got(images(side))
    assert wanted.std() > 0.1 and got.shape == wanted.shape
    assert (got - wanted).abs().max() < 1e-5


def tokens_to_map(tokens: torch.Tensor) -> torch.Tensor:
    side = int(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def openmmlab(registry: str, config: dict, init_cfg: dict):
    """A function from images to the last map of a backbone that ``init_cfg`` fills."""
    registry = importlib.import_module(f'{registry}.registry').MODELS
    network = registry.build(ConfigDict({**config, 'init_cfg': init_cfg}))
    network.init_weights()
    network.eval()
    return lambda x: network(x)[-1]


def init_cfg(out: Path) -> dict:
    return dict(type='Pretrained', checkpoint=str(out), prefix='backbone.')


def side_for(own: dict) -> int:
    """mmdet and mmseg shift the windows of a map that is one window as well; no one else does."""
    return 64 if own['type'] in ('mmdet.SwinTransformer', 'mmseg.SwinTransformer') else 32


def own_backbones(config: dict) -> dict:
    """{library: configs of the student's architecture} of OpenMMLab's libraries."""
    if config is SWIN:
        plain = {**config, 'type': 'mmpretrain.SwinTransformer'}
        own = dict(pretrain_img_size=32, embed_dims=8, patch_size=2, window_size=4,
                   depths=(2, 2, 2), num_heads=(1, 2, 4), strides=(2, 2, 2), out_indices=(2, ))
        mmdet, mmseg = (dict(own, type=f'{name}.SwinTransformer') for name in ('mmdet', 'mmseg'))
        return dict(mmpretrain=[plain], mmdet=[mmdet, plain], mmseg=[mmseg])
    plain = [{**config, 'type': f'mmpretrain.{name}', 'out_type': 'featmap'}
             for name in ('MoCoV3ViT', 'VisionTransformer')]
    own = dict(type='mmseg.VisionTransformer', img_size=32, patch_size=8, embed_dims=48,
               num_layers=3, num_heads=4, mlp_ratio=2, final_norm=True, patch_bias=True,
               norm_cfg=dict(type='LN', eps=1e-6))
    return dict(mmpretrain=plain, mmdet=plain, mmseg=[own])


def timm_map(model, x: torch.Tensor) -> torch.Tensor:
    features = model.forward_features(x)
    return features.permute(0, 3, 1, 2) if features.ndim == 4 else tokens_to_map(features[:, 1:])


def transformers_map(model, x: torch.Tensor) -> torch.Tensor:
    tokens = model(x).last_hidden_state
    return tokens_to_map(tokens[:, 1:] if hasattr(model.embeddings, 'cls_token') else tokens)


def official_map(config: dict, state: dict, x: torch.Tensor) -> torch.Tensor:
    if config is SWIN:
        return swin.swin_features(state, x, num_heads=(1, 2, 4), window=4)
    return vit.vit_features(state, x, heads=4)[0]


def encoder(config: dict) -> dict:
    if config is SWIN:
        return swin.random_swin(embed_dim=8, depths=(2, 2, 2), num_heads=(1, 2, 4), window=4,
                                img_size=32, patch=2)
    return vit.random_vit(width=48, depth=3, patch=8, img_size=32, mlp_ratio=2)
