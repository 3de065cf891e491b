"""Config files by path or by a short name, from any folder."""

import difflib
from pathlib import Path
from typing import Dict, List

from mmengine.config import Config

from ..errors import ConfigError
from .dense_libraries import dense_told

PACKAGE = Path(__file__).resolve().parents[1]
# of a checkout, or of an installed package
CONFIGS = next((folder for folder in (PACKAGE.parent / 'configs', PACKAGE / '.mim' / 'configs')
                if (folder / 'pretrain').is_dir()), PACKAGE / '.mim' / 'configs')


def find_config(name: str) -> Path:
    """The config file that a name is of.

    Args:
        name: a path; or, of this project's configs, the path under ``configs/`` or a part of its
            end, with or without ``.py``: ``mimco_swin-t``, ``imagenet/swin-t``.

    Raises:
        ConfigError: none, or more than one.
    """
    if Path(name).expanduser().is_file():
        return Path(name).expanduser()
    known = shipped()
    wanted = name.removesuffix('.py').removeprefix('./')
    wanted = wanted.removeprefix('configs/')
    found = [path for short, path in known.items()
             if short == wanted or short.endswith(f'/{wanted}')]
    if len(found) == 1:
        return found[0]
    names = [short for short, path in known.items() if path in found]
    if names:
        raise ConfigError(f'{name} may be any of {", ".join(names)}: say which.')
    raise ConfigError(f'There is no config file {name} (looked in {Path.cwd()} and among the '
                      f"project's configs, {CONFIGS}).{_hint(wanted, list(known))}")


def shipped() -> Dict[str, Path]:
    """This project's configs that can be run, by their paths under ``configs/``, without .py."""
    files = (path for path in sorted(CONFIGS.rglob('*.py')) if '_base_' not in path.parts)
    return {path.relative_to(CONFIGS).with_suffix('').as_posix(): path for path in files}


def load_config(name: str) -> Config:
    """Read a config file, see ``find_config``.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    path = find_config(name)
    try:
        with dense_told(str(path)):
            return Config.fromfile(path)
    except ConfigError:
        raise
    except Exception as error:  # a config is a program
        raise ConfigError(f'{path} cannot be read as a config: {type(error).__name__}: '
                          f'{error}') from error


def _hint(wanted: str, known: List[str]) -> str:
    ends = {short.rpartition('/')[2]: short for short in known}
    close = [*difflib.get_close_matches(wanted, known, n=3),
             *(ends[one] for one in difflib.get_close_matches(Path(wanted).name, list(ends), n=3))]
    return f' Did you mean {" or ".join(dict.fromkeys(close))}?' if close else ''


def unfit(cfg: Config, option: str, reason: str) -> ConfigError:
    """What is said of an option that a config has no use for."""
    return ConfigError(f'{option} makes no sense for {Path(cfg.filename or "this config").name}: '
                       f'{reason}.')
