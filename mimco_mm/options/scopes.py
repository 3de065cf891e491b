"""Which libraries' parts a config may name: its default scope, and the modules that it imports."""

from importlib.util import find_spec

from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.utils import import_modules_from_strings

from ..errors import ConfigError

OWN_SCOPE = 'mmpretrain'  # of our parts; configs of other libraries name them with it


def scope_of(cfg: Config) -> str:
    """The library that the config is of: mmpretrain, mmdet, mmseg."""
    return cfg.get('default_scope') or OWN_SCOPE


def check_scope(cfg: Config) -> None:
    """Raise ConfigError where ``default_scope`` names no library with registries."""
    scope = cfg.get('default_scope')
    if scope is None or scope in MODELS.children or scope == MODELS.scope:
        return
    if not isinstance(scope, str) or not scope.isidentifier() or not find_spec(scope) \
            or not find_spec(f'{scope}.registry'):
        raise ConfigError(f'`default_scope` expects a library of parts that is installed here, '
                          f'such as mmpretrain, got {scope!r}.')


def import_modules(cfg: Config) -> None:
    """Import what ``custom_imports`` names, which may register parts.

    Raises:
        ConfigError: there is no such module, or it cannot be imported.
    """
    wanted = cfg.get('custom_imports')
    if not wanted:
        return
    if not isinstance(wanted, dict):
        raise ConfigError('`custom_imports` expects dict(imports=[MODULE, ...]), got '
                          f'{wanted!r}.')
    try:
        import_modules_from_strings(**wanted)
    except (ImportError, TypeError) as error:
        raise ConfigError(f'`custom_imports` {wanted.get("imports")!r} cannot be imported '
                          f'({error}): expected modules that are installed, or lie in a folder of '
                          'PYTHONPATH.') from error
