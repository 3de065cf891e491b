"""From a config, and maybe a run's checkpoint, to the figure of what the run works with."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from matplotlib.figure import Figure
from mmengine.config import Config

from ..engine import fit_teacher, place_views, training_images
from ..errors import ConfigError
from ..models.utils import batch_masks
from ..names import printable
from ..options import PREVIEW, apply_options, apply_shortcuts, load_config, refuse
from . import inspection, preview

# of the dataloader, and set otherwise for one batch
IDLE = ('batch_size', 'num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor',
        'drop_last')
RECONSTRUCTING = ('SimMIM', 'SimMIMMoBY')
TAUGHT = ('MimCo', 'MultiTeacherMimCo')


class PreviewRequest(NamedTuple):
    """The options of tools/figures/preview.py, by their names there."""

    config: str
    checkpoint: Optional[str] = None
    count: int = 8
    seed: int = 0
    data: Optional[str] = None
    teacher: Optional[List[str]] = None
    mask_ratio: Optional[float] = None
    cfg_options: List[str] = []


def requested_preview(request: PreviewRequest) -> Config:
    """The config of a request.

    Raises:
        ConfigError: it cannot be shown, or an option would change nothing.
    """
    cfg = load_config(request.config)
    apply_shortcuts(cfg, dict(data=request.data, teacher=request.teacher,
                              mask_ratio=request.mask_ratio))
    refuse(request.cfg_options, [f'train_dataloader.{key}' for key in IDLE],
           'a picture has one batch of --count images, read in this process')
    if not request.checkpoint:
        refuse(request.cfg_options, [f'model.{key}' for key in cfg.get('model') or {}
                                     if key not in ('type', 'data_preprocessor')],
               'no model is built without --checkpoint')
        if request.teacher:
            raise ConfigError('--teacher changes nothing without --checkpoint: similarity to it is '
                              "that of a run's student")
    apply_options(cfg, request.cfg_options, PREVIEW)
    if not {'model', 'train_dataloader'} <= cfg.keys():
        raise ConfigError(f'{request.config} has no `model` and `train_dataloader`; expected a '
                          'pre-training config like configs/pretrain/mimco_swin-t.py')
    if request.checkpoint and algorithm(cfg) not in (*TAUGHT, *RECONSTRUCTING):
        raise ConfigError(
            f'of a checkpoint of {algorithm(cfg)} there is nothing to show at each '
            f'patch; expected MimCo, {" or ".join(RECONSTRUCTING)}, or leave --checkpoint out')
    if request.checkpoint:
        fit_teacher(cfg)
    place_views(cfg)
    return cfg


def algorithm(cfg: Config) -> str:
    return cfg.model.type.removeprefix('mmpretrain.')


def draw_preview(request: PreviewRequest, cfg: Config) -> Figure:
    """The figure; prints which images cannot be read, and means of similarity.

    Args:
        request: of which the images, seed and checkpoint are.
        cfg: see ``requested_preview``.
    """
    preprocessor = training_images.build_preprocessor(cfg)
    inputs, samples = training_images.first_batch(cfg, preprocessor, request.count, request.seed)
    if len(samples) < request.count:
        print(f'There are {len(samples)} images, fewer than --count {request.count}')
    _report_broken(samples)
    views = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    mask = batch_masks(samples)
    mask = None if mask is None else mask.cpu().numpy()
    images = [training_images.to_pixels(view, preprocessor) for view in views]
    rows = ({'crop': images[0]} if len(views) == 1 else
            {f'view {number}': view for number, view in enumerate(images, start=1)})
    if mask is not None:  # of the last view, if there are several
        rows['mask'] = preview.shade_masked(images[-1], mask)
        rows['student sees'] = preview.hide_masked(images[-1], mask)
    title, similarity = Path(request.config).stem, None
    if request.checkpoint:
        model = inspection.load_run(cfg, request.checkpoint)
        title += f', {Path(request.checkpoint).name}'
        if algorithm(cfg) in TAUGHT:
            similarity = {}
            for name, maps in inspection.patch_similarities(model, inputs, samples).items():
                label = f'similarity to {name}' if name else 'similarity'
                similarity[label] = maps.cpu().numpy()
                means = preview.in_words(preview.mean_similarity(similarity[label], mask))
                title += f'{":" if len(similarity) == 1 else ";"} {label} {means}'
                print(f'{" ".join(["similarity of student and teacher", name]).rstrip()}, mean of '
                      f'{len(samples)} images: {means}')
        else:
            pixels = inspection.reconstruct(model, views[-1], samples)
            rows['reconstruction'] = training_images.to_pixels(pixels, preprocessor)
    names = [printable(Path(sample.img_path).name) for sample in samples]
    return preview.plot_preview(rows, names, title, similarity, mask)


def _report_broken(samples: list) -> None:
    broken: Dict[str, str] = {}
    for sample in samples:
        broken.update(sample.get('broken_images', {}))
    for path, reason in broken.items():
        print(f'skipped {printable(path)}, which cannot be read ({reason}); the next one takes its '
              'place')
