import weakref
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any, List, Optional, Tuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
BLOCK = 512  # bytes: the caching allocator gives whole ones
NO_KERNEL = ('empty', 'new_empty', '_unsafe_view', 'lift', 'set_', 'resize_')
INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)


@dataclass
class Counts:
    """What a piece of work asks of a device.

    Attributes:
        launches: operators that start a kernel, each counted once; some start several.
        waits: times that the host waits for a result.
        blocking: copies from the host that it waits for, or makes without being told.
        moved: bytes that operators read and write, each tensor once.
        flops: of products, convolutions and attention, two for a multiplication and an addition.
        operators: launches by operator.
        work: of each launch its flops, the bytes it moves, and whether it computes in 16 bits.
    """

    launches: int = 0
    waits: int = 0
    blocking: int = 0
    moved: int = 0
    flops: int = 0
    operators: Counter = field(default_factory=Counter)
    work: List[Tuple[int, int, bool]] = field(default_factory=list)


class Ledger(TorchDispatchMode):
    """Writes down what operators on the meta device would do on a GPU.

    Their tensors have no values: what reads one is a wait, and gets 1. An operator of such tensors
    and of the host's own is an error, as on a GPU.

    Attributes:
        counts: of the phase that is on; set it anew for the next.
        alive: bytes of the tensors that exist.
        peak: the most of them so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()
        self.alive = self.peak = 0
        self._known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        kwargs = kwargs or {}
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        target = kwargs.get('device')
        if not any(tensor.is_meta for tensor in tensors):
            if target is None or torch.device(target).type != 'meta':
                return func(*args, **kwargs)
        waited = self._wait(func, args, target)
        if waited is not None:
            self.counts.waits += 1
            return waited
        self._host_tensors(func, tensors, kwargs)
        result = func(*args, **kwargs)
        results = [each for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        if _has_kernel(func):
            self._launch(func, args, kwargs, result, [*tensors, *results])
        for each in results:
            self._born(each)
        return result

    def _launch(self, func, args: tuple, kwargs: dict, result: Any, tensors: list) -> None:
        distinct = {id(each): each for each in tensors if each.is_meta}.values()
        moved = sum(_bytes(each) for each in distinct)
        count = flop_registry.get(func._overloadpacket)
        flops = count(*args, **kwargs, out_val=result) if count else 0
        half = any(each.dtype in (torch.bfloat16, torch.float16) for each in distinct)
        self.counts.launches += 1
        self.counts.moved += moved
        self.counts.flops += flops
        self.counts.operators[str(func)] += 1
        self.counts.work.append((flops, moved, half))

    def _wait(self, func, args: tuple, target: Optional[torch.device]) -> Any:
        """What the host reads, if that is what it does."""
        if func is aten._local_scalar_dense.default:
            return True if args[0].dtype is torch.bool else 1
        if func is aten._to_copy.default and target is not None \
                and torch.device(target).type == 'cpu':
            return torch.ones(args[0].shape, dtype=args[0].dtype)
        if func is aten.copy_.default and not args[0].is_meta:
            return args[0]
        if func in (aten.nonzero.default, aten.masked_select.default) or func in INDEXING and any(
                each.dtype in (torch.bool, torch.uint8) for each in tree_leaves(args[1])
                if isinstance(each, torch.Tensor)):
            raise RuntimeError(f'{func} gives as much as its values say: the host would wait.')
        return None

    def _host_tensors(self, func, tensors: list, kwargs: dict) -> None:
        hosts = [tensor for tensor in tensors if not tensor.is_meta and tensor.dim()]
        if not hosts:
            return
        if func is aten._to_copy.default:
            self.counts.blocking += not kwargs.get('non_blocking')
        elif func is aten.copy_.default or func in INDEXING:
            self.counts.blocking += 1
        else:
            shapes = [tuple(tensor.shape) for tensor in hosts]
            raise RuntimeError(f'{func} got tensors of the host, {shapes}, and of the device.')

    def _born(self, tensor: torch.Tensor) -> None:
        if not tensor.is_meta:
            return
        storage = tensor.untyped_storage()
        if id(storage) in self._known:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        self._known.add(id(storage))
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._gone, id(storage), size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


@cache
def _has_kernel(func) -> bool:
    """Views and allocations have none."""
    view = any(one.alias_info is not None and not one.alias_info.is_write
               for one in func._schema.returns)
    return not view and not func._schema.name.removeprefix('aten::').startswith(NO_KERNEL)


def _bytes(tensor: torch.Tensor) -> int:
    """Bytes of the values that there are, an expanded one once."""
    sizes: Tuple[int, ...] = tuple(size for size, stride in zip(tensor.shape, tensor.stride())
                                   if stride)
    return torch.Size(sizes).numel() * tensor.element_size()
