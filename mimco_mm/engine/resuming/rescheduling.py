"""Schedule and optimizer settings of a run that goes on under others than it began with.

mmengine restores them from the checkpoint, whatever the config says: the rate would idle at the end
of the old schedule. Here what the config says is written into what is about to be loaded.
"""

import inspect
import warnings
from copy import copy
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Sequence

from mmengine.optim.scheduler import _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop

from .identity import ABSENT, Difference

# of a scheduler's arguments: where it stands, and what it prints
NOT_SETTINGS = ('self', 'optimizer', 'last_step', 'verbose')
# of an optimizer's group: how torch computes it, and names of later versions
NOT_COMPARED = ('params', 'fused', 'foreach', 'capturable', 'differentiable')
MOST_REPLAYED = 10**6  # steps of a schedule, some seconds of work


def changed_settings(runner, checkpoint: dict) -> List[Difference]:
    """What schedulers and optimizer of a checkpoint have otherwise than those that were built."""
    schedulers, saved = runner.param_schedulers or [], checkpoint.get('param_schedulers') or []
    if isinstance(schedulers, dict):  # of several optimizers, which no recipe here has
        return []
    found = []
    if len(schedulers) != len(saved):
        found.append(Difference('param_scheduler', f'{len(saved)} schedules',
                                f'{len(schedulers)} schedules'))
    for index, (scheduler, old) in enumerate(zip(schedulers, saved)):
        found += [Difference(f'param_scheduler.{index}.{key}', old.get(key, ABSENT), value)
                  for key, value in settings(scheduler).items() if old.get(key) != value]
    scheduled = {scheduler.param_name for scheduler in schedulers}
    groups = zip(runner.optim_wrapper.optimizer.param_groups,
                 checkpoint['optimizer']['param_groups'])
    for index, (group, old) in enumerate(groups):
        found += [Difference(f'optim_wrapper.optimizer.{index}.{key}', old[key], value)
                  for key, value in group.items()
                  if key in old and key not in NOT_COMPARED and key not in scheduled
                  and not key.startswith('initial_') and plain(old[key]) != plain(value)]
    return found


def settings(scheduler: _ParamScheduler) -> Dict[str, Any]:
    """What a scheduler was built with, as far as it keeps it, and the rates that it starts from."""
    named = {name for kind in type(scheduler).__mro__
             for name in inspect.signature(kind.__init__).parameters if kind is not object}
    return {key: value for key, value in scheduler.state_dict().items()
            if key == 'base_values' or (key in named and key not in NOT_SETTINGS)}


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def reschedule(runner, checkpoint: dict) -> Optional[str]:
    """Let a run go on by its config's schedule and optimizer settings, at the iteration it is at.

    Args:
        runner: nothing is loaded into it yet.
        checkpoint: its settings are changed in place; moments and weights are left.

    Returns:
        What has changed, in words; None if nothing has.
    """
    if not changed_settings(runner, checkpoint):
        return None
    schedulers = runner.param_schedulers or []
    meta, saved = checkpoint['meta'], checkpoint['optimizer']['param_groups']
    epochs = meta['epoch'] if isinstance(runner.train_loop, EpochBasedTrainLoop) else 0
    replay(schedulers, meta['iter'], epochs, len(runner.train_dataloader))
    was = saved[0].get('lr')
    for group, old in zip(runner.optim_wrapper.optimizer.param_groups, saved):
        old.update({key: value for key, value in group.items() if key != 'params'})
    checkpoint['param_schedulers'] = [one.state_dict() for one in schedulers]
    return (f'Schedule and optimizer settings are those of the config now, not of the checkpoint: '
            f'the learning rate of the next step is {saved[0].get("lr"):.4g}, by the old ones it '
            f'was {was:.4g}.')


def last_rate(runner) -> Optional[float]:
    """The learning rate of the run's last step, of the first group, by what its schedulers are.

    None without a schedule, and of a run of more than ``MOST_REPLAYED`` further steps.
    """
    if runner.max_iters - runner.iter > MOST_REPLAYED:
        return None
    optimizer = runner.optim_wrapper.optimizer
    group = {key: value for key, value in optimizer.param_groups[0].items() if key != 'params'}
    alone = SimpleNamespace(param_groups=[group], step=optimizer.step, _global_step=0)
    schedulers = []
    for scheduler in runner.param_schedulers or []:
        if scheduler.param_name == 'lr':
            one = copy(scheduler)
            one.optimizer, one.base_values = alone, scheduler.base_values[:1]
            schedulers.append(one)
    is_by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    replay(schedulers, runner.max_iters - 1, runner.max_epochs if is_by_epoch else 0,
           len(runner.train_dataloader), runner.iter)
    return group['lr'] if schedulers else None


def replay(schedulers: Sequence[_ParamScheduler], iterations: int, epochs: int,
           epoch_length: int, done: int = 0) -> None:
    """Step schedulers as ParamSchedulerHook does, from iteration ``done`` on."""
    each_iteration = [one for one in schedulers if not one.by_epoch]
    each_epoch = [one for one in schedulers if one.by_epoch]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that no optimizer steps in between
        for iteration in range(done + 1, iterations + 1):
            for one in each_iteration:
                one.step()
            if iteration % epoch_length == 0 and iteration // epoch_length <= epochs:
                for one in each_epoch:
                    one.step()
