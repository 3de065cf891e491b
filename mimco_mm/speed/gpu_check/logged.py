import json
from pathlib import Path
from typing import Dict, List


def logged(work_dir: Path) -> List[Dict[str, float]]:
    """What all runs of a folder have logged, line by line."""
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def logged_steps(work_dir: Path) -> List[Dict[str, float]]:
    """The lines of training steps."""
    return [line for line in logged(work_dir) if 'loss' in line]
