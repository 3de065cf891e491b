"""What a run is of, as far as it decides the result: the same where it goes on, or told.

Keys are those of ``--cfg-options``, and of what no config tells: batch, images, teacher, start.
"""

import json
from typing import Any, Container, Dict, Iterable, List, NamedTuple, Optional

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
# of these, what says where images and teacher are, and how a batch is made up
PLACES = ('data_root', 'data_prefix', 'ann_file', 'checkpoint', 'accumulative_counts')
ABSENT = 'absent'
NOT_COMPARED = ('config', 'places')  # key by key; not at all, as folders may move


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
                config=relevant(runner.cfg), places=places(runner.cfg))


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


def places(cfg: Config) -> Dict[str, Any]:
    """{key: value} of ``PLACES``: where they are as they were, so is what lies there."""
    found = dict(batch_size=(cfg.get('train_dataloader') or {}).get('batch_size'))
    for part in ('model', 'train_dataloader', 'optim_wrapper'):
        found.update((key, value) for key, value in flat(cfg.get(part) or {}, part, ()).items()
                     if key.rpartition('.')[2] in PLACES)
    return found


def flat(value: Any, key: str, left_out: Container[str] = LEFT_OUT) -> Dict[str, Any]:
    """{'a.0.b': value} of nested dicts and lists of them; other lists are values."""
    if isinstance(value, dict):
        items = [(name, one) for name, one in value.items()
                 if name not in left_out or key == TEACHERS]
    elif isinstance(value, (list, tuple)) and any(
            isinstance(one, (dict, list, tuple)) for one in value):
        items = list(enumerate(value))
    else:
        plain = json.dumps(value, default=lambda one: getattr(one, '__name__', str(one)))
        return {key: json.loads(plain)}
    return {inner: one for name, child in items
            for inner, one in flat(child, f'{key}.{name}', left_out).items()}


def differences(saved: dict, here: dict) -> List[Difference]:
    """What differs; of what an older version did not save nothing is said."""
    found = [Difference(key, saved[key], here[key]) for key in here
             if key not in NOT_COMPARED and key in saved and saved[key] != here[key]]
    was, now = saved.get('config'), here['config']
    if was is not None:
        found += [Difference(key, was.get(key, ABSENT), now.get(key, ABSENT))
                  for key in {**was, **now} if was.get(key, ABSENT) != now.get(key, ABSENT)]
    return found


def few_keys(found: List[Difference], most: int) -> List[str]:
    """The keys of what differs; the parts of the config that they lie in, where they are more."""
    if len(found) <= most:
        return [one.key for one in found]
    return list(dict.fromkeys(covers(one.key, PARTS) or one.key for one in found))


def other_views(found: List[Difference]) -> List[str]:
    """A line on who made the views of the part before, where that is what differs."""
    crops = [one for one in found if 'CodedCrops' in (one.was, one.now)]
    if not crops:
        return []
    before = 'device' if crops[0].was == 'CodedCrops' else 'workers'
    return [f'Its views were made by the {before}: --cfg-options views_by={before} goes on so.']


def covers(key: str, wanted: Iterable[str]) -> Optional[str]:
    """Which of some keys is ``key``, or a part of the config around it.

    The scaling of the rate, which ``--lr`` switches off, counts as a part of the optimizer as well.
    """
    names = [f'{key}.', f'optim_wrapper.{key}.'] if key.startswith('auto_scale_lr') else [f'{key}.']
    return next((one for one in wanted if any(name.startswith(f'{one}.') for name in names)), None)
