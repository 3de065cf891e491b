"""What a step would ask of a GPU, through the tool."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.maintained_only


def predict(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / 'tools/speed/predict.py', *args], text=True,
                          capture_output=True, timeout=300)


def test_predict__tells_counts_memory_and_the_least_time():
    done = predict('simmim_vit-s', '--batch-size', '8', '--gpus', '2')
    assert done.returncode == 0, done.stderr[-2000:]
    text = done.stdout
    assert '8 images on each of 2 GPUs, autocast bf16; predicted, not measured' in text
    assert 'waits of the host for the device: 1 (forward 0, backward 0, optimizer 1)' in text
    launches, *parts = map(int, re.search(
        r'launches: (\d+) \(forward (\d+), backward (\d+), optimizer (\d+)\)', text).groups())
    assert launches == sum(parts) and min(parts) > 10
    cards = re.findall(r'^  (.+) \((NVIDIA .+)\): fits; a step at least (\d+) ms', text, re.M)
    assert len(cards) == 5
    assert re.search(r'memory: 0\.\d GiB at most', text)
