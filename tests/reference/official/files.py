"""Miniature checkpoint files, each with the keys and the pickled classes of its official format.

``encoder`` is a state dict of ``random_swin``, ``random_vit`` or ``random_simmim_vit``: the weights
that a reader is to find. Every other branch of the file holds other random weights under the same
names. Heads and queues are small. Sources: recipes.md 1d, 2c, 3; main_*.py of dino, ibot and esvit.
"""
import sys
from argparse import Namespace
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, Optional, Union

import numpy as np
import torch

from .swin import swin_to_mmpretrain, swin_to_timm
from .vit import Draw, vit_to_mmpretrain

PathLike = Union[str, Path]
HIDDEN, OUT = 12, 8  # widths of the miniature heads
CLASSES = 5


@contextmanager
def stand_in(module: str, **members: Any) -> Iterator[None]:
    """``module`` in sys.modules holds ``members`` meanwhile, so that pickle writes that name."""
    parts = module.split('.')
    names = ['.'.join(parts[:i + 1]) for i in range(len(parts))]
    replaced = [name for name in names if name == module or sys.modules.get(name) is None]
    before = {name: sys.modules[name] for name in replaced if name in sys.modules}
    sys.modules.update({name: ModuleType(name) for name in replaced})
    vars(sys.modules[module]).update(members)
    try:
        yield
    finally:
        for name in replaced:
            del sys.modules[name]
        sys.modules.update(before)


class CfgNode(dict):
    """What pickle sees of yacs' CfgNode: a dict whose instance has attributes of its own."""

    def __init__(self, values: dict) -> None:
        super().__init__({k: CfgNode(v) if isinstance(v, dict) else v for k, v in values.items()})
        self.__dict__.update(__immutable__=True, __deprecated_keys__=set(), __renamed_keys__={},
                             __new_allowed__=False)


CfgNode.__module__ = 'yacs.config'


def scalar() -> None:
    """Written for ``numpy.core.multiarray.scalar``, the name that NumPy 1 pickles."""


scalar.__module__ = 'numpy.core.multiarray'


class NumpyOneFloat:
    """A float64 scalar which pickles as NumPy 1 wrote it; NumPy 2 names ``numpy._core``."""

    def __init__(self, value: float) -> None:
        self.value = np.float64(value)

    def __reduce__(self) -> tuple:
        return scalar, (np.dtype('float64'), self.value.tobytes())


def _config(kind: str) -> CfgNode:
    return CfgNode(dict(
        AMP_OPT_LEVEL='O1', BASE=[''], OUTPUT='output', EVAL_MODE=False,
        DATA=dict(IMG_SIZE=224, BATCH_SIZE=64, DATA_PATH='/data', MASK_RATIO=0.6),
        MODEL=dict(TYPE=kind, NUM_CLASSES=0, DROP_PATH_RATE=0.2, PRETRAINED=None,
                   SWIN=dict(DEPTHS=[2, 2, 6, 2], WINDOW_SIZE=7, QK_SCALE=None)),
        TRAIN=dict(EPOCHS=300, LR_SCHEDULER=dict(NAME='cosine', DECAY_RATE=0.1))))


def _save(path: PathLike, content: dict) -> Path:
    """torch.save, with the foreign names that the official files hold."""
    with stand_in('yacs.config', CfgNode=CfgNode), \
            stand_in('numpy.core.multiarray', scalar=scalar):
        torch.save(content, path)
    return Path(path)


def trusted_content(path: PathLike) -> dict:
    """All of a file that is our own, its foreign classes included, whether yacs is there or not."""
    with stand_in('yacs.config', CfgNode=CfgNode):
        return torch.load(path, weights_only=False)


def _under(prefix: str, state: dict) -> dict:
    return {prefix + key: value for key, value in state.items()}


def _other(encoder: dict, seed: int) -> dict:
    """The same names and shapes, other weights; index and mask buffers as they are."""
    draw = Draw(seed)
    return {key: value.clone() if key.endswith(('relative_position_index', 'attn_mask'))
            else draw.normal(*value.shape) for key, value in encoder.items()}


def _width(encoder: dict) -> int:
    """Channels of the final norm."""
    return len(encoder['norm.weight'])


def _optimizer(encoder: dict) -> dict:
    """An AdamW's state_dict for the encoder's first weight."""
    weight = encoder['norm.weight']
    return dict(state={0: dict(step=7, exp_avg=weight * 0.1, exp_avg_sq=weight * 0.01)},
                param_groups=[dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05,
                                   amsgrad=False, params=[0])])


def _scaler() -> dict:
    return dict(scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
                _growth_tracker=3)


def _batch_norm(draw: Draw, state: dict, name: str, width: int, affine: bool = True) -> None:
    if affine:
        draw.norm(state, name, width)
    state[f'{name}.running_mean'] = draw.normal(width)
    state[f'{name}.running_var'] = 1 + draw.normal(width).abs()
    state[f'{name}.num_batches_tracked'] = torch.tensor(7)


def _moby_mlp(draw: Draw, name: str, inputs: int) -> dict:
    """MoBYMLP: linear_hidden = [Identity, Linear, BN, ReLU], linear_out = Linear."""
    state: dict = {}
    draw.linear(state, f'{name}.linear_hidden.1', inputs, HIDDEN)
    _batch_norm(draw, state, f'{name}.linear_hidden.2', HIDDEN)
    draw.linear(state, f'{name}.linear_out', HIDDEN, OUT)
    return state


def moby(path: PathLike, encoder: dict, seed: int = 100) -> Path:
    """Transformer-SSL's file: the online branch is ``model['encoder.*']``; saved by NumPy 1."""
    draw = Draw(seed)
    width = _width(encoder)
    model = OrderedDict(queue1=draw.normal(OUT, 16), queue2=draw.normal(OUT, 16),
                        queue_ptr=torch.tensor([4]))
    model.update(_under('encoder.', encoder))
    model.update(_under('encoder_k.', _other(encoder, seed + 1)))
    for name, inputs in (('projector', width), ('projector_k', width), ('predictor', OUT)):
        model.update(_moby_mlp(draw, name, inputs))
    return _save(path, dict(
        model=model, optimizer=_optimizer(encoder), lr_scheduler=dict(t_initial=100),
        max_accuracy=NumpyOneFloat(0.0), epoch=299, config=_config('moby'),
        amp=OrderedDict(loss_scaler0=dict(loss_scale=65536.0, unskipped=12))))


def _mocov3_head(draw: Draw, name: str, inputs: int, linears: tuple) -> dict:
    """Linear without bias, BN, ReLU, repeated; the last BN without weights and ReLU."""
    state: dict = {}
    for place, at in enumerate(linears):
        last = place == len(linears) - 1
        draw.linear(state, f'{name}.{at}', HIDDEN if place else inputs, OUT if last else HIDDEN,
                    bias=False)
        _batch_norm(draw, state, f'{name}.{at + 1}', OUT if last else HIDDEN, affine=not last)
    return state


def moco_v3(path: PathLike, encoder: dict, arch: str = 'vit_small', seed: int = 200) -> Path:
    """main_moco.py's file: DDP's ``module.``, the wanted branch is ``base_encoder``."""
    draw = Draw(seed)
    state = OrderedDict()
    for branch, weights in (('base', encoder), ('momentum', _other(encoder, seed + 1))):
        prefix = f'module.{branch}_encoder.'
        state.update(_under(prefix, weights))
        state.update(_mocov3_head(draw, f'{prefix}head', _width(encoder), (0, 3, 6)))
    state.update(_mocov3_head(draw, 'module.predictor', OUT, (0, 3)))
    return _save(path, dict(epoch=300, arch=arch, state_dict=state,
                            optimizer=_optimizer(encoder), scaler=_scaler()))


def _stride(encoder: dict) -> int:
    """Pixels a side of one output token: the patch, doubled by each merging."""
    merging = sum(key.endswith('downsample.reduction.weight') for key in encoder)
    return encoder['patch_embed.proj.weight'].shape[-1] * 2 ** merging


def simmim(path: PathLike, encoder: dict, seed: int = 300) -> Path:
    """SimMIM's pre-training file; a mask token is drawn where the encoder has none."""
    draw = Draw(seed)
    embedded = encoder['patch_embed.proj.bias'].shape[0]
    model = OrderedDict({'encoder.mask_token': draw.normal(1, 1, embedded)})
    model.update(_under('encoder.', encoder))
    pixels = 3 * _stride(encoder) ** 2
    model['decoder.0.weight'] = draw.normal(pixels, _width(encoder), 1, 1)
    model['decoder.0.bias'] = draw.normal(pixels)
    kind = 'vit' if 'cls_token' in encoder else 'swin'
    return _save(path, dict(model=model, optimizer=_optimizer(encoder), max_accuracy=0.0,
                            lr_scheduler=dict(milestones=[700]), epoch=99, config=_config(kind)))


def mae(path: PathLike, encoder: dict, seed: int = 350) -> Path:
    """main_pretrain.py's file: the encoder's bare names, the decoder's beside them.

    The mask token is the decoder's, and has its width (models_mae.py).
    """
    draw, width = Draw(seed), _width(encoder)
    tokens, pixels = encoder['pos_embed'].shape[1], encoder['patch_embed.proj.weight'][0].numel()
    decoder: dict = {'mask_token': draw.normal(1, 1, HIDDEN),
                     'decoder_pos_embed': draw.normal(1, tokens, HIDDEN)}
    for name, inputs, outputs in (
            ('decoder_embed', width, HIDDEN), ('decoder_blocks.0.attn.qkv', HIDDEN, 3 * HIDDEN),
            ('decoder_blocks.0.attn.proj', HIDDEN, HIDDEN),
            ('decoder_blocks.0.mlp.fc1', HIDDEN, 4 * HIDDEN),
            ('decoder_blocks.0.mlp.fc2', 4 * HIDDEN, HIDDEN), ('decoder_pred', HIDDEN, pixels)):
        draw.linear(decoder, name, inputs, outputs)
    for name in ('decoder_blocks.0.norm1', 'decoder_blocks.0.norm2', 'decoder_norm'):
        draw.norm(decoder, name, HIDDEN)
    return _save(path, dict(model=OrderedDict({**encoder, **decoder}), epoch=1599,
                            optimizer=_optimizer(encoder), scaler=_scaler(),
                            args=Namespace(model='mae_vit_base_patch16', mask_ratio=0.75)))


def mae_backbone(path: PathLike, encoder: dict) -> Path:
    """MAE's release, mae_pretrain_vit_base.pth: the encoder alone, under 'model'."""
    return _save(path, dict(model=OrderedDict(encoder)))


def _classifier(encoder: dict, name: str) -> dict:
    state: dict = {}
    Draw(400).linear(state, name, _width(encoder), CLASSES)
    return state


def swin(path: PathLike, encoder: dict) -> Path:
    """A released supervised Swin: bare names and ``head``, all under 'model'."""
    return _save(path, dict(model=OrderedDict({**encoder, **_classifier(encoder, 'head')})))


def _dino_head(draw: Draw, name: str, width: int, outputs: tuple = ('last_layer',)) -> dict:
    """Three linear maps with GELU, then weight-normed last layers without bias."""
    state: dict = {}
    for at, inputs, out in ((0, width, HIDDEN), (2, HIDDEN, HIDDEN), (4, HIDDEN, OUT)):
        draw.linear(state, f'{name}.mlp.{at}', inputs, out)
    for last in outputs:
        state[f'{name}.{last}.weight_g'] = torch.ones(20, 1)
        state[f'{name}.{last}.weight_v'] = draw.normal(20, OUT)
    return state


def _self_distilled(
    path: PathLike, encoder: dict, student: dict, teacher: dict, loss: dict, arch: str
) -> Path:
    args = Namespace(arch=arch, patch_size=16, out_dim=20, norm_last_layer=False, lr=5e-4,
                     local_crops_scale=(0.05, 0.4), data_path='/data', dist_url='env://', gpu=0)
    return _save(path, dict(student=OrderedDict(student), teacher=OrderedDict(teacher),
                            optimizer=_optimizer(encoder), epoch=100, args=args,
                            fp16_scaler=_scaler(), **loss))


def dino(path: PathLike, encoder: dict, seed: int = 500) -> Path:
    """main_dino.py's file: DDP wraps the student alone, for a ViT has no batch norm."""
    draw, width = Draw(seed), _width(encoder)
    student = {**_under('module.backbone.', _other(encoder, seed + 1)),
               **_dino_head(draw, 'module.head', width)}
    teacher = {**_under('backbone.', encoder), **_dino_head(draw, 'head', width)}
    loss = dict(dino_loss=OrderedDict(center=draw.normal(1, 20)))
    return _self_distilled(path, encoder, student, teacher, loss, 'vit_small')


def dino_backbone(path: PathLike, encoder: dict) -> Path:
    """DINO's released backbone: bare names, nothing around them."""
    return _save(path, OrderedDict(encoder))


def ibot(path: PathLike, encoder: dict, seed: int = 600) -> Path:
    """main_ibot.py's file: as DINO's, with a second last layer; the teacher has no mask token.

    The teacher's ``last_layer2`` is its ``last_layer``, one module under two names.
    """
    draw, width = Draw(seed), _width(encoder)
    lasts = ('last_layer', 'last_layer2')
    embedded = encoder['patch_embed.proj.bias'].shape[0]
    student = {'module.backbone.masked_embed': draw.normal(1, embedded),
               **_under('module.backbone.', _other(encoder, seed + 1)),
               **_dino_head(draw, 'module.head', width, lasts)}
    head = _dino_head(draw, 'head', width)
    for part in ('weight_g', 'weight_v'):
        head[f'head.last_layer2.{part}'] = head[f'head.last_layer.{part}']
    loss = dict(ibot_loss=OrderedDict(center=draw.normal(1, 20), center2=draw.normal(1, 1, 20)))
    teacher = {**_under('backbone.', encoder), **head}
    return _self_distilled(path, encoder, student, teacher, loss, 'vit_small')


def ibot_backbone(path: PathLike, encoder: dict) -> Path:
    """What iBOT's extract_backbone_weights.py writes: bare names under 'state_dict'."""
    return _save(path, dict(state_dict=dict(encoder)))


def esvit(path: PathLike, encoder: dict, seed: int = 700) -> Path:
    """main_esvit.py's file: no ``backbone.``, both heads are attributes of the Swin itself.

    No ``attn_mask`` is saved, and the Swin's norms have eps 1e-6. The teacher is not wrapped in
    DDP, for the heads have no batch norm.
    """
    draw, width = Draw(seed), _width(encoder)
    encoder = {key: value for key, value in encoder.items() if not key.endswith('attn_mask')}
    branches = []
    for prefix, weights in (('module.', _other(encoder, seed + 1)), ('', encoder)):
        branches.append({**_under(prefix, weights), **_dino_head(draw, f'{prefix}head', width),
                         **_dino_head(draw, f'{prefix}head_dense', width)})
    loss = dict(dino_loss=OrderedDict(center=draw.normal(1, 20), center_grid=draw.normal(1, 20)))
    return _self_distilled(path, encoder, *branches, loss, 'swin_tiny')


def timm_swin(path: PathLike, encoder: dict) -> Path:
    """timm's pytorch_model.bin: a bare state dict with ``head.fc``."""
    return _save(path, {**swin_to_timm(encoder), **_classifier(encoder, 'head.fc')})


def _mmpretrain(path: PathLike, backbone: dict, head: dict, resumable: Optional[dict]) -> Path:
    meta = dict(epoch=300, iter=375300, cfg='model = dict()', seed=0, experiment_name='run',
                time='20240101_000000', mmengine_version='0.10.7')
    state = OrderedDict({**_under('backbone.', backbone), **_under('head.', head)})
    return _save(path, dict(meta=meta, state_dict=state, **(resumable or {})))


def mmpretrain_swin(path: PathLike, encoder: dict, resumable: Optional[dict] = None) -> Path:
    """A classifier's checkpoint with LinearClsHead; ``resumable`` adds further top keys."""
    return _mmpretrain(path, swin_to_mmpretrain(encoder), _classifier(encoder, 'fc'), resumable)


def mmpretrain_vit(path: PathLike, encoder: dict, resumable: Optional[dict] = None) -> Path:
    """A classifier's checkpoint with VisionTransformerClsHead, whose layer is ``layers.head``."""
    head = _classifier(encoder, 'layers.head')
    return _mmpretrain(path, vit_to_mmpretrain(encoder), head, resumable)
