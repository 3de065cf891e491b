"""--teacher: one for the student of a config, or several."""

import copy
import itertools
import re
from typing import Container, Dict, Sequence, Union

from mmengine.config import Config, ConfigDict

from ..checkpoints import CheckpointError, split_address
from ..errors import ConfigError
from .config_files import unfit

LIBRARIES = ('timm', 'hf')  # whose models can be teachers by name
SWITCHES = ('layer_norm_targets', 'dtype')  # of the targets, whichever teacher they come from
SUFFIXES = re.compile(r'\.(pth|pt|tar|safetensors|bin)(?=\.|$)')


def set_teacher(cfg: Config, teacher: Union[str, Sequence[str]]) -> None:
    """Another file for the config's teacher, another teacher by its name, or several of them."""
    generator = cfg.model.get('target_generator') if cfg.get('model') else None
    if isinstance(cfg.get('model'), dict) and cfg.model.get('teachers'):
        raise unfit(cfg, '--teacher', 'it names several teachers itself; set '
                                      '`model.teachers.NAME.target_generator`')
    if not isinstance(generator, dict) or not generator.keys() & {'checkpoint', *LIBRARIES}:
        raise unfit(cfg, '--teacher', 'it has no teacher')
    several = [teacher] if isinstance(teacher, str) else list(teacher)
    if len(several) == 1:
        take_teacher(cfg.model, several[0])
    else:
        set_teachers(cfg, several)


def set_teachers(cfg: Config, teachers: Sequence[str]) -> None:
    """Several teachers for the student of a MimCo; each gets a copy of necks and heads."""
    model, twice = cfg.model, [one for one in teachers if teachers.count(one) > 1]
    if twice or not teachers:
        raise ConfigError(f'--teacher {twice[0]} is given twice.' if twice else
                          '--teacher expects a teacher, got none.')
    if str(model.type).rpartition('.')[2] != 'MimCo':
        raise unfit(cfg, 'More than one --teacher', f'they are for MimCo, not for {model.type}')
    shared = {key: model[key] for key in ('backbone', 'data_preprocessor') if key in model}
    own = {key: value for key, value in model.items() if key not in (*shared, 'type')}
    branches: Dict[str, ConfigDict] = {}
    for teacher in teachers:
        branch = ConfigDict(type='MimCoBranch', weight=1.0, **copy.deepcopy(own))
        take_teacher(branch, teacher)
        branches[branch_name(teacher, branches)] = branch
    cfg.model = ConfigDict(type='MultiTeacherMimCo', **shared, teachers=branches)


def branch_name(teacher: str, taken: Container[str]) -> str:
    """A name for a teacher that is a Python identifier, of its file or model.

    That is 'dinov2_small' of 'hf:facebook/dinov2-small', 'moby' of '/my/moby.pth', and 'moby_2' of
    a second one.
    """
    library, _, named = teacher.partition(':')
    name = named.partition('=')[0] if library in LIBRARIES else SUFFIXES.sub(
        '', teacher.partition('?')[0])
    name = re.sub(r'\W+', '_', name.rstrip('/').rpartition('/')[2], flags=re.ASCII).strip('_')
    name = name if name[:1].isalpha() else f'teacher_{name}'.strip('_')
    numbered = (f'{name}_{number}' for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def take_teacher(part: ConfigDict, teacher: str) -> None:
    """Put one teacher into the part of a config that has one."""
    generator = part.target_generator
    library, found, name = teacher.partition(':')
    if found and library in LIBRARIES:
        try:
            split_address(teacher)
        except CheckpointError as error:
            raise ConfigError(f'--teacher {error}') from error
        kept = {key: generator[key] for key in SWITCHES if key in generator}
        part.target_generator = ConfigDict(type=generator.type, **{library: name}, **kept)
    else:
        generator.checkpoint = teacher
        for key in ('sha256', 'if_missing'):  # of the one that stood there
            generator.pop(key, None)
