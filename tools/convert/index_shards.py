"""Index a folder of tar shards that others made, so that training can read them in any order.

Reads the headers of all shards once, and writes index.npy and index.json beside them. Shards by
tools/convert/pack_images.py have their index already. To train from them:

    tools/dist_train.sh CONFIG GPUS --data tar://SHARDS
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument('shards', type=Path, help="folder of *.tar in WebDataset's layout")
    folder = parser.parse_args().shards
    from mimco_mm.datasets.listing import Ignored
    from mimco_mm.datasets.storage.tar_index import write_index
    from mimco_mm.datasets.storage.tar_scan import find_shards, scan_shard
    from mimco_mm.names import printable
    from mimco_mm.progress import progress
    shards = find_shards(folder)
    if not shards:
        sys.exit(f'error: there is no *.tar in {folder} (seen from {Path.cwd()})')
    ignored = Ignored()
    try:
        count = write_index(folder, ((shard, scan_shard(shard, ignored))
                                     for shard in progress(shards, len(shards), 'shards')))
    except OSError as error:
        sys.exit(f'error: {error}' + f' Ignored: {ignored}.' * bool(ignored))
    print(f'{printable(folder)}: {count} images in {len(shards)} shards; ignored: {ignored}')


if __name__ == '__main__':
    run_tool(main)
