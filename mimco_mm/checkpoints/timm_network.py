"""The network of an architecture in timm: the nearest of its named ones, and what is changed."""

from typing import Any, Dict, Tuple

from .architecture import Architecture, SwinArchitecture
from .image_preparation import CROP, FULL_SIZE, MEAN, STD

# timm's names -> width, depth and heads; the rest is FAMILY's
SWINS = dict(tiny=(96, (2, 2, 6, 2), (3, 6, 12, 24)), small=(96, (2, 2, 18, 2), (3, 6, 12, 24)),
             base=(128, (2, 2, 18, 2), (4, 8, 16, 32)), large=(192, (2, 2, 18, 2), (6, 12, 24, 48)))
VITS = dict(tiny=(192, 12, 3), small=(384, 12, 6), base=(768, 12, 12), large=(1024, 24, 16))
NAMED = {
    **{f'swin_{name}_patch4_window7_224': dict(
        patch_size=4, window_size=7, embed_dim=width, depths=depths, num_heads=heads, mlp_ratio=4,
        img_size=224) for name, (width, depths, heads) in SWINS.items()},
    **{f'vit_{name}_patch16_224': dict(
        patch_size=16, embed_dim=width, depth=depth, num_heads=heads, mlp_ratio=4, img_size=224,
        init_values=None) for name, (width, depth, heads) in VITS.items()},
}


def arguments(architecture: Architecture) -> Dict[str, Any]:
    """All that timm's constructors take to build it."""
    a = architecture
    common = dict(patch_size=a.patch, embed_dim=a.width, num_heads=a.heads, img_size=a.image_size)
    if isinstance(a, SwinArchitecture):
        return dict(common, window_size=a.window, depths=a.depths, mlp_ratio=a.mlp_ratio)
    return dict(common, depth=a.depth, mlp_ratio=a.hidden / a.width,
                init_values=1e-5 if a.layer_scale else None)


def timm_model(architecture: Architecture) -> Tuple[str, Dict[str, Any]]:
    """Name of timm's model, and the arguments in which the architecture differs from it.

    The pooled feature is the mean of the last map, as this project's evaluations take it, in place
    of a ViT's class token.
    """
    wanted = arguments(architecture)
    changes = {name: {key: value for key, value in wanted.items() if value != standard[key]}
               for name, standard in NAMED.items() if standard.keys() == wanted.keys()}
    name = min(changes, key=lambda name: len(changes[name]))
    pooled = {} if isinstance(architecture, SwinArchitecture) else dict(
        global_pool='avg', fc_norm=False)  # else timm would pool before the norm
    return name, {**changes[name], **pooled}


def timm_call(architecture: Architecture, path: str) -> str:
    """The Python expression that makes timm load an exported file."""
    name, changes = timm_model(architecture)
    changed = ''.join(f', {key}={value!r}' for key, value in changes.items())
    return f'timm.create_model({name!r}, num_classes=0{changed}, checkpoint_path={path!r})'


def timm_config(architecture: Architecture) -> dict:
    """``config.json`` of a folder of the hub for timm."""
    name, changes = timm_model(architecture)
    is_swin, side = isinstance(architecture, SwinArchitecture), architecture.image_size
    grid = side // architecture.stride
    return dict(
        architecture=name, num_classes=0, num_features=architecture.channels, global_pool='avg',
        model_args=changes,
        pretrained_cfg=dict(
            custom_load=False, input_size=[3, side, side], fixed_input_size=True,
            interpolation='bicubic', crop_pct=CROP if side >= FULL_SIZE else 1., crop_mode='center',
            mean=MEAN, std=STD, num_classes=0, pool_size=[grid, grid] if is_swin else None,
            first_conv='patch_embed.proj', classifier='head.fc' if is_swin else 'head'))
