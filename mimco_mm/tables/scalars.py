"""What a run logged while it trained."""

import json
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from ..errors import ConfigError

LOG = 'vis_data/scalars.json'  # of LocalVisBackend, one folder a start of the run
# Training and KNNHook log by iterations; mmengine's validation counts its steps in epochs.
LOGGED_BY_ITERATION = {'loss', 'knn/top1'}


def read_scalars(work_dir: Path, damaged: Optional[List[str]] = None) -> List[dict]:
    """All scalars that a run logged while training, one dict a step, in the order of steps.

    A step at which only k-NN accuracy was logged has no ``loss`` and no ``epoch``.

    A resumed run is one run: from the step on at which a part begins, what parts before it logged
    is dropped, for the run went on from an older checkpoint.

    Args:
        work_dir: of the run.
        damaged: see ``log_lines``.
    """
    by_step: Dict[int, dict] = {}
    for file in sorted(Path(work_dir).glob(f'*/{LOG}')):
        part: Dict[int, dict] = {}
        for scalars in log_lines(file, [] if damaged is None else damaged):
            if LOGGED_BY_ITERATION & scalars.keys():
                part.setdefault(scalars['step'], {}).update(scalars)
        if part:
            by_step = {step: scalars for step, scalars in by_step.items() if step < min(part)}
            by_step.update(part)
    return [by_step[step] for step in sorted(by_step)]


def log_lines(file: Path, damaged: List[str]) -> Iterator[dict]:
    """The scalars of each line of a log, with their ``step``.

    Lines that hold none, such as one that a crash or a full disk cut off, are left out, and
    ``damaged`` gets 'FILE, line N' of each; not of the last one, which may be written just now.
    """
    with file.open(encoding='utf-8', errors='replace') as log:
        for number, line in enumerate(log, 1):
            scalars = _scalars(line)
            if scalars is not None:
                yield scalars
            elif line.endswith('\n'):
                damaged.append(f'{file}, line {number}')


def describe_damage(damaged: List[str]) -> str:
    more = f' and {len(damaged) - 3} more' * (len(damaged) > 3)
    return f'{len(damaged)} damaged lines of the log are left out: {"; ".join(damaged[:3])}{more}'


def _scalars(line: str) -> Optional[dict]:
    """The numbers in a line, with the step that they are of; None if they cannot be read."""
    try:
        scalars = json.loads(line)
    except ValueError:
        return None
    whole = (isinstance(scalars, dict) and isinstance(scalars.get('step'), int)
             and all(isinstance(value, (int, float)) for value in scalars.values()))
    return scalars if whole else None


def epoch_length(scalars: List[dict]) -> float:
    """Iterations of an epoch, told from the first logged steps of the first and the last epoch.

    Raises:
        ValueError: less than two epochs are logged.
    """
    logged = [line for line in scalars if 'epoch' in line]
    first = {line['epoch']: line['step'] for line in reversed(logged)}
    if len(first) < 2:
        raise ConfigError('the length of an epoch shows in the log from the second one on; until '
                          'then draw over iterations, --x iteration')
    return (first[max(first)] - first[min(first)]) / (max(first) - min(first))
