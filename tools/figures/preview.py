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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_cfg_options, add_picture
from command_line import Parser, request_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='of the pre-training, e.g. configs/pretrain/mimco_swin-t.py')
    parser.add_argument('--checkpoint', metavar='FILE',
                        help='of a run of this config, with its heads: WORK_DIR/epoch_N.pth')
    add_picture(parser, 'preview')
    parser.add_argument('--count', type=int, default=8, metavar='N',
                        help='images (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the images, crops and masks: `randomness.seed` of a run (default: '
                             '%(default)s)')
    parser.add_argument('--data', metavar='DIR_OR_URL',
                        help='images, as --data of tools/train.py (default: those of the config)')
    parser.add_argument('--teacher', metavar='PATH_URL_OR_NAME', action='append',
                        help="the run's teacher, where the config names another; of several "
                             'teachers each, by an option of its own')
    parser.add_argument('--mask-ratio', type=float, metavar='PART',
                        help='part of each image that is masked')
    add_cfg_options(parser, 'set keys of the config, as in tools/train.py')
    args = parser.parse_args(argv)
    parser.expect_from(args, count=1)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mimco_mm.figures import picture_file
    from mimco_mm.figures.preview_figure import PreviewRequest, draw_preview, requested_preview
    from mimco_mm.launching import errors_told
    request = request_of(PreviewRequest, args)
    with errors_told():
        cfg = requested_preview(request)
        init_default_scope('mmpretrain')
        MMLogger.get_instance('preview').setLevel(logging.WARNING)
        out = picture_file(args.out)
        draw_preview(request, cfg).savefig(out, dpi=150)
        print(f'The picture is {out}')


if __name__ == '__main__':
    main()
