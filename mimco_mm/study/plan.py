"""What the small study trains: its rows, networks, seeds and sizes, and how long stage 2 may be."""

from fractions import Fraction
from typing import Iterable, List, NamedTuple, Optional, Sequence

from ..errors import ConfigError

NETWORKS = ('vit', 'swin')
SEEDS = dict(full=(0, 1, 2), medium=(0, 1, 2, 3, 4), reduced=(0, 1, 2))
# Epochs of stage 2 that --part epochs compares, each with its own schedule, of these rows and seeds
LENGTHS = (3, 10, 20, 40)
LENGTH_ROWS = ('mimco', 'no-mask', 'l1')
LENGTH_SEEDS = (0, 1, 2)
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

    def whole_epochs(self, size: 'Size') -> int:
        """Epochs of a run of this size, rounded."""
        return round(self.epochs * size.epochs)


TEACHER = Row('moby', 'MoBY, the teacher', 'moby_{network}-micro', Fraction(3), views=2)
LONG_SIMMIM = Row('simmim-long', 'SimMIM, as long as both stages', 'simmim_{network}-micro',
                  Fraction(7))

# As in the paper the teacher is trained three times as long as its student (300 and 100 epochs),
# which makes 2 x 3 + 1 = 7 effective epochs for MimCo. SimMIM and SimMIM + MoBY get as many: 7 x 1
# and 7/3 x 3, in whole epochs; SimMIM at MimCo's own epochs stands beside them.
ROWS = (
    Row('scratch', 'no pre-training', None, Fraction(0)),
    TEACHER,
    LONG_SIMMIM,
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
        epochs: of MimCo's stage 2.
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
    medium=Size(train=500, test=1000, epochs=20, finetune_epochs=20, batch_size=64),
    reduced=Size(train=300, test=200, epochs=3, finetune_epochs=3, batch_size=32),
)


def changed_size(name: str, settings: Iterable[str]) -> Size:
    """One of ``SIZES`` with some numbers changed, each by FIELD=N.

    Raises:
        ConfigError: of another form.
    """
    size = SIZES[name]
    for setting in settings:
        field, _, number = setting.partition('=')
        if field not in size._fields or not number.isdecimal() or int(number) < 1:
            raise ConfigError(f'--set expects FIELD=N, a number from 1 up, FIELD one of '
                              f'{", ".join(size._fields)}; got {setting}')
        size = size._replace(**{field: int(number)})
    return size


class Job(NamedTuple):
    """One row for one network and seed.

    Attributes:
        stage2: epochs of it, where they are not those of the size.
    """

    row: Row
    network: str
    seed: int
    stage2: Optional[int] = None

    @property
    def name(self) -> str:
        length = f'_{self.stage2}-epochs' if self.stage2 else ''
        return f'{self.network}_{self.row.name}{length}_seed-{self.seed}'

    def epochs(self, size: Size) -> int:
        return self.stage2 or self.row.whole_epochs(size)

    def work(self, size: Size) -> int:
        """Images seen by an encoder that learns, for a class: what a progress bar counts."""
        return size.train * (self.row.views * self.epochs(size) + size.finetune_epochs)


def choose_jobs(part: str, name: str, size: Size, networks: Optional[Sequence[str]] = None,
                seeds: Optional[Sequence[int]] = None, rows: Optional[Sequence[str]] = None,
                lengths: Optional[Sequence[int]] = None) -> List[Job]:
    """The jobs to do; the teacher is among them where one needs it.

    Args:
        part: 'rows', or 'epochs' for those of ``length_jobs``.
        name: of the size.
        size: how long.
        networks: by default all, or the ViT of 'epochs'.
        seeds: by default the size's.
        rows: their names; by default all.
        lengths: epochs of stage 2, of 'epochs'.

    Raises:
        ConfigError: there is no such row.
    """
    if part == 'epochs':
        given = dict(networks=networks, seeds=seeds, lengths=lengths)
        return length_jobs(size, **{key: value for key, value in given.items() if value})
    known = {row.name: row for row in ROWS}
    unknown = set(rows or ()) - known.keys()
    if unknown:
        raise ConfigError(f'--rows expects some of {", ".join(known)}, got {", ".join(unknown)}')
    chosen = [known[row] for row in rows or known]
    if any(row.taught for row in chosen) and TEACHER not in chosen:
        chosen.append(TEACHER)
    return jobs(size, networks or NETWORKS, seeds or SEEDS[name], chosen)


def jobs(size: Size, networks: Iterable[str] = NETWORKS, seeds: Iterable[int] = SEEDS['full'],
         rows: Iterable[Row] = ROWS) -> List[Job]:
    """All jobs, seed by seed of each network, so that what is done at any time is whole seeds.

    Within a seed the teacher, for which others wait, comes first, then the longest.
    """
    return [job for network in networks for seed in seeds
            for job in _in_order([Job(row, network, seed) for row in rows], size)]


def length_jobs(size: Size, networks: Iterable[str] = ('vit', ),
                seeds: Iterable[int] = LENGTH_SEEDS,
                lengths: Iterable[int] = LENGTHS) -> List[Job]:
    """Stage 2 of each length from one teacher a seed, and what its scores are compared with."""
    beside = [Job(TEACHER, '', 0), Job(LONG_SIMMIM, '', 0)]
    students = [Job(row, '', 0, None if length == size.epochs else length)
                for row in ROWS if row.name in LENGTH_ROWS for length in lengths]
    return [job._replace(network=network, seed=seed) for network in networks for seed in seeds
            for job in _in_order(beside + students, size)]


def _in_order(found: List[Job], size: Size) -> List[Job]:
    return sorted(found, key=lambda job: (job.row is not TEACHER, -job.work(size)))
