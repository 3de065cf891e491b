"""The texts of KEY=VALUE options, read as the kind of value that they are to replace."""

import ast
from typing import Any, Tuple

from ..errors import ConfigError

QUOTES = ('"', "'")
# as mmengine reads them, beside Python's own
WORDS = {'true': True, 'false': False, 'none': None}


def split_assignment(text: str) -> Tuple[str, str]:
    """'KEY=VALUE' -> KEY, VALUE.

    Raises:
        ConfigError: another form.
    """
    key, equals, value = text.partition('=')
    if not equals or not key or key != key.strip():
        raise ConfigError(f'--cfg-options expects KEY=VALUE, without blanks around the equals '
                          f'sign, got {text!r}.')
    return key, value


def as_option(key: str, value: object) -> str:
    """KEY="VALUE", as our own tools hand a path to one another: what ``read_value`` keeps whole."""
    quote = "'" if '"' in str(value) else '"'
    return f'{key}={quote}{value}{quote}'


def read_value(text: str, kind: type) -> Any:
    """A text as a value that stands where one of ``kind`` is wanted.

    - A quoted text is a string, as it stands between the quotes.
    - Where a string is wanted, any text is one, with its blanks, commas and digits: paths arrive as
      they were typed. None, lists and dicts keep their meaning.
    - Elsewhere Python's literals are read, ``dict(a=1)``, unquoted words in brackets, and
      ``true``, ``false``, ``none``; where a list is wanted, ``a,b`` is one.

    Args:
        text: what follows the equals sign.
        kind: ``str``, ``bool``, ``int``, ``float``, ``list``, ``dict``, or ``object`` for any.
    """
    if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0]:
        return text[1:-1]
    try:
        value = plain(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, ValueError, RecursionError):
        return text.split(',') if kind is list and ',' in text else text
    if kind is str and not (value is None or isinstance(value, (list, tuple, dict))):
        return text
    if isinstance(value, tuple) and not text.strip().startswith('('):
        return list(value) if kind is list else text
    return value


def plain(node: ast.expr, inside: bool = False) -> Any:
    """The value of a literal; a bare word is a string inside brackets.

    Raises:
        ValueError: no literal.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -plain(node.operand)
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [plain(item, inside=True) for item in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {plain(key): plain(value, inside=True)
                for key, value in zip(node.keys, node.values)}
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict' and not node.args:
        return {word.arg: plain(word.value, inside=True) for word in node.keywords}
    if isinstance(node, ast.Name) and node.id.lower() in WORDS:
        return WORDS[node.id.lower()]
    if isinstance(node, ast.Name) and inside:
        return node.id
    raise ValueError(f'no literal: {ast.unparse(node)}')


def check_kind(key: str, value: Any, kind: type, optional: bool = True) -> None:
    """Raise ConfigError where a value cannot stand where one of ``kind`` is wanted.

    Args:
        key: names it in the message.
        value: the value.
        kind: see ``read_value``.
        optional: whether None will do.
    """
    if value is None:
        if optional or kind is object:
            return
    elif kind is bool or kind is int:
        if type(value) is kind:
            return
    elif kind is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return
    else:
        return  # a string may stand for a list, a dict for a name: the class that takes it knows
    wanted = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}
    raise ConfigError(f'`{key}` expects {wanted.get(kind, "a value")}, got {value!r}.')
