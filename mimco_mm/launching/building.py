"""What a config's parts stumble over while they are built and first used, told by their keys."""

import re
import traceback
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Iterator, List, Optional, Tuple

from mmengine.config import Config
from torch import nn

from ..errors import ConfigError
from ..options.places import run_arguments
from ..options.refusals import dicts
from ..origins import is_own_file
from .ending import TRACEBACK, chain, message_of

# Function that is running -> key of what it builds or uses; inside of it others may say it better.
KEYS = dict(
    setup_env='env_cfg', set_randomness='randomness', build_model='model', init_weights='model',
    wrap_model='model_wrapper_cfg', build_optim_wrapper='optim_wrapper', scale_lr='auto_scale_lr',
    build_param_scheduler='param_scheduler', build_train_loop='train_cfg', build_val_loop='val_cfg',
    build_test_loop='test_cfg', build_evaluator='val_evaluator', build_visualizer='visualizer',
    build_log_processor='log_processor', register_default_hooks='default_hooks',
    register_custom_hooks='custom_hooks', load_or_resume='load_from', train_step='model',
    val_step='model', test_step='model', _forward='model', _init_env='visualizer.vis_backends')
LOADERS = dict(build_train_loop='train_dataloader', build_val_loop='val_dataloader',
               build_test_loop='test_dataloader', run_epoch='train_dataloader')
SHOWN = 2  # keys that hold the same


@contextmanager
def parts_told(cfg: Config, begun: Callable[[], bool] = lambda: False,
               model: Callable[[], Optional[nn.Module]] = lambda: None) -> Iterator[None]:
    """Turn what a library says of a config's part into a message with the key of the part.

    An error that comes out of a user's own code, of a class of theirs, say, keeps its traceback:
    it is the code that is to be mended, not the config. So does one of a run that works already.

    Args:
        cfg: of the run.
        begun: whether the run has made a step.
        model: what runs, as soon as it is there.

    Raises:
        ConfigError: a part that cannot be built, or cannot make its first step.
    """
    try:
        yield
    except Exception as error:
        if begun() or message_of(error) is not None or ran_own_code(error):
            raise
        raise ConfigError(f'{place(error, cfg, model())} cannot be used as it is: {said(error)}'
                          f' ({TRACEBACK}=1 in the environment shows where.)') from error


def ran_own_code(error: BaseException) -> bool:
    """Whether a user's own code was running, here or in a data worker."""
    running = frames(error)[2:]  # inside of ``parts_told`` and of what it is around
    running += [frame for each in chain(error)[1:] for frame in frames(each)]
    files = [frame.f_code.co_filename for frame in running]
    files += re.findall(r'^\s*File "([^"]+)"', str(error), re.MULTILINE)
    return any(map(is_own_file, files))


def frames(error: BaseException) -> List[FrameType]:
    """Of an error's traceback, the innermost last."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]


def said(error: BaseException) -> str:
    """What an error says, on one line; of one that says nothing the line that met it."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error  # else quoted
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    if lines and 'Original Traceback' in str(error):  # of a data worker
        return lines[-1]
    if not lines:
        lines = [traceback.extract_tb(error.__traceback__)[-1].line or '']
    return f'{type(error).__name__}: {" ".join(lines)}'


def place(error: BaseException, cfg: Config, model: Optional[nn.Module]) -> str:
    """The key of the part in which an error arose, or what else is known of it."""
    key, loader, names = None, 'train_dataloader', dict(_names(model))
    for frame in frames(error):
        function, own = frame.f_code.co_name, frame.f_locals
        loader = LOADERS.get(function, loader)
        if function == 'build_from_cfg':
            key = _keys_of(own.get('cfg'), cfg) or key
        elif function == 'build_dataloader' or 'torch/utils/data' in frame.f_code.co_filename:
            key = f'`{loader}`'
        elif function in KEYS:
            key = f'`{KEYS[function]}`'
        elif id(own.get('self')) in names:
            key = f'`{names[id(own["self"])]}` ({type(own["self"]).__name__})'
    return key or 'What the config describes'


def _names(model: Optional[nn.Module]) -> Iterator[Tuple[int, str]]:
    """(id, key) of a model's parts."""
    for name, module in model.named_modules() if model is not None else ():
        name = name.removeprefix('module.')  # of a wrapper
        if name and name != 'module':
            yield id(module), f'model.{name}'


def _keys_of(part: Any, cfg: Config) -> Optional[str]:
    """The keys of a part in the config: of those that are equal to it, else of its type."""
    if not isinstance(part, dict) or 'type' not in part:
        return None
    reached = run_arguments().named
    nodes = [('.'.join(path), node) for name, value in cfg._cfg_dict.items() if name in reached
             for path, node in dicts(value, (name, )) if node.get('type') == part.get('type')]
    found = [key for key, node in nodes if node == part] or [key for key, _ in nodes]
    return ' and '.join(f'`{key}`' for key in found[:SHOWN]) or None
