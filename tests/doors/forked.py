"""Runs many commands of the tools from one process that has imported the libraries once.

Each command is a child of it: the tool's file is run as ``python FILE`` runs it, in a folder, with
the arguments of the command.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Dict, List

from .support import ROOT, Ended, environment


def run_forked(commands: Dict[str, List[str]], folder: Path) -> Dict[str, Ended]:
    """How each command (of ``tools/``, its words) has ended, by name.

    Its output goes to FOLDER/NAME.txt.
    """
    process = subprocess.run(
        [sys.executable, '-m', __name__], cwd=folder, input=json.dumps(commands), text=True,
        timeout=600, stdout=subprocess.PIPE,
        env=environment(folder, PYTHONPATH=f'{ROOT}{os.pathsep}{os.environ.get("PYTHONPATH", "")}'))
    codes = json.loads(process.stdout.splitlines()[-1])
    return {name: Ended(code, (folder / f'{name}.txt').read_text())
            for name, code in codes.items()}


def main() -> None:
    commands = json.load(sys.stdin)
    import mimco_mm  # noqa: F401
    codes = {}
    for name, command in commands.items():
        child = os.fork()
        if not child:
            become(command, f'{name}.txt')
        codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(codes))


def become(command: List[str], output: str) -> None:
    """Run a tool in this process, and end it as the interpreter would."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1), os.dup2(file, 2)
    tool = str(ROOT / 'tools' / command[0])
    sys.argv = [tool, *command[1:]]
    sys.path.insert(0, str(Path(tool).parent))
    code = 0
    try:
        runpy.run_path(tool, run_name='__main__')
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == '__main__':
    main()
