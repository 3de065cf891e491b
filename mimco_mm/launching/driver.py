"""An NVIDIA GPU that torch cannot use: told, where a run would go to the CPU without a word."""

import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Callable, Optional

import torch

from ..errors import ConfigError

# CUDA's major release -> the oldest driver that runs it (docs.nvidia.com/deploy/cuda-compatibility)
DRIVERS = {13: 580, 12: 525}
# builds of torch's wheels, and the first torch that has them (pytorch.org/get-started)
BUILDS = {'cu130': (13, (2, 9)), 'cu126': (12, (2, 6)), 'cu124': (12, (2, 4))}
CPU = 'To train on the CPU all the same, say so: CUDA_VISIBLE_DEVICES="" before the command.'


def check_driver(devices: Path = Path('/dev'),
                 driver_file: Path = Path('/proc/driver/nvidia/version'),
                 usable: Callable[[], bool] = torch.cuda.is_available,
                 cuda: Optional[str] = torch.version.cuda) -> None:
    """Refuse a machine whose NVIDIA GPUs torch cannot use, unless none of them is to be seen.

    Args:
        devices: where the GPUs' device files are.
        driver_file: what the driver says of itself.
        usable: whether torch finds a GPU.
        cuda: what torch was built for; None for the CPU alone.

    Raises:
        ConfigError: with the driver that is there and the one that is needed.
    """
    gpus = sorted(devices.glob('nvidia[0-9]*'))
    if os.environ.get('CUDA_VISIBLE_DEVICES', 'all') in ('', '-1') or not gpus or usable():
        return
    driver = driver_version(driver_file)
    found = (f'This machine has an NVIDIA GPU ({gpus[0]}), and torch {torch.__version__} cannot '
             'use it')
    needed = DRIVERS.get(major(cuda)) if cuda else None
    if cuda is None:
        text = f'{found}: it is built for the CPU alone. {wheel(driver)}'
    elif driver and needed and major(driver) < needed:
        text = (f'{found}: it is built for CUDA {cuda}, which needs driver {needed} or newer, and '
                f'this one is {driver}. Update the driver. {wheel(driver)}')
    else:
        text = (f'{found}, although its driver ({driver or "of unknown version"}) should do for '
                f'CUDA {cuda}. `nvidia-smi` and `python -c "import torch; torch.cuda.init()"` say '
                'why.')
    raise ConfigError(f'{text} {CPU}')


def driver_version(driver_file: Path) -> Optional[str]:
    """The driver's version as its file has it, e.g. 535.183.01."""
    try:
        return re.search(r'\b\d{3}\.\d+(\.\d+)?\b', driver_file.read_text())[0]
    except (OSError, TypeError):
        return None


def major(release: str) -> int:
    return int(release.split('.')[0])


def wheel(driver: Optional[str]) -> str:
    """How to install this torch for the newest CUDA that the driver runs."""
    ours = tuple(map(int, torch.__version__.split('.')[:2]))
    fits = [build for build, (cuda, first) in BUILDS.items()
            if driver and major(driver) >= DRIVERS[cuda] and ours >= first]
    if not fits:
        return ''
    packages = ' '.join(f'{name}=={version(name).split("+")[0]}+{fits[0]}'
                        for name in ('torch', 'torchvision'))
    return (f'A build that driver {driver} runs: pip install {packages} --index-url '
            f'https://download.pytorch.org/whl/{fits[0]}')
