"""Files that run a stranger's code when unpickled, through every door that reads a checkpoint."""

import sys
from pathlib import Path
from typing import Callable, Dict, Iterator

import torch

from mimco_mm.checkpoints import read_checkpoint

from ..harm import HARMS
from .outcome import Outcome
from .victim import Victim, newest

PLACES = ('meta', 'state_dict', 'message_hub', 'optimizer')


def run(folder: Path) -> Iterator[Outcome]:
    """20 files through every door."""
    victim = Victim(folder / 'victim')
    files = list(evil_files(victim.folder, newest(victim.folder / 'unbroken')))
    for door, line in doors(victim).items():
        for file, mark in files:
            ended = victim.ended(line(file))
            survived = not mark.exists() and ended.code == 1 and 'Traceback' not in ended.text
            told = 'refused in words' if survived else (
                'RAN' if mark.exists() else f'exit {ended.code}: {ended.last[:80]}')
            mark.unlink(missing_ok=True)
            yield Outcome(f'evil file, {door}', file.stem, survived, told)


def evil_files(folder: Path, checkpoint: Path) -> Iterator[tuple]:
    """(file, what it leaves if it runs): each harm in each place, in both formats of torch."""
    whole = read_checkpoint(str(checkpoint), stand_ins=False)  # which could not be saved again
    tensors = {key: value for key, value in whole.items() if key in PLACES}
    number = 0
    for place in PLACES:
        for name, harm in HARMS.items():
            if number == 20:
                return
            file = folder / f'evil_{number:02d}_{name}_in_{place}.pth'
            mark = folder / f'mark_{number:02d}'
            content = {**tensors, place: {**dict(tensors[place]), 'harm': harm(mark)}}
            torch.save(content, file, _use_new_zipfile_serialization=number % 3 > 0)
            assert_harmful(file, mark)
            yield file, mark
            number += 1


def assert_harmful(file: Path, mark: Path) -> None:
    """What runs no code when unpickled would prove nothing."""
    torch.load(file, weights_only=False)
    assert mark.exists(), file
    mark.rmdir() if mark.is_dir() else mark.unlink()


def doors(victim: Victim) -> Dict[str, Callable[[Path], list]]:
    """Every command that reads a checkpoint, with a file for it."""
    tool = [sys.executable]
    images = str(victim.folder / 'images' / 'train')

    def noted(file: Path) -> list:
        work_dir = victim.folder / f'noted_{file.stem}'
        work_dir.mkdir(exist_ok=True)
        (work_dir / 'epoch_1.pth').write_bytes(file.read_bytes())
        (work_dir / 'last_checkpoint').write_text(str(work_dir / 'epoch_1.pth'))
        return victim.line(work_dir.name, '--resume')

    return {
        '`--resume FILE`': lambda file: victim.line('doors', '--resume', str(file)),
        '`last_checkpoint`': noted,
        '`load_from`': lambda file: victim.line('doors', '--cfg-options', f'load_from={file}'),
        '`--teacher`': lambda file: victim.line('doors', '--teacher', str(file)),
        '`init_cfg`': lambda file: victim.line(
            'doors', '--cfg-options', 'model.backbone.init_cfg.type=Pretrained',
            f'model.backbone.init_cfg.checkpoint={file}'),
        'knn.py': lambda file: [*tool, 'tools/transfers/knn.py', str(file), '--data-root', images],
        'export_backbone.py': lambda file: [
            *tool, 'tools/convert/export_backbone.py', str(file), 'out.pth', '--to', 'mmdet'],
        'embed.py': lambda file: [*tool, 'tools/embed.py', str(file), images, '--out', 'out.npy'],
        'test.py': lambda file: [*tool, 'tools/test.py', 'linear_swin-t', str(file)],
    }
