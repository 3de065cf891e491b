"""Which arguments the classes take that a config names."""

import ast
import functools
import inspect
import numbers
import re
import sys
import textwrap
import typing
from importlib.util import find_spec
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

import mmengine.registry
from mmengine.registry import Registry

from ..requirements import import_quietly

REGISTRIES = [value for name, value in sorted(vars(mmengine.registry).items())
              if isinstance(value, Registry)]
SUPER = re.compile(r'super\((\w+, self)?\)\.__init__$')


class Argument(NamedTuple):
    """An argument: the kind of value it wants, and whether None will do; see ``read_value``."""

    kind: type
    optional: bool = True


class Arguments(NamedTuple):
    """What a class or function takes: arguments by name; ``open`` if there may be more."""

    named: Dict[str, Argument]
    open: bool


ANY = Argument(object)
UNKNOWN = Arguments({}, True)


@functools.cache
def load_library(scope: Optional[str]) -> None:
    """Import what registers a library's parts, without what it says of its optional packages."""
    if scope is not None and find_spec(scope):
        for part in ('registry', 'datasets', 'evaluation'):
            import_quietly(f'{scope}.{part}')


def registered(name: str, scope: Optional[str] = None) -> List[Callable]:
    """All classes and functions that go by this name in mmengine's registries, seen from a scope.

    Which registry a config means depends on the place, and few names stand in more than one.
    """
    found = []
    for registry in registries(scope):
        try:
            one = registry.get(name)
        except RuntimeError:  # a path to what cannot be imported
            continue
        if one is not None and one not in found:
            found.append(one)
    return found


def registries(scope: Optional[str]) -> List[Registry]:
    """mmengine's registries as a library sees them, and those that are the library's alone."""
    load_library(scope)
    seen = [registry.children.get(scope, registry) for registry in REGISTRIES]
    library = sys.modules.get(f'{scope}.registry')
    return seen + [one for one in vars(library or mmengine.registry).values()
                   if isinstance(one, Registry) and one not in seen and one not in REGISTRIES]


def known_types(scope: Optional[str]) -> Set[str]:
    """The names of all that a scope's registries hold, and mmengine's."""
    return {name for registry in (*registries(scope), *REGISTRIES)
            for name in registry.module_dict}


@functools.cache
def arguments_of(target: Callable) -> Arguments:
    """Arguments of a function, or of a class and those that it passes on to its parents."""
    if not inspect.isclass(target):
        return _of_function(target)
    named: Dict[str, Argument] = {}
    for parent in target.__mro__:
        init = vars(parent).get('__init__')
        if init is None:
            continue
        own = _of_function(init)
        named = {**own.named, **named}
        if not own.open:
            return Arguments(named, False)
        if not _passed_to_parent(init):
            break
    return Arguments(named, True)


def _of_function(function: Callable) -> Arguments:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of C
        return UNKNOWN
    hints = _hints(function)
    named = {one.name: _argument(hints.get(one.name, _evaluated(one.annotation)), one.default)
             for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
             and one.name != 'self'}
    return Arguments(named, any(one.kind is one.VAR_KEYWORD for one in parameters))


def _hints(function: Callable) -> dict:
    try:
        return typing.get_type_hints(function)
    except Exception:  # annotations that do not exist at run time
        return {}


def _evaluated(annotation: Any) -> Any:
    """An annotation that is a text, where it names nothing but Python's own types."""
    try:
        return eval(annotation, vars(typing).copy()) if isinstance(annotation, str) else annotation
    except NameError:
        return object


def _argument(annotation: Any, default: Any) -> Argument:
    kinds = typing.get_args(annotation) if _is_union(annotation) else (annotation, )
    given = [kind for kind in kinds if kind is not type(None)]
    optional = len(given) < len(kinds) or default is None or given == [inspect.Parameter.empty]
    if len(given) == 1 and given[0] in (bool, int, float, str):
        return Argument(given[0], optional)
    if set(given) == {int, float}:
        return Argument(float, optional)
    if str in given and not {bool, int, float, numbers.Number} & set(given):
        return Argument(str, optional)
    if given == [inspect.Parameter.empty] and isinstance(default, bool):
        return Argument(bool, optional)
    return Argument(object, optional)


def _is_union(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return origin is typing.Union or type(annotation).__name__ == 'UnionType'


def _passed_to_parent(init: Callable) -> bool:
    """Whether an ``__init__`` gives its keyword arguments to its parent's, and to nothing else."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init))).body[0]
    except (OSError, TypeError, SyntaxError):
        return False
    name = tree.args.kwarg.arg
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    passed = [word.value for node in ast.walk(tree)
              if isinstance(node, ast.Call) and SUPER.match(ast.unparse(node.func))
              for word in node.keywords if word.arg is None]
    looked_at = [node.value for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    return bool(passed) and all(use in passed + looked_at for use in uses)
