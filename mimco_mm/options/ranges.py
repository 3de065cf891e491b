"""Values that no run can work with, whatever class takes them: one table."""

from fnmatch import fnmatchcase
from math import inf
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Tuple

from torch.distributed import Backend

from ..errors import ConfigError
from .places import DATALOADERS

SCALARS = (int, float, str)
SMALLEST = 5e-324  # number above 0


class Choice(NamedTuple):
    """One of some names."""

    names: Tuple[str, ...]

    @property
    def words(self) -> str:
        return f'one of {", ".join(self.names)}'

    def has(self, value: Any) -> bool:
        return not isinstance(value, str) or value in self.names


class Range(NamedTuple):
    """Numbers from ``least`` to ``most``, in words.

    Attributes:
        words: what is expected.
        least: the smallest number that will do.
        most: the largest one.
        inside: whether neither of the two will do itself.
        whole: whether it must be a whole number.
        besides: a number that will do as well, with a meaning of its own.
    """

    words: str
    least: float
    most: float = inf
    inside: bool = False
    whole: bool = False
    besides: Optional[float] = None

    def has(self, value: Any) -> bool:
        if isinstance(value, str) or value == self.besides:
            return True
        if self.whole and not isinstance(value, int):
            return False
        return (self.least < value < self.most if self.inside else
                self.least <= value <= self.most and value != inf)


COUNT = Range('a whole number from 1 up', 1, whole=True)
COUNT_OR_NEVER = COUNT._replace(words='a whole number from 1 up, or -1 for never', besides=-1)
COUNT_OR_ALL = COUNT._replace(words='a whole number from 1 up, or -1 for all', besides=-1)
COUNT_FROM_0 = Range('a whole number from 0 up', 0, whole=True)
FROM_0 = Range('a number from 0 up', 0)
ABOVE_0 = Range('a number above 0', 0, inside=True)
PART = Range('a number from 0 to 1', 0, 1)
PART_OF_SOME = Range('a number above 0 and at most 1', SMALLEST, 1)
SEED = Range(f'a whole number from 0 to {2**31 - 1}', 0, 2**31 - 1, whole=True)

BACKENDS = Choice(tuple(name for name in Backend.backend_list if name != Backend.UNDEFINED))

# Pattern of keys -> what may stand there; the first that fits counts. Lists: each of its items.
RANGES = {
    'train_cfg.max_epochs': COUNT,
    'train_cfg.max_iters': COUNT,
    'train_cfg.val_interval': COUNT,
    'train_cfg.val_begin': COUNT_FROM_0,
    '*_dataloader.batch_size': COUNT,
    '*_dataloader.num_workers': COUNT_FROM_0,
    '*_dataloader.prefetch_factor': COUNT,
    'optim_wrapper.accumulative_counts': COUNT,
    'optim_wrapper.clip_grad.max_norm': ABOVE_0,
    'optim_wrapper.optimizer.lr': ABOVE_0,
    'optim_wrapper.optimizer.eps': FROM_0,
    'optim_wrapper.optimizer.weight_decay': FROM_0,
    'optim_wrapper.optimizer.betas': PART,
    'optim_wrapper.paramwise_cfg.*_mult': FROM_0,
    'param_scheduler.*.warmup': FROM_0,
    'param_scheduler.*_ratio': PART,
    'auto_scale_lr.base_batch_size': COUNT,
    'default_hooks.checkpoint.interval': COUNT_OR_NEVER,
    'default_hooks.checkpoint.max_keep_ckpts': COUNT_OR_ALL,
    '*_hooks.*.interval': COUNT,
    'custom_hooks.*.num_workers': COUNT_FROM_0,
    'randomness.seed': SEED,
    'env_cfg.mp_cfg.opencv_num_threads': COUNT_FROM_0,
    'env_cfg.mp_cfg.mp_start_method': Choice(('fork', 'spawn', 'forkserver')),
    'env_cfg.dist_cfg.backend': BACKENDS,
    'env_cfg.dist_cfg.timeout': ABOVE_0,
    'log_processor.window_size': COUNT,
    'views_by': Choice(('auto', 'device', 'workers')),
    'log_level': Choice(('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    'ks': COUNT,
    'batch_size': COUNT,
    'num_workers': COUNT_FROM_0,
    'bank_dtype': Choice(('float16', 'bfloat16', 'float32', 'float64')),
    '*temperature': ABOVE_0,
    '*.mask_ratio': PART_OF_SOME,
    '*.mask_patch_size': COUNT,
    '*.img_size': COUNT,
    '*.input_size': COUNT,
    '*.queue_len': COUNT,
    '*.in_channels': COUNT,
    '*.hid_channels': COUNT,
    '*.out_channels': COUNT,
    '*.feat_dim': COUNT,
    '*.loss_weight': FROM_0,
    '*.drop_rate': PART,
    '*.drop_path_rate': PART,
    '*.attn_drop_rate': PART,
    '*momentum': PART,
    '*.prob': PART,
    '*.max_broken': COUNT_FROM_0,
}


def check_ranges(cfg: Mapping[str, Any]) -> None:
    """Raise ConfigError for a value that is out of the range of its key.

    Args:
        cfg: the parts of a config that are read.
    """
    for key, value in scalars(cfg):
        wanted = next((each for pattern, each in RANGES.items() if fnmatchcase(key, pattern)), None)
        if wanted is not None and not wanted.has(value):
            raise ConfigError(f'`{key}` expects {wanted.words}, got {value!r}.')


def scalars(value: Any, path: Tuple[str, ...] = ()) -> Iterator[Tuple[str, Any]]:
    """(key, value) of all numbers and texts in a config; those of a list share its key."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from scalars(child, (*path, str(name)))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from scalars(child, path if isinstance(child, SCALARS) else (*path, str(index)))
    elif isinstance(value, SCALARS) and not isinstance(value, bool):
        yield '.'.join(path), value


def check_loaders(cfg: Mapping[str, Any]) -> None:
    """Refuse what torch's loader cannot do without workers."""
    for name in DATALOADERS:
        loader = cfg.get(name)
        if isinstance(loader, Mapping) and loader.get('num_workers', 0) == 0 \
                and loader.get('prefetch_factor') is not None:
            raise ConfigError(
                f'`{name}.prefetch_factor` is {loader["prefetch_factor"]}, and there are no '
                f'workers that could read ahead (`{name}.num_workers` is 0): set it to None, or '
                'take --workers 0, which does.')
