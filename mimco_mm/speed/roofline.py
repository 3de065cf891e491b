"""The least time that a GPU can need for counted work: its peaks are its makers', not measured."""

from dataclasses import dataclass
from typing import Iterable, Tuple

GIB = 2**30


@dataclass(frozen=True)
class Card:
    """A GPU as its data sheet has it.

    Attributes:
        name: of the card.
        memory: GiB, as nvidia-smi shows them, rounded down.
        bandwidth: bytes a second of its memory.
        half: FLOP/s of dense products of 16 bits, summed in 32.
        single: FLOP/s in float32, without TF32.
        source: where these are from.
    """

    name: str
    memory: int
    bandwidth: float
    half: float
    single: float
    source: str


CARDS = (
    Card('H100 SXM', 79, 3.35e12, 989e12, 67e12, 'NVIDIA H100 data sheet'),
    Card('H200 SXM', 140, 4.8e12, 989e12, 67e12, 'NVIDIA H200 data sheet'),
    Card('A100 80GB SXM', 79, 2.039e12, 312e12, 19.5e12, 'NVIDIA A100 data sheet'),
    Card('A100 40GB SXM', 39, 1.555e12, 312e12, 19.5e12, 'NVIDIA A100 data sheet'),
    Card('RTX 4090', 23, 1.008e12, 165.2e12, 82.6e12, 'NVIDIA Ada GPU architecture, appendix A'),
)


def least_seconds(work: Iterable[Tuple[int, int, bool]], card: Card) -> float:
    """The sum over operators of what bounds each: its products, or the bytes it moves.

    Args:
        work: of each operator FLOP, bytes, and whether its products are of 16 bits.
        card: that does it, one after the other, at its peaks.
    """
    return sum(max(flops / (card.half if half else card.single), moved / card.bandwidth)
               for flops, moved, half in work)


def fits(peak: int, card: Card, reserve: int = GIB) -> bool:
    """Whether so many bytes fit beside ``reserve``, about what CUDA and its libraries take."""
    return peak + reserve <= card.memory * GIB
