"""What a run goes on from: the newest checkpoint that can be read, by what is inside."""

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from ..names import counted
from .errors import CheckpointError
from .reading import read_checkpoint

# Of a run, by epochs and by iterations. (``best_*.pth`` has no optimizer to go on with.)
PATTERNS = ('epoch_*.pth', 'iter_*.pth')
NOTE = 'last_checkpoint'  # mmengine writes a path into it
PARTS = ('state_dict', 'optimizer', 'message_hub', 'meta')


class Resumable(NamedTuple):
    """A checkpoint that a run can go on from.

    Attributes:
        file: it lies here.
        epoch: epochs that were finished.
        iter: iterations that were finished.
        skipped: what else there is and why it cannot be taken, a line each.
    """

    file: Path
    epoch: int
    iter: int
    skipped: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return (f'{self.file} ({counted(self.epoch, "epoch")} done, '
                f'{counted(self.iter, "iteration")})')


def find_resumable(source: Union[str, Path], *others: Union[str, Path]) -> Optional[Resumable]:
    """The checkpoint of a file, or the newest readable one of folders.

    In a folder its own files come first: ``last_checkpoint`` names a file by its path, which in a
    run that was copied is the original's. That is followed only where no checkpoint is left.

    Args:
        source: a file, or the folder of a run, which need not exist.
        others: further folders where the same run's checkpoints lie.

    Returns:
        None where there is no checkpoint at all, so that the run has to begin.

    Raises:
        CheckpointError: a file that no run can go on from, or checkpoints of which none can be
            read; the message says why of each.
    """
    if '://' in str(source):
        raise CheckpointError(f'--resume expects a file or folder of this machine, got {source}: '
                              'download it first.')
    folders = [Path(one) for one in (source, *others)]
    if folders[0].is_file():
        return open_resumable(folders[0])
    files = checkpoints_in(folders)
    if files:
        return newest(files, folders[0])
    note = folders[0] / NOTE
    if not note.is_file():
        return None
    named = note.read_text(errors='replace').strip('\0 \n')
    if not named or not Path(named).is_file():
        raise CheckpointError(
            f'{note} names {named or "nothing"!r}, which is not there, and {folders[0]} holds no '
            f'checkpoint: put epoch_N.pth back, or remove {NOTE} to begin the run anew.')
    return open_resumable(Path(named))


def checkpoints_in(folders: Sequence[Path]) -> List[Path]:
    return [file for folder in folders for pattern in PATTERNS
            for file in sorted(folder.glob(pattern))]


def traces_of_a_run(folders: Sequence[Path]) -> List[Path]:
    """What a run that begins would overwrite: its note, and its checkpoints, readable or not."""
    notes = [folder / NOTE for folder in folders]
    return [*(note for note in notes if note.is_file()), *checkpoints_in(folders)]


def newest(files: Sequence[Path], folder: Path) -> Resumable:
    """The readable one with most iterations inside; of two, the one of a whole epoch.

    To read all of a run that keeps them all takes minutes: of those by epochs, and of those by
    iterations, it ends at the highest number that is what the file says inside.
    """
    found, skipped = [], []
    for kind in ('epoch', 'iter'):
        for file in sorted(of_kind(files, kind), key=number, reverse=True):
            try:
                found.append(open_resumable(file))
            except (CheckpointError, OSError) as error:
                skipped.append(f'{file.name}: {error}')
                continue
            if number(file) == getattr(found[-1], kind):
                break
    if not found:
        raise CheckpointError('\n  '.join([
            f'{folder} holds checkpoints, and none that a run can go on from:', *skipped,
            'Put back a copy of one; or remove them, and --resume begins the run anew.']))
    best = max(found, key=lambda one: (one.iter, one.file.name.startswith('epoch_')))
    return best._replace(skipped=tuple(skipped))


def of_kind(files: Sequence[Path], kind: str) -> List[Path]:
    return [file for file in files if file.name.startswith(f'{kind}_')]


def number(file: Path) -> int:
    """N of epoch_N.pth; -1 of what is named otherwise."""
    text = file.stem.partition('_')[2]
    return int(text) if text.isdecimal() else -1


def open_resumable(file: Path) -> Resumable:
    """Read a checkpoint as far as to know that, and where, a run can go on from it.

    Raises:
        CheckpointError: unreadable, or not of a run.
    """
    content = read_checkpoint(file, stand_ins=False)
    missing = [part for part in PARTS if part not in content]
    if missing:
        what = ('is a backbone alone, for transfers' if is_backbone(content) else
                f'has no {", ".join(missing)}')
        raise CheckpointError(
            f'{file} {what}: a run goes on from epoch_N.pth or iter_N.pth of its work dir. To '
            'begin a new run from its weights: --cfg-options load_from=FILE.')
    meta = content['meta']
    epoch, iteration = (meta.get(key) if isinstance(meta, dict) else None
                        for key in ('epoch', 'iter'))
    if not isinstance(epoch, int) or not isinstance(iteration, int):
        raise CheckpointError(f'{file} does not say after which epoch and iteration it was saved '
                              '(`meta.epoch`, `meta.iter`): no run can go on from it.')
    return Resumable(file, epoch, iteration)


def is_backbone(content: dict) -> bool:
    state = content.get('state_dict')
    return bool(state) and isinstance(state, dict) and all(
        str(key).startswith('backbone.') for key in state)
