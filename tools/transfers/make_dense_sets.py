"""Make a small COCO and a small ADE20K out of any photographs, to try the dense transfers on.

Writes, in the layouts that mmdet's and mmseg's configs read:

    OUT/coco/train2017, val2017                  images
    OUT/coco/annotations/instances_*.json        boxes, polygons and one of COCO's 80 categories
    OUT/ade/ADEChallengeData2016/images/training, validation
    OUT/ade/ADEChallengeData2016/annotations/... label maps: 1 to 150, and 0 where there is none

The labels are valid, not good: an object, or a segment, is a connected patch of one colour, and its
colour is its class. Nothing can be concluded from a figure that was measured on them.

    python tools/transfers/make_dense_sets.py PHOTOS --out demo/data
    cd demo
    python ../tools/train.py ../configs/benchmarks/coco/mask-rcnn_swin-t_1x.py
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('images', type=Path, help='folder of photographs, searched recursively')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument('--train', type=count, default=32, help='training images (default: 32)')
    parser.add_argument('--val', type=count, default=8, help='validation images (default: 8)')
    parser.add_argument('--side', type=count, default=320, help='longer side in px (default: 320)')
    parser.add_argument('--seed', type=int, default=0, help='chooses the images (default: 0)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.options.dense_libraries import dense_told
    from mimco_mm.requirements import import_quietly
    from mimco_mm.transfers.made_sets.dense import choose, write_dense_sets
    with dense_told("The list of COCO's classes"):
        import_quietly('mmdet.datasets')
        from mmdet.datasets import CocoDataset
    chosen = choose(args.images, args.train + args.val, args.seed)
    written = write_dense_sets(chosen[:args.train], chosen[args.train:], args.out, args.side,
                               CocoDataset.METAINFO['classes'])
    for split, (images, objects) in written.items():
        print(f'{split}: {images} images, {objects} objects')


if __name__ == '__main__':
    run_tool(main)
