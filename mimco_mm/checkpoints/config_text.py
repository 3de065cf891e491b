"""The text of a config, as checkpoints hold it, read as data: nothing of it is run."""

import ast
import re
from pathlib import PurePath
from typing import Any

# A place on the machine of the run, bare or as storage and teachers are addressed
PLACE = re.compile(r'(?P<scheme>\w+://|hf:|timm:[^=]*=|)(?=[/~])(?P<path>.+)', re.S)
STRING = re.compile(r'''(?P<quote>['"])(?P<text>[^'"\n]*)(?P=quote)''')


def read_config_text(text: str) -> dict:
    """{name: value} of a config's text; None for what is computed, {} of what is no such text."""
    try:
        return {target.id: _value(node.value) for node in ast.parse(text).body
                if isinstance(node, ast.Assign) for target in node.targets
                if isinstance(target, ast.Name)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _value(node: ast.AST) -> Any:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict':
        return {item.arg: _value(item.value) for item in node.keywords}
    if isinstance(node, ast.Dict):
        return {getattr(key, 'value', None): _value(value)
                for key, value in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def public(name: str) -> str:
    """A path without the folders of its machine, a URL without what lets one in."""
    place = PLACE.fullmatch(name)
    if place:
        return f'{place["scheme"]}.../{PurePath(place["path"]).name}'
    if '://' in name:
        return re.sub(r'://[^/@]*@', '://', re.sub(r'[?#].*', '', name, flags=re.S))
    return name


def public_text(text: str) -> str:
    """A config's text, each string in it as ``public`` has it."""
    return STRING.sub(lambda found: f'{found["quote"]}{public(found["text"])}{found["quote"]}',
                      text)
