from pathlib import Path
from typing import Any, Callable, Dict, Optional

import torch
from safetensors.torch import save_file

from .writing import write_whole


def save_backbone(file: Path, state: Dict[str, torch.Tensor], num_heads: Optional[int],
                  **meta: Any) -> None:
    """Write a backbone alone, as mmpretrain, mmdet and mmseg take it into their ``init_cfg``.

    Args:
        file: a .pth file; it is there as a whole, or not at all.
        state: in mmpretrain's names.
        num_heads: attention heads of a ViT, which no shape would tell; None for others.
        **meta: what else the file is to say of itself, in plain types.

    Raises:
        CheckpointError: it cannot be written, see ``write_whole``.
    """
    write_whole({file: backbone_file(state, num_heads, **meta)}, size_of(state))


def backbone_file(state: Dict[str, torch.Tensor], num_heads: Optional[int],
                  **meta: Any) -> Callable[[Path], None]:
    """What writes a backbone alone, see ``save_backbone``."""
    return torch_file(dict(
        meta=dict(meta, backbone=dict(num_heads=num_heads)),
        state_dict={f'backbone.{key}': value.cpu() for key, value in state.items()}))


def torch_file(content: dict) -> Callable[[Path], None]:
    """What writes a dict as PyTorch does."""

    def write(path: Path) -> None:
        with path.open('wb') as stream:  # given a path, torch hides why it could not write
            torch.save(content, stream)

    return write


def safetensors_file(state: Dict[str, torch.Tensor]) -> Callable[[Path], None]:
    """What writes tensors for transformers and timm."""
    state = {key: value.contiguous() for key, value in state.items()}
    return lambda path: save_file(state, path, metadata=dict(format='pt'))


def size_of(state: Dict[str, torch.Tensor]) -> int:
    """Bytes of the tensors."""
    return sum(value.numel() * value.element_size() for value in state.values())
