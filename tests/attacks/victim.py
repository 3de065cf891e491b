"""The run that is attacked: seconds long, through the user's command, compared bit for bit."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, List, Optional

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny
from tests.doors.support import Ended, checkout, environment
from tests.leaves import differing, run_state

EPOCHS = 24  # some seconds of steps, a checkpoint each 4 steps


class Victim:
    """Runs of one config in a folder of their own, and the unbroken run that they must equal.

    Args:
        folder: an empty one.
        processes: of each run.
    """

    def __init__(self, folder: Path, processes: int = 1) -> None:
        self.folder, self.processes = folder, processes
        folder.mkdir(parents=True)
        checkout(folder)
        data = tiny.write_images(folder / 'images', 16 * processes)
        cfg = tiny.config('mimco_swin-t', folder / 'none', data, epochs=EPOCHS, **{
            'model.target_generator.checkpoint': str(tiny.write_teacher(folder / 'teacher.pth')),
            'optim_wrapper.optimizer.lr': 1.0})  # large steps, so that any difference grows
        cfg.pop('work_dir')  # given by each command
        cfg.dump(folder / 'victim.py')
        began = time.time()
        unbroken = self.command('unbroken')
        assert unbroken.code == 0, unbroken.text
        self.seconds = time.time() - began
        self.wanted = run_state(read_checkpoint(
            str(folder / 'unbroken' / f'epoch_{EPOCHS}.pth')))

    def line(self, work_dir: str, *options: str) -> List[str]:
        return ['bash', 'tools/dist_train.sh', 'victim.py', str(self.processes), '--work-dir',
                work_dir, *options]

    def command(self, work_dir: str, *options: str) -> Ended:
        """Run the command to its end."""
        return self.ended(self.line(work_dir, *options))

    def ended(self, line: List[str]) -> Ended:
        """Run any command in the folder to its end."""
        ended = subprocess.run(line, cwd=self.folder, text=True, env=environment(self.folder),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=900)
        return Ended(ended.returncode, ended.stdout)

    @contextlib.contextmanager
    def started(self, work_dir: str, *options: str):
        """A run that has come to its steps, as ``Started``; nothing of it outlives the block."""
        run = Started(self, work_dir, *options)
        try:
            run.wait_for(lambda: 'Epoch(train)' in run.text)
            yield run
        finally:
            run.end()

    def outcome_of_resume(self, work_dir: str, *options: str) -> tuple:
        """(survived, told): whether ``--resume`` alone ends as the unbroken run did."""
        ended = self.command(work_dir, '--resume', *options)
        if ended.code:
            return False, f'exit {ended.code}: {ended.last[:120]}'
        found = self.folder / work_dir / f'epoch_{EPOCHS}.pth'
        if not found.is_file():
            return False, 'exit 0 without the last checkpoint'
        left = [path.name for path in found.parent.iterdir() if 'partial' in path.name]
        if left:
            return False, f'{left[0]} stays'
        same = not differing(self.wanted, run_state(read_checkpoint(str(found))))
        return same, 'resumed, equal bit for bit' if same else 'resumed, other weights'


class Started:
    """A run in the background, in a process group of its own."""

    def __init__(self, victim: Victim, work_dir: str, *options: str) -> None:
        self.work_dir = victim.folder / work_dir
        self.output = victim.folder / f'{work_dir}.txt'
        with self.output.open('w') as out:
            self.process = subprocess.Popen(
                victim.line(work_dir, *options), cwd=victim.folder, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=environment(victim.folder), start_new_session=True)

    @property
    def text(self) -> str:
        return self.output.read_text(errors='replace')

    @property
    def ranks(self) -> List[int]:
        """Process ids of the ranks that the launcher has started, in order."""
        listed = subprocess.run(['ps', '-ww', '-o', 'pid=,args=', '--ppid', str(self.process.pid)],
                                text=True, stdout=subprocess.PIPE).stdout.splitlines()
        return sorted(int(line.split()[0]) for line in listed if '--launcher pytorch' in line)

    def wait_for(self, happens: Callable[[], bool], seconds: float = 300,
                 pause: float = 0.05) -> bool:
        """Whether it happens before the run ends; without ``pause`` no moment is missed."""
        deadline = time.time() + seconds
        while not happens():
            if self.process.poll() is not None or time.time() > deadline:
                return happens()
            if pause:
                time.sleep(pause)
        return True

    def kill(self) -> None:
        """All of it at once, as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        for pid in self.ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kill()


def checkpoints(work_dir: Path) -> List[Path]:
    """A run's checkpoints, the newest last."""
    found = {}
    for path in work_dir.glob('*.pth'):
        if re.fullmatch(r'(epoch|iter)_\d+', path.stem):
            with contextlib.suppress(FileNotFoundError):  # too old, and removed at this moment
                found[path] = path.stat().st_mtime
    return sorted(found, key=found.get)


def fresh_copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target


def newest(work_dir: Path) -> Optional[Path]:
    found = checkpoints(work_dir)
    return found[-1] if found else None
