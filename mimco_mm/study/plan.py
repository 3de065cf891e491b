"""What the small study trains: its rows, networks, seeds and two sizes."""

from fractions import Fraction
from typing import Iterable, List, NamedTuple, Optional

NETWORKS = ('swin', 'vit')
SEEDS = (0, 1, 2)
# name in results.json -> title; all in percent of the test images
METRICS = dict(knn='k-NN', linear='linear', finetune='fine-tuned')


class Row(NamedTuple):
    """One method.

    Attributes:
        name: in the names of folders.
        title: in tables and plots.
        config: below configs/study, with {network}; None for no pre-training.
        epochs: over the epochs of MimCo's stage 2.
        views: of each image that it trains on, as effective epochs count them.
        taught: whether the seed's own teacher is its target.
    """

    name: str
    title: str
    config: Optional[str]
    epochs: Fraction
    views: int = 1
    taught: bool = False

    @property
    def effective_epochs(self) -> Fraction:
        """Epochs times views, and those of the teacher (iBOT), over the same unit."""
        return self.epochs * self.views + (TEACHER.effective_epochs if self.taught else 0)


TEACHER = Row('moby', 'MoBY, the teacher', 'moby_{network}-micro', Fraction(3), views=2)


# As in the paper the teacher is trained three times as long as its student (300 and 100 epochs),
# which makes 2 x 3 + 1 = 7 effective epochs for MimCo. SimMIM and SimMIM + MoBY get as many: 7 x 1
# and 7/3 x 3; SimMIM at MimCo's own epochs stands beside them.
ROWS = (
    Row('scratch', 'no pre-training', None, Fraction(0)),
    TEACHER,
    Row('simmim-long', 'SimMIM, as long as both stages', 'simmim_{network}-micro', Fraction(7)),
    Row('simmim', 'SimMIM', 'simmim_{network}-micro', Fraction(1)),
    Row('simmim-moby', 'SimMIM + MoBY', 'simmim-moby_{network}-micro', Fraction(7, 3), views=3),
    Row('mimco', 'MimCo', 'mimco_{network}-micro', Fraction(1), taught=True),
    Row('patch-only', 'MimCo, patch loss only', 'mimco_{network}-micro_patch-only', Fraction(1),
        taught=True),
    Row('image-only', 'MimCo, image loss only', 'mimco_{network}-micro_image-only', Fraction(1),
        taught=True),
    Row('l1', 'l1 of patch features', 'mimco_{network}-micro_l1', Fraction(1), taught=True),
    Row('no-mask', 'MimCo, no mask', 'mimco_{network}-micro_no-mask', Fraction(1), taught=True),
)


class Size(NamedTuple):
    """How much of the data, and how long.

    Attributes:
        train: images of each class to train on, at most.
        test: images of each class to judge by, at most.
        epochs: of MimCo's stage 2; a multiple of 3.
        finetune_epochs: of fine-tuning.
        batch_size: of all training; the learning rate is the same at any.
    """

    train: int
    test: int
    epochs: int
    finetune_epochs: int
    batch_size: int


SIZES = dict(
    full=Size(train=5000, test=1000, epochs=6, finetune_epochs=6, batch_size=128),
    reduced=Size(train=300, test=200, epochs=3, finetune_epochs=3, batch_size=32),
)


class Job(NamedTuple):
    """One row for one network and seed."""

    row: Row
    network: str
    seed: int

    @property
    def name(self) -> str:
        return f'{self.network}_{self.row.name}_seed-{self.seed}'

    def epochs(self, size: Size) -> int:
        return int(self.row.epochs * size.epochs)

    def work(self, size: Size) -> int:
        """Images seen by an encoder that learns, for a class: what a progress bar counts."""
        return size.train * (self.row.views * self.epochs(size) + size.finetune_epochs)


def jobs(size: Size, networks: Iterable[str] = NETWORKS, seeds: Iterable[int] = SEEDS,
         rows: Iterable[Row] = ROWS) -> List[Job]:
    """All jobs: teachers first, for others wait for them; then the longest first."""
    found = [Job(row, network, seed) for row in rows for network in networks for seed in seeds]
    return sorted(found, key=lambda job: (job.row is not TEACHER, -job.work(size)))
