"""The configs that the check runs: the shipped ones, or small networks of the same classes."""

from typing import Any

from mmengine.config import Config

from ...options import load_config
from .rows import Setting

WIDTH = 64
SWIN = dict(embed_dims=8, depths=[1, 1, 2, 1], num_heads=[1, 1, 2, 2])
VIT = dict(embed_dims=WIDTH, num_layers=1, num_heads=2, feedforward_channels=2 * WIDTH)
WIDTHS = {384: WIDTH, 768: WIDTH, 1024: WIDTH}
SMALL = dict(in_channels=WIDTHS, out_channels=WIDTHS, hid_channels={4096: WIDTH},
             queue_len={4096: 64})


def config_for(setting: Setting, name: str, **model: Any) -> Config:
    """A config of configs/pretrain by its short name, changed, and small in a rehearsal."""
    config = load_config(name)
    config.merge_from_dict(dict(model=model))
    if setting.rehearsal:
        shrink(config.model)
    return config


def shrink(part: Any) -> None:
    """Small networks, heads and queues, in place, for images of the size that they are."""
    if isinstance(part, dict):
        if 'arch' in part:
            is_swin = 'Swin' in part['type']
            part['arch'] = SWIN if is_swin else VIT
            if not is_swin and 'out_indices' in part:
                part['out_indices'] = [0]  # there is one layer
        for key, value in part.items():
            if key in SMALL and value in SMALL[key]:
                part[key] = SMALL[key][value]
            shrink(value)
    elif isinstance(part, (list, tuple)):
        for each in part:
            shrink(each)
