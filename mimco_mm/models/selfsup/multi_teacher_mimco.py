from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ...errors import ConfigError, told_at
from ...teacher_parts import TEACHERS
from ..utils import batch_masks
from .mimco import MimCo


@MODELS.register_module()
class MimCoBranch(MimCo):
    """MimCo for one teacher of several: all of it but the student, whose map is computed before.

    Args:
        weight: factor on its losses.
        **kwargs: those of ``MimCo``, without the backbone.
    """

    key = TEACHERS  # of the config, where it stands
    maps: Sequence[torch.Tensor] = ()  # f(x, m) of the step, the last one (B, C, H, W)

    def __init__(self, weight: float = 1., **kwargs: Any) -> None:
        super().__init__(backbone=nn.Identity(), **kwargs)
        if not 0 < weight < float('inf'):
            raise ConfigError(f'`model.weight` must be above 0, got {weight}.')
        self.weight = weight

    def init_weights(self) -> None:
        """As MimCo's, with errors that name the teacher."""
        with told_at(self.key):
            super().init_weights()

    def student(self, x: torch.Tensor, mask: Optional[torch.Tensor]) -> torch.Tensor:
        """The shared student's map, at this teacher's width."""
        return self.adapter(self.maps[-1])


@MODELS.register_module()
class MultiTeacherMimCo(BaseSelfSupervisor):
    """One student of several contrastive teachers: Algorithm 1 for each of them, losses added up.

    The student sees a masked image once a step. Each teacher sees the whole image in its own size
    and normalisation, and has necks, their moving averages, heads and queues of its own, so that
    widths and patch grids may differ (ours, not the paper's).

    Args:
        backbone: f, see ``MimCo``.
        teachers: name -> config of a ``MimCoBranch``. A name is a Python identifier. Their order
            decides nothing: they are taken by their names' alphabet, so that the optimizer's state
            of a resumed run finds its parameters.
        data_preprocessor: see ``MimCoDataPreprocessor``.
    """

    def __init__(self,
                 backbone: dict,
                 teachers: Dict[str, dict],
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(
            backbone=backbone,
            data_preprocessor=data_preprocessor or dict(type='MimCoDataPreprocessor'))
        wrong = [name for name in teachers if not str(name).isidentifier()]
        if wrong or not teachers:
            raise ConfigError(f'`{TEACHERS}` expects teachers by names that are Python '
                              f'identifiers, got {wrong[0] if wrong else teachers!r}.')
        self.names = sorted(teachers)
        for name in self.names:
            with told_at(f'{TEACHERS}.{name}'):
                branch = MODELS.build({**teachers[name], 'data_preprocessor':
                                       self.data_preprocessor})
            branch.key = f'{TEACHERS}.{name}'
            self.add_module(f'teacher_{name}', branch)

    @property
    def branches(self) -> Dict[str, MimCoBranch]:
        """{name of a teacher: what learns from it}."""
        return {name: getattr(self, f'teacher_{name}') for name in self.names}

    def extract_feat(self, inputs: torch.Tensor):
        """The student's maps (B, C, H, W) of unmasked images, as downstream tasks use them."""
        return self.backbone(inputs)

    def loss(self, inputs: torch.Tensor, data_samples: List[DataSample],
             **kwargs) -> Dict[str, torch.Tensor]:
        """``MimCo.loss`` of each teacher, times its weight.

        Args:
            inputs: x, (B, 3, h, w), augmented and normalised for the student.
            data_samples: carry the masks, if there are any.

        Returns:
            ``loss_patch_NAME`` and ``loss_image_NAME`` of each teacher, as far as its levels are
            on.
        """
        losses = {}
        with self.seen(inputs, data_samples):
            for name, branch in self.branches.items():
                with told_at(branch.key):
                    own = branch.loss(inputs, data_samples)
                losses.update((f'{part}_{name}', branch.weight * loss)
                              for part, loss in own.items())
        return losses

    @contextmanager
    def seen(self, inputs: torch.Tensor, data_samples: List[DataSample]) -> Iterator[None]:
        """Within it every branch has the student's maps of these masked images, computed once."""
        mask = batch_masks(data_samples)
        if mask is not None:
            mask = mask.to(inputs.device, non_blocking=True)
        maps = self.backbone(inputs, mask)
        try:
            for branch in self.branches.values():
                branch.maps = maps
            yield
        finally:
            for branch in self.branches.values():
                branch.maps = ()


def branches_of(model: nn.Module) -> Dict[str, nn.Module]:
    """{name of a teacher: what learns from it}; by the name '' the model itself, if it is one."""
    return model.branches if isinstance(model, MultiTeacherMimCo) else {'': model}


def teachers_of(model: nn.Module) -> Dict[str, nn.Module]:
    """{name: frozen teacher} of those that are loaded; '' is the name of a model's only one."""
    found = {name: getattr(branch, 'target_generator', None)
             for name, branch in branches_of(model).items()}
    return {name: teacher for name, teacher in found.items()
            if getattr(teacher, 'report', None) is not None}
