"""Index tar shards that others made, or one tar, so that training can read them in any order.

Reads all headers once, and writes index.npy and index.json into the folder of shards, or
NAME.index.npy and NAME.index.json beside the tar NAME.tar. Tars in a tar, the classes of
ILSVRC2012_img_train.tar, are folders of their names. Shards by tools/convert/pack_images.py have
their index already. To train from them:

    tools/dist_train.sh CONFIG GPUS --data tar://SHARDS
"""

import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument('shards', type=Path, help="folder of *.tar in WebDataset's layout, or one "
                                                  'tar, e.g. ILSVRC2012_img_train.tar')
    pack = parser.parse_args().shards
    from mimco_mm.datasets import address_of
    from mimco_mm.datasets.ignored import Ignored
    from mimco_mm.datasets.storage.tar_index import write_index
    from mimco_mm.datasets.storage.tar_scan import find_shards, scan_shards
    from mimco_mm.errors import UserError
    from mimco_mm.names import command, counted, printable
    from mimco_mm.progress import progress
    shards = find_shards(pack)
    if not shards:
        address_of(str(pack))  # which tells what makes an archive of another kind readable
        sys.exit(f'error: there is no *.tar in {pack} (seen from {Path.cwd()})')
    total = sum(shard.stat().st_size for shard in shards if shard.is_file())
    ignored = Ignored()
    try:
        count = write_index(pack, progress(scan_shards(pack, ignored), total / 1e6, 'MB',
                                           lambda part: part.size / 1e6))
    except PermissionError as error:
        folder = 'FOLDER'
        target = shlex.quote(str(pack.absolute() if pack.is_file() else pack.absolute() / '*.tar'))
        sys.exit(f'error: {error}: the index lies beside the shards. Where you may not write, link '
                 f'them from a folder of your own: mkdir {folder} && ln -s {target} {folder} && '
                 f'{command("index")} {folder}')
    except (OSError, UserError) as error:
        sys.exit(f'error: {error}' + f' Ignored: {ignored}.' * bool(ignored))
    print(f'{printable(pack)}: {counted(count, "image")} in '
          f'{counted(len(shards), "shard")}; ignored: {ignored}')


if __name__ == '__main__':
    run_tool(main)
