from .backbones import *  # noqa: F403
from .heads import *  # noqa: F403
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .preprocessors import *  # noqa: F403
from .pretrained_backbone import *  # noqa: F403
from .selfsup import *  # noqa: F403
from .target_generators import *  # noqa: F403
