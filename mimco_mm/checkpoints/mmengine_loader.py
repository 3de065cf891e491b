"""mmengine's reader of checkpoints, replaced by ours, in all libraries that build on it."""

from typing import Any

from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    get_deprecated_model_names,
    get_external_models,
    get_torchvision_models,
)

from .download import local_file
from .errors import CheckpointError
from .reading import read_checkpoint

# All that mmengine has, '' for paths
PREFIXES = ['', 'http://', 'https://', 'torchvision://', 'modelzoo://', 'open-mmlab://',
            'openmmlab://', 'mmcls://', 'pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://']
MODELS = {'torchvision': get_torchvision_models, 'modelzoo': get_torchvision_models,
          'open-mmlab': get_external_models, 'openmmlab': get_external_models}


def read_safely_everywhere() -> None:
    """Let mmengine read checkpoints by ``read_checkpoint``, from wherever it is asked to.

    Its own loaders unpickle, that is, they call whatever a file tells them to. Runners, all
    ``init_cfg=dict(type='Pretrained')``, and the networks that read a file by themselves, such as
    mmdet's and mmseg's Swin, get theirs here.
    """
    CheckpointLoader.register_scheme(PREFIXES, load_from_mimco_mm, force=True)


def load_from_mimco_mm(filename: str, map_location: Any = None) -> dict:
    """A checkpoint by path, URL or a name of mmengine's; mmengine logs the end of this one's.

    Raises:
        CheckpointError: see ``local_file`` and ``read_checkpoint``.
    """
    try:
        file = local_file(url_of(filename)).path
        try:
            return read_for_mmengine(file, map_location or 'cpu', stand_ins=False)
        except CheckpointError:
            return read_for_mmengine(file, map_location or 'cpu', stand_ins=True)
    except CheckpointError as error:
        raise CheckpointError(f'{error}\n{filename} is what `init_cfg.checkpoint` of a part of the '
                              'model names, or `load_from`, or --resume.') from error


def read_for_mmengine(file: str, map_location: Any, stand_ins: bool) -> dict:
    """``read_checkpoint``, less what ``Runner.resume`` would run as Python: ``meta['config']``.

    What its runs have saved is named ``meta['cfg']``, and is left alone by it.
    """
    content = read_checkpoint(file, stand_ins, map_location)
    if isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    return content


def url_of(name: str) -> str:
    """What a name such as torchvision://resnet50 stands for; paths and URLs for themselves."""
    scheme, _, model = name.partition('://')
    if scheme not in MODELS:
        return name
    known = MODELS[scheme]()
    model = get_deprecated_model_names().get(model, model)
    if model not in known:
        raise CheckpointError(f'{name}: mmengine knows no {model} there. Give the URL or path of '
                              'the file.')
    return known[model]
