"""What the name of a teacher stands for: network, weights, and how it wants its images."""

from pathlib import Path
from typing import NamedTuple, Optional, Sequence, Tuple

from ...checkpoints import (
    HF,
    PREPROCESSOR,
    TIMM,
    config_folder,
    folder_json,
    split_address,
    timm_cfg,
)
from ...errors import ConfigError

SIDE = 224  # px of images, where nothing tells


class Named(NamedTuple):
    """A teacher by name: its network's config, its weights, and how it wants its images.

    Attributes:
        backbone: config of the network; of another image size with ``img_size`` in it.
        checkpoint: path, URL or address of its weights.
        side: of its own images, in px.
        fixed: whether it is built for one side; else it takes any.
        mean: of each channel of RGB, of 0 to 255.
        std: likewise.
    """

    backbone: dict
    checkpoint: str
    side: int
    fixed: bool
    mean: Sequence[float]
    std: Sequence[float]


def named_teacher(teacher: dict) -> Optional[Named]:
    """What the name in a teacher's config stands for; None if there is none in it.

    Raises:
        UserError: there is nothing of this name.
    """
    if teacher.get('timm'):
        name, _, file = split_address(f'{TIMM}{teacher["timm"]}')[1].partition('=')
        cfg = timm_cfg(name)
        mean, std = ([255 * value for value in values] for values in (cfg.mean, cfg.std))
        return Named(dict(type='TimmFeatureMap', model_name=name), file or f'{TIMM}{name}',
                     cfg.input_size[-1], cfg.fixed_input_size, mean, std)
    if not teacher.get('hf'):
        return None
    folder = config_folder(teacher['hf'])
    mean, std = normalisation(folder, teacher)
    backbone = dict(type='TransformersFeatureMap', checkpoint=f'{HF}{teacher["hf"]}')
    about = folder_json(folder)
    side = about.get('vision_config', about).get('image_size', SIDE)
    return Named(backbone, f'{HF}{teacher["hf"]}', side, True, mean, std)


def normalisation(folder: Path, teacher: dict) -> Tuple[Sequence[float], Sequence[float]]:
    """Mean and std of a folder's images, or of ``input_norm``, which counts anyway."""
    if teacher.get('input_norm'):
        return teacher['input_norm']['mean'], teacher['input_norm']['std']
    if not (folder / PREPROCESSOR).is_file():
        raise ConfigError(
            f'{folder} has no {PREPROCESSOR}, which tells how this teacher wants its images '
            'normalised. Put that of its release there, or set --cfg-options '
            'model.target_generator.input_norm="dict(mean=[...], std=[...])", of 0 to 255.')
    about = folder_json(folder, PREPROCESSOR)
    values = [about.get(key) for key in ('image_mean', 'image_std')]
    if about.get('do_normalize') is False:
        values = [[0.] * 3, [1.] * 3]
    if not all(isinstance(one, list) and len(one) == 3 for one in values):
        raise ConfigError(f'{folder / PREPROCESSOR} has no `image_mean` and `image_std` of three '
                          'values each.')
    mean, std = ([255 * value for value in one] for one in values)
    return mean, std
