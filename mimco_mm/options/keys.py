"""Options of a config by their keys: set where they reach what runs, refused elsewhere."""

from typing import Any, Optional, Sequence, Union

from mmengine.config import Config, ConfigDict

from ..errors import ConfigError
from .checking import MERGED, check_config
from .places import Path, Takes, takes
from .refusals import did_you_mean, type_name, unknown
from .scopes import import_modules
from .signatures import ANY, Argument
from .values import check_kind, read_value, split_assignment

Node = Union[ConfigDict, list, tuple]
FREE = ('custom_keys', 'paramwise_cfg')  # dicts that get new keys
REGISTERING = ('custom_imports', 'default_scope')  # decide which types there are


def apply_options(cfg: Config, texts: Sequence[str], takes: Takes = takes) -> None:
    """Set each KEY=VALUE in a config, and check the keys of all of it.

    A key is a path of names, list indices, or, in a list of typed dicts, the type of the one that
    is meant: ``custom_hooks.KNNHook.interval``.

    Args:
        cfg: the config, changed in place.
        texts: the options.
        takes: what may stand in each dict, see ``places.takes``.

    Raises:
        ConfigError: a key that nothing reads, a value of the wrong kind.
    """
    options = [split_assignment(text) for text in texts]
    early = [option for option in options if option[0].partition('.')[0] in REGISTERING]
    for key, value in early:
        set_option(cfg, key, value, takes)
    if early:
        import_modules(cfg)
    # then types: they decide what else there may be
    for key, value in sorted(options, key=lambda option: not option[0].endswith('.type')):
        if (key, value) not in early:
            set_option(cfg, key, value, takes)
    check_config(cfg, takes)


def set_option(cfg: Config, key: str, text: str, takes: Takes = takes) -> None:
    """Set one key to what a text stands for, see ``read_value``."""
    scope, node, path = cfg.get('default_scope'), cfg._cfg_dict, ()
    *parents, last = key.split('.')
    for part in parents:
        node, path = _child(cfg, node, path, part, key, takes), (*path, part)
    last = _place(node, path, last, key)
    if isinstance(last, int):
        argument, current = ANY, node[last]
    else:
        argument = _argument(cfg, node, path, last, key, takes, scope)
        current = node.get(last)
    kind = kind_of(current, argument)
    value = read_value(text, kind)
    check_kind(key, value, kind, argument.optional)
    if isinstance(current, dict) and isinstance(value, dict):
        value = ConfigDict(Config._merge_a_into_b(value, current))
    _assign(cfg, key, node, last, value)


def kind_of(current: Any, argument: Argument) -> type:
    """The kind of value that is wanted, by the argument's annotation, else by what is there."""
    if argument.kind is not object:
        return argument.kind
    if isinstance(current, bool):
        return bool
    if isinstance(current, (int, float)):
        return float
    if isinstance(current, (list, tuple)):
        return list
    return str if isinstance(current, str) and argument is ANY else object


def _child(cfg: Config, node: Node, path: Path, part: str, key: str, takes: Takes) -> Node:
    """The dict or list under a part of a key; made, where it may be there and is not."""
    place = _place(node, path, part, key)
    if isinstance(place, str) and not isinstance(node.get(place), (dict, list, tuple)):
        _argument(cfg, node, path, place, key, takes, cfg.get('default_scope'))
        if node.get(place) is not None:
            raise ConfigError(f'`{key}`: `{".".join((*path, place))}` is {node[place]!r}, which '
                              'has no parts.')
        node[place] = ConfigDict()
    elif isinstance(place, str) and not path:
        _argument(cfg, node, path, place, key, takes, cfg.get('default_scope'))
    child = node[place]
    if not isinstance(child, (dict, list, tuple)):
        raise ConfigError(f'`{key}`: `{".".join((*path, part))}` is {child!r}, which has no parts.')
    return child


def _place(node: Node, path: Path, part: str, key: str) -> Union[int, str]:
    """A part of a key as a key of a dict, or the index of a list's item, by number or by type."""
    if isinstance(node, dict):
        return part
    where = '.'.join(path)
    if part.isdecimal():
        if int(part) < len(node):
            return int(part)
        raise ConfigError(f'`{key}`: `{where}` has {len(node)} items, the last is {where}.'
                          f'{len(node) - 1}.')
    types = [type_name(item) for item in node]
    found = [index for index, name in enumerate(types) if name == part]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f'`{key}`: {part} stands {len(found)} times in `{where}`; say which: '
                          f'{", ".join(f"{where}.{index}" for index in found)}.')
    raise ConfigError(f'`{key}`: there is no {part} in `{where}`, which has '
                      f'{", ".join(filter(None, types)) or "no parts with a type"}.'
                      f'{did_you_mean(part, filter(None, types))}')


def _argument(cfg: Config, node: ConfigDict, path: Path, name: str, key: str, takes: Takes,
              scope: Optional[str]) -> Argument:
    """What may stand under a name of a dict, which must be taken by what is built from it."""
    arguments = takes(node, path, scope)
    if name in arguments.named:
        return arguments.named[name]
    if name in MERGED or (arguments.open and (name in node or _is_free(node, path))):
        return ANY
    raise ConfigError(unknown(cfg, node, path, name, arguments, takes, key))


def _is_free(node: ConfigDict, path: Path) -> bool:
    """Whether a dict may get new keys: one with a type, whose class takes any, or a new one."""
    return bool(path) and ('type' in node or not node or path[-1] in FREE)


def _assign(cfg: Config, key: str, node: Node, place: Union[int, str], value: Any) -> None:
    if isinstance(node, tuple):
        raise ConfigError(f'`{key}` is a part of a tuple: give all of it, '
                          f'{key.rpartition(".")[0]}=({", ".join(map(repr, node))}).')
    node[place] = value
