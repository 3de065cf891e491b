"""Checks of a whole config, of its file and of options alike: keys, kinds, types and values."""

from typing import Any, Iterator, Optional, Tuple

from mmengine.config import Config, ConfigDict

from ..errors import ConfigError
from .constructors import check_paramwise
from .places import OPAQUE, Path, Takes, is_part, is_users, takes
from .ranges import check_loaders, check_ranges
from .refusals import dicts, did_you_mean, type_name, unknown
from .scopes import check_scope
from .signatures import known_types, registered
from .values import check_kind

SCALARS = (bool, int, float, str)
MERGED = ('type', '_scope_', '_delete_')  # stand in any dict of a config


def check_config(cfg: Config, takes: Takes = takes) -> None:
    """Raise ConfigError for what cannot be built, or would change nothing.

    A ``type`` that no registry has, a key that its class does not take, a value out of its range or
    of another kind. Top-level names that no runner reads are variables of the config file, and left
    alone.
    """
    check_scope(cfg)
    check_one_preprocessor(cfg)
    scope = cfg.get('default_scope')
    root = takes(cfg._cfg_dict, (), scope)
    read = {name: value for name, value in cfg._cfg_dict.items() if name in root.named}
    for name, value in read.items():
        for path, part, its_scope in parts(value, (name, ), scope):
            check_type('.'.join((*path, 'type')), part['type'], its_scope)
    for name, value in read.items():
        check_kind(name, value, root.named[name].kind)
        for path, node in dicts(value, (name, )):
            check_keys(cfg, node, path, takes, scope)
    check_paramwise(read.get('optim_wrapper'), scope)
    check_ranges(read)
    check_loaders(read)
    check_hooks(read.get('custom_hooks'))
    if isinstance(cfg.get('runner_type'), str) and 'runner_type' in read:
        check_type('runner_type', cfg.runner_type, scope)


def parts(value: Any, path: Path, scope: Optional[str]) -> Iterator[Tuple]:
    """Path, dict and scope of all that is built from a registry, in a value of the config.

    What stands inside a part that is a user's own, or is another library's, may mean anything.
    """
    if isinstance(value, dict):
        scope = value.get('_scope_', scope)
        if is_part(value, path):
            yield path, value, scope
            if type_name(value) in OPAQUE or is_users(value['type'], scope):
                return
    children = (value.items() if isinstance(value, dict) else
                enumerate(value) if isinstance(value, (list, tuple)) else ())
    for key, child in children:
        yield from parts(child, (*path, str(key)), scope)


def check_type(key: str, name: str, scope: Optional[str]) -> None:
    """Raise ConfigError where nothing goes by this name in the registries."""
    if not registered(name, scope):
        raise ConfigError(f'`{key}`: there is no {name} in the registries.'
                          f'{did_you_mean(name, known_types(scope))}')


def check_one_preprocessor(cfg: Config) -> None:
    """Raise ConfigError for arguments, without a type, in the model of a config with its own."""
    model = cfg.get('model')
    own = model.get('data_preprocessor') if isinstance(model, dict) else None
    if isinstance(own, dict) and 'type' not in own and cfg.get('data_preprocessor'):
        keys = ' and '.join(f'`data_preprocessor.{key}`' for key in own)
        raise ConfigError('`model.data_preprocessor` would stand in place of `data_preprocessor`, '
                          f'which this config has. Set {keys}.')


def check_hooks(hooks: Any) -> None:
    """Raise ConfigError for an item of the hooks' list that is none."""
    for index, hook in enumerate(hooks or ()):
        if hook is None or isinstance(hook, dict) and 'type' not in hook:
            raise ConfigError(f'`custom_hooks.{index}` expects a hook, dict(type=...), got '
                              f'{hook!r}. To do without one leave it out of the list.')


def check_keys(cfg: Config, node: ConfigDict, path: Path, takes: Takes,
               scope: Optional[str]) -> None:
    """Raise ConfigError for a key of a dict that its class does not take, or of another kind."""
    if path[-1] == 'init_cfg' and node and 'type' not in node:
        key = '.'.join(path)
        raise ConfigError(f'`{key}` has no type: for the weights of a file set '
                          f'`{key}.type=PretrainedBackbone` beside `{key}.checkpoint`.')
    arguments = takes(node, path, scope)
    for key, value in node.items():
        if key in arguments.named:
            if isinstance(value, SCALARS):  # annotated so, some take lists and fractions too
                kind = arguments.named[key].kind
                check_kind('.'.join((*path, key)), value, float if kind is int else kind)
        elif key not in MERGED and not arguments.open:
            raise ConfigError(unknown(cfg, node, path, key, arguments, takes))
