"""How much memory a piece of work takes on top of what was there before it."""

import os
from itertools import accumulate
from typing import Union

import torch
from torch.autograd import profiler


class PeakMemory:
    """Context manager: the most bytes of tensors that were alive at once within it.

    Counted are the bytes allocated since it was entered, less those of them that were freed: what
    existed before is not part of it. On a CPU they are torch's profiler's events of its
    allocator, so what a kernel takes for itself counts too (a view of the results alone would miss
    it), but not the scratch memory of BLAS libraries. On a GPU they are the caching allocator's
    statistics; the peak that it keeps is reset.

    Attributes:
        bytes: the peak, once the block has ended.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: Union[str, torch.device] = 'cpu') -> None:
        self.device = torch.device(device)
        if self.device.type not in ('cpu', 'cuda'):
            raise ValueError(f"Memory is counted on 'cpu' and 'cuda', got device {str(device)!r}.")

    def __enter__(self) -> 'PeakMemory':
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        else:
            # else it logs that there is no GPU, as an error, amid what a tool prints
            os.environ.setdefault('KINETO_LOG_LEVEL', '5')
            self._profile = profiler.profile(profile_memory=True)
            self._profile.__enter__()
        return self

    def __exit__(self, *error) -> None:
        if self.device.type == 'cuda':
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self._before
        else:
            self._profile.__exit__(*error)
            self.bytes = _peak(self._profile)


def _peak(profile: profiler.profile) -> int:
    """The largest sum of all allocations and frees up to some moment."""
    events = [event for event in profile.kineto_results.events() if event.name() == '[memory]']
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate((event.nbytes() for event in events), initial=0))
