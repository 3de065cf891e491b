"""What the model of a pre-training run makes of images, seen from outside the run."""

from typing import Dict, List

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn import functional as F

from ..checkpoints import CheckpointError, read_checkpoint
from ..engine.training_images import build_preprocessor
from ..errors import ConfigError, told_at
from ..models import MimCo, MultiTeacherMimCo, branches_of, teachers_of
from ..models.utils import batch_masks, common_grid, expand_mask
from ..teacher_parts import MODEL, TEACHERS
from ..watch import untouched

SHOWN = 300  # characters of each line of torch's list of tensors


def load_run(cfg: Config, checkpoint: str) -> nn.Module:
    """The whole model of a run, heads and all, in eval mode; a teacher comes from its own file.

    Args:
        cfg: the run's config.
        checkpoint: ``epoch_N.pth`` of its work dir.

    Raises:
        CheckpointError: a file that cannot be read, is of another model or of a backbone alone, or
            a teacher that is not the run's.
    """
    content = read_checkpoint(checkpoint)
    state = content.get('state_dict', {})
    if all(key.startswith('backbone.') for key in state):
        raise CheckpointError(
            f'{checkpoint} holds no whole model, at most a backbone: expected a checkpoint with '
            'heads, as epoch_N.pth in the work dir of tools/train.py.')
    model = MODELS.build({**cfg.model, 'data_preprocessor': build_preprocessor(cfg)})
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip()[:SHOWN] for line in str(error).splitlines()[1:]]
        raise CheckpointError('\n  '.join([
            f'{checkpoint} is not of a run of this config (see WORK_DIR/*/vis_data/config.py for '
            'the one that it is of):', *lines[:6]])) from error
    for branch in branches_of(model).values():
        if isinstance(branch, MimCo):
            with told_at(getattr(branch, 'key', MODEL)):
                branch.target_generator.init_weights()
    _check_teachers(model, content)
    return model.to(get_device()).eval()


def _check_teachers(model: nn.Module, content: dict) -> None:
    """Compare the teachers with what ``RunIdentityHook`` has written into the checkpoint."""
    identity = content.get('meta', {}).get('run_identity', {})
    for name, teacher in teachers_of(model).items():
        report, run = teacher.report, identity.get(f'teacher_sha256.{name}'.rstrip('.'))
        if run and report.sha256 != run:
            key = f'{TEACHERS}.{name}' if name else MODEL
            raise CheckpointError(
                f"The run's teacher was the file of sha256 {run[:12]}, and "
                f'`{key}.target_generator.checkpoint`={report.checkpoint} is '
                f'{report.sha256[:12]}: similarity to it would tell nothing. Give the '
                "run's by --teacher, or by this key in --cfg-options.")


@torch.no_grad()
def patch_similarity(model: MimCo, inputs: torch.Tensor,
                     data_samples: List[DataSample]) -> torch.Tensor:
    """Cosine similarity (N, H, W) of p2(p1(z)) and p3(z_k), as the patch loss compares them.

    Of Table 7's regression head, of the predicted and the teacher's features. In eval mode; the
    model is left as it was: no p3 is updated, no key enqueued.

    Args:
        inputs: (N, 3, h, w), normalised.
        data_samples: carry the masks, if there are any.

    Raises:
        ValueError: the patch level is switched off.
    """
    if model.patch_head is None:
        raise ConfigError('this config has no patch level (`model.patch_head` is None), by which '
                          'similarity is defined; leave the checkpoint out')
    with untouched(model):
        model.eval()
        z, z_k = model.student(inputs, batch_masks(data_samples)), model.target_generator(inputs)
        model.check_width(z, z_k)
        z, z_k = common_grid(z, z_k)
        q = model.patch_head.predict(model.patch_neck(z))             # p2(p1(z))    (N, D, H, W)
        k = model.momentum_patch_neck(z_k)                            # p3(z_k)      (N, D, H, W)
    return F.cosine_similarity(q.float(), k.float(), dim=1)


@torch.no_grad()
def patch_similarities(model: nn.Module, inputs: torch.Tensor,
                       data_samples: List[DataSample]) -> Dict[str, torch.Tensor]:
    """``patch_similarity`` to each teacher, by its name; '' is that of a MimCo's only one."""
    if not isinstance(model, MultiTeacherMimCo):
        return {'': patch_similarity(model, inputs, data_samples)}
    with model.seen(inputs, data_samples):
        return {name: patch_similarity(branch, inputs, data_samples)
                for name, branch in model.branches.items()}


@torch.no_grad()
def reconstruct(model: nn.Module, inputs: torch.Tensor,
                data_samples: List[DataSample]) -> torch.Tensor:
    """The images (N, 3, h, w), normalised, with SimMIM's pixels where they are masked.

    Args:
        model: SimMIM, or SimMIM + MoBY, in which the decoder is no neck.
        inputs: (N, 3, h, w), normalised.
        data_samples: carry the masks.
    """
    decoder = getattr(model, 'decoder', model.neck)
    mask = batch_masks(data_samples).to(inputs.device)
    with untouched(model):
        model.eval()
        decoded = decoder(model.backbone(inputs, mask)[-1])
    return torch.where(expand_mask(mask, inputs.shape[-2:]).unsqueeze(1), decoded, inputs)
