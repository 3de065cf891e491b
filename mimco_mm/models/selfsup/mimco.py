from typing import Dict, List, Optional

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...errors import ConfigError
from ..utils import (
    MomentumCopy,
    batch_masks,
    common_grid,
    expand_mask,
    global_average,
    masked_index,
    mean_key,
    tokens,
)


@MODELS.register_module()
class MimCo(BaseSelfSupervisor):
    """Masked image modeling with a contrastive teacher (Algorithm 1).

    A student f sees the masked image, a frozen contrastive teacher f' the whole one, and the
    student reconstructs the teacher's features by two contrastive losses, of patches (Eq. 1) and
    of the image (Eq. 3). A level whose neck and head are None is switched off (Table 8).

    Args:
        backbone: f; takes (images, mask) and returns maps (B, C, H, W), the last one counts.
        target_generator: f', see ``FrozenTeacher``.
        patch_neck: projector p1 of the patch level; its moving average is p3.
        patch_head: predictor p2, queue and loss of the patch level.
        image_neck: as ``patch_neck``, for the image level.
        image_head: as ``patch_head``, for the image level.
        adapter: map from the student's width to the teacher's, needed where they differ.
        patch_queue_key: what an image leaves in the patch queue: the mean of p3's output over
            'all' positions (section 3.2) or over the 'masked' ones (Algorithm 1).
        base_momentum: momentum of p3 at the first step; it rises to 1 (MoBY).
        data_preprocessor: see ``MimCoDataPreprocessor``.
    """

    def __init__(self,
                 backbone: dict,
                 target_generator: dict,
                 patch_neck: Optional[dict] = None,
                 patch_head: Optional[dict] = None,
                 image_neck: Optional[dict] = None,
                 image_head: Optional[dict] = None,
                 adapter: Optional[dict] = None,
                 patch_queue_key: str = 'all',
                 base_momentum: float = 0.99,
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(
            backbone=backbone,
            target_generator=target_generator,
            data_preprocessor=data_preprocessor or dict(type='MimCoDataPreprocessor'))
        if patch_queue_key not in ('all', 'masked'):
            raise ConfigError("`patch_queue_key` must be 'all' or 'masked', "
                              f'got {patch_queue_key!r}.')
        if patch_head is None and image_head is None:
            raise ConfigError('Both levels are switched off: give `patch_head` or `image_head`.')
        self.patch_queue_key = patch_queue_key
        if hasattr(self.target_generator, 'set_student_norm'):
            self.target_generator.set_student_norm(self.data_preprocessor)
        self.adapter = MODELS.build(adapter) if adapter else torch.nn.Identity()
        for level, neck, head in (('patch', patch_neck, patch_head), ('image', image_neck,
                                                                      image_head)):
            if (neck is None) != (head is None):
                raise ConfigError(f'`{level}_neck` and `{level}_head` go together: give both, or '
                                  'None for both to switch the level off.')
            neck = MODELS.build(neck) if neck else None
            self.add_module(f'{level}_neck', neck)
            self.add_module(f'momentum_{level}_neck',
                            MomentumCopy(neck, base_momentum) if neck is not None else None)
            self.add_module(f'{level}_head', MODELS.build(head) if head else None)

    def init_weights(self) -> None:
        """Initialise student and teacher, then let each p3 start as a copy of its p1."""
        super().init_weights()
        for level in ('patch', 'image'):
            neck = getattr(self, f'{level}_neck')
            if neck is not None:
                getattr(self, f'momentum_{level}_neck').copy_(neck)

    def extract_feat(self, inputs: torch.Tensor):
        """The student's maps (B, C, H, W) of unmasked images, as downstream tasks use them."""
        return self.backbone(inputs)

    def loss(self, inputs: torch.Tensor, data_samples: List[DataSample],
             **kwargs) -> Dict[str, torch.Tensor]:
        """One pass through the body of Algorithm 1's loop.

        Args:
            inputs: x, (B, 3, h, w), augmented and normalised.
            data_samples: carry m, the mask of each image; without masks all positions count
                (Table 11).

        Returns:
            ``loss_patch`` and ``loss_image``, as far as their level is on.
        """
        mask = batch_masks(data_samples)                              # m       (B, h, w), host

        # features of the masked and of the whole image
        z = self.student(inputs, mask)                                # f(x, m) (B, C, H, W)
        z_k = self.target_generator(inputs)                           # f'(x)   (B, C, H, W)
        self.check_width(z, z_k)
        z, z_k = common_grid(z, z_k)
        m = None if mask is None else expand_mask(mask, z.shape[-2:])         # (B, H, W), host
        losses = dict()

        # patch level: contrast the masked positions, keep one key an image
        if self.patch_head is not None:
            masked = slice(None) if m is None else masked_index(m).to(z.device, non_blocking=True)
            self.momentum_patch_neck.update(self.patch_neck)          # p3 <- EMA of p1
            q = self.patch_head.predict(self.patch_neck(z))           # p2(p1(z))    (B, D, H, W)
            k = self.momentum_patch_neck(z_k)                         # p3(z_k)      (B, D, H, W)
            losses['loss_patch'] = self.patch_head.loss(tokens(q)[masked], tokens(k)[masked])
            self.patch_head.enqueue(mean_key(k, m if self.patch_queue_key == 'masked' else None))

        # image level: the same of the pooled features
        if self.image_head is not None:
            z, z_k = global_average(z), global_average(z_k)           # avg          (B, C, 1, 1)
            self.momentum_image_neck.update(self.image_neck)          # p3 <- EMA of p1
            q = self.image_head.predict(self.image_neck(z))           # p2(p1(z))    (B, D, 1, 1)
            k = self.momentum_image_neck(z_k)                         # p3(z_k)      (B, D, 1, 1)
            losses['loss_image'] = self.image_head.loss(tokens(q), tokens(k))
            self.image_head.enqueue(tokens(k))
        return losses

    def student(self, x: torch.Tensor, mask: Optional[torch.Tensor]) -> torch.Tensor:
        """f(x, m): the student's last map, (B, C, H, W), at the teacher's width."""
        if mask is not None:
            mask = mask.to(x.device, non_blocking=True)
        return self.adapter(self.backbone(x, mask)[-1])

    @staticmethod
    def check_width(z: torch.Tensor, z_k: torch.Tensor) -> None:
        """Raise ValueError where student and teacher differ in width."""
        if z.shape[1] != z_k.shape[1]:
            raise ConfigError(
                f'The student is {z.shape[1]} channels wide, the teacher {z_k.shape[1]}, and p3 is '
                "the moving average of p1. Set `model.adapter=dict(type='ChannelAdapter', "
                f'in_channels={z.shape[1]}, out_channels={z_k.shape[1]})`, and `in_channels` of '
                f'the necks to {z_k.shape[1]}.')
