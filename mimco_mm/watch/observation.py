"""What a training step can be asked by forward hooks; the models know nothing of it."""

from typing import Callable, Dict, List, Optional, Tuple

import torch
from mmpretrain.models.losses import CrossEntropyLoss
from mmpretrain.structures import DataSample
from torch import nn
from torch.nn import functional as F

from ..models import branches_of
from ..models.losses import InfoNCELoss
from ..models.utils import batch_masks, expand_mask


class StepObserver:
    """Collects scalars and features of the training steps between ``attach`` and ``detach``.

    Everything stays on the device, as results of a few samples: nothing here waits for it. What a
    model does not have (a teacher, a contrastive loss, patches) is left out. An error of looking
    does not end the step: ``check`` raises it.

    Attributes:
        scalars: name -> 0-d tensors, one of each call of a part (MoBY's loss is called twice a
            step): ``positive_logit``, ``negative_logit`` and ``accuracy`` of each contrastive
            loss, after the name of its level; ``patch_agreement``, the cosine similarity of
            student and teacher, as the patch loss compares them, over the masked patches.
        features: ``feature``, the student's, and ``teacher``, both (n, C) in float32: the last map
            averaged over its positions, of the first images of the first view.
        Of several teachers ``NAME_`` is before what belongs to one of them.

    Args:
        model: one of mmpretrain's self-supervised algorithms, not wrapped.
        samples: queries and images that are looked at, at most.
    """

    def __init__(self, model: nn.Module, samples: int) -> None:
        self.model = model
        self.samples = samples
        self.branches = {f'{name}_' if name else '': branch
                         for name, branch in branches_of(model).items()}
        self.contrastive = [(f'{whose}{level_of(name)}', module)
                            for whose, branch in self.branches.items()
                            for name, module in branch.named_modules()
                            if isinstance(module, (InfoNCELoss, CrossEntropyLoss))]
        self.handles = []
        self.detach()

    def attach(self, data_samples: List[DataSample]) -> None:
        """Look into the steps from here on; the samples carry the masks."""
        self.data_samples = data_samples
        self.failure: Optional[Exception] = None
        self.scalars: Dict[str, List[torch.Tensor]] = {}
        self.features: Dict[str, torch.Tensor] = {}
        self._watch(self.model.backbone, self._features_of('feature'))
        for level, module in self.contrastive:
            self._watch(module, self._contrast_of(level))
        for whose, branch in self.branches.items():
            if isinstance(branch.target_generator, nn.Module):
                self._watch(branch.target_generator, self._features_of(f'{whose}teacher'))
            if getattr(branch, 'patch_head', None) is not None:
                self._watch(branch.patch_head.predictor, self._keep_prediction)
                self._watch(branch.momentum_patch_neck, self._patches_of(whose))

    def check(self) -> None:
        """Raise the error of the last step's looks, if there was one."""
        if self.failure is not None:
            raise self.failure

    def detach(self) -> None:
        """Leave the model as it was; what was collected stays until the next ``attach``."""
        for handle in self.handles:
            handle.remove()
        self.handles = []
        self.prediction = None

    def _watch(self, module: nn.Module, look: Callable) -> None:
        def hook(module, inputs, output):
            device = next(self.model.parameters()).device.type
            try:
                with torch.no_grad(), torch.autocast(device, enabled=False):
                    look(module, inputs, output)
            except Exception as error:
                self.failure = self.failure or error

        self.handles.append(module.register_forward_hook(hook))

    def _add(self, name: str, value: torch.Tensor) -> None:
        self.scalars.setdefault(name, []).append(value)

    def _features_of(self, name: str) -> Callable:
        def look(module, inputs, output):
            pooled = global_features(output)
            if pooled is not None:
                self.features.setdefault(name, pooled[:self.samples])

        return look

    def _contrast_of(self, level: str) -> Callable:
        def look(module, inputs, output):
            positive, negative, accuracy = contrast(module, inputs, self.samples)
            self._add(f'{level}positive_logit', positive)
            self._add(f'{level}negative_logit', negative)
            self._add(f'{level}accuracy', accuracy)

        return look

    def _keep_prediction(self, module, inputs, output) -> None:
        self.prediction = output

    def _patches_of(self, whose: str) -> Callable:
        def look(module, inputs, output):
            similarity = F.cosine_similarity(self.prediction.float(), output.float(), dim=1)
            self.prediction = None
            mask = batch_masks(self.data_samples)
            if mask is not None:
                mask = expand_mask(mask, similarity.shape[-2:]).to(similarity, non_blocking=True)
                similarity = similarity * mask * (mask.numel() / mask.sum())
            self._add(f'{whose}patch_agreement', similarity.mean())

        return look


def level_of(name: str) -> str:
    """The prefix of a loss module's scalars: 'patch_' of 'patch_head.loss_module', '' of 'head.'"""
    head = name.split('.')[0]
    return head[:-len('head')] if head.endswith('head') else f'{head}_'


def global_features(output) -> Optional[torch.Tensor]:
    """(B, C) in float32 or better of a backbone's output, None of what is no map and no vector."""
    if isinstance(output, (tuple, list)):
        output = output[-1]
    if not isinstance(output, torch.Tensor) or output.dim() not in (2, 4):
        return None
    pooled = output.flatten(2).mean(2) if output.dim() == 4 else output
    return pooled.to(torch.promote_types(pooled.dtype, torch.float32))


def contrast(loss: nn.Module, inputs: tuple,
             samples: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean logit of positives and of negatives, and the share of queries whose positive leads.

    Args:
        loss: an ``InfoNCELoss``, or a ``CrossEntropyLoss`` of logits (N, M) and labels (N,), whose
            label is the positive.
        inputs: what it was called with.
        samples: queries that are looked at, at most; each keeps all its negatives.
    """
    if isinstance(loss, InfoNCELoss):
        q, k, queue = inputs
        positive, negatives = loss.logits(q[:samples], k[:samples], queue)
        mean_negative, best_negative = negatives.mean(), negatives.amax(1)
    else:
        logits, labels = (x[:samples] for x in inputs[:2])
        logits = logits.float()
        positive = logits.gather(1, labels[:, None]).squeeze(1)
        others = logits.scatter(1, labels[:, None], -torch.inf)
        mean_negative = (logits.sum() - positive.sum()) / max(logits.numel() - len(logits), 1)
        best_negative = others.amax(1)
    return positive.mean(), mean_negative, (positive > best_negative).float().mean()
