from importlib.util import find_spec

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.utils import is_installed


def let_configs_inherit(module: str) -> None:
    """Make ``_base_ = 'MODULE::...'`` find an installed module, whatever its distribution is named.

    mmengine looks for the configs of a module by the name of the distribution that it came from,
    and knows one such name for each. Where no distribution of that name is installed, it falls back
    on the module itself, if that is the name it was given: so it is given that one.
    """
    if find_spec(module) and not is_installed(MODULE2PACKAGE[module]):
        MODULE2PACKAGE[module] = module
