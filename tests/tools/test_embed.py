"""Features by the command: ended by signals as it works, and gone on with by two processes."""

import signal
import subprocess
import sys
import time

import numpy as np

from mimco_mm.embedding import read_features
from tests.doors.support import environment, listen
from tests.transfers import classifiers as small

from .modules import TOOLS, call

COUNT = 240  # images, in parts of 16


def test_embed__interrupted_goes_on_in_two_processes_with_the_same_result(tmp_path):
    small.write_images(tmp_path / 'data', COUNT // 3, parts=['val'])
    checkpoint = small.write_backbone(tmp_path / 'swin.pth')
    data, out = tmp_path / 'data' / 'val', tmp_path / 'features.npy'
    command = [sys.executable, str(TOOLS / 'embed.py'), str(checkpoint), str(data), '--out',
               str(out), '--num-workers', '0', '--patches']

    def start(*options: str) -> subprocess.Popen:
        return subprocess.Popen([*command, *options], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=environment(tmp_path),
                                preexec_fn=listen)

    parts = tmp_path / 'features.npy.parts'
    done = set()
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 128 + signal.SIGINT)):
        ended = start('--batch-size', '1')
        while ended.poll() is None and not {*parts.glob('part_*.npz')} - done:
            time.sleep(.005)
        ended.send_signal(number)
        text, _ = ended.communicate()
        assert ended.returncode == code, text
        assert set(parts.glob('part_*.npz')) > done and not out.exists()
        done = set(parts.glob('part_*.npz'))
    assert text.splitlines()[-1] == (
        'Interrupted by SIGINT. What is done is kept: the same command goes on.')
    assert len(done) < 15

    resumed = start('--batch-size', '12', '--gpus', '2')
    text, _ = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, text
    assert (f'features of {COUNT - 16 * len(done)} images of 32 px; {16 * len(done)} were done '
            'before') in text
    assert not parts.exists() and {file.name for file in tmp_path.glob('features*')} == {
        'features.npy', 'features.files.csv', 'features.patches.npy', 'features.npy.json'}
    call('embed.py', checkpoint, data, '--out', tmp_path / 'at_once.parquet', '--num-workers', '0',
         '--patches')
    found, at_once = read_features(out), read_features(tmp_path / 'at_once.parquet')
    assert (found.files, found.classes) == (at_once.files, at_once.classes)
    assert found.features.shape == (COUNT, 16)
    np.testing.assert_allclose(found.features, at_once.features, atol=1e-5)
    np.testing.assert_allclose(found.patches, at_once.patches, atol=1e-5)
