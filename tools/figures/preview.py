"""Show what a pre-training run works with: a batch of its own pipeline, and what it makes of it.

Draws the crops as the network gets them, the masks, and what is left for the student to see; of
MoBY and MoCo v3 the views. With a checkpoint of the run it adds, of MimCo, the student's similarity
to the teacher at each patch, of SimMIM the reconstructed pixels. The images are the first ones of a
run with the same seed. Nothing is trained and no file of the run is changed.
"""

import argparse
import logging
import sys
from pathlib import Path

from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser

# of the dataloader, and set otherwise for one batch
IDLE = ('batch_size', 'num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor',
        'drop_last')
RECONSTRUCTING = ('SimMIM', 'SimMIMMoBY')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='of the pre-training, e.g. configs/pretrain/mimco_swin-t.py')
    parser.add_argument('--checkpoint', metavar='FILE',
                        help='of a run of this config, with its heads: WORK_DIR/epoch_N.pth')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        default=Path('work_dirs/figures/preview.png'),
                        help='picture, PNG, SVG or PDF by its suffix (default: %(default)s)')
    parser.add_argument('--count', type=int, default=8, metavar='N',
                        help='images (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the images, crops and masks: `randomness.seed` of a run (default: '
                             '%(default)s)')
    parser.add_argument('--data', metavar='DIR_OR_URL',
                        help='images, as --data of tools/train.py (default: those of the config)')
    parser.add_argument('--teacher', metavar='PATH_OR_URL',
                        help="the run's teacher, where the config names another")
    parser.add_argument('--mask-ratio', type=float, metavar='PART',
                        help='part of each image that is masked')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE', help='set keys of the config, as in tools/train.py')
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f'--count: expected a number from 1 up, got {args.count}')
    return args


def configured(args: argparse.Namespace) -> Config:
    """The config with the command line's options; one that cannot be shown is refused."""
    from mimco_mm.options import PREVIEW, apply_options, apply_shortcuts, load_config, refuse
    cfg = load_config(args.config)
    apply_shortcuts(cfg, {name: getattr(args, name) for name in ('data', 'teacher', 'mask_ratio')})
    refuse(args.cfg_options, [f'train_dataloader.{key}' for key in IDLE],
           'a picture has one batch of --count images, read in this process')
    if not args.checkpoint:
        refuse(args.cfg_options, [f'model.{key}' for key in cfg.get('model') or {}
                                  if key not in ('type', 'data_preprocessor')],
               'no model is built without --checkpoint')
        if args.teacher:
            sys.exit('error: --teacher changes nothing without --checkpoint: similarity to it is '
                     "that of a run's student")
    apply_options(cfg, args.cfg_options, PREVIEW)
    if not {'model', 'train_dataloader'} <= cfg.keys():
        sys.exit(f'error: {args.config} has no `model` and `train_dataloader`; expected a '
                 'pre-training config like configs/pretrain/mimco_swin-t.py')
    if args.checkpoint and algorithm(cfg) not in ('MimCo', *RECONSTRUCTING):
        sys.exit(f'error: of a checkpoint of {algorithm(cfg)} there is nothing to show at each '
                 f'patch; expected MimCo, {" or ".join(RECONSTRUCTING)}, or leave --checkpoint out')
    return cfg


def algorithm(cfg: Config) -> str:
    return cfg.model.type.removeprefix('mmpretrain.')


def report_broken(samples: list) -> None:
    broken = {path: reason for sample in samples
              for path, reason in sample.get('broken_images', {}).items()}
    from mimco_mm.names import printable
    for path, reason in broken.items():
        print(f'skipped {printable(path)}, which cannot be read ({reason}); the next one takes its '
              'place')


def draw(args: argparse.Namespace, cfg: Config):
    """The figure; prints means of similarity."""
    from mimco_mm.engine import training_images
    from mimco_mm.figures import inspection, preview
    from mimco_mm.models.utils import batch_masks
    from mimco_mm.names import printable
    preprocessor = training_images.build_preprocessor(cfg)
    inputs, samples = training_images.first_batch(cfg, preprocessor, args.count, args.seed)
    if len(samples) < args.count:
        print(f'There are {len(samples)} images, fewer than --count {args.count}')
    report_broken(samples)
    views = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    mask = batch_masks(samples)
    mask = None if mask is None else mask.cpu().numpy()
    images = [training_images.to_pixels(view, preprocessor) for view in views]
    rows = ({'crop': images[0]} if len(views) == 1 else
            {f'view {number}': view for number, view in enumerate(images, start=1)})
    if mask is not None:  # of the last view, if there are several
        rows['mask'] = preview.shade_masked(images[-1], mask)
        rows['student sees'] = preview.hide_masked(images[-1], mask)
    title, similarity = Path(args.config).stem, None
    if args.checkpoint:
        model = inspection.load_run(cfg, args.checkpoint)
        title += f', {Path(args.checkpoint).name}'
        if algorithm(cfg) == 'MimCo':
            similarity = inspection.patch_similarity(model, inputs, samples).cpu().numpy()
            means = preview.in_words(preview.mean_similarity(similarity, mask))
            title += f': similarity {means}'
            print(f'similarity of student and teacher, mean of {len(samples)} images: {means}')
        else:
            pixels = inspection.reconstruct(model, views[-1], samples)
            rows['reconstruction'] = training_images.to_pixels(pixels, preprocessor)
    names = [printable(Path(sample.img_path).name) for sample in samples]
    return preview.plot_preview(rows, names, title, similarity, mask)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mimco_mm.figures import picture_file
    from mimco_mm.launching import errors_told
    with errors_told():
        cfg = configured(args)
        init_default_scope('mmpretrain')
        MMLogger.get_instance('preview').setLevel(logging.WARNING)
        out = picture_file(args.out)
        draw(args, cfg).savefig(out, dpi=150)
        print(f'The picture is {out}')


if __name__ == '__main__':
    main()
