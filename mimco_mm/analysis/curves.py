import json
from pathlib import Path
from typing import Dict, List

from matplotlib.figure import Figure


def read_scalars(work_dir: Path) -> List[dict]:
    """The scalars that a run logged while training, by step; of a repeated step the last ones."""
    by_step = {}
    for file in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            scalars = json.loads(line)
            if 'loss' in scalars:
                by_step[scalars['step']] = scalars
    return [by_step[step] for step in sorted(by_step)]


def plot_runs(runs: Dict[str, List[dict]], accuracies: Dict[str, float]) -> Figure:
    """Left, the loss of each run over its epochs, from 0 to 1; right, accuracies as bars.

    Losses of different methods have different scales, so each curve is divided by its first value.

    Args:
        runs: title -> scalars, see ``read_scalars``.
        accuracies: title -> percent.
    """
    figure = Figure(figsize=(10, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    for title, scalars in runs.items():
        steps = [s['step'] / scalars[-1]['step'] for s in scalars]
        left.plot(steps, [s['loss'] / scalars[0]['loss'] for s in scalars], label=title)
    left.set(xlabel='part of the training', ylabel='loss / first loss', title='Training')
    left.legend()
    bars = right.bar(list(accuracies), list(accuracies.values()), color='tab:blue')
    right.bar_label(bars, fmt='%.1f')
    right.margins(y=0.1)
    right.set(ylabel='k-NN accuracy, %', title='Frozen features')
    return figure
