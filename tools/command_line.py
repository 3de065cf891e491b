"""What the command lines of all tools share: where the package is, how they are read and end."""

import argparse
import importlib.util
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, NoReturn, Type, TypeVar

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mimco_mm').is_dir():  # in a checkout, mimco_mm need not be installed
    sys.path.insert(0, str(ROOT))
# Where stdout was closed: else the next file that is opened would get its number, and its text.
sys.stdout = sys.stdout or open(os.devnull, 'w')
COMMAND = 'MIMCO_COMMAND'  # what the user has typed, where that was not the tool's file
TRACEBACK = 'MIMCO_TRACEBACK'  # set: an error comes with its traceback
Request = TypeVar('Request')


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, exit code 1, as all errors of the tools."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        typed = os.environ.pop(COMMAND, None)  # it is not for the commands that this one starts
        super().__init__(**{**kwargs, 'prog': typed or kwargs.get('prog')})
        self.register('type', Path, path)

    def parse_args(self, *args: Any, **kwargs: Any) -> argparse.Namespace:
        found = super().parse_args(*args, **kwargs)
        if importlib.util.find_spec('torch') is None:
            activate = ROOT / '.venv/bin/activate'
            self.exit(1, f'error: torch is not in the environment of {sys.executable}: ' + (
                f'source {activate}' if activate.is_file() else
                'pip install -r requirements/maintained.txt into it, or tools/setup_env.sh makes '
                'one, in a checkout of the project') + '\n')
        return found

    def error(self, message: str) -> NoReturn:
        self.exit(1, f'error: {message} (see {self.prog} --help)\n')

    def expect_from(self, args: argparse.Namespace, **least: int) -> None:
        """Refuse numbers below ``least``, by the names of their options."""
        for name, number in least.items():
            value = getattr(args, name)
            if value is not None and value < number:
                self.error(f'--{name.replace("_", "-")}: expected a number from {number} up, got '
                           f'{value}')

    def expect_above_0(self, args: argparse.Namespace, *names: str) -> None:
        """Refuse numbers that are 0 or less."""
        for name in names:
            value = getattr(args, name)
            if value is not None and value <= 0:
                self.error(f'--{name.replace("_", "-")} expects a number above 0, got {value:g}')


def path(text: str) -> Path:
    """A path; its ~ is one also in --out=~/FILE, where the shell leaves it."""
    if '://' in text:
        raise argparse.ArgumentTypeError(f'expected a path, got the address {text!r}')
    return Path(text).expanduser()


def count(text: str) -> int:
    """A whole number from 1 up, for ``add_argument(type=count)``."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'expected a number from 1 up, got {text!r}')
    return int(text)


def request_of(kind: Type[Request], args: argparse.Namespace) -> Request:
    """A NamedTuple of what is asked for, from the arguments of its fields' names."""
    return kind(**{name: getattr(args, name) for name in kind._fields})


def run_tool(main: Callable[..., None], *args: Any, goes_on: bool = False) -> None:
    """Run a tool; what the user can mend ends it with the message alone, exit code 1.

    Args:
        main: the tool.
        args: its arguments.
        goes_on: whether the same command goes on after an interruption.
    """
    # torch's, of workers beside the cores: by each process, at each use of a loader
    warnings.filterwarnings('ignore', 'This DataLoader will create')
    try:
        main(*args)
    except KeyboardInterrupt as interruption:
        told = 'interrupted; the same command goes on' if goes_on else 'interrupted'
        print(f'\n{told}', file=sys.stderr, flush=True)
        sys.exit(128 + getattr(interruption, 'number', signal.SIGINT))
    except Exception as error:
        errors = sys.modules.get('mimco_mm.errors')  # where it is not imported nothing raises it
        mendable = (OSError, errors.UserError) if errors else OSError
        if os.environ.get(TRACEBACK) or not isinstance(error, mendable):
            raise
        sys.exit(f'error: {error}')
