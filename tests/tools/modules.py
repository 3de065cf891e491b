"""A tool in the process of the tests: as a module, or called as by its command line."""

import importlib.util
import io
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    """The module of a tool, e.g. 'convert/pack_images.py'; its ``main`` ends as the command does.
    """
    spec = importlib.util.spec_from_file_location(f'{Path(name).stem}_tool', TOOLS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, 'run_tool'):
        module.main = partial(module.run_tool, module.main)
    return module


def call(name: str, *arguments: object) -> str:
    """What a tool prints, called with these arguments."""
    command = [str(TOOLS / name), *map(str, arguments)]
    with redirect_stdout(io.StringIO()) as printed, patch.object(sys, 'argv', command):
        load_tool(name).main()
    return printed.getvalue()


def refusal(name: str, *arguments: object) -> str:
    """The message with which a tool ends instead, exit code 1."""
    with pytest.raises(SystemExit) as end:
        call(name, *arguments)
    assert isinstance(end.value.code, str), f'exit code {end.value.code}'
    return end.value.code
