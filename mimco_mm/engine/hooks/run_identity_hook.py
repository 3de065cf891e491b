from fnmatch import fnmatch
from typing import List, Sequence

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from ...errors import ConfigError, DataError
from ..resuming import (
    Difference,
    changed_settings,
    covers,
    differences,
    few_keys,
    identity_of,
    misfits,
    other_views,
    reschedule,
    shortened,
)

SHOWN = 20  # differences that an error tells
ELSE = ('begin anew in another --work-dir, or from its weights: --work-dir NEW --cfg-options '
        'load_from=FILE')


@HOOKS.register_module()
class RunIdentityHook(Hook):
    """Keeps a run one run: a resumed part must go on as the first began, on every rank alike.

    The schedules count iterations, so that another batch would bend them in silence; the teacher
    is read anew from its own file; a fine-tuning that is resumed never looks at the file that it is
    told to start from; and mmengine loads what fits. What decides the result (``identity_of``) is
    therefore saved with each checkpoint and compared when it is resumed, as is each tensor's shape.

    Args:
        force_change: keys, or parts of the config around them, that are meant to differ from the
            checkpoint's, and must; the run goes on by what they are now (``--force-change``). The
            checkpoints tell that they were, so that the same command goes on again.
        expected: patterns of keys that may differ besides: those of an option that was given.
    """

    priority = 'VERY_HIGH'

    def __init__(self, force_change: Sequence[str] = (), expected: Sequence[str] = ()) -> None:
        self.force_change = list(force_change)
        self.expected = list(expected)
        self.changed: List[str] = []  # what was forced in this run, now or before

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['run_identity'] = dict(identity_of(runner), changed=self.changed)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        saved, here = checkpoint['meta'].get('run_identity') or {}, identity_of(runner)
        found = differences(saved, here)
        if 'config' not in saved:  # of an older version: what schedule and optimizer tell
            found += changed_settings(runner, checkpoint)
        self.changed = list(saved.get('changed', ()))
        self.check(found, shortened(misfits(runner, checkpoint)))
        self.changed += [key for key in self.force_change if key not in self.changed]
        for one in found:
            runner.logger.warning(f'Changed on resume: {one}')
        self.apply(runner, checkpoint, saved, here)

    def check(self, found: List[Difference], unfit: List[str]) -> None:
        """Raise ConfigError for what is not meant, and for what cannot be."""
        useless = [key for key in self.force_change
                   if key not in self.changed and not any(covers(one.key, [key]) for one in found)]
        if useless:
            raise ConfigError('\n  '.join([
                f'--force-change {" ".join(useless)}: this is what it was, or no key that is '
                f'compared. What differs:{"" if found else " nothing."}',
                *shortened([str(one) for one in found], SHOWN)]))
        unmeant = [one for one in found if not covers(one.key, self.force_change)
                   and not any(fnmatch(one.key, pattern) for pattern in self.expected)]
        told = shortened([str(one) for one in unmeant], SHOWN)
        if unfit:
            raise ConfigError('\n  '.join([
                'The checkpoint is of another network than this run has:', *told, *unfit,
                f'No run can go on with other shapes: set them back, {ELSE}.']))
        if unmeant:
            keys = ' '.join([*self.force_change, *few_keys(unmeant, SHOWN)])
            raise ConfigError('\n  '.join([
                'The checkpoint is of a run with other settings:', *told, *other_views(unmeant),
                f'Set them back, {ELSE}. To go on with what is meant to change: --resume '
                f'--force-change {keys}']))

    @staticmethod
    def apply(runner, checkpoint: dict, saved: dict, here: dict) -> None:
        """Let what was changed on purpose count, where mmengine would restore what was saved."""
        meta, length = checkpoint['meta'], here['iterations_an_epoch']
        was = saved.get('iterations_an_epoch', length)
        if was != length and meta['epoch']:
            if meta['iter'] != meta['epoch'] * was:
                raise ConfigError(f'The checkpoint was saved in the middle of an epoch of {was} '
                                  f'iterations, and one has {length} now: take one of a whole '
                                  'epoch, --resume epoch_N.pth.')
            meta['iter'] = meta['epoch'] * length
        seed = (runner.cfg.get('randomness') or {}).get('seed')
        if seed is not None:
            meta['seed'] = seed
        told = reschedule(runner, checkpoint)
        if told:
            runner.logger.warning(told)

    def before_train(self, runner) -> None:
        ranks = all_gather_object((runner.iter, identity_of(runner)))
        for rank, (iteration, identity) in enumerate(ranks):
            found = differences(ranks[0][1], identity)
            if iteration != ranks[0][0]:
                found.append(Difference('iteration', ranks[0][0], iteration))
            if found:
                told = '; '.join(f'{one.key} {one.was} of rank 0, {one.now} of rank {rank}'
                                 for one in found[:SHOWN])
                raise DataError(f'The ranks do not agree: {told}. The work dir, and the file of '
                                'teacher or start, must be the same on all nodes.')
