from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..models.target_generators import fit_named_teacher
from ..options.shortcuts import transforms


def fit_teacher(cfg: Config) -> None:
    """Put all that a teacher's name stands for into a run's config, see ``fit_named_teacher``.

    Raises:
        UserError: there is no such teacher, or none whose patches fit the student's and the masks.
    """
    if not isinstance(cfg.get('model'), dict) or not cfg.get('train_dataloader'):
        return
    units = [one.input_size // one.mask_patch_size for _, one in transforms(cfg)
             if {'input_size', 'mask_patch_size'} <= one.keys()]
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmpretrain'):
        fit_named_teacher(cfg.model, cfg.get('data_preprocessor'), max(units, default=1))
