"""The pipelines and decoders that tools/speed/feeding.py compares, and their turns."""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import cv2
import numpy as np
import torch
from mmengine.registry import FUNCTIONS, init_default_scope
from mmpretrain.registry import MODELS
from PIL import Image
from torch.utils.data import Dataset
from torchvision.io import ImageReadMode, decode_jpeg

from ..datasets import collate_decoded
from ..engine import place_views
from .feeding import feeding_table, psnr, with_stock_transforms
from .reading import data_config, image_dataset
from .turns import interleaved

SUFFIXES = ('.jpg', '.jpeg')
COMPARED = 256  # images that the PSNR is of, at most
CROPS, VIEWS = 'MoBY, crops for the device', 'MoBY, views of crops, on this CPU'
DECODING = 'decoding, torchvision'  # the fastest decoder that refuses a cut file


def measure_feeding(folder: Path, count: int, batch_size: int, rounds: int) -> List[dict]:
    """The rows of ``feeding_table``, of so many of a folder's JPEGs, evenly spaced."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    init_default_scope('mmpretrain')
    loaders = {name: (seeded_dataset(folder, pipeline), FUNCTIONS.get(collate))
               for name, (pipeline, collate) in pipelines().items()}
    images = loaders['MimCo, ours'][0].dataset
    count = min(count, len(images))
    rows = [place * len(images) // count for place in range(count)]
    paths = [Path(images.get_data_info(row)['img_path']) for row in rows]
    contents = [path.read_bytes() for path in paths]
    references = {name: f'{name.split(", ")[0]}, Pillow' for name in loaders}
    work = {name: partial(batches, *loader, rows, batch_size) for name, loader in loaders.items()}
    views = {name: on_device(batches(*loader, rows[:COMPARED], batch_size))
             for name, loader in loaders.items()}
    moby = data_config('teachers/moby')  # its views have other random numbers: no PSNR
    place_views(moby, gpu=True)
    crops = seeded_dataset(folder, moby.train_dataloader.dataset.dataset.pipeline), collate_decoded
    references.update(dict.fromkeys((CROPS, VIEWS), 'MoBY, Pillow'))
    work[CROPS] = partial(batches, *crops, rows, batch_size)
    work[VIEWS] = partial(map, MODELS.build(moby.data_preprocessor),
                          list(batches(*crops, rows, batch_size)))
    decoders = {DECODING: by_torchvision, 'decoding, Pillow': by_pillow,
                'decoding, OpenCV (fills cut files)': by_opencv}
    work.update({name: partial(map, decode, contents) for name, decode in decoders.items()})
    work[f'reading and {DECODING}'] = partial(
        map, lambda path: by_torchvision(path.read_bytes()), paths)
    seconds = {name: [each / count for each in times]
               for name, times in interleaved(work, rounds).items()}
    quality = {name: psnr(views[name], views[other]) for name, other in references.items()
               if name != other and name in views}
    return feeding_table(seconds, references, DECODING, quality)


def pipelines() -> Dict[str, Tuple[List[dict], str]]:
    """{row: (pipeline, what collates its samples)}.

    Rows of one method begin with its name; its reference is by Pillow.
    """
    mimco, moby = map(data_config, ('mimco', 'teachers/moby'))
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


def seeded_dataset(folder: Path, pipeline: List[dict]) -> Dataset:
    """The folder's JPEGs through a pipeline, with the same random numbers each time."""
    dataset = image_dataset(folder, pipeline, extensions=SUFFIXES)
    dataset.set_epoch(0, seed=0)
    return dataset


def batches(dataset: Dataset, collate: Callable, rows: Sequence[int],
            batch_size: int) -> Iterator[dict]:
    """Batches as a dataloader makes them."""
    for start in range(0, len(rows), batch_size):
        yield collate(dataset.__getitems__(rows[start:start + batch_size]))


def on_device(made: Iterator[dict]) -> torch.Tensor:
    """What the model gets of them: (N, 3, H, W), of two views both; flipped, not normalised."""
    preprocessor = MODELS.build(dict(type='DecodingDataPreprocessor'))
    inputs = [preprocessor(batch)['inputs'] for batch in made]
    return torch.cat([torch.cat(each) if isinstance(each, list) else each for each in inputs])


def by_pillow(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))


def by_torchvision(content: bytes) -> torch.Tensor:
    coded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_jpeg(coded, ImageReadMode.RGB)


def by_opencv(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
