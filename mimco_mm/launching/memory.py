"""What a run will need of a GPU's memory, in words."""

import logging
from typing import Optional

import torch
from mmengine.config import Config
from torch import nn

from ..engine.sharding import is_sharded
from ..engine.training_images import loaded_batch
from ..names import counted
from ..speed.roofline import CARDS, fits
from ..speed.simulation import count_steps

GIB = 2**30
NAMES = {torch.bfloat16: 'bfloat16', torch.float16: 'float16', None: 'float32'}


def predicted_memory(cfg: Config, model: nn.Module, seed: int, ranks: int) -> str:
    """The peak of a step on one GPU, by a simulation that leaves the model without values.

    It is that of tools/speed/predict.py, of the run's own images, batch and precision. A model
    whose step depends on values, such as a detector's, has none.
    """
    head = 'Memory of one GPU'
    if any(map(is_sharded, model.parameters())):
        return f'{head}: not predicted of a model that is sharded'
    dtype = precision(cfg)
    batch = loaded_batch(cfg, cfg.train_dataloader.batch_size, seed)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # what the optimizer says, it has said before
    try:
        step = count_steps(model, batch, cfg.optim_wrapper, dtype, ranks)
    except RuntimeError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        return f'{head}: not predicted of this model ({said[0]})'
    finally:
        logging.disable(level)
    large = [card.name for card in CARDS if fits(step.peak, card)]
    small = [card.name for card in CARDS if card.name not in large]
    rooms = [f'{verb} {", ".join(cards)}' for verb, cards in (
        ('fits', large), ('does not fit', small)) if cards]
    images = counted(len(batch['data_samples']), 'image')
    return (f'{head}, predicted: {step.peak / GIB:.1f} GiB for {images} '
            f'in {NAMES[dtype]}, {step.fixed / GIB:.1f} of them between steps, and about 1 for '
            f'CUDA itself: {"; ".join(rooms)}')


def precision(cfg: Config) -> Optional[torch.dtype]:
    """What autocast computes in on a GPU."""
    kind = cfg.optim_wrapper.get('type')
    if kind == 'AmpOptimWrapper':
        name = cfg.optim_wrapper.get('dtype') or 'float16'
        return torch.bfloat16 if name == 'bfloat16' else torch.float16
    return torch.bfloat16 if kind == 'AutocastOptimWrapper' else None
