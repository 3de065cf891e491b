"""What checkpoints hold beside ordinary tensors."""

import torch
from torch.nn.parameter import is_lazy

from .errors import CheckpointError


def ordinary(name: str, value: torch.Tensor) -> torch.Tensor:
    """The tensor ``name`` of a file in a type with which torch can calculate.

    Floats of 8 bits are widened, with the values that they have.

    Raises:
        CheckpointError: it holds no values, or not one for each element.
    """
    if is_lazy(value) or value.is_meta:
        raise CheckpointError(f'{name} has no values: the network was saved before its weights '
                              'were there (they lie on the device "meta", or are lazy).')
    if value.is_quantized or value.is_nested or value.layout != torch.strided:
        kind = ('quantised' if value.is_quantized else 'nested' if value.is_nested else
                f'of layout {value.layout}')
        raise CheckpointError(f'{name} is {kind}: expected ordinary, dense tensors. Save '
                              '`tensor.dequantize()` or `tensor.to_dense()` in its place.')
    if not value.is_floating_point() or value.dtype.itemsize > 1:
        return value
    try:
        return value.float()
    except RuntimeError as error:
        raise CheckpointError(f'{name} is of {value.dtype}, of which torch cannot make ordinary '
                              'numbers: take a file with the weights in 8 bits or more.') from error
