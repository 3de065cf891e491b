"""The network of an architecture in mmpretrain, mmdet, mmseg and transformers."""

from typing import Optional

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .errors import CheckpointError


def network_config(architecture: Architecture, img_size: Optional[int] = None) -> dict:
    """Config of the backbone whose last output is a map (B, C, h, w) after the final norm.

    No tensor tells a norm's eps: it is that of the published code, 1e-5 in Swin (EsViT and iBOT
    trained theirs with 1e-6) and 1e-6 in ViT.

    Args:
        architecture: what ``describe`` found.
        img_size: side of the images in px, if not the architecture's own.

    Raises:
        CheckpointError: a network that its tensors do not determine, or images that its tokens do
            not divide or that are smaller than a Swin's windows.
    """
    img_size = img_size or architecture.image_size
    if img_size % architecture.stride:
        raise CheckpointError(f'Images of {img_size} px do not divide into tokens of '
                              f'{architecture.stride} px, which this network has.')
    if isinstance(architecture, SwinArchitecture):
        return swin_config(architecture, img_size)
    return vit_config(architecture, img_size)


def swin_config(a: SwinArchitecture, img_size: int) -> dict:
    if img_size < a.image_size:
        raise CheckpointError(f'Images of {img_size} px give a last map that is smaller than a '
                              f'window of {a.window} x {a.window} tokens: this Swin needs '
                              f'{a.image_size} px at least.')
    return dict(
        type='SwinTransformer',
        arch=dict(embed_dims=a.width, depths=list(a.depths), num_heads=list(a.heads)),
        img_size=img_size,
        patch_size=a.patch,
        window_size=a.window,
        out_indices=(len(a.depths) - 1, ),
        drop_path_rate=0.,
        stage_cfgs=dict(block_cfgs=dict(ffn_ratio=a.mlp_ratio)))


def vit_config(a: ViTArchitecture, img_size: int) -> dict:
    if a.pre_norm:
        raise CheckpointError(
            'This ViT has a norm before its blocks, as CLIP has: whether its activation is GELU or '
            'QuickGELU cannot be told from the file. Name its network in a config, as '
            'configs/pretrain/other_teachers/mimco_vit-b_clip-vit-b.py does.')
    common = dict(
        arch=dict(embed_dims=a.width, num_layers=a.depth, num_heads=a.heads,
                  feedforward_channels=a.hidden),
        img_size=img_size,
        patch_size=a.patch,
        out_type='featmap',
        layer_scale_init_value=0.1 if a.layer_scale else 0.)  # the values are the file's
    if not a.relative:
        return dict(type='VisionTransformer', **common)
    return dict(type='BEiTViT', use_abs_pos_emb=False, use_rel_pos_bias=False,
                use_shared_rel_pos_bias=True, final_norm=True, **common)


def own_swin_config(a: SwinArchitecture) -> dict:
    """mmdet's and mmseg's own Swin, with the maps of all stages, as detectors take them."""
    return dict(
        type='SwinTransformer', pretrain_img_size=a.image_size, embed_dims=a.width,
        depths=a.depths, num_heads=a.heads, window_size=a.window, patch_size=a.patch,
        strides=(a.patch, *(2, ) * (len(a.depths) - 1)), mlp_ratio=whole(a.mlp_ratio),
        out_indices=tuple(range(len(a.depths))))


def own_vit_config(a: ViTArchitecture) -> dict:
    """mmseg's own ViT."""
    return dict(
        type='VisionTransformer', img_size=a.image_size, patch_size=a.patch, embed_dims=a.width,
        num_layers=a.depth, num_heads=a.heads, mlp_ratio=whole(a.hidden / a.width),
        patch_bias=True, final_norm=True, norm_cfg=dict(type='LN', eps=1e-6))


def whole(mlp_ratio: float) -> int:
    if mlp_ratio != int(mlp_ratio):
        raise CheckpointError(f'The hidden layers of this network are {mlp_ratio:g} times as wide '
                              "as the others: mmdet's Swin and mmseg's networks take whole "
                              'numbers only.')
    return int(mlp_ratio)


def transformers_config(architecture: Architecture) -> dict:
    """``config.json`` of transformers' SwinModel or ViTModel for an architecture."""
    a = architecture
    if isinstance(a, SwinArchitecture):
        return dict(
            architectures=['SwinModel'], model_type='swin', embed_dim=a.width,
            depths=list(a.depths), num_heads=list(a.heads), window_size=a.window,
            patch_size=a.patch, image_size=a.image_size,
            mlp_ratio=a.mlp_ratio, hidden_size=a.channels, qkv_bias=True,
            layer_norm_eps=1e-5, use_absolute_embeddings=False, torch_dtype='float32')
    return dict(
        architectures=['ViTModel'], model_type='vit', hidden_size=a.width,
        num_hidden_layers=a.depth, num_attention_heads=a.heads, intermediate_size=a.hidden,
        image_size=a.image_size, patch_size=a.patch, qkv_bias=True, layer_norm_eps=1e-6,
        hidden_act='gelu', torch_dtype='float32')
