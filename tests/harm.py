"""What runs a stranger's code when it is unpickled."""

import os
import subprocess
from pathlib import Path
from typing import Callable, Dict


class Harm:
    """Pickles as a call of ``function`` on ``arguments``, which unpickling makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HARMS: Dict[str, Callable[[Path], Harm]] = {
    'os.system': lambda mark: Harm(os.system, f'touch {mark}'),
    'os.mkdir': lambda mark: Harm(os.mkdir, str(mark)),
    'open': lambda mark: Harm(open, str(mark), 'w'),
    'eval': lambda mark: Harm(eval, f'open({str(mark)!r}, "w")'),
    'exec': lambda mark: Harm(exec, f'open({str(mark)!r}, "w")'),
    'subprocess': lambda mark: Harm(subprocess.check_call, ['touch', str(mark)]),
}
