"""Work dirs as crashes, copies and disks leave them."""

import shutil
from pathlib import Path
from typing import Callable, Dict, Iterator

import torch

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.checkpoints.writing import HOST

from .outcome import Outcome
from .victim import Victim, checkpoints, fresh_copy

KEPT = 3  # checkpoints, by the config


def run(folder: Path) -> Iterator[Outcome]:
    """Damage copies of one work dir, each in its own way, and resume them."""
    victim = Victim(folder / 'states')
    with victim.started('killed') as started:
        started.wait_for(lambda: len(checkpoints(started.work_dir)) >= KEPT)
        started.kill()
    for name, damage in STATES.items():
        work_dir = fresh_copy(victim.folder / 'killed', victim.folder / name.replace(' ', '_'))
        _note(str(checkpoints(work_dir)[-1]))(work_dir)  # not the original's, if that is absolute
        damage(work_dir)
        yield Outcome('damaged work dir, `--resume`', name,
                      *victim.outcome_of_resume(work_dir.name))
    work_dir = fresh_copy(victim.folder / 'killed', victim.folder / 'all_damaged')
    for file in checkpoints(work_dir):
        file.write_bytes(b'')
    before = sorted(path.name for path in work_dir.iterdir())
    ended = victim.command(work_dir.name, '--resume')
    kept = set(before) <= {path.name for path in work_dir.iterdir()}
    refused = ended.code == 1 and 'error: ' in ended.text and 'Traceback' not in ended.text
    yield Outcome('damaged work dir, `--resume`', 'every checkpoint empty', refused and kept,
                  'refused in words' if refused else f'exit {ended.code}: {ended.last[:80]}')


def _newest(change: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda work_dir: change(checkpoints(work_dir)[-1])


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])


def _zero(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _flip(file: Path) -> None:
    """One bit of a tensor's data."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 16
    file.write_bytes(content)


def _other_network(file: Path) -> None:
    """Weights of another width, in a file that is whole."""
    checkpoint = read_checkpoint(str(file))
    tensors = {key: value.clone() for key, value in checkpoint['state_dict'].items()}
    key = next(key for key, value in tensors.items() if value.ndim == 2)
    tensors[key] = torch.cat([tensors[key], tensors[key]])
    torch.save({'state_dict': tensors, 'meta': {}}, file)


def _forget(work_dir: Path) -> None:
    (work_dir / 'last_checkpoint').unlink()


def _note(text: str) -> Callable[[Path], None]:
    return lambda work_dir: (work_dir / 'last_checkpoint').write_text(text) and None


def _newest_gone(work_dir: Path) -> None:
    checkpoints(work_dir)[-1].unlink()


def _stray_partial(work_dir: Path) -> None:
    dead = f'epoch_99.pth.{2**22 + 1}@{HOST}.partial'  # of a process that there cannot be
    shutil.copy(checkpoints(work_dir)[-1], work_dir / dead)


def _torn_log(work_dir: Path) -> None:
    for file in work_dir.glob('*/vis_data/*.json'):
        _cut(file)


STATES: Dict[str, Callable[[Path], None]] = {
    'newest cut in half': _newest(_cut),
    'newest empty': _newest(lambda file: file.write_bytes(b'') and None),
    'newest all zeros': _newest(_zero),
    'newest with one bit flipped': _newest(_flip),
    'newest of another network': _newest(_other_network),
    'newest gone': _newest_gone,
    'last_checkpoint gone': _forget,
    'last_checkpoint empty': _note(''),
    'last_checkpoint names no file': _note('/nowhere/epoch_3.pth'),
    'last_checkpoint is no text': lambda work_dir: (work_dir / 'last_checkpoint').write_bytes(
        b'\xff\x00\xfe') and None,
    'a half-written file beside': _stray_partial,
    'logs cut in half': _torn_log,
    'copied, the original gone': lambda work_dir: _note(
        f'{work_dir.parent}/elsewhere/{checkpoints(work_dir)[-1].name}')(work_dir),
}
