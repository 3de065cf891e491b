"""Waiting threads do not spin unless the user wants it; libgomp asks when torch is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = '''
import os, sys
class Finder:
    @staticmethod
    def find_spec(name, *rest):
        if name == 'torch':
            print(os.environ.get('OMP_WAIT_POLICY'), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Finder)
import mimco_mm
'''


@pytest.mark.parametrize('command', [
    [sys.executable, '-c', PYTHON],
    ['bash', '-c', 'source tools/common.sh; bash -c \'echo "$OMP_WAIT_POLICY"\'']],
    ids=['package', 'scripts'])
@pytest.mark.parametrize('wanted', [None, 'ACTIVE'])
def test_wait_policy__is_set_before_torch_is_loaded(command, wanted):
    variables = {name: value for name, value in os.environ.items() if name != 'OMP_WAIT_POLICY'}
    variables.update({'OMP_WAIT_POLICY': wanted} if wanted else {}, PYTHONPATH=str(ROOT))
    said = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True,
                          timeout=60)
    assert said.stdout.strip() == (wanted or 'PASSIVE'), said.stderr
