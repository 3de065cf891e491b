"""Parts of a config that cannot work together, found before anything is built."""

import inspect
from typing import Any, Mapping, Optional, Tuple

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper
from mmengine.registry import FUNCTIONS, Registry
from mmpretrain.models import BaseSelfSupervisor, SelfSupDataPreprocessor, SimMIM
from mmpretrain.registry import DATASETS, MODELS, OPTIM_WRAPPERS, TRANSFORMS

from ..datasets import ImagesInMemory, PackCodedInputs, collate_coded, collate_decoded
from ..errors import ConfigError
from ..models import (
    DecodingDataPreprocessor,
    MimCoDataPreprocessor,
    ViewClsDataPreprocessor,
    ViewDataPreprocessor,
)
from ..names import printable
from .placed_views import has_views

WARM_UPS = ('LinearLR', 'ConstantLR')
COLLATE = 'train_dataloader.collate_fn.type'


def check_parts(cfg: Config) -> None:
    """Refuse a config whose first step, or first checkpoint, must fail.

    Raises:
        ConfigError: see ``check_work_dir``, ``check_precision``, ``check_schedule`` and
            ``check_feeding``.
    """
    check_work_dir(cfg)
    check_precision(cfg)
    check_schedule(cfg)
    if cfg.get('default_scope') in (None, 'mmpretrain'):
        check_feeding(cfg)


def check_work_dir(cfg: Config) -> None:
    """Refuse a folder whose name is no UTF-8, in which mmengine notes where a checkpoint is.

    Raises:
        ConfigError: the message says what to type instead.
    """
    work_dir = str(cfg.get('work_dir') or '')
    try:
        work_dir.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f'`work_dir` {printable(work_dir)} has bytes that are no UTF-8, and '
                          'could not be resumed from: choose another by `--work-dir`.') from error


def check_precision(cfg: Config) -> None:
    """Refuse mmengine's wrapper for float16 where there is no accelerator.

    Raises:
        ConfigError: the message says what to type instead.
    """
    kind = (cfg.get('optim_wrapper') or {}).get('type')
    if get_device() in ('cpu', 'mps') and _is(kind, OPTIM_WRAPPERS, AmpOptimWrapper):
        raise ConfigError(
            '`optim_wrapper.type` is AmpOptimWrapper (`--amp fp16`), which needs a GPU, and there '
            f'is none here, only {get_device()}. Train in float32: `--amp off`.')


def check_schedule(cfg: Config) -> None:
    """Refuse a schedule that ends before the run, which would idle at its last rate.

    A warm-up alone, and a schedule without an end, are left alone, as are ends in another unit than
    the run's.

    Raises:
        ConfigError: the message names both keys.
    """
    schedulers, loop = cfg.get('param_scheduler') or [], cfg.get('train_cfg') or {}
    unit = 'max_epochs' if 'max_epochs' in loop else 'max_iters'
    listed = list(enumerate(schedulers if isinstance(schedulers, list) else [schedulers]))
    counted = [(index, one) for index, one in listed if isinstance(one, dict)
               and isinstance(one.get('type'), str)
               and one.get('by_epoch', True) == (unit == 'max_epochs')]
    if unit not in loop or all(_name(one['type']).rpartition('.')[2] in WARM_UPS
                               for _, one in counted):
        return
    index, last = max(counted, key=lambda item: _end(item[1]))
    if _end(last) < loop[unit]:
        key = 'end' if last.get('end') == _end(last) else 'T_max'
        name = f'param_scheduler.{index}.{key}' if isinstance(
            schedulers, list) else f'param_scheduler.{key}'
        raise ConfigError(
            f'`{name}`={last[key]} ends the schedule before the run, `train_cfg.{unit}`='
            f'{loop[unit]}, which would idle at its last rate. '
            + ('--epochs N sets both.' if unit == 'max_epochs' else 'Set both to the same.'))


def _end(scheduler: dict) -> float:
    end = scheduler.get('end', float('inf'))
    return min(end, scheduler.get('begin', 0) + scheduler.get('T_max', float('inf')))


def is_momentary(scheduler: Any, epoch_length: int) -> bool:
    """Whether a schedule in parts of epochs, counted in iterations, comes to none (mmengine)."""
    if not isinstance(scheduler, dict) or not scheduler.get('convert_to_iter_based'):
        return False
    begin, end = scheduler.get('begin', 0), scheduler.get('end', float('inf'))
    return end < float('inf') and int(end * epoch_length) <= int(begin * epoch_length)


def check_feeding(cfg: Mapping) -> None:
    """Compare what the pipeline packs, the collate function takes and the preprocessor expects.

    Collate functions and preprocessors that are a user's own are left alone.

    Raises:
        ConfigError: they do not fit: the first step would fail, some of them in a worker.
    """
    loader, model = cfg.get('train_dataloader'), cfg.get('model')
    if not isinstance(loader, dict) or not isinstance(model, dict):
        return  # built already
    collate_type = _type(loader.get('collate_fn') or dict(type='pseudo_collate'))
    collate = FUNCTIONS.get(collate_type) if isinstance(collate_type, str) else collate_type
    pipeline_key, pack = _last_transform(loader)
    options = model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    preprocessor = _type(options)
    if preprocessor is None and _is(model.get('type'), MODELS, BaseSelfSupervisor):
        preprocessor = 'SelfSupDataPreprocessor'

    parts = [
        (collate in (collate_coded, collate_decoded),
         f'`{COLLATE}` collate_decoded or collate_coded', collate_type),
        (_is(pack, TRANSFORMS, PackCodedInputs),
         f'PackCodedInputs at the end of `{pipeline_key}`', pack),
        (_is(preprocessor, MODELS, DecodingDataPreprocessor),
         '`data_preprocessor.type` DecodingDataPreprocessor', preprocessor),
    ]
    if (parts[0][0] or parts[1][0]) and not all(fits for fits, *_ in parts):
        wrong = ', '.join(f'{wanted} (it is {_name(kind)})'
                          for fits, wanted, kind in parts if not fits)
        raise ConfigError(
            f'Images that are decoded by the batch need three parts that fit, and here they need '
            f'{wrong}. Leave all three as the config has them, or '
            + ('have the device make the views: `views_by=device`.' if has_views(cfg) else
               'take them from configs/pretrain/mimco_swin-t.py.'))
    dataset = _type(loader.get('dataset'))
    in_memory = _is(dataset, DATASETS, ImagesInMemory)
    if in_memory != any(_is(preprocessor, MODELS, kind)
                        for kind in (ViewDataPreprocessor, ViewClsDataPreprocessor)):
        raise ConfigError(
            'Views of a whole batch need images in memory and a preprocessor that makes the '
            f'views; here `train_dataloader.dataset.type` is {_name(dataset)} and '
            f'`data_preprocessor.type` {_name(preprocessor)}. Set them to ImagesInMemory and '
            'ViewDataPreprocessor, or neither; configs/study/_base_/pretrain.py has both.')
    if collate is pseudo_collate and _is(preprocessor, MODELS, SelfSupDataPreprocessor):
        raise ConfigError(f'`{COLLATE}` is pseudo_collate, which makes no batches, and '
                         f'{_name(preprocessor)} takes batches: set it to default_collate.')
    if (_is(model.get('type'), MODELS, SimMIM) and isinstance(options, dict)
            and _is(preprocessor, MODELS, MimCoDataPreprocessor)
            and not options.get('send_samples', False)):
        raise ConfigError(f"mmpretrain's SimMIM wants the masks on the device, and "
                         f'{_name(preprocessor)} leaves them on the host: set '
                         '`data_preprocessor.send_samples=True`.')


def less_than_a_batch(images: int, batch: int, ranks: int) -> ConfigError:
    """What is said of a training set that is too small."""
    return ConfigError(
        f'The training set has {images} images, fewer than one batch of {batch} on each of {ranks} '
        'ranks: take a smaller `--batch-size` (`train_dataloader.batch_size`), or look where '
        '`--data` leads.')


def _last_transform(loader: dict) -> Tuple[str, Optional[Any]]:
    """The key of the pipeline, in whatever wraps the dataset, and the type of its last part."""
    key, dataset = 'train_dataloader.dataset', loader.get('dataset')
    while isinstance(dataset, dict) and 'dataset' in dataset:
        key, dataset = f'{key}.dataset', dataset['dataset']
    pipeline = dataset.get('pipeline') if isinstance(dataset, dict) else None
    return f'{key}.pipeline', _type(pipeline[-1]) if pipeline else None


def _type(part: Any) -> Any:
    """The type of a config's part; a part that is given ready-made is a function or has a class."""
    if isinstance(part, dict):
        return part.get('type')
    return part if inspect.isroutine(part) else type(part)


def _is(kind: Any, registry: Registry, wanted: type) -> bool:
    """Whether a config's ``type`` is a class or one derived from it."""
    found = registry.get(kind) if isinstance(kind, str) else kind
    return inspect.isclass(found) and issubclass(found, wanted)


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
