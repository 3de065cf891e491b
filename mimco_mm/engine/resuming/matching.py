"""Whether the tensors of a checkpoint are those of the run that is to go on from it."""

import re
from typing import List

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict

SHOWN = 6  # tensors that are named
MOMENTS = ('exp_avg', 'exp_avg_sq', 'momentum_buffer')  # have their parameter's shape


def misfits(runner, checkpoint: dict) -> List[str]:
    """A line for each tensor of model and optimizer that is missing, superfluous or of other shape.

    mmengine loads what fits, and leaves the rest as it was initialised.
    """
    return [*model_misfits(runner, checkpoint['state_dict']),
            *optimizer_misfits(runner, checkpoint['optimizer'])]


def model_misfits(runner, state: dict) -> List[str]:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    here = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    there = {re.sub(r'^module\.', '', key): tuple(value.shape) for key, value in state.items()}
    return [f'{key}: was {there.get(key, "absent")}, now {here.get(key, "absent")}'
            for key in {**there, **here} if there.get(key) != here.get(key)]


def optimizer_misfits(runner, state: dict) -> List[str]:
    if isinstance(runner.optim_wrapper, OptimWrapperDict):
        return []  # several optimizers, as no recipe here has them: torch says what does not fit
    groups, saved = runner.optim_wrapper.optimizer.param_groups, state['param_groups']
    counts = [[len(group['params']) for group in one] for one in (saved, groups)]
    if counts[0] != counts[1]:
        return [f'parameters of the optimizer, group by group: were {counts[0]}, now {counts[1]}']
    names = {id(value): name for name, value in runner.model.named_parameters()}
    found = []
    for group, old in zip(groups, saved):
        for parameter, index in zip(group['params'], old['params']):
            for moment in MOMENTS:
                value = state['state'].get(index, {}).get(moment)
                if value is not None and value.shape != parameter.shape:
                    found.append(f'{moment} of {names.get(id(parameter), index)}: was '
                                 f'{tuple(value.shape)}, now {tuple(parameter.shape)}')
    return found


def shortened(lines: List[str], shown: int = SHOWN) -> List[str]:
    more = len(lines) - shown
    return lines if more <= 0 else [*lines[:shown], f'and {more} more']
