"""The host's waits for the device, as CUDA's debug mode sees them, beside the counted ones."""

import re
import warnings
from pathlib import Path
from typing import Iterator, List

import torch

from ...simulation import simulate
from ...step import TrainingStep
from ..rows import Row, Setting, judged, skipped
from ..sizes import config_for

CONFIGS = ('mimco_swin-t', 'mimco_vit-s', 'baselines/simmim_swin-t', 'teachers/moby_swin-t',
           'teachers/mocov3_vit-s')
IMAGES = 16


def run(setting: Setting) -> Iterator[Row]:
    """A step of each method, after one that makes what is made once."""
    images = 2 if setting.rehearsal else IMAGES
    for name in CONFIGS[:1] if setting.rehearsal else CONFIGS:
        config = config_for(setting, name)
        counted = sum(phase.waits for phase in simulate(config, images).phases)
        step = TrainingStep(config, images, torch.device(setting.device), torch.bfloat16, True,
                            setting.folder)
        step()
        step()
        if setting.rehearsal:
            yield skipped(name, f'a CPU is waited for all the time; counted {counted}')
            continue
        seen = waits_of(step)
        where = ', '.join(sorted(set(seen)))
        yield judged(name, len(seen) == counted, f'{len(seen)}, counted {counted}; {where}',
                     seen=seen, counted=counted)


def waits_of(step: TrainingStep) -> List[str]:
    """File and line of each wait in a step."""
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            step()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    return [f'{Path(each.filename).name}:{each.lineno}' for each in caught
            if re.search('synchroniz', str(each.message))]
