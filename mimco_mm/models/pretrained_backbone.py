from typing import Optional, Sequence

from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmengine.registry import WEIGHT_INITIALIZERS

from ..checkpoints import load_backbone

__all__ = ['PretrainedBackbone']


@WEIGHT_INITIALIZERS.register_module()
class PretrainedBackbone:
    """``init_cfg`` of a backbone that starts from a checkpoint of any known format.

    mmengine's own 'Pretrained' fills what fits by name, and only logs what is missing: a detector
    then trains from random weights. This one loads the whole backbone, or refuses. What it loaded
    stays with the backbone as ``started_from``, a ``LoadReport``. It is for mmpretrain's
    backbones, in any library: mmdet's and mmseg's own Swin read their file by themselves, whatever
    the type of their ``init_cfg``.

    Args:
        checkpoint: path or URL.
        sha256: what the file's sha256 must begin with, if it is known.
        fresh: prefixes of tensors that the backbone has on top of the file's, e.g. ('norm0.',
            'norm1.', 'norm2.') of a Swin that feeds a detector.
    """

    def __init__(self,
                 checkpoint: str,
                 sha256: Optional[str] = None,
                 fresh: Sequence[str] = ()) -> None:
        self.checkpoint = checkpoint
        self.sha256 = sha256
        self.fresh = tuple(fresh)

    def __call__(self, module: BaseModule) -> None:
        # First all that needs no file: what is `fresh`, and what the network fixes by formula.
        module.init_cfg = None
        module.init_weights()
        report = load_backbone(module, self.checkpoint, sha256=self.sha256, fresh=self.fresh,
                               config_key='model.backbone.init_cfg.checkpoint')
        module.started_from = report
        # This call came out of `module.init_weights()`, which initialises more after it, unless the
        # children are initialised already and the init_cfg is mmengine's own 'Pretrained'.
        module.init_cfg = dict(type='Pretrained', checkpoint=self.checkpoint)
        for child in module.children():
            child.is_init = True
        module.train(module.training)  # mmpretrain's backbones freeze their `frozen_stages` here
        frozen = not any(parameter.requires_grad for parameter in module.parameters())
        MMLogger.get_current_instance().info(
            f'Backbone, {"frozen" if frozen else "trained"}: {report}')
