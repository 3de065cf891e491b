"""Weights by name: of timm's models and of the Hugging Face hub, in the cache that both share.

An address is ``timm:NAME``, ``hf:NAME`` or ``hf:FOLDER``.
"""

import logging
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Sequence, Tuple

from .errors import CheckpointError
from .folders import CONFIG, WEIGHTS, folder_json, is_index, shard_names

TIMM, HF = 'timm:', 'hf:'
EXAMPLES = dict(timm='timm:vit_small_patch16_dinov3.lvd1689m', hf='hf:facebook/dinov2-small')
PREPROCESSOR = 'preprocessor_config.json'
# The same weights as safetensors, where a library names a file to be unpickled
SAFE = {'pytorch_model.bin': 'model.safetensors',
        'open_clip_pytorch_model.bin': 'open_clip_model.safetensors'}


def is_address(checkpoint: Any) -> bool:
    return str(checkpoint).startswith((TIMM, HF))


def split_address(address: str) -> Tuple[str, str]:
    """'timm' or 'hf', and what is named there.

    Raises:
        CheckpointError: nothing is named, or no file after timm:NAME=.
    """
    kind, _, name = address.partition(':')
    model, equals, file = name.partition('=')
    if not model.strip():
        raise CheckpointError(f'{address} expects a name after {kind}:, such as {EXAMPLES[kind]}.')
    if kind == 'timm' and equals and not file.strip():
        raise CheckpointError(f'{address} expects a file after =, {TIMM}{model}=FILE; its own '
                              f'weights are {TIMM}{model}.')
    return kind, name


def weights_of(address: str) -> str:
    """Path or URL of the weights that an address names; those of the hub are downloaded, once.

    Raises:
        CheckpointError: no such model, or its weights cannot be had; says how to get them.
    """
    split_address(address)
    if address.startswith(HF):
        return str(folder_of(address.removeprefix(HF)))
    cfg = timm_cfg(address.removeprefix(TIMM))
    if cfg.hf_hub_id:
        named = cfg.hf_hub_filename
        names = [SAFE.get(named, named), named] if named else WEIGHTS
        return str(hub_file(cfg.hf_hub_id, names, f'{address}=FILE'))
    if cfg.url:
        return cfg.url
    raise CheckpointError(f'timm has no weights for {address}. Give a file of your own: '
                          f'--teacher {address}=FILE')


def timm_cfg(name: str) -> Any:
    """timm's ``PretrainedCfg`` of a model: where its weights are, its input size and norm.

    Raises:
        CheckpointError: timm is not there, or knows no such model, or no such weights of it.
    """
    timm = library('timm', 'timm>=1.0.9')
    model, _, tag = name.partition('.')
    if not timm.is_model(model):
        near = get_close_matches(model, timm.list_models(), 3)
        told = f' Did you mean {" or ".join(near)}?' if near else ''
        raise CheckpointError(f'timm {timm.__version__} has no model {model!r}.{told} A newer '
                              'timm may have it: pip install -U timm')
    try:
        found = timm.models.get_pretrained_cfg(name)
    except RuntimeError:
        found = None
    if found is None:
        tags = timm.list_models(f'{model}.*', pretrained=True)
        raise CheckpointError(f'timm {timm.__version__} has no weights {name!r}; of this model it '
                              f'has {", ".join(tags) or "none"}.')
    return found


def config_folder(name: str) -> Path:
    """A folder with ``config.json`` (and how images are prepared), of this machine or the hub.

    Raises:
        CheckpointError: it cannot be had.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        folder_json(folder)
        return folder
    if len(Path(name).parts) != 2 or name.startswith(('/', '.', '~')):
        raise CheckpointError(f'hf:{name} is neither a folder (seen from {Path.cwd()}) nor a name '
                              'of the Hugging Face hub, OWNER/MODEL.')
    try:
        hub_file(name, [PREPROCESSOR], 'hf:FOLDER')
    except AbsentFromHub:  # what needs it says so
        pass
    return hub_file(name, [CONFIG], 'hf:FOLDER').parent


def folder_of(name: str) -> Path:
    """The same, with the weights beside: one file, or an index and its parts."""
    folder = config_folder(name)
    if Path(name).expanduser().is_dir():
        return folder
    file = hub_file(name, WEIGHTS, 'hf:FOLDER')
    for part in shard_names(file) if is_index(file) else ():
        hub_file(name, [part], 'hf:FOLDER')
    return file.parent


class AbsentFromHub(CheckpointError):
    """The hub answers, and has no such file."""


def hub_file(repository: str, names: Sequence[str], instead: str) -> Path:
    """The first of these files that a repository of the hub has, from the cache or downloaded.

    Raises:
        CheckpointError: it is gated, unreachable, or not there; names what to accept, or to
            download, and what to give ``--teacher`` then.
    """
    hub = library('huggingface_hub', 'huggingface_hub')
    errors = import_module('huggingface_hub.errors')
    page, unreachable = f'https://huggingface.co/{repository}', None
    # a line of 500 characters for each try says no more than the message at the end
    logging.getLogger('huggingface_hub.utils._http').setLevel(logging.ERROR)
    for name in names:
        try:
            return Path(hub.hf_hub_download(repository, name,
                                            local_files_only=unreachable is not None))
        except errors.LocalEntryNotFoundError as error:  # another may be in the cache
            unreachable = unreachable or error
        except errors.EntryNotFoundError:
            continue
        except errors.GatedRepoError as error:
            raise CheckpointError(
                f'{repository} is gated: accept its terms at {page}, then log in by `hf auth '
                f'login` (or set HF_TOKEN). Or download its files from {page}/tree/main, and give '
                f'them: --teacher {instead}') from error
        except errors.RepositoryNotFoundError as error:
            raise CheckpointError(f'The hub has no {repository}, or not for you: see {page}, and '
                                  'log in by `hf auth login` if it is private.') from error
        except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
            unreachable = unreachable or error
    if unreachable is None:
        raise AbsentFromHub(f'{page} has none of {", ".join(names)}.')
    cause = unreachable.__cause__ or unreachable
    raise CheckpointError(
        f'{repository} cannot be downloaded ({type(cause).__name__}), and is not in the cache, '
        f'{import_module("huggingface_hub.constants").HF_HUB_CACHE}. On a machine without a '
        f'network download {page}/resolve/main/{names[0]} elsewhere, and give it: --teacher '
        f'{instead}') from unreachable


def library(name: str, wanted: str) -> ModuleType:
    """Import a library that only some teachers need.

    Raises:
        CheckpointError: it is not there; says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise CheckpointError(f'This teacher needs {name} ({error}): pip install '
                              f"'{wanted}'") from error
