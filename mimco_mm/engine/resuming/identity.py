"""What a run is of, as far as it decides the result: the same where it goes on, or told.

Keys are those of ``--cfg-options``, and of what no config tells: batch, images, teacher, start.
"""

import json
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from mmengine.config import Config
from mmengine.model import is_model_wrapper

from ...models import teachers_of
from ...teacher_parts import TEACHERS

# The parts of a config that decide what is computed, or when.
PARTS = ('model', 'data_preprocessor', 'train_dataloader.dataset', 'train_dataloader.sampler',
         'train_dataloader.collate_fn', 'optim_wrapper', 'auto_scale_lr', 'param_scheduler',
         'train_cfg', 'randomness.seed')
# What in them decides nothing, is compared by what it leads to (images, teacher, start, batch), or
# matters at the beginning alone (initial weights).
LEFT_OUT = {
    'data_root', 'data_prefix', 'ann_file', 'backend_args', 'file_client_args', 'serialize_data',
    'lazy_init', 'max_broken', 'non_blocking', 'checkpoint', 'sha256', 'if_missing', 'init_cfg',
    'pretrained', 'with_cp', 'accumulative_counts', 'val_interval', 'val_begin',
    'dynamic_intervals'}
ABSENT = 'absent'


class Difference(NamedTuple):
    """One value that is not what it was."""

    key: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f'{self.key}: was {self.was}, now {self.now}'


def identity_of(runner) -> dict:
    """What is compared on resume, in types that a checkpoint can hold."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    teachers = {f'teacher_sha256.{name}'.rstrip('.'): teacher.report.sha256
                for name, teacher in teachers_of(model).items()}
    start = getattr(getattr(model, 'backbone', None), 'started_from', None)
    loader = runner.train_dataloader
    batch = (runner.world_size * loader.batch_sampler.batch_size
             * runner.optim_wrapper._accumulative_counts)
    return dict(effective_batch=batch, iterations_an_epoch=len(loader),
                images=len(loader.dataset),
                images_sha256=getattr(loader.dataset, 'images_sha256', None),
                **(teachers or dict(teacher_sha256=None)),
                start_sha256=start.sha256 if start else None,
                config=relevant(runner.cfg))


def relevant(cfg: Config) -> Dict[str, Any]:
    """{key: value} of what in a config decides the result."""
    found = {}
    for part in PARTS:
        value = cfg
        for name in part.split('.'):
            value = (value or {}).get(name)
        if value is not None:
            found.update(flat(value, part))
    return found


def flat(value: Any, key: str) -> Dict[str, Any]:
    """{'a.0.b': value} of nested dicts and lists of them; other lists are values."""
    if isinstance(value, dict):
        items = [(name, one) for name, one in value.items()
                 if name not in LEFT_OUT or key == TEACHERS]
    elif isinstance(value, (list, tuple)) and any(
            isinstance(one, (dict, list, tuple)) for one in value):
        items = list(enumerate(value))
    else:
        plain = json.dumps(value, default=lambda one: getattr(one, '__name__', str(one)))
        return {key: json.loads(plain)}
    return {inner: one for name, child in items
            for inner, one in flat(child, f'{key}.{name}').items()}


def differences(saved: dict, here: dict) -> List[Difference]:
    """What differs; of what an older version did not save nothing is said."""
    found = [Difference(key, saved[key], here[key]) for key in here
             if key != 'config' and key in saved and saved[key] != here[key]]
    was, now = saved.get('config'), here['config']
    if was is not None:
        found += [Difference(key, was.get(key, ABSENT), now.get(key, ABSENT))
                  for key in {**was, **now} if was.get(key, ABSENT) != now.get(key, ABSENT)]
    return found


def covers(key: str, wanted: Iterable[str]) -> Optional[str]:
    """Which of some keys is ``key``, or a part of the config around it."""
    return next((one for one in wanted if f'{key}.'.startswith(f'{one}.')), None)
