"""What tools/speed/throughput.py measures: the methods' steps of a backbone, in turns."""

import statistics
import tempfile
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

import torch

from ..models.acceleration import accelerate
from .memory import PeakMemory
from .methods import MIMCO, methods
from .reading import mimco_batches
from .step import TrainingStep
from .throughput import (
    bandwidth,
    count_work,
    matrix_rate,
    shares,
    shares_in_words,
    step_markdown,
    step_rows,
)
from .turns import take_turns


class Setting(NamedTuple):
    """How steps are measured.

    Attributes:
        batch_size: images.
        repeats: turns of each method.
        precision: of autocast, 'float32' or 'bfloat16'.
        device: name of one.
        teacher_dtype: of a further row's frozen teacher, if there is to be one.
        images: folder of JPEGs; with one, making a batch ready is timed, too.
    """

    batch_size: int
    repeats: int
    precision: str
    device: str
    teacher_dtype: Optional[str] = None
    images: Optional[Path] = None


def measure(backbone: str, setting: Setting) -> Dict[str, Any]:
    """Rows of all methods of one backbone, and the shares of MimCo's step."""
    device = torch.device(setting.device)
    dtype = torch.bfloat16 if setting.precision == 'bfloat16' else None
    rows = methods(backbone, setting.teacher_dtype)
    with tempfile.TemporaryDirectory() as folder:
        steps = {row: TrainingStep(config, setting.batch_size, device, dtype, faster, Path(folder))
                 for row, (_, config, faster) in rows.items()}
    seconds = take_turns(steps, setting.repeats, device)
    counted = {method: count_work(steps[row]) for row, (method, _, faster) in rows.items()
               if not faster}
    memory = {}
    for row, step in steps.items():
        with PeakMemory(device) as peak:
            step()
        memory[row] = peak.bytes
    table = step_rows(seconds, setting.batch_size, memory,
                      {row: counted[method] for row, (method, *_) in rows.items()})
    parts = take_turns(dict(step=steps[MIMCO], **steps[MIMCO].parts()), setting.repeats, device)
    result = dict(backbone=backbone, rows=table, shares=shares(parts.pop('step'), parts))
    if setting.images:
        data = dict(data=mimco_batches(setting.images, setting.batch_size))
        result['core_seconds_of_data'] = statistics.median(
            take_turns(data, setting.repeats, device)['data'])
    return result


def rates_of(setting: Setting) -> Tuple[float, float]:
    """Operations and bytes a second of the device, at best."""
    device, dtype = torch.device(setting.device), getattr(torch, setting.precision)
    layer = accelerate(torch.nn.Sequential(torch.nn.Linear(4096, 4096))).to(device, dtype)
    x = torch.randn(4096, 4096, device=device, dtype=dtype)
    with torch.no_grad():
        return matrix_rate(layer, x), bandwidth(device)


def measured_markdown(result: Dict[str, Any], rates: Tuple[float, float],
                      setting: Setting) -> str:
    """What ``measure`` has found, with its table."""
    parts = shares_in_words(result['shares'])
    data = result.get('core_seconds_of_data')
    data = f'; reading a batch: {data:.3f} s of one core' if data else ''
    return (f'\n{result["backbone"]}, {setting.batch_size} images, {setting.precision}, '
            f'{setting.device}\n\n{step_markdown(result["rows"], *rates)}\n\nMimCo\'s step: '
            f'{parts}{data}. Rates: {rates[0] / 1e12:.3f} T operations/s, '
            f'{rates[1] / 1e9:.1f} GB/s.')
