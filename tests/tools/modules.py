"""A tool as a module."""

import importlib.util
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    """The module of a tool, e.g. 'convert/pack_images.py'."""
    spec = importlib.util.spec_from_file_location(f'{Path(name).stem}_tool', TOOLS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
