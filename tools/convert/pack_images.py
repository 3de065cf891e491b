"""Pack images into tar shards in WebDataset's layout, or into an LMDB database.

IMAGES is a folder, a zip, or the parquet files of a dataset of Hugging Face. The images go in as
they are, named by their paths in the folder, or CLASS/NAME by the columns of parquet files. OUT
appears when all of them are in it and have been counted; after an interruption the same command
goes on. To train from it:

    tools/dist_train.sh CONFIG GPUS --data tar://OUT

and lmdb://OUT for a database.
"""

import argparse
import math
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool

SHARD_SIZE = 1000  # in 10^6 bytes


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('images', type=Path,
                        help='folder of images or of CLASS folders, e.g. data/imagenet/train; a '
                             'zip; a .parquet file, or a folder of them')
    parser.add_argument('out', type=Path, help='new folder, e.g. data/imagenet-tar/train')
    parser.add_argument('--format', choices=['tar', 'lmdb'], default='tar',
                        help='(default: %(default)s)')
    parser.add_argument('--shard-size', type=float, metavar='MB',
                        help='images in a shard of --format tar, in 10^6 bytes (default: '
                             f'{SHARD_SIZE})')
    columns = parser.add_argument_group('of parquet files')
    columns.add_argument('--image-column', metavar='NAME',
                         help='the column of images (default: the one that there is)')
    columns.add_argument('--label-column', metavar='NAME',
                         help='the column of classes (default: label, or the first of them)')
    args = parser.parse_args(argv)
    if args.out.exists():
        parser.error(f'{args.out} is there already; remove it, or choose another folder')
    if args.shard_size is None:
        args.shard_size = SHARD_SIZE
    elif args.format != 'tar':
        parser.error('--shard-size is for --format tar: a database has no shards')
    if not 0 < args.shard_size * 1e6 < math.inf:  # nan is neither
        parser.error(f'--shard-size expects a number of 10^6 bytes above 0, got {args.shard_size}')
    return args


def check_space(out: Path, sizes: list[int]) -> None:
    """Refuse to begin what the disk cannot hold; either format adds some 2 %, or 2 KB an image."""
    from mimco_mm.names import counted, sized
    needed = sum(sizes) * 1.02 + 2048 * len(sizes)
    there = sum(path.stat().st_size for path in out.iterdir())
    free = shutil.disk_usage(out).free + there
    if free < needed:
        sys.exit(f'error: {out} has {sized(free)} left, and {counted(len(sizes), "image")} '
                 f'take {sized(needed)}')


def main() -> None:
    args = parse_args()
    from mimco_mm.datasets.storage import packing
    from mimco_mm.datasets.storage.lmdb_backend import LmdbPack
    from mimco_mm.datasets.storage.sources import open_source
    from mimco_mm.datasets.storage.tar_backend import TarPack
    from mimco_mm.datasets.storage.tar_index import write_index
    from mimco_mm.datasets.storage.tar_scan import scan_shards
    from mimco_mm.names import counted, printable, sized
    from mimco_mm.progress import progress
    from mimco_mm.records import claim
    unfinished = args.out.with_name(f'{args.out.name}.unfinished')
    begun = unfinished / 'begun.json'
    try:
        source = open_source(args.images, args.image_column, args.label_column)
        names, sizes = source.names, source.sizes
        if args.format == 'tar':
            packing.check_shard_names(names)
        unfinished.mkdir(parents=True, exist_ok=True)
        check_space(unfinished, sizes)
        identity = packing.identity(
            source, format=args.format, shard_size=args.shard_size,
            image_column=args.image_column, label_column=args.label_column)
        claim(begun, identity,
              'Give the same again to go on, or remove the folder to start anew.')
        if args.format == 'tar':
            written = packing.write_shards(source, unfinished, int(args.shard_size * 1e6))
        else:
            written = packing.write_lmdb(source, unfinished)
        for _ in progress(written, len(names), 'images'):
            pass
        if args.format == 'tar':
            write_index(unfinished, scan_shards(unfinished))
        pack = (TarPack if args.format == 'tar' else LmdbPack)(unfinished)
        packing.verify(pack, names, unfinished)
    except (OSError, RuntimeError, packing.PackingError) as error:
        sys.exit(f'error: {error}')
    begun.unlink()
    unfinished.rename(args.out)
    print(printable(f'{args.out}: {counted(len(names), "image")}, {sized(sum(sizes))}, all '
                    f'of {args.images}; ignored: {source.ignored}'))


if __name__ == '__main__':
    run_tool(main, goes_on=True)
