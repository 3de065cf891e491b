"""tools/speed/scaling.py counts what the arithmetic says that two processes send."""

import os
import re
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config
from mmpretrain.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/study/mimco_swin-micro.py'
BATCH = 4


def test_bytes__are_those_of_gradients_keys_and_statistics():
    result = subprocess.run(
        [sys.executable, str(ROOT / 'tools/speed/scaling.py'), str(CONFIG), '--batch-size',
         str(BATCH), '--repeats', '1'], capture_output=True, text=True, timeout=300,
        env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''})
    assert result.returncode == 0, result.stderr[-4000:]
    sent = {kind: (int(calls), int(count)) for kind, calls, count in re.findall(
        r'(\w+): (\d+) calls, (\d+) bytes', result.stdout)}
    cfg = Config.fromfile(CONFIG)
    model = MODELS.build({**cfg.model, 'data_preprocessor': None})
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sent['gradients'][1] == 4 * trained
    assert sent['keys'] == (2, 2 * BATCH * cfg.model.patch_head.feat_dim * 4)
    # mean and variance at once, of 6 layers forward and of 4 backward: p3 has no gradient
    assert sent['BN'] == (10, 20 * cfg.model.patch_neck.hid_channels * 4)
    assert re.search(r'alone: [\d.]+ s a step', result.stdout)
