from typing import Any

import numpy as np
import torch
from mmpretrain.datasets.transforms import PackInputs
from mmpretrain.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackPlanes(PackInputs):
    """mmpretrain's ``PackInputs``, quick with views of images as flips and BGR make them.

    numpy copies a negative stride value by value; ``torch.flip`` does it at the speed of memory.
    """

    @staticmethod
    def format_input(input_: Any) -> Any:
        if isinstance(input_, list):
            return [PackPlanes.format_input(item) for item in input_]
        if isinstance(input_, np.ndarray) and input_.ndim == 3:
            return to_planes(input_)
        return PackInputs.format_input(input_)


def to_planes(image: np.ndarray) -> torch.Tensor:
    """(H, W, C), of any strides, as (C, H, W) in one piece."""
    planes = image.transpose(2, 0, 1)
    reverse = [axis for axis, stride in enumerate(planes.strides) if stride < 0]
    if not reverse:
        return torch.from_numpy(planes).contiguous()
    forward = planes[tuple(slice(None, None, -1 if axis in reverse else 1) for axis in range(3))]
    return torch.from_numpy(forward).flip(reverse).contiguous()
