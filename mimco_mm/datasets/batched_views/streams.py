"""Random numbers of a batch by counting: an image's depend on its own seed, not on its company."""

from typing import Tuple

import numpy as np
import torch

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # SplitMix64 (Steele et al., OOPSLA 2014)
Size = Tuple[int, int]  # height and width
STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def image_seeds(seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
    """Seeds (B,), int64, of the images of these indices (B,) in an epoch of a run."""
    state = np.zeros(1, np.uint64)
    for part in (seed, epoch, indices):
        state = _mix(state + np.atleast_1d(part).astype(np.uint64))
    return state.view(np.int64)


class Streams:
    """One stream of random numbers for each image of a batch.

    Args:
        seeds: (B,), int64, of ``image_seeds``.
    """

    def __init__(self, seeds: torch.Tensor) -> None:
        self.state = seeds.cpu().numpy().view(np.uint64)

    def __len__(self) -> int:
        return len(self.state)

    def uniform(self, count: int, low: float = 0., high: float = 1.) -> np.ndarray:
        """The next numbers, (B, count), from low to below high."""
        steps = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN
        bits = _mix(self.state[:, None] + steps)
        self.state = self.state + steps[-1]
        return low + (high - low) * ((bits >> np.uint64(11)) * 2.**-53)

    def happens(self, prob: float) -> np.ndarray:
        """(B,), bool, each True with this probability."""
        return self.uniform(1)[:, 0] < prob

    def below(self, bounds: np.ndarray) -> np.ndarray:
        """(B,) integers from 0 to below each bound (B,)."""
        return np.floor(self.uniform(1)[:, 0] * bounds).astype(np.int64)

    def permutations(self, count: int) -> np.ndarray:
        """(B, count): each image's own order of 0 to count - 1."""
        return self.uniform(count).argsort(1)


def _mix(state: np.ndarray) -> np.ndarray:
    """SplitMix64's output function of its states, uint64."""
    state = state + GOLDEN  # arrays count modulo 2 ** 64
    for shift, factor in STEPS:
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))


def to_device(values: np.ndarray, images: torch.Tensor) -> torch.Tensor:
    """Drawn values, where the images are and of their type unless they are whole numbers."""
    drawn = torch.from_numpy(values)
    if drawn.is_floating_point():
        drawn = drawn.to(images.dtype)
    return drawn.to(images.device, non_blocking=True)

