"""The scalars of several runs, by the titles that tell them apart."""

import sys
from pathlib import Path
from typing import Dict, List, Sequence

from ..errors import ConfigError
from ..tables import describe_damage, epoch_length, read_scalars


def read_runs(folders: Sequence[Path]) -> Dict[str, List[dict]]:
    """Title -> scalars; the folder's name is the title, or its path where names repeat.

    Damaged lines are left out and told.

    Raises:
        ConfigError: a folder without scalars.
    """
    names = [folder.resolve().name for folder in folders]
    runs = {}
    for folder, name in zip(folders, names):
        damaged: List[str] = []
        scalars = read_scalars(folder, damaged)
        if damaged:
            print(f'warning: {folder}: {describe_damage(damaged)}', file=sys.stderr)
        if not scalars:
            raise ConfigError(
                f'{folder} holds no scalars of a training run: expected them in '
                f'{folder}/*/vis_data/scalars.json, where tools/train.py writes them '
                "(visualizer.vis_backends has dict(type='LocalVisBackend'))")
        runs[name if names.count(name) == 1 else str(folder)] = scalars
    return runs


def with_epochs(runs: Dict[str, List[dict]]) -> Dict[str, List[dict]]:
    """The runs that can be drawn over epochs; says which cannot.

    Raises:
        ConfigError: none can.
    """
    found = {}
    for title, scalars in runs.items():
        try:
            epoch_length(scalars)
            found[title] = scalars
        except ConfigError as error:
            print(f'left out {title}: {error}', file=sys.stderr)
    if not found:
        raise ConfigError('none of the runs can be drawn over epochs; take --x iteration')
    return found
