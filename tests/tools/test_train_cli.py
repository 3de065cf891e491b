"""tools/train.py: what its options ask for, and that its errors are lines."""

import subprocess
import sys

import pytest
from mmengine.config import Config
from mmpretrain.registry import RUNNERS

from mimco_mm.launching import build_runner
from tests import tiny

from .modules import TOOLS, load_tool, refusal


def test_errors__are_one_message_without_traceback(tmp_path):
    result = subprocess.run([sys.executable, str(TOOLS / 'train.py'), 'nothing.py'], cwd=tmp_path,
                            capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout) == (1, '')
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith('error: There is no config file nothing.py (looked in '), result.stderr
    assert 'Traceback' not in result.stderr


@pytest.mark.parametrize('options, message', [
    (['a', '=', '4'], 'error: --cfg-options expects KEY=VALUE'),
    (['train_dataloder.batch_size=16', 'fdsp=True'],
     'error: `train_dataloder.batch_size` would change nothing'),
    (['fsdp=no'], 'error: `fsdp` expects True or False'),
])
def test_errors__name_the_option(options, message):
    assert refusal('train.py', 'mimco_swin-t', '--cfg-options', *options).startswith(message)


def test_errors__a_timeout_of_one_process(tmp_path):
    tiny.write_images(tmp_path, 2)
    assert refusal('train.py', 'mimco_swin-t', '--data', tmp_path, '--timeout', '3').startswith(
        'error: --timeout would change nothing')


def test_options__any_of_cfg_options_counts():
    args = load_tool('train.py').parse_args(
        ['c.py', '--cfg-options', 'a=1', 'b=x y', '--cfg-options', 'c=2'])
    assert args.cfg_options == ['a=1', 'b=x y', 'c=2']


def test_runner_type_is_built_from_the_registry():

    class RecordingRunner:

        @classmethod
        def from_cfg(cls, cfg):
            return cls, cfg

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNNERS.module_dict, 'RecordingRunner', RecordingRunner)
        runner, cfg = build_runner(Config(dict(runner_type='RecordingRunner', a=1)))
    assert runner is RecordingRunner
    assert cfg.a == 1
