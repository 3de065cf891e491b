"""Images per second that one core makes ready, from JPEG files to batches of uint8 pixels.

Decoders alone, mmpretrain's own transforms and the pipelines of configs/ take turns on one thread;
times are CPU times of the process. MimCo's own pipeline leaves flips to the device. Quality is the
PSNR against the same crops and flips after a full decode and a resize by Pillow. Writes FILE.json
and prints a Markdown table.
"""

import argparse
import json
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Callable, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, run_tool

SUFFIXES = ('.jpg', '.jpeg')
COMPARED = 256  # images that the PSNR is of, at most
DECODING = 'decoding, torchvision'  # the fastest decoder that refuses a cut file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('folder', type=Path, help='JPEGs at any depth, e.g. data/imagenet/val')
    parser.add_argument('--images', type=int, default=240, metavar='N',
                        help='so many of them, evenly spaced (default: %(default)s)')
    parser.add_argument('--batch-size', type=int, default=64, metavar='B',
                        help='(default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=7, metavar='R',
                        help='turns of each row (default: %(default)s)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        default=Path('work_dirs', 'feeding.json'), help='(default: %(default)s)')
    args = parser.parse_args(argv)
    if min(args.images, args.batch_size, args.rounds) < 1:
        parser.error('expected --images, --batch-size and --rounds from 1 up')
    return args


def pipelines() -> dict[str, tuple[list[dict], str]]:
    """{row: (pipeline, what collates its samples)}.

    Rows of one method begin with its name; its reference is by Pillow.
    """
    from mmengine.config import Config

    from mimco_mm.speed import with_stock_transforms
    mimco, moby = (Config.fromfile(ROOT / 'configs' / 'pretrain' / f'{name}_swin-t.py')
                   for name in ('mimco', 'teachers/moby'))
    load, crop, *rest = mimco.train_pipeline
    bicubic = [load, dict(crop, interpolation='bicubic'), *rest]
    rows = {}
    for name, cfg, ours in (('MimCo', mimco, mimco.train_pipeline),
                            ('MimCo bicubic', mimco, bicubic),
                            ('MoBY', moby, moby.train_pipeline)):
        rows.update({
            f'{name}, Pillow': (with_stock_transforms(ours, 'pillow'), 'default_collate'),
            f'{name}, OpenCV': (with_stock_transforms(ours, 'cv2'), 'default_collate'),
            f'{name}, ours': (ours, cfg.train_dataloader.collate_fn.type)})
    rows['MimCo, decoded on the device'] = mimco.train_pipeline, 'collate_coded'
    return rows


def build(folder: Path, pipeline: list[dict]):
    """The folder's JPEGs through a pipeline, with the same random numbers each time."""
    from mmpretrain.registry import DATASETS
    dataset = DATASETS.build(dict(type='ResilientDataset', dataset=dict(
        type='ImageFolder', data_root=str(folder), with_label=False, extensions=SUFFIXES,
        pipeline=pipeline)))
    dataset.set_epoch(0, seed=0)
    return dataset


def decoders() -> dict[str, Callable]:
    """{row: function of a file's content}."""
    import cv2
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg

    def pillow(content: bytes) -> np.ndarray:
        with Image.open(BytesIO(content)) as image:
            return np.array(image if image.mode == 'RGB' else image.convert('RGB'))

    def torchvision(content: bytes) -> torch.Tensor:
        coded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return decode_jpeg(coded, ImageReadMode.RGB)

    def opencv(content: bytes) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    return {DECODING: torchvision, 'decoding, Pillow': pillow,
            'decoding, OpenCV (fills cut files)': opencv}


def batches(dataset, collate: Callable, rows: list[int], batch_size: int) -> Iterator[dict]:
    """Batches as a dataloader makes them."""
    for start in range(0, len(rows), batch_size):
        yield collate(dataset.__getitems__(rows[start:start + batch_size]))


def on_device(made: Iterator[dict]):
    """What the model gets of them: (N, 3, H, W), of two views both; flipped, not normalised."""
    import torch
    from mmpretrain.registry import MODELS
    preprocessor = MODELS.build(dict(type='DecodingDataPreprocessor'))
    inputs = [preprocessor(batch)['inputs'] for batch in made]
    return torch.cat([torch.cat(each) if isinstance(each, list) else each for each in inputs])


def run(args: argparse.Namespace) -> list[dict]:
    import cv2
    import torch
    from mmengine.registry import FUNCTIONS, init_default_scope

    import mimco_mm  # noqa: F401
    from mimco_mm.speed import feeding_table, interleaved, psnr
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    init_default_scope('mmpretrain')
    loaders = {name: (build(args.folder, pipeline), FUNCTIONS.get(collate))
               for name, (pipeline, collate) in pipelines().items()}
    images = loaders['MimCo, ours'][0].dataset
    count = min(args.images, len(images))
    rows = [place * len(images) // count for place in range(count)]
    paths = [Path(images.get_data_info(row)['img_path']) for row in rows]
    contents = [path.read_bytes() for path in paths]
    references = {name: f'{name.split(", ")[0]}, Pillow' for name in loaders}
    work = {name: partial(batches, *loader, rows, args.batch_size)
            for name, loader in loaders.items()}
    views = {name: on_device(batches(*loader, rows[:COMPARED], args.batch_size))
             for name, loader in loaders.items()}
    work.update({name: partial(map, decode, contents) for name, decode in decoders().items()})
    decode = decoders()[DECODING]
    work[f'reading and {DECODING}'] = partial(map, lambda path: decode(path.read_bytes()), paths)
    seconds = {name: [each / count for each in times]
               for name, times in interleaved(work, args.rounds).items()}
    quality = {name: psnr(views[name], views[other]) for name, other in references.items()
               if name != other}
    return feeding_table(seconds, references, DECODING, quality)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.datasets import list_images
    from mimco_mm.speed import feeding_markdown
    try:
        list_images(args.folder, SUFFIXES)
    except FileNotFoundError as error:
        sys.exit(f'error: {error}; expected a folder of photographs, e.g. data/imagenet/val')
    rows = run(args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(rows, indent=2) + '\n')
    print(f'{feeding_markdown(rows)}\nIn figures: {args.out}')


if __name__ == '__main__':
    run_tool(main)
