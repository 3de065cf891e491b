"""Which keys of ``paramwise_cfg`` an optimizer's constructor reads, told from its source."""

import ast
import functools
import inspect
import textwrap
from typing import Any, FrozenSet, Iterator, Mapping, Optional

from ..errors import ConfigError
from .refusals import did_you_mean
from .signatures import registered

NAME = 'paramwise_cfg'
DEFAULT = 'DefaultOptimWrapperConstructor'  # mmengine's


def check_paramwise(optim_wrapper: Any, scope: Optional[str]) -> None:
    """Raise ConfigError for a key of ``paramwise_cfg`` that the constructor does not read.

    Args:
        optim_wrapper: of a config.
        scope: the config's.
    """
    if not isinstance(optim_wrapper, Mapping) or not isinstance(optim_wrapper.get(NAME), Mapping):
        return
    name = optim_wrapper.get('constructor') or DEFAULT
    classes = registered(name, scope) if isinstance(name, str) else [name]
    if isinstance(name, str) and not classes:
        raise ConfigError(f'`optim_wrapper.constructor`: there is no {name} in the registries.')
    known = frozenset().union(*(keys_read(one) for one in classes))
    words = ', '.join(sorted(known))
    for key in optim_wrapper[NAME]:
        if known and key not in known:
            raise ConfigError(
                f'`optim_wrapper.{NAME}.{key}` would change nothing: {name} does not read it.'
                f'{did_you_mean(key, known) or f" It reads {words}."}')


@functools.cache
def keys_read(constructor: type) -> FrozenSet[str]:
    """Keys that the methods of a class look up in ``paramwise_cfg``; none if it cannot be told."""
    try:
        trees = [ast.parse(source) for source in _sources(constructor)]
    except (OSError, SyntaxError):
        return frozenset()
    found = {_key(node) for tree in trees for node in ast.walk(tree)}
    return frozenset(found - {None})


def _sources(constructor: type) -> Iterator[str]:
    """Of each method, and of those of its parents that it calls."""
    for name, _ in inspect.getmembers(constructor, inspect.isfunction):
        for parent in constructor.__mro__:
            if name in vars(parent):
                source = textwrap.dedent(inspect.getsource(vars(parent)[name]))
                yield source
                if 'super()' not in source:
                    break


def _key(node: ast.AST) -> Optional[str]:
    """'a' of ``paramwise_cfg.get('a')``, ``paramwise_cfg['a']`` and ``'a' in paramwise_cfg``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        owner, key = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Compare):
        owner, key = node.comparators[0], node.left
    else:
        return None
    is_key = isinstance(key, ast.Constant) and isinstance(key.value, str)
    return key.value if is_key and ast.unparse(owner).endswith(NAME) else None
