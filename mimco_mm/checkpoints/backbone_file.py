import os
from pathlib import Path
from typing import Any, Dict, Optional

import torch
from safetensors.torch import save_file


def save_backbone(file: Path, state: Dict[str, torch.Tensor], num_heads: Optional[int],
                  **meta: Any) -> None:
    """Write a backbone alone, as mmpretrain, mmdet and mmseg take it into their ``init_cfg``.

    Args:
        file: a .pth file; it is there as a whole, or not at all.
        state: in mmpretrain's names.
        num_heads: attention heads of a ViT, which no shape would tell; None for others.
        **meta: what else the file is to say of itself, in plain types.
    """
    content = dict(
        meta=dict(meta, backbone=dict(num_heads=num_heads)),
        state_dict={f'backbone.{key}': value.cpu() for key, value in state.items()})
    save_whole(file, content)


def save_whole(file: Path, content: dict) -> None:
    """``torch.save`` beside ``file`` first: an interruption leaves no half of it."""
    partial = file.with_name(f'{file.name}.partial')
    torch.save(content, partial)
    os.replace(partial, file)


def save_safetensors(file: Path, state: Dict[str, torch.Tensor]) -> None:
    """The same in safetensors, for transformers and timm."""
    partial = file.with_name(f'{file.name}.partial')
    save_file({key: value.contiguous() for key, value in state.items()}, partial,
              metadata=dict(format='pt'))
    os.replace(partial, file)
