"""MimCo and its rivals on one backbone, as their steps are compared."""

from typing import Dict, NamedTuple, Optional

from mmengine.config import Config

from ..options import load_config

SIMMIM, MIMCO = 'SimMIM', 'MimCo'
# Backbone -> contrastive method and its config; SimMIM's config, and what a larger one differs in.
LARGER = dict(backbone=dict(arch='base'), neck=dict(in_channels=1024))
BACKBONES = {
    'swin-t': ('MoBY', 'moby_swin-t', 'simmim_swin-t', {}),
    'swin-b': ('MoBY', 'moby_swin-b', 'simmim_swin-t', LARGER),
    'vit-s': ('MoCo v3', 'mocov3_vit-s', 'simmim_vit-s', {}),
    'vit-b': ('MoCo v3', 'mocov3_vit-b', 'simmim_vit-b', {}),
}


class Method(NamedTuple):
    """A row of a comparison: the method, its config, whether it has the faster layers."""

    name: str
    config: Config
    faster: bool


def methods(backbone: str, teacher_dtype: Optional[str] = None) -> Dict[str, Method]:
    """{row: method}; SimMIM of mmpretrain's own layers is the first.

    Args:
        backbone: of ``BACKBONES``.
        teacher_dtype: of a further row, MimCo with a teacher kept in it.
    """
    contrastive, contrastive_file, simmim_file, larger = BACKBONES[backbone]

    def config(name: str, **model) -> Config:
        cfg = load_config(name)
        cfg.merge_from_dict(dict(model=model))
        return cfg

    simmim, mimco = f'baselines/{simmim_file}', f'mimco_{backbone}'
    rows = {
        SIMMIM: Method(SIMMIM, config(simmim, **larger), False),
        contrastive: Method(contrastive, config(f'teachers/{contrastive_file}'), False),
        f'{MIMCO}, plain layers': Method(MIMCO, config(mimco), False),
        MIMCO: Method(MIMCO, config(mimco), True),
        f'{SIMMIM}, faster layers': Method(SIMMIM, config(simmim, **larger), True),
    }
    if teacher_dtype:
        rows[f'{MIMCO}, teacher in {teacher_dtype}'] = Method(
            MIMCO, config(mimco, target_generator=dict(dtype=teacher_dtype)), True)
    return rows
