"""Folders of the Hugging Face hub: which files in them hold the weights, and what the config says.

A folder is what ``save_pretrained`` of transformers and timm writes: ``config.json`` beside
``model.safetensors``, or beside an index that names the files among which large weights are split.
"""

import json
from pathlib import Path
from typing import Dict, List, Set

from .errors import CheckpointError

CONFIG = 'config.json'
INDEX = '.index.json'
WEIGHTS = ('model.safetensors', f'model.safetensors{INDEX}', 'open_clip_model.safetensors',
           'pytorch_model.bin', f'pytorch_model.bin{INDEX}', 'open_clip_pytorch_model.bin')
SHOWN = 6  # names in an error


def weights_file(path: Path) -> Path:
    """The weights file, or the index of its parts, of a folder; any other path as it is.

    Raises:
        CheckpointError: a folder without weights.
    """
    if not path.is_dir():
        return path
    found = next((path / name for name in WEIGHTS if (path / name).is_file()), None)
    if found is None:
        held = sorted(file.name for file in path.iterdir())
        raise CheckpointError(
            f'{path} is a folder without weights that can be read: expected {WEIGHTS[0]}, '
            f'{WEIGHTS[1]} or {WEIGHTS[3]}, as the Hugging Face hub has them. It holds '
            f'{", ".join(held[:SHOWN]) or "nothing"}{" ..." * (len(held) > SHOWN)}: give the file '
            'that is meant.')
    return found


def is_index(file: Path) -> bool:
    return file.name.endswith(INDEX)


def parts_of(file: Path) -> List[Path]:
    """All files that a checkpoint consists of: an index and the files that it names, or itself."""
    return [file, *shards(file)] if is_index(file) else [file]


def shards(index: Path) -> Dict[Path, Set[str]]:
    """File -> names of its tensors, as an index has them.

    Raises:
        CheckpointError: no such index, or one of files that are not beside it.
    """
    found: Dict[Path, Set[str]] = {}
    for tensor, part in weight_map(index).items():
        found.setdefault(index.parent / Path(part).name, set()).add(tensor)
    missing = [part.name for part in found if not part.is_file()]
    if missing:
        raise CheckpointError(
            f'{index} is the index of a checkpoint in {len(found)} files, of which {len(missing)} '
            f'are not beside it: {", ".join(missing[:SHOWN])}. Download the whole folder, and give '
            'its path.')
    return found


def weight_map(index: Path) -> Dict[str, str]:
    """Tensor -> file, as an index has them."""
    names = _json(index).get('weight_map')
    if not isinstance(names, dict) or not all(isinstance(part, str) for part in names.values()):
        raise CheckpointError(f'{index} is no index of a checkpoint: expected JSON with a '
                              '`weight_map` from the names of tensors to files.')
    return names


def shard_names(index: Path) -> List[str]:
    """Names of the files among which an index splits the tensors."""
    return sorted({Path(part).name for part in weight_map(index).values()})


def folder_json(folder: Path, name: str = CONFIG) -> dict:
    """What a JSON file in a folder of the hub says.

    Raises:
        CheckpointError: there is no such file.
    """
    if not (folder / name).is_file():
        raise CheckpointError(f'{folder} has no {name}, as folders of the Hugging Face hub have.')
    return _json(folder / name)


def config_of(file: Path) -> dict:
    """``config.json`` beside a file of the hub's names; empty if there is none."""
    config = file.parent / CONFIG
    return _json(config) if file.name in WEIGHTS and config.is_file() else {}


def _json(file: Path) -> dict:
    try:
        content = json.loads(file.read_bytes())
    except ValueError:  # of the decoding, too
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(f'{file} does not hold what its name says: expected a JSON object.')
    return content
