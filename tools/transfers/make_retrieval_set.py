"""A small retrieval set from a folder of photographs, in the format of revisited Oxford and Paris.

Writes OUT/NAME/gnd_NAME.pkl and OUT/NAME/jpg/*.jpg, to try tools/transfers/retrieval.py without
the benchmark's images. Of some photographs, each a query, the database has other views: easy ones
(large parts), hard ones (small parts, mirrored, darker, at low resolution) and junk (a tiny part).
The rest are distractors, whole. The query file is the photograph with its box around the part that
all views are cut from. The same photographs, options and Pillow give the same files.

Its scores say that the pipeline works and which of two networks finds crops of a photograph better;
they are not those of the benchmark.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('photographs', type=Path,
                        help='folder of images, searched with its subfolders')
    parser.add_argument('out', type=Path, help='folder that gets the set; the --data-root of '
                                               'tools/transfers/retrieval.py')
    parser.add_argument('--name', default='roxford5k',
                        help='of the set; a name in the config runs with its settings '
                             '(default: %(default)s)')
    parser.add_argument('--queries', type=int, default=20,
                        help='photographs that are looked for (default: %(default)s)')
    parser.add_argument('--distractors', type=int, default=100,
                        help='at most so many others (default: %(default)s)')
    parser.add_argument('--views', type=int, default=3,
                        help='easy and hard views of each query (default: %(default)s)')
    parser.add_argument('--side', type=int, default=640,
                        help='longest side of a photograph in px (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of choice, views and order')
    args = parser.parse_args(argv)
    parser.expect_from(args, queries=1, distractors=0, views=1, side=64)
    return args


def main() -> None:
    args = parse_args()
    from mimco_mm.transfers.made_sets.retrieval import write_retrieval_set
    truth = write_retrieval_set(**vars(args))
    print(f'{args.out / args.name}: {len(truth["qimlist"])} queries, {len(truth["imlist"])} '
          'database images')


if __name__ == '__main__':
    run_tool(main)
