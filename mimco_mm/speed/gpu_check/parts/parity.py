"""One float32 step, with the BN of launched runs, on the host and the device, against float64."""

from typing import Dict, Iterator

import torch

from ....models.utils import convert_sync_batchnorm
from ...step import TrainingStep
from ..rows import Row, Setting, judged
from ..sizes import config_for

IMAGES = 4
TIMES = 10  # as far from float64 as the host is: other orders of summing, not other sums
LEAST = 1e-6


def run(setting: Setting) -> Iterator[Row]:
    """Losses, gradients, queues and p3 of a step of MimCo with Swin-T and ViT-S."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for name in ('mimco_swin-t', 'mimco_vit-s'):
        exact, host, device = outcomes(setting, name)
        for what in exact:
            far, near = (distance(one[what], exact[what]) for one in (device, host))
            yield judged(f'{name}: {what}', far <= TIMES * near + LEAST,
                         f'{far:.1e} from float64, the host {near:.1e}', device=far, host=near)


def outcomes(setting: Setting, name: str) -> Iterator[Dict[str, Dict[str, torch.Tensor]]]:
    """Of the same weights and images: the host in float64, in float32, and the device."""
    config = config_for(setting, name)
    config.model.backbone.drop_path_rate = 0.  # each device draws by itself
    step = TrainingStep(config, IMAGES, torch.device('cpu'), None, True, setting.folder)
    convert_sync_batchnorm(step.model)  # as a launched run has it
    start = {key: value.clone() for key, value in step.model.state_dict().items()}
    inputs = step.inputs
    for device, dtype in (('cpu', torch.float64), ('cpu', torch.float32),
                          (setting.device, torch.float32)):
        step.model.to(device, dtype).load_state_dict(start)
        step.model.zero_grad(set_to_none=True)
        step.inputs = [x.to(device, dtype) for x in inputs]
        yield tensors(step)


def tensors(step: TrainingStep) -> Dict[str, Dict[str, torch.Tensor]]:
    loss = step.loss()
    loss.backward()
    state = step.model.state_dict()
    found = {
        'loss': dict(loss=loss.detach()),
        'gradients': {name: p.grad for name, p in step.model.named_parameters()
                      if p.grad is not None},
        'queues': {key: value for key, value in state.items() if key.endswith('.keys')},
        'p3': {key: value for key, value in state.items() if key.startswith('momentum_')}}
    return {what: {key: value.to('cpu', torch.float64, copy=True) for key, value in each.items()}
            for what, each in found.items()}


def distance(one: Dict[str, torch.Tensor], other: Dict[str, torch.Tensor]) -> float:
    """Of all tensors together, relative."""
    apart, size = (torch.stack([part.norm() for part in parts]).norm() for parts in (
        [one[key] - other[key] for key in other], list(other.values())))
    return (apart / size).item()
