"""Training steps without a runner, as tools/speed/throughput.py times them."""

from contextlib import nullcontext
from pathlib import Path
from typing import Callable, ContextManager, Dict, Optional

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ..models.acceleration import accelerate
from ..models.utils import batch_masks
from ..teacher_parts import teacher_parts


class TrainingStep:
    """One step of a method on a batch of noise: loss, backward, clipping, optimizer.

    Args:
        config: of configs/pretrain; its teacher, if it has one, gets random weights, since the
            time does not depend on them.
        batch_size: images.
        device: where the model is.
        dtype: what autocast computes in; None computes in float32.
        faster: with the layers of ``accelerate``, merged groups and a fused optimizer; else with
            mmpretrain's and mmengine's own.
        folder: where the teacher's file may lie.
    """

    def __init__(self, config: Config, batch_size: int, device: torch.device,
                 dtype: Optional[torch.dtype], faster: bool, folder: Path) -> None:
        self.device, self.dtype = device, dtype
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = build_model(config.model, folder)
            self.model = (accelerate(model) if faster else model).to(device)
            self.model.train()
            self.optim_wrapper = build_optim_wrapper(
                self.model, optimization(config.optim_wrapper, faster))
        views = 1 if config.model.type in ('MimCo', 'SimMIM') else 2
        self.inputs = [torch.randn(batch_size, 3, 224, 224, device=self.device)
                       for _ in range(views)]
        masks_on = 'cpu' if config.model.type == 'MimCo' else self.device
        self.samples = [masked_sample(masks_on) for _ in range(batch_size)]
        hub = MessageHub.get_current_instance()
        hub.update_info('iter', 0)
        hub.update_info('max_iters', 100)

    def __call__(self) -> None:
        self.optim_wrapper.update_params(self.loss())

    def loss(self) -> torch.Tensor:
        inputs = self.inputs if len(self.inputs) > 1 else self.inputs[0]
        with self.autocast():
            return self.model.parse_losses(self.model.loss(inputs, self.samples))[0]

    def autocast(self) -> ContextManager:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def parts(self) -> Dict[str, Callable[[], None]]:
        """MimCo's teacher, student (with its backward) and optimizer (with clipping), by itself.

        What is left of a step are the heads. The optimizer finds a gradient (0) for each parameter.
        """
        model, x = self.model, self.inputs[0]
        mask = batch_masks(self.samples)
        gradients = [(p, torch.zeros_like(p)) for p in model.parameters() if p.requires_grad]

        def teacher():
            with self.autocast():
                model.target_generator(x)

        def student():
            with self.autocast():
                z = model.student(x, mask)
            z.backward(torch.ones_like(z))

        def optimizer():
            for parameter, gradient in gradients:
                parameter.grad = gradient
            self.optim_wrapper.step()
            self.optim_wrapper.zero_grad()

        return dict(teacher=teacher, student=student, optimizer=optimizer)


def optimization(config: dict, faster: bool) -> dict:
    """An ``optim_wrapper`` without autocast, which the step itself chooses.

    Args:
        config: of the run.
        faster: see ``TrainingStep``.
    """
    config = dict(config, type='OptimWrapper')
    if not faster:
        config.pop('constructor', None)
        config['optimizer'] = dict(config['optimizer'], fused=None)
    return config


def build_model(config: dict, folder: Path) -> torch.nn.Module:
    """The model with its first weights, those of a teacher random."""
    for key, part in teacher_parts(config).items():
        file = folder / f'{key}.pth'
        teacher = MODELS.build(part['target_generator'].backbone)
        teacher.init_weights()
        torch.save(teacher.state_dict(), file)
        part['target_generator'].update(checkpoint=str(file), sha256=None)
    model = MODELS.build(config)
    model.init_weights()
    return model


def masked_sample(device) -> DataSample:
    """A sample with a mask of 30 of 7 x 7 units, as of 224 px (section 3.3)."""
    mask = torch.zeros(49, dtype=torch.bool)
    mask[torch.randperm(49)[:30]] = True
    sample = DataSample()
    sample.set_field(mask.view(7, 7).to(device), 'mask')
    return sample
