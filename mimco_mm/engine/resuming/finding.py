"""From which checkpoint a config's run goes on, and whether anything is left to do."""

from contextlib import suppress
from pathlib import Path
from typing import Iterator, List, Optional

from mmengine.config import Config

from ...checkpoints import CheckpointError, Resumable, find_resumable, read_checkpoint
from ...errors import ConfigError
from .identity import places, relevant


def run_to_resume(cfg: Config) -> Optional[Resumable]:
    """What ``--resume`` goes on from: the file or folder that it names, or the work dir's newest.

    Returns:
        None where the run has to begin: without ``--resume``, or with no checkpoint yet, as of a
        job that was requeued before its first.

    Raises:
        CheckpointError: see ``find_resumable``.
        ConfigError: a place without a checkpoint, or a run beyond the end that is asked for.
    """
    if not cfg.get('resume'):
        return None
    source = cfg.get('load_from')
    found = find_resumable(*([source] if source else checkpoint_folders(cfg)))
    if found is None and source:
        what = 'has no epoch_N.pth or iter_N.pth' if Path(source).exists() else 'is not there'
        raise ConfigError(f'--resume expects a checkpoint file, or a folder that holds one, and '
                          f'{source} {what}; --resume alone takes the newest of the work dir.')
    if found and progress(cfg, found) > length(cfg):
        raise ConfigError(beyond_end(cfg, str(found)))
    return found


def beyond_end(cfg: Config, found: str) -> str:
    return (f'{found} is beyond the end that is asked for: --epochs (or `train_cfg`) says '
            f'{length(cfg)}. Take an earlier checkpoint by --resume FILE, or more epochs.')


def further_on(cfg: Config, chosen: Resumable) -> Iterator[str]:
    """Say of a run that was set back on purpose what a later ``--resume`` alone would take."""
    last = newest(cfg)
    if last and last.iter > chosen.iter:
        yield (f'{last} lies in the work dir, and --resume alone takes it until this run is '
               'further: remove what is not to be gone on with.')


def checkpoint_folders(cfg: Config) -> List[Path]:
    """Where a run's checkpoints lie: its work dir, and what ``checkpoint.out_dir`` makes of it."""
    work_dir = Path(cfg.work_dir)
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    out_dir = hook.get('out_dir')
    elsewhere = [Path(out_dir, work_dir.absolute().name)] if out_dir and '://' not in str(
        out_dir) else []
    return [work_dir, *elsewhere]


def is_by_epoch(cfg: Config) -> bool:
    return 'max_epochs' in (cfg.get('train_cfg') or {})


def length(cfg: Config) -> float:
    """Epochs, or iterations, of a config's run."""
    loop = cfg.get('train_cfg') or {}
    return loop.get('max_epochs', loop.get('max_iters', float('inf')))


def progress(cfg: Config, found: Resumable) -> int:
    return found.epoch if is_by_epoch(cfg) else found.iter


def finished(cfg: Config) -> Optional[str]:
    """What is to be said of a run that has ended and left its backbone's file; None of others.

    A run that was killed between its last checkpoint and that file has still to write it. Of a
    config with other settings than the file's, or with some to force, nothing is said here: whether
    it may go on, by what it reads, is seen where it is built.
    """
    found = run_to_resume(cfg)
    hooks = {hook.get('type'): hook for hook in cfg.get('custom_hooks') or []}
    if found is None or progress(cfg, found) < length(cfg) or 'BackboneFileHook' not in hooks:
        return None
    when = f'epoch_{found.epoch}' if is_by_epoch(cfg) else f'iter_{found.iter}'
    backbone = Path(cfg.work_dir, f'backbone_{when}.pth')
    if not backbone.is_file() or not backbone.stat().st_size:
        return None
    saved = read_checkpoint(str(backbone))['meta'].get('run_identity') or {}
    is_same = (saved.get('config'), saved.get('places')) == (relevant(cfg), places(cfg))
    if not is_same or hooks.get('RunIdentityHook', {}).get('force_change'):
        return None
    skipped = ''.join(f'\nskipped {line}' for line in found.skipped)
    return (f'The run in {cfg.work_dir} is finished at epoch {found.epoch}, nothing is left to do: '
            f'{found.file}, and the backbone alone, {backbone}. (--resume --epochs N with a higher '
            f'N trains it further.){skipped}')


def newest(cfg: Config) -> Optional[Resumable]:
    """What ``--resume`` alone would take of the work dir; None without a whole checkpoint."""
    with suppress(CheckpointError):
        return find_resumable(*checkpoint_folders(cfg))


def what_is_safe(cfg: Config) -> str:
    """What is left of a run whose checkpoint could not be written."""
    found = newest(cfg)
    return (f'Then --resume goes on from {found}: that file is whole.' if found else
            'No checkpoint of this run had been saved before; --resume then begins it anew.')
