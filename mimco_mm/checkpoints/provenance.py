"""Where a checkpoint comes from, as far as it says so itself."""

import re
from typing import Any, List, NamedTuple, Optional

from ..teacher_parts import teacher_parts
from .config_text import public, public_text, read_config_text

# the algorithm's type, or the release that a file is of -> its name, and the paper on arXiv
METHODS = {
    'MimCo': ('MimCo', '2209.03063'),
    'MultiTeacherMimCo': ('MimCo', '2209.03063'),
    'MoBY': ('MoBY', '2105.04553'),
    'MoCoV3': ('MoCo v3', '2104.02057'),
    'MoCo v3': ('MoCo v3', '2104.02057'),
    'SimMIM': ('SimMIM', '2111.09886'),
    'SimMIMMoBY': ('SimMIM + MoBY', '2209.03063'),
}


class Provenance(NamedTuple):
    """What is known of a run; None, or '' for texts, where the checkpoint does not say.

    Attributes:
        method: a name of ``METHODS``, or the type of the algorithm.
        paper: its number on arXiv.
        teachers: file, URL or address of each frozen teacher, without the folders of the machine;
            'none' of a run that had none.
        teachers_sha256: of their files; the first 12 digits of an older version's.
        data: folder of the training images, likewise.
        images: how many.
        epochs: that the run has trained for.
        planned: epochs that its config asks for.
        batch: images a step, over all processes.
        seed: of the run.
        config: its text.
    """

    method: str
    paper: str
    teachers: List[str]
    teachers_sha256: List[str]
    data: str
    images: Optional[int]
    epochs: Optional[int]
    planned: Optional[int]
    batch: Optional[int]
    seed: Optional[int]
    config: str


def provenance(meta: dict, release: str) -> Provenance:
    """Read what a checkpoint says of itself.

    Args:
        meta: see ``Opened``; nothing in it is trusted to be of any type.
        release: what the file is of, see ``Release``.
    """
    text = _at(meta, 'config', kind=str) or _at(meta, 'cfg', kind=str) or ''
    config = read_config_text(text)
    algorithm = (_at(meta, 'algorithm', kind=str) or _at(config, 'model', 'type', kind=str)
                 or (release if release in METHODS else ''))
    method, paper = METHODS.get(algorithm, (algorithm, ''))
    told = re.findall(r'\(sha256 (\w+)', _at(meta, 'teacher', kind=str) or '')
    hashes = [value for key, value in (_at(meta, 'run_identity', kind=dict) or {}).items()
              if str(key).startswith('teacher_sha256') and isinstance(value, str)]
    return Provenance(
        method=method, paper=paper,
        teachers=list(map(public, _texts(meta.get('teacher_checkpoint')) or _teachers(config))),
        teachers_sha256=hashes or told,
        data=_data(config),
        images=_at(meta, 'run_identity', 'images', kind=int),
        epochs=_at(meta, 'epoch', kind=int),
        planned=_at(config, 'train_cfg', 'max_epochs', kind=int),
        batch=_at(meta, 'run_identity', 'effective_batch', kind=int),
        seed=_at(meta, 'seed', kind=int),
        config=public_text(text))


def _at(content: Any, *keys: str, kind: type) -> Any:
    """A value of nested dicts, if it is there and of that kind."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, kind) else None


def _texts(value: Any) -> List[str]:
    """A text that is not empty, or a list of such, as a list."""
    return [one for one in (value if isinstance(value, list) else [value])
            if isinstance(one, str) and one]


def _teachers(config: dict) -> List[str]:
    """As a config names them: files or addresses; 'none' where it has a model and no teacher."""
    parts = teacher_parts(config.get('model'))
    if isinstance(config.get('model'), dict) and not parts:
        return ['none']
    named = ((address, _at(part, 'target_generator', key, kind=str)) for part in parts.values()
             for key, address in (('checkpoint', ''), ('timm', 'timm:'), ('hf', 'hf:')))
    return [address + name for address, name in named if name]


def _data(config: dict) -> str:
    """Folder of the images, and the part of it."""
    dataset = _at(config, 'train_dataloader', 'dataset', kind=dict) or {}
    while isinstance(dataset.get('dataset'), dict):
        dataset = dataset['dataset']
    root, part = (_at(dataset, key, kind=str) or '' for key in ('data_root', 'data_prefix'))
    return '/'.join(name.rstrip('/') for name in (public(root), public(part)) if name)
