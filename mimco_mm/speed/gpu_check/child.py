"""The process of one part."""

import os
import sys
import traceback
from importlib import import_module
from multiprocessing.connection import Connection

from .rows import Row, Setting

DONE = 'done'


def run_child(module: str, setting: Setting, sender: Connection, log: str) -> None:
    """Send a part's rows as they come, then ``DONE``; what is printed goes to a file."""
    os.setsid()  # so that it ends with all that it started
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)
    try:
        from . import preloaded
        preloaded.prepare(setting)
        for row in import_module(f'{__package__}.parts.{module}').run(setting):
            sender.send(row)
    except Exception as error:
        traceback.print_exc()
        text = f'{type(error).__name__}: {error}'.strip()
        sender.send(Row('the part itself', 'fail', ' '.join(text.split())[:300]))
    sender.send(DONE)
