"""A real run of a few steps by mmpretrain's own script, started as its users start it."""

import shlex
import sys
from pathlib import Path

import mmpretrain

from tests import tiny
from tests.doors.support import run, steps


def test_train__by_mmpretrains_own_script(tmp_path):
    """What `mim train mmpretrain CONFIG` runs."""
    cfg = tiny.config(
        'mimco_swin-t', tmp_path / 'run', tiny.write_images(tmp_path / 'images', 8), epochs=1,
        **{'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth'))})
    cfg.dump(tmp_path / 'tiny config.py')
    script = Path(mmpretrain.__file__).parent / '.mim' / 'tools' / 'train.py'
    ended = run(shlex.join([sys.executable, str(script), 'tiny config.py', '--launcher', 'none']),
                tmp_path)
    assert ended.code == 0, ended.text
    assert steps(ended.text) == '2/2'
