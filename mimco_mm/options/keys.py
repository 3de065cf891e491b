"""Options of a config by their keys: set where they reach what runs, refused elsewhere."""

import difflib
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

from mmengine.config import Config, ConfigDict

from ..errors import ConfigError
from .places import Path, takes
from .signatures import ANY, REGISTRIES, Argument, Arguments, registered
from .values import check_kind, read_value, split_assignment

Node = Union[ConfigDict, list, tuple]
Takes = Callable[[ConfigDict, Path, Optional[str]], Arguments]
MERGED = ('type', '_scope_', '_delete_')  # stand in any dict of a config


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
    # a type first: it decides what else there may be
    for key, value in sorted(options, key=lambda option: not option[0].endswith('.type')):
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
    if last == 'type':
        check_type(key, value, scope)
    if isinstance(current, dict) and isinstance(value, dict):
        value = ConfigDict(Config._merge_a_into_b(value, current))
    _assign(cfg, key, node, last, value)


def check_type(key: str, name: Any, scope: Optional[str]) -> None:
    """Raise ConfigError where nothing goes by this name in the registries."""
    if isinstance(name, str) and '.' not in name and not registered(name, scope):
        known = {one for registry in REGISTRIES
                 for one in registry.children.get(scope, registry).module_dict}
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
        hint = f' Did you mean {" or ".join(close)}?' if close else ''
        raise ConfigError(f'`{key}`: there is no {name} in the registries.{hint}')


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


def check_config(cfg: Config, takes: Takes = takes) -> None:
    """Raise ConfigError for a key of the config that its class does not take.

    Top-level names that no runner reads are variables of the config file, and left alone.
    """
    scope = cfg.get('default_scope')
    root = takes(cfg._cfg_dict, (), scope)
    for name, value in cfg._cfg_dict.items():
        if name in root.named:
            check_kind(name, value, root.named[name].kind)
            for path, node in _dicts(value, (name, )):
                arguments = takes(node, path, scope)
                unknown = () if arguments.open else [
                    key for key in node if key not in arguments.named and key not in MERGED]
                for key in unknown:
                    raise ConfigError(_unknown(cfg, node, path, key, arguments, takes))


def _dicts(value: Any, path: Path) -> Iterator[Tuple[Path, ConfigDict]]:
    """All dicts in a value, with their paths."""
    if isinstance(value, dict):
        yield path, value
    children = (value.items() if isinstance(value, dict) else
                enumerate(value) if isinstance(value, (list, tuple)) else ())
    for key, child in children:
        yield from _dicts(child, (*path, str(key)))


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
    types = [_type_name(item) for item in node]
    found = [index for index, name in enumerate(types) if name == part]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f'`{key}`: {part} stands {len(found)} times in `{where}`; say which: '
                          f'{", ".join(f"{where}.{index}" for index in found)}.')
    raise ConfigError(f'`{key}`: there is no {part} in `{where}`, which has '
                      f'{", ".join(filter(None, types)) or "no parts with a type"}.'
                      f'{_did_you_mean(part, filter(None, types))}')


def _type_name(item: Any) -> str:
    return str(item.get('type', '')).rpartition('.')[2] if isinstance(item, dict) else ''


def _argument(cfg: Config, node: ConfigDict, path: Path, name: str, key: str, takes: Takes,
              scope: Optional[str]) -> Argument:
    """What may stand under a name of a dict, which must be taken by what is built from it."""
    arguments = takes(node, path, scope)
    if name in arguments.named:
        return arguments.named[name]
    if name in MERGED or (arguments.open and (name in node or _is_free(node, path))):
        return ANY
    raise ConfigError(_unknown(cfg, node, path, name, arguments, takes, key))


def _is_free(node: ConfigDict, path: Path) -> bool:
    """Whether a dict may get new keys: one with a type, whose class takes any, or a new one."""
    return bool(path) and ('type' in node or not node or path[-1] == 'custom_keys')


def _unknown(cfg: Config, node: ConfigDict, path: Path, name: str, arguments: Arguments,
             takes: Takes, key: Optional[str] = None) -> str:
    """The message about a key that nothing reads, with the one that may be meant."""
    full = key or '.'.join((*path, name))
    if not path and name in node:
        copies = _copies(cfg, name, takes)
        rest = full[len(name):]
        said = f'`{name}` is a variable of the config file, from which it was copied'
        return (f'`{full}` would change nothing: {said}'
                + (f' to {" and ".join(copies)}. Set '
                   f'{" and ".join(f"`{copy}{rest}`" for copy in copies)}.' if copies else
                   ', and nothing reads it afterwards.'))
    owner = f'`{".".join(path)}`' if path else 'a run'
    if _type_name(node):
        owner += f' ({_type_name(node)})'
    known = [*arguments.named, *(one for one in node if arguments.open)]
    hint = _did_you_mean(name, known) or _elsewhere(cfg, name, takes, full)
    if not hint and 0 < len(known) <= 30:
        hint = f' It takes {", ".join(sorted(set(known)))}.'
    return f'`{full}` would change nothing: {owner} takes no `{name}`.{hint}'


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.7)
    return f' Did you mean {" or ".join(f"`{one}`" for one in close)}?' if close else ''


def _elsewhere(cfg: Config, name: str, takes: Takes, full: str) -> str:
    """Where else in the config a key of this name stands."""
    root = takes(cfg._cfg_dict, (), cfg.get('default_scope')).named
    found = ['.'.join((*path, name)) for part, value in cfg._cfg_dict.items() if part in root
             for path, node in _dicts(value, (part, ))
             if name in node and '.'.join((*path, name)) != full]
    return f' Did you mean `{"` or `".join(found[:3])}`?' if found else ''


def _copies(cfg: Config, name: str, takes: Takes) -> List[str]:
    """Keys of what runs that have the value of a variable of the config file."""
    root = takes(cfg._cfg_dict, (), cfg.get('default_scope')).named
    value = cfg._cfg_dict[name]
    return ['.'.join((*path, one)) for part, top in cfg._cfg_dict.items() if part in root
            for path, node in _dicts(top, (part, )) for one, child in node.items()
            if isinstance(child, (dict, list)) and child == value]


def _assign(cfg: Config, key: str, node: Node, place: Union[int, str], value: Any) -> None:
    if isinstance(node, tuple):
        raise ConfigError(f'`{key}` is a part of a tuple: give all of it, '
                          f'{key.rpartition(".")[0]}=({", ".join(map(repr, node))}).')
    node[place] = value
