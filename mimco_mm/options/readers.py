"""Which parts of a config a tool reads: set elsewhere, an option would change nothing."""

from typing import Iterable, Optional, Sequence

from mmengine.config import ConfigDict

from ..errors import ConfigError
from .places import Path, Takes, of_type, run_arguments, takes
from .signatures import ANY, UNKNOWN, Arguments


def of_tool(*names: str) -> Takes:
    """``takes`` of a config that a tool reads by itself, under these top-level names."""

    def takes_here(node: ConfigDict, path: Path, scope: Optional[str]) -> Arguments:
        if not path:
            return Arguments(dict.fromkeys(names, ANY), False)
        return of_type(node, scope) if 'type' in node else UNKNOWN

    return takes_here


def of_run(names: Iterable[str]) -> Takes:
    """``takes`` of a tool that reads these top-level parts of a run's config, and no others."""
    kept = {name: argument for name, argument in run_arguments().named.items() if name in names}

    def takes_here(node: ConfigDict, path: Path, scope: Optional[str]) -> Arguments:
        return takes(node, path, scope) if path else Arguments(kept, False)

    return takes_here


def refuse(texts: Sequence[str], keys: Sequence[str], reason: str) -> None:
    """Raise ConfigError where an option sets one of these keys, or a part of one."""
    for text in texts:
        key = text.partition('=')[0]
        if any(f'{key}.'.startswith(f'{one}.') for one in keys):
            raise ConfigError(f'--cfg-options {text} would change nothing: {reason}.')


EVERYWHERE = ('model', 'data_preprocessor', 'num_workers', 'default_scope', 'custom_imports')
KNN = of_tool(*EVERYWHERE, 'bank', 'queries', 'ks', 'temperature', 'bank_dtype', 'batch_size')
RETRIEVAL = of_tool(*EVERYWHERE, 'data_root', 'sets', 'crop_queries')
FOR_TRAINING = {'train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'val_cfg',
                'val_dataloader', 'val_evaluator', 'auto_scale_lr', 'load_from', 'resume',
                'launcher'}
TEST = of_run(run_arguments().named.keys() - FOR_TRAINING)
PREVIEW = of_run(('model', 'data_preprocessor', 'train_dataloader', 'custom_imports',
                  'default_scope', 'views_by'))
