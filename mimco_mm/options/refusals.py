"""What is said of a key that nothing reads, and which one may be meant."""

import difflib
from typing import Any, Iterable, Iterator, List, Optional, Tuple

from mmengine.config import Config, ConfigDict

from .places import Path, Takes, run_arguments
from .shortcuts import SHORTCUTS
from .signatures import Arguments

FEW = 12  # names that a message lists


def dicts(value: Any, path: Path) -> Iterator[Tuple[Path, ConfigDict]]:
    """All dicts in a value, with their paths."""
    if isinstance(value, dict):
        yield path, value
    children = (value.items() if isinstance(value, dict) else
                enumerate(value) if isinstance(value, (list, tuple)) else ())
    for key, child in children:
        yield from dicts(child, (*path, str(key)))


def type_name(item: Any) -> str:
    """The type of a part by its bare name; '' of what has none."""
    return str(item.get('type', '')).rpartition('.')[2] if isinstance(item, dict) else ''


def unknown(cfg: Config, node: ConfigDict, path: Path, name: str, arguments: Arguments,
             takes: Takes, key: Optional[str] = None) -> str:
    """The message about a key that nothing reads, with the one that may be meant."""
    full = key or '.'.join((*path, name))
    if not path and name in node and name not in run_arguments().named:
        copies = _copies(cfg, name, takes)
        rest = full[len(name):]
        said = f'`{name}` is a variable of the config file, from which it was copied'
        short = f' In training, --{name.replace("_", "-")} does.' if name in SHORTCUTS else ''
        return (f'`{full}` would change nothing: {said}'
                + (f' to {" and ".join(copies)}. Set '
                   f'{" and ".join(f"`{copy}{rest}`" for copy in copies)}.' if copies else
                   ', and nothing reads it afterwards.') + short)
    owner = f'`{".".join(path)}`' if path else 'a run'
    if not path and name in run_arguments().named:
        read = ', '.join(f'`{one}`' for one in arguments.named)
        told = f' It reads {read}.' if len(arguments.named) <= FEW else ''
        return f'`{full}` would change nothing: this tool does not read `{name}`.{told}'
    if type_name(node):
        owner += f' ({type_name(node)})'
    known = [*arguments.named, *(one for one in node if arguments.open)]
    hint = did_you_mean(name, known) or _elsewhere(cfg, name, takes, full)
    if not hint and 0 < len(known) <= 30:
        hint = f' It takes {", ".join(sorted(set(known)))}.'
    return f'`{full}` would change nothing: {owner} takes no `{name}`.{hint}'


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the names that are like one, with a blank before it; '' if none is."""
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.7)
    return f' Did you mean {" or ".join(f"`{one}`" for one in close)}?' if close else ''


def _elsewhere(cfg: Config, name: str, takes: Takes, full: str) -> str:
    """Where else in the config a key of this name stands."""
    root = takes(cfg._cfg_dict, (), cfg.get('default_scope')).named
    found = ['.'.join((*path, name)) for part, value in cfg._cfg_dict.items() if part in root
             for path, node in dicts(value, (part, ))
             if name in node and '.'.join((*path, name)) != full]
    return f' Did you mean `{"` or `".join(found[:3])}`?' if found else ''


def _copies(cfg: Config, name: str, takes: Takes) -> List[str]:
    """Keys of what runs that have the value of a variable of the config file."""
    root = takes(cfg._cfg_dict, (), cfg.get('default_scope')).named
    value = cfg._cfg_dict[name]
    return ['.'.join((*path, one)) for part, top in cfg._cfg_dict.items() if part in root
            for path, node in dicts(top, (part, )) for one, child in node.items()
            if (one == name or isinstance(child, (dict, list))) and child == value]
