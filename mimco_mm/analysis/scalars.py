"""What a run logged while it trained."""

import json
from pathlib import Path
from typing import Dict, Iterator, List

LOG = 'vis_data/scalars.json'  # of LocalVisBackend, one folder a start of the run
# Training and KNNHook log by iterations; mmengine's validation counts its steps in epochs.
LOGGED_BY_ITERATION = {'loss', 'knn/top1'}


def read_scalars(work_dir: Path) -> List[dict]:
    """All scalars that a run logged while training, one dict a step, in the order of steps.

    A step at which only k-NN accuracy was logged has no ``loss`` and no ``epoch``.

    A resumed run is one run: from the step on at which a part begins, what parts before it logged
    is dropped, for the run went on from an older checkpoint.
    """
    by_step: Dict[int, dict] = {}
    for file in sorted(Path(work_dir).glob(f'*/{LOG}')):
        part: Dict[int, dict] = {}
        for scalars in _lines(file):
            part.setdefault(scalars['step'], {}).update(scalars)
        if part:
            by_step = {step: scalars for step, scalars in by_step.items() if step < min(part)}
            by_step.update(part)
    return [by_step[step] for step in sorted(by_step)]


def _lines(file: Path) -> Iterator[dict]:
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith('\n'):  # the last one may not be written to its end yet
            scalars = json.loads(line)
            if LOGGED_BY_ITERATION & scalars.keys():
                yield scalars


def epoch_length(scalars: List[dict]) -> float:
    """Iterations of an epoch, told from the first logged steps of the first and the last epoch.

    Raises:
        ValueError: less than two epochs are logged.
    """
    logged = [line for line in scalars if 'epoch' in line]
    first = {line['epoch']: line['step'] for line in reversed(logged)}
    if len(first) < 2:
        raise ValueError('the length of an epoch shows in the log from the second one on; until '
                         'then draw over iterations')
    return (first[max(first)] - first[min(first)]) / (max(first) - min(first))
