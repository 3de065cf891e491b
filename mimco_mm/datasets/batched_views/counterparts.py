"""What does to a batch at once what transforms of mmcv and mmpretrain do to one image."""

from typing import Any, Callable, Dict, List, Tuple

from mmcv.transforms import BaseTransform, RandomApply, RandomFlip, RandomGrayscale
from mmpretrain.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    MultiView,
    RandomResizedCrop,
    Solarize,
)

from ...errors import ConfigError
from ..transforms.cropping import INTERPOLATIONS, AntialiasedResizedCrop
from ..transforms.flipping import RandomHorizontalFlip

CHANGES = ('brightness', 'contrast', 'saturation', 'hue')
BOX = ('scale', 'crop_ratio_range', 'aspect_ratio_range', 'max_attempts', 'interpolation')


def split_views(views: MultiView) -> Tuple[List[dict], List[List[dict]]]:
    """Configs of each view's crop, which ``CodedCrops`` takes, and of the batched transforms.

    Raises:
        ConfigError: a view has something that is made for one image alone.
    """
    parts = [view.transforms for view in views.transforms]
    crops = [crop(view[0]) if view else refuse('a view without transforms') for view in parts]
    if len({tuple(each['scale']) for each in crops}) > 1:
        refuse('views of different sizes')
    return crops, [[counterpart(one) for one in view[1:]] for view in parts]


def crop(one: BaseTransform) -> dict:
    """The arguments of ``AntialiasedResizedCrop`` that make the same crops."""
    pillow = type(one) is RandomResizedCrop and one.backend == 'pillow'
    if not (pillow or type(one) is AntialiasedResizedCrop) \
            or one.interpolation not in INTERPOLATIONS:
        refuse(f'a view that begins with {one}')
    return {name: getattr(one, name) for name in BOX}


def counterpart(one: BaseTransform) -> dict:
    """The config of the batched transform that does the same."""
    if type(one) not in COUNTERPARTS:
        refuse(one)
    return COUNTERPARTS[type(one)](one)


def flip(one: RandomFlip) -> dict:
    if one.direction != 'horizontal' or not isinstance(one.prob, (int, float)):
        refuse(one)
    return dict(type='BatchedFlip', prob=one.prob)


def jitter(one: ColorJitter) -> dict:
    if one.backend != 'pillow':
        refuse(one)
    return dict(type='BatchedColorJitter',
                **{name: getattr(one, name) or 0. for name in CHANGES})


def applied(one: RandomApply) -> dict:
    inner, *others = one.transforms.transforms
    if others or type(inner) is not ColorJitter:
        refuse(one)
    return dict(jitter(inner), prob=one.prob)


def grayscale(one: RandomGrayscale) -> dict:
    if not one.keep_channels or one.color_format != 'bgr':
        refuse(one)
    return dict(type='BatchedGrayscale', prob=one.prob,
                channel_weights=tuple(one.channel_weights)[::-1])


def blur(one: GaussianBlur) -> dict:
    if one.magnitude_range is None or one.magnitude_std != 'inf' \
            or one.magnitude_level != one.total_level:
        refuse(one)
    return dict(type='BatchedGaussianBlur', sigma_range=tuple(one.magnitude_range), prob=one.prob)


def solarize(one: Solarize) -> dict:
    if one.thr is None:
        refuse(one)
    return dict(type='BatchedSolarize', thr=one.thr, prob=one.prob)


def refuse(what: Any) -> None:
    raise ConfigError(f'nothing makes it of a batch at once: {what}')


# Of these very classes: one that is derived from them may do anything
COUNTERPARTS: Dict[type, Callable[[Any], dict]] = {
    RandomFlip: flip, RandomHorizontalFlip: flip, ColorJitter: jitter, RandomApply: applied,
    RandomGrayscale: grayscale, GaussianBlur: blur, Solarize: solarize}
