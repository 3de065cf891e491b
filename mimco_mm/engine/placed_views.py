"""Where the views of a contrastive method are made: by the workers, or by the device that trains.

A config says what a view is in mmpretrain's words, a ``MultiView`` of transforms of one image, and
that is the reference. The device does the same to a batch at once, where it can: the workers then
decode each image once and crop it for each view.
"""

import logging
from typing import Any, Optional, Tuple

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmpretrain.datasets.transforms import MultiView
from mmpretrain.registry import TRANSFORMS

from ..datasets import split_views
from ..errors import ConfigError

KEY = 'train_dataloader.dataset.dataset.pipeline'
# The transforms around the views -> those that leave the pixels to the collate function
CODED = dict(LoadRGBImage='LoadCodedImage', PackPlanes='PackCodedInputs',
             PackInputs='PackCodedInputs')
WITHOUT_PIXELS = ('MaskGenerator', )
PREPROCESSOR = 'CropViewDataPreprocessor'
ALREADY = (PREPROCESSOR, 'ViewDataPreprocessor')


def place_views(cfg: Config, gpu: Optional[bool] = None) -> None:
    """Have the device make the views of a run's config, if ``views_by`` says so.

    With 'auto', which all of configs/ have, that is where there is a GPU and nothing against it.

    Args:
        cfg: of a training, which is changed.
        gpu: whether one is there; looked for by default.

    Raises:
        ConfigError: ``views_by`` cannot be as it is, and the message says why.
    """
    wanted = cfg.get('views_by') or 'auto'
    pipeline, preprocessor = parts(cfg)
    if not has_views(cfg):
        already = name(preprocessor) in ALREADY
        if wanted == ('workers' if already else 'device'):
            raise ConfigError(
                f'`views_by={wanted}` would change nothing: ' + (
                    f'{name(preprocessor)} makes the views, see `data_preprocessor.views`.'
                    if already else f'there are no views to make, without MultiView in `{KEY}`.'))
        return
    if wanted == 'auto':
        gpu = get_device() not in ('cpu', 'mps') if gpu is None else gpu
    if wanted == 'workers' or wanted == 'auto' and not gpu:
        return
    try:
        placed = on_device(pipeline, preprocessor, cfg.get('default_scope') or 'mmpretrain')
    except ConfigError as error:
        if wanted == 'device':
            raise ConfigError(f'`views_by=device` cannot be: {error}. `views_by=workers` leaves '
                              'the views to the workers.') from error
        print_log(f'The workers make the views: {error}.', 'current', logging.WARNING)
        return
    loader = cfg.train_dataloader
    loader.dataset.dataset.pipeline, changed = placed
    preprocessor.update(changed)
    if name(loader.get('collate_fn') or {}) in ('default_collate', ''):
        loader.collate_fn = dict(type='collate_decoded')


def has_views(cfg: Config) -> bool:
    """Whether a run's images get several views, all of them by the workers."""
    return any(name(one) == 'MultiView' for one in parts(cfg)[0])


def parts(cfg: Config) -> Tuple[list, ConfigDict]:
    """The pipeline of a run's images, empty where it is another, and its preprocessor's config."""
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    inner = dataset.get('dataset') if isinstance(dataset, dict) else None
    pipeline = inner.get('pipeline') if isinstance(inner, dict) else None
    model = cfg.get('model') or {}
    own = model.get('data_preprocessor') if isinstance(model, dict) else None
    return pipeline or [], own or cfg.get('data_preprocessor') or ConfigDict()


def on_device(pipeline: list, preprocessor: ConfigDict, scope: str) -> Tuple[list, dict]:
    """The pipeline without what the device is to do, and what is new in its preprocessor's config.

    Raises:
        ConfigError: something in either that no device can do, or that needs the pixels between.
    """
    if name(preprocessor) != 'MimCoDataPreprocessor':
        raise ConfigError('`data_preprocessor.type` is not MimCoDataPreprocessor but '
                          f'{name(preprocessor) or "left out"}')
    first, views, *between, last = pipeline if len(pipeline) > 2 else [{}, {}, {}]
    others = [one for one in between if name(one) not in WITHOUT_PIXELS]
    if (name(first), name(views)) != ('LoadRGBImage', 'MultiView') or name(last) not in CODED \
            or others:
        raise ConfigError(f'`{KEY}` is no LoadRGBImage, MultiView and PackPlanes or PackInputs, '
                          f'with at most {", ".join(WITHOUT_PIXELS)} between')
    with DefaultScope.overwrite_default_scope(scope):
        built: MultiView = TRANSFORMS.build(views)
    crops, transforms = split_views(built)
    coded = [dict(one, type=CODED[name(one)]) for one in (first, last)]
    return ([coded[0], dict(type='CodedCrops', crops=crops), *between, coded[1]],
            dict(type=PREPROCESSOR, views=transforms))


def name(part: Any) -> str:
    """The class that a config names, without its library."""
    return str(part.get('type') or '').rpartition('.')[2] if isinstance(part, dict) else ''
