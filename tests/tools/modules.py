"""A tool in the process of the tests: as a module, or called as by its command line."""

import importlib.util
import io
import sys
from contextlib import redirect_stderr, redirect_stdout
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
    """What a tool says as it gives up instead, exit code 1: of its arguments, or in its work."""
    with redirect_stderr(io.StringIO()) as told, pytest.raises(SystemExit) as end:
        call(name, *arguments)
    said = end.value.code if isinstance(end.value.code, str) else told.getvalue()
    assert 'error: ' in said and (said is end.value.code or end.value.code == 1), end.value
    return said


def ctrl_c(*_: object) -> None:
    """What Ctrl-C raises, also where a shell has SIGINT ignored, as of jobs in the background."""
    raise KeyboardInterrupt
