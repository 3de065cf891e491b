"""tools/speed/feeding.py on a few small JPEGs, and on a folder without one."""

import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image

from .modules import TOOLS, refusal


def test_feeding__every_row_has_its_figures(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(6):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((300, 240), Image.BICUBIC).save(tmp_path / f'{index}.jpg')
    options = ('--images', 4, '--batch-size', 2, '--rounds', 2, '--out',
               tmp_path / 'deep' / 'feeding.json')
    tool = TOOLS / 'speed' / 'feeding.py'
    done = subprocess.run([sys.executable, tool, tmp_path, *map(str, options)], text=True,
                          capture_output=True, env=dict(os.environ, OMP_NUM_THREADS='1'))
    assert done.returncode == 0, done.stderr
    rows = {row['row']: row for row in json.loads((tmp_path / 'deep/feeding.json').read_text())}
    assert len(rows) == 16 and rows['decoding, torchvision']['decodings'] == 1
    for name in ('MimCo', 'MimCo bicubic', 'MoBY'):
        assert 'psnr' not in rows[f'{name}, Pillow'] and rows[f'{name}, Pillow']['speedup'] == 1
        assert rows[f'{name}, ours']['psnr'] > 45
        assert rows[f'{name}, ours']['speedup'] > 0
        assert f'| {name}, ours | ' in done.stdout
    for name in ('MoBY, crops for the device', 'MoBY, views of crops, on this CPU'):
        assert rows[name]['speedup'] > 0 and 'psnr' not in rows[name]
    assert rows['MimCo, decoded on the device']['psnr'] > 45
    assert 'speedup' not in rows['reading and decoding, torchvision']


def test_feeding__folder_without_jpegs(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'')
    said = refusal('speed/feeding.py', tmp_path)
    assert said.startswith('error: ') and '.jpg' in said and str(tmp_path) in said


def test_numbers__below_one_are_refused(tmp_path):
    assert '--rounds from 1 up' in refusal('speed/feeding.py', tmp_path, '--rounds', 0)
