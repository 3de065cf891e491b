"""Which option of the command line goes to which benchmark, under which keys."""

import difflib
from copy import deepcopy
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from mmengine.config import Config

from ..errors import ConfigError
from ..options import KNN, RETRIEVAL, apply_options
from ..options.places import takes

# Key -> what to use instead: as an option it would be overridden, or lead results elsewhere.
OWN = {'model.backbone.init_cfg.checkpoint': 'the argument CHECKPOINT', 'work_dir': '--work-dir',
       'load_from': 'the argument CHECKPOINT', 'resume': 'the same command again',
       'launcher': '--gpus or --slurm'}
# Keys, or last parts of keys, that change how something runs and not what comes out.
INCIDENTAL = {'custom_imports', 'env_cfg', 'launcher', 'log_level', 'logger', 'num_workers',
              'persistent_workers', 'pin_memory', 'prefetch_factor', 'vis_backends', 'visualizer',
              'work_dir'}
READ_BY = dict(knn=KNN, retrieval=RETRIEVAL)  # all others are read by a runner
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class OptionError(ConfigError):
    """An option that would not reach what runs; the message says which one does."""


def share_out(options: Sequence[str], suite: Sequence[str],
              configs: Mapping[str, Tuple[str, Config]]) -> Dict[str, Dict[str, str]]:
    """The options of each step, KEY -> VALUE as text.

    Args:
        options: KEY=VALUE for all steps, BENCHMARK.KEY=VALUE for those of one, or
            BENCHMARK,BENCHMARK.KEY=VALUE for those of several.
        suite: all benchmarks there are.
        configs: step -> its benchmark and config.

    Raises:
        OptionError: one of another form, or that one of its steps would ignore.
    """
    shared: Dict[str, Dict[str, str]] = {step: {} for step in configs}
    for option in options:
        name, equals, value = option.partition('=')
        first, _, rest = name.partition('.')
        named = first.split(',')
        named, key = (named, rest) if set(named) <= set(suite) else (
            [its for its, _ in configs.values()], name)
        if not equals or not key:
            raise OptionError(f'--cfg-options expects KEY=VALUE or BENCHMARK.KEY=VALUE, got '
                              f'{option!r}.')
        if key in OWN:
            raise OptionError(f'--cfg-options {option}: instead of `{key}`, use {OWN[key]}.')
        targets = [step for step, (its, _) in configs.items() if its in named]
        idle = set(named) - {its for its, _ in configs.values()}
        if idle or not targets:
            raise OptionError(f'--cfg-options {option} is for {", ".join(sorted(idle))}, which is '
                              'not run: --suite does not name it, or there is no config for this '
                              'network.')
        for step in targets:
            check_known(option, key, step, configs)
            shared[step][key] = value
    for step, (benchmark, cfg) in configs.items():
        try:
            apply_options(deepcopy(cfg), as_texts(shared[step]), READ_BY.get(benchmark, takes))
        except ConfigError as error:
            raise OptionError(f'--cfg-options, for {benchmark}: {error}') from error
    return shared


def check_known(option: str, key: str, step: str,
                configs: Mapping[str, Tuple[str, Config]]) -> None:
    """Refuse a key whose first part the step's config does not have."""
    benchmark, cfg = configs[step]
    first = key.split('.')[0]
    if first in cfg:
        return
    elsewhere = sorted({its for its, other in configs.values() if first in other})
    if first == 'data_root':
        hints = [f'Its images go by --data-root {benchmark}=DIR.']
    else:
        close = difflib.get_close_matches(first, list(cfg), n=2)
        hints = [f'Did you mean {" or ".join(close)}?'] if close else []
    if elsewhere:
        hints.append(f'For {elsewhere[0]} alone it is {elsewhere[0]}.{option}')
    raise OptionError(f'--cfg-options {option}: the config of {benchmark} has no `{first}`, and '
                      f'would ignore it. {" ".join(hints)}'.rstrip())


def data_keys(cfg: Config, root: str) -> Dict[str, str]:
    """Key -> path of all that a config of training reads, moved to another root."""
    found = {}
    for name in LOADERS:
        dataset, key = cfg[name]['dataset'], f'{name}.dataset'
        while 'dataset' in dataset:  # wrapped
            dataset, key = dataset['dataset'], f'{key}.dataset'
        found[f'{key}.data_root'] = root
        old = Path(dataset['data_root'])
        if name != 'train_dataloader':
            evaluator = name.replace('dataloader', 'evaluator')
            for part, value in cfg[evaluator].items():  # annotations, by path
                if isinstance(value, str) and old in Path(value).parents:
                    found[f'{evaluator}.{part}'] = str(Path(root, Path(value).relative_to(old)))
    return found


def absolute(place: str) -> str:
    """A folder, or one that an address names, from the root."""
    scheme, mark, folder = place.rpartition('://')
    return f'{scheme}{mark}{Path(folder).resolve()}'


def data_root(cfg: Config) -> str:
    """The folder of images that a config names."""
    if 'sets' in cfg:  # retrieval
        return cfg.data_root
    dataset = cfg.bank if 'bank' in cfg else cfg.train_dataloader.dataset
    return (dataset.get('dataset') or dataset).data_root


def tell_missing_images(root: str, option: str, of: str = '') -> None:
    """A line on images that are not here; they may be where the commands will run."""
    if not Path(root.rpartition('://')[2]).exists():
        print(f'# {of}there is no {root} here ({option})')


def what_matters(value: Any) -> Any:
    """A config, or options by key, less what does not change a result."""
    if isinstance(value, Mapping):
        return {name: what_matters(item) for name, item in value.items()
                if name not in OWN and not INCIDENTAL & set(str(name).split('.'))}
    if isinstance(value, (list, tuple)):
        return [what_matters(item) for item in value]
    return value


def as_texts(options: Mapping[str, str]) -> List[str]:
    return [f'{key}={value}' for key, value in options.items()]
