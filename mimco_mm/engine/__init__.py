from .hooks import *  # noqa: F403
from .optim import *  # noqa: F403
from .runner import PretrainRunner  # noqa: F401
