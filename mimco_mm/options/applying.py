"""Short options and --cfg-options together: none of them may be lost beside the others."""

from typing import Any, Dict, Sequence

from mmengine.config import Config

from ..errors import ConfigError
from .keys import apply_options
from .refusals import dicts
from .shortcuts import apply_shortcuts


def apply_all(cfg: Config, shortcuts: Dict[str, Any], options: Sequence[str]) -> None:
    """Write short options into a config, then ``options``, KEY=VALUE.

    Raises:
        ConfigError: one that does not suit the config, or a short option of which nothing is left.
    """
    written = {}
    for name, value in shortcuts.items():
        before = values(cfg)
        apply_shortcuts(cfg, {name: value})
        written[name] = {key: one for key, one in values(cfg).items() if before.get(key) != one}
    apply_options(cfg, options)
    now = values(cfg)
    for name, its in written.items():
        if its and not any(now.get(key) == one for key, one in its.items()):
            keys = ' and '.join(f'`{key}`' for key in its)
            raise ConfigError(f'--{name.replace("_", "-")} would change nothing: --cfg-options '
                              f'sets {keys} otherwise. Give either.')


def values(cfg: Config) -> Dict[str, Any]:
    """{key: value} of the numbers and texts in a config's parts; not of the file's variables."""
    return {'.'.join((*path, key)): value for name, part in cfg.items()
            for path, node in dicts(part, (name, )) for key, value in node.items()
            if isinstance(value, (int, float, str)) and not isinstance(value, bool) and value != ''}
