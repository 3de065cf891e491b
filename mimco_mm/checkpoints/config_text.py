"""The text of a config, as checkpoints hold it, read as data: nothing of it is run."""

import ast
import io
import itertools
import re
import tokenize
from pathlib import PurePath
from typing import Any, Iterator, List, Tuple

# What stands before a place, as storage and teachers are addressed
ADDRESS = re.compile(r'(?P<scheme>[\w.+-]+://|hf:|timm:[^=]*=|)(?P<path>.*)', re.S)
INSIDE = re.compile(r'(?<![^\s=:,;(\'"])(?:~|\.\.|/)[^\s,;)\'"]*/[^\s,;)\'"]*')  # of a text
# Name and password in a URL, whatever characters they have
CREDENTIALS = re.compile(r'://(?:[^/]*@|[^/@]*:(?!\d+[/?#])[^@]*@(?:.*@)?)', re.S)
Edit = Tuple[int, int, bytes]  # from, to, and what stands there instead


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
    address = ADDRESS.fullmatch(name)
    path = address['path']
    if path[:1] in ('/', '~') or '..' in path.split('/'):
        return f'{address["scheme"]}.../{PurePath(path).name}'
    if '://' in name:
        return re.sub(r'[?#].*', '', CREDENTIALS.sub('://', name), flags=re.S)
    return INSIDE.sub(lambda found: f'.../{PurePath(found[0]).name}', name)


def public_text(text: str) -> str:
    """A config's text, each string in it as ``public`` has it; '' of what is no Python.

    Its comments, which nothing reads, are left out where they have a slash.
    """
    text = text.replace('\r\n', '\n').replace('\r', '\n')  # as Python counts lines
    try:
        content = text.encode()
        edits = [*_strings(text), *_comments(text)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return ''
    for start, end, instead in sorted(edits, reverse=True):
        content = content[:start] + instead + content[end:]
    return content.decode()


def _strings(text: str) -> Iterator[Edit]:
    """Of each string that is not public as it stands."""
    starts = _line_starts(text)
    todo: List[ast.AST] = [ast.parse(text)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.Constant) and public(part.value) != part.value:
                    part.value = '.../'  # where a name ends is not known
            instead = ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            value = node.value if isinstance(node.value, str) else node.value.decode('latin-1')
            if public(value) == value:
                continue
            instead = f'{"b" * isinstance(node.value, bytes)}{public(value)!r}'
        else:
            todo.extend(ast.iter_child_nodes(node))
            continue
        yield (starts[node.lineno - 1] + node.col_offset,
               starts[node.end_lineno - 1] + node.end_col_offset, instead.encode())


def _comments(text: str) -> Iterator[Edit]:
    starts = _line_starts(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and '/' in token.string:
            line, column = token.start
            start = starts[line - 1] + len(token.line[:column].encode())
            yield start, start + len(token.string.encode()), b''


def _line_starts(text: str) -> List[int]:
    """The first byte of each line."""
    return list(itertools.accumulate((len(line.encode()) + 1 for line in text.split('\n')),
                                     initial=0))
