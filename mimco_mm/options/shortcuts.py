"""The options that everybody changes, by one name for every config: --data, --teacher ..."""

from typing import Any, Callable, Dict, Iterator, List, Tuple

from mmengine.config import Config, ConfigDict

from ..errors import ConfigError
from .config_files import unfit
from .data import images_at, set_data
from .teachers import set_teacher

# What --epochs sets of a schedule, which counts in them.
SPANS = ('begin', 'end', 'T_max', 'warmup', 'milestones')
EPOCHS_KEYS = ('train_cfg.max_epochs', *(f'param_scheduler*.{key}' for key in SPANS))


def apply_shortcuts(cfg: Config, values: Dict[str, Any]) -> None:
    """Write options into a config.

    Args:
        cfg: changed in place.
        values: option (``batch_size``) -> value, or a list of what it was given; None is left out.

    Raises:
        ConfigError: an option that makes no sense for this config, or a value out of range.
    """
    for name, value in values.items():
        if isinstance(value, list) and len(value) == 1:
            value, = value
        if value is not None:
            SHORTCUTS[name](cfg, value)
            if name in cfg:  # a variable of the file, so that what is written of the run is true
                cfg[name] = value


def set_batch_size(cfg: Config, count: int) -> None:
    positive('--batch-size', count)
    training(cfg, '--batch-size').train_dataloader.batch_size = count


def set_accumulate(cfg: Config, count: int) -> None:
    positive('--accumulate', count)
    training(cfg, '--accumulate').optim_wrapper.accumulative_counts = count


def set_epochs(cfg: Config, epochs: int) -> None:
    """Train for so many epochs: schedules and warm-up keep their share of the run."""
    positive('--epochs', epochs)
    if 'max_epochs' not in training(cfg, '--epochs').train_cfg:
        raise unfit(cfg, '--epochs', 'it counts iterations: `train_cfg.max_iters`')
    ratio = epochs / cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        if isinstance(scheduler, dict) and scheduler.get('by_epoch', True):
            stretch(scheduler, ratio)


def stretch(scheduler: ConfigDict, ratio: float) -> None:
    """Multiply all epochs in a schedule's config."""
    whole = not scheduler.get('convert_to_iter_based')
    for key in SPANS:
        if key in scheduler:
            value = scheduler[key]
            scheduler[key] = ([scaled(one, ratio, whole) for one in value]
                              if isinstance(value, (list, tuple)) else scaled(value, ratio, whole))


def scaled(epochs: float, ratio: float, whole: bool) -> float:
    value = round(epochs * ratio, 6)
    return round(value) if whole or value == int(value) else value


def set_lr(cfg: Config, lr: float) -> None:
    """The peak learning rate that the run has, whatever its batch."""
    if not 0 < lr < float('inf'):
        raise ConfigError(f'--lr expects a rate above 0, got {lr}.')
    training(cfg, '--lr').optim_wrapper.optimizer.lr = lr
    if cfg.get('auto_scale_lr'):
        cfg.auto_scale_lr.enable = False


def set_mask_ratio(cfg: Config, ratio: float) -> None:
    if not 0 < ratio < 1:
        raise ConfigError(f'--mask-ratio expects a part between 0 and 1, got {ratio}. (For no mask '
                          'at all: configs/pretrain/ablations/mimco_swin-t_no-mask.py.)')
    generators = [transform for _, transform in transforms(training(cfg, '--mask-ratio'))
                  if 'mask_ratio' in transform]
    if not generators:
        raise unfit(cfg, '--mask-ratio', 'it masks nothing')
    for generator in generators:
        generator.mask_ratio = ratio


def transforms(cfg: Config) -> Iterator[Tuple[str, ConfigDict]]:
    """Key and options of each transform of the training images, the preprocessor's too."""
    key, dataset = 'train_dataloader.dataset', cfg.train_dataloader.get('dataset') or {}
    while isinstance(dataset.get('dataset'), dict):
        key, dataset = f'{key}.dataset', dataset.dataset
    pending: List[Tuple[str, Any]] = [(f'{key}.pipeline', dataset.get('pipeline', [])),
                                      ('data_preprocessor', cfg.get('data_preprocessor') or {})]
    while pending:
        key, one = pending.pop()
        if isinstance(one, dict):
            yield key, one
            parts = one.items()
        else:
            parts = [(part.get('type', place) if isinstance(part, dict) else place, part)
                     for place, part in enumerate(one)]
        pending += [(f'{key}.{name}', part) for name, part in parts
                    if isinstance(part, (list, dict))]


def set_workers(cfg: Config, count: int) -> None:
    if count < 0:
        raise ConfigError(f'--workers expects 0 or more, got {count}.')
    for hook in knn_hooks(cfg):
        hook.num_workers = count
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader:
            loader.num_workers = count
            if count == 0:
                loader.persistent_workers = False
                loader.pop('prefetch_factor', None)


def set_seed(cfg: Config, seed: int) -> None:
    if not 0 <= seed < 2**31:  # numpy takes 32 bits, and ranks and epochs are added
        raise ConfigError(f'--seed expects a number from 0 to {2**31 - 1}, got {seed}.')
    cfg.randomness = ConfigDict({**(cfg.get('randomness') or {}), 'seed': seed})


def set_knn(cfg: Config, folder: str) -> None:
    """Measure k-NN accuracy while training, on the images of FOLDER/train and FOLDER/val."""
    hooks = knn_hooks(cfg)
    if not hooks:
        raise unfit(cfg, '--knn', 'it has no KNNHook in `custom_hooks`')
    for hook in hooks:
        hook.data_root = images_at('--knn', folder)


def set_timeout(cfg: Config, minutes: float) -> None:
    """How long one step may take where several ranks wait for each other."""
    if not 0 < minutes < float('inf'):
        raise ConfigError(f'--timeout expects minutes above 0, got {minutes}.')
    training(cfg, '--timeout').rank_timeout = minutes


def knn_hooks(cfg: Config) -> List[ConfigDict]:
    return [hook for hook in cfg.get('custom_hooks') or []
            if isinstance(hook, dict) and hook.get('type') == 'KNNHook']


def positive(option: str, count: int) -> None:
    if count < 1:
        raise ConfigError(f'{option} expects a number from 1 up, got {count}.')


def training(cfg: Config, option: str) -> Config:
    if not (cfg.get('train_dataloader') and cfg.get('optim_wrapper') and cfg.get('train_cfg')):
        raise unfit(cfg, option, 'it trains nothing')
    return cfg


SHORTCUTS: Dict[str, Callable[[Config, Any], None]] = dict(
    data=set_data, teacher=set_teacher, batch_size=set_batch_size, accumulate=set_accumulate,
    epochs=set_epochs, lr=set_lr, mask_ratio=set_mask_ratio, workers=set_workers, seed=set_seed,
    knn=set_knn, timeout=set_timeout)
