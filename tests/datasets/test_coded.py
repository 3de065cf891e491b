"""The pipeline that decodes on the device sees what the usual one sees: images, boxes, flips."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from PIL import Image

from mimco_mm.datasets import LoadCodedImage
from tests import tiny

DATASETS = tiny.CONFIGS / '_base_' / 'datasets'
COUNT = 12


def photo(row: int, size=(120, 90)) -> Image.Image:
    coarse = np.random.default_rng(row).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.BICUBIC)


def saved(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **{'format': 'jpeg', 'quality': 90, **options})
    return buffer.getvalue()


def upside_down() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 3
    return exif


# What the host decodes, as decoders of devices may not, or not alike
ODD = dict(
    progressive=saved(photo(0), progressive=True),
    grey=saved(photo(1).convert('L')),
    cmyk=saved(photo(2).convert('CMYK')),
    rotated=saved(photo(3), exif=upside_down()),
    rgb=saved(photo(4), keep_rgb=True),
    png=saved(photo(5), format='png'),
    rest_after_the_end=saved(photo(6)) + b'\0\0')


@pytest.fixture
def folder(tmp_path):
    """train/: plain JPEGs, then one of each odd kind."""
    (tmp_path / 'train').mkdir()
    for row in range(COUNT):
        content = saved(photo(row, (120 + 7 * row, 90)))
        (tmp_path / 'train' / f'{row:02d}.jpg').write_bytes(content)
    for name, content in ODD.items():
        (tmp_path / 'train' / f'odd_{name}.jpg').write_bytes(content)
    return tmp_path


def batch(name: str, folder: Path, workers: int = 0, changes=()) -> dict:
    """All images of the folder, in a run's order, as the model gets them."""
    cfg = Config.fromfile(DATASETS / f'{name}.py')
    cfg.merge_from_dict(dict(changes))
    loader = cfg.train_dataloader
    loader.update(batch_size=COUNT + len(ODD), num_workers=workers,
                  persistent_workers=False)
    loader.dataset.dataset.data_root = str(folder)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(loader, seed=0)
        preprocessor = MODELS.build(cfg.data_preprocessor)
    loader.dataset.set_epoch(3, 5)
    return preprocessor(next(iter(loader)), training=True)


def by_path(data: dict) -> dict:
    return {Path(sample.img_path).name: (image, sample)
            for image, sample in zip(data['inputs'], data['data_samples'])}


STEP = 1 / 57  # of a value of 256, after normalisation: 1 / std, at most


@pytest.mark.parametrize('workers', [0, 2])
def test_batch__is_that_of_the_usual_pipeline_to_rounding(folder, workers):
    usual = by_path(batch('imagenet_mimco', folder))
    coded = by_path(batch('imagenet_mimco_gpu-decode', folder, workers))
    assert usual.keys() == coded.keys() and len(usual) == COUNT + len(ODD)
    for name, (image, sample) in usual.items():
        other, others = coded[name]
        assert other.dtype == torch.float32 and other.shape == (3, 224, 224)
        np.testing.assert_array_equal(sample.mask, others.mask)
        # the usual pipeline resizes in integers: rounded, and its weights too
        assert (image - other).abs().max() < 1.1 * STEP, name
        assert ('crop' in others) == (not name.startswith('odd'))
    assert 0 < sum(sample.flip for _, sample in coded.values()) < len(coded)


def test_batch__host_alone_decodes_odd_images(folder):
    for path in (folder / 'train').glob('[0-9]*'):
        path.unlink()
    usual, coded = (by_path(batch(name, folder, changes={'train_dataloader.drop_last': False}))
                    for name in ('imagenet_mimco', 'imagenet_mimco_gpu-decode'))
    assert len(coded) == len(ODD)
    for name, (image, _) in usual.items():
        torch.testing.assert_close(coded[name][0], image, rtol=0, atol=1e-6)


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
def test_batch__other_sizes_and_interpolations(folder, interpolation):
    crop = dict(scale=32, interpolation=interpolation, crop_ratio_range=(0.1, 1.))
    images = []
    for name in ('imagenet_mimco', 'imagenet_mimco_gpu-decode'):
        pipeline = 'train_dataloader.dataset.dataset.pipeline.1'
        images.append(by_path(batch(name, folder, changes={
            f'{pipeline}.{key}': value for key, value in crop.items()})))
    usual, coded = images
    assert max((usual[name][0] - coded[name][0]).abs().max() for name in usual) < 1.1 * STEP


@pytest.mark.parametrize('keep', [0.5, -2, 30])
def test_cut_file__is_replaced_and_named(folder, keep):
    path = folder / 'train' / '03.jpg'
    content = path.read_bytes()
    path.write_bytes(content[:int(keep * len(content)) if keep == 0.5 else keep])
    samples = batch('imagenet_mimco_gpu-decode', folder)['data_samples']
    broken = {}
    for sample in samples:
        broken.update(sample.get('broken_images', {}))
    assert list(broken) == [str(path)]
    assert 'truncated' in broken[str(path)].lower()


def test_vanished_file__is_replaced_and_named(folder):
    with pytest.raises(OSError, match='FileNotFoundError'):
        LoadCodedImage()(dict(img_path=str(folder / 'nothing.jpg')))


def test_damage_that_only_decoding_finds__is_named(folder):
    for path in (folder / 'train').glob('0[4-9]*'):
        content = path.read_bytes()
        table = content.index(b'\xff\xc4') + 5  # counts of Huffman codes
        path.write_bytes(content[:table] + b'\xff' * 16 + content[table + 16:])
    with pytest.raises(RuntimeError, match=r'train/0\d.jpg cannot be decoded .*imagenet_mimco.py'):
        batch('imagenet_mimco_gpu-decode', folder)


def test_device_that_refuses__leaves_the_batch_to_the_host(folder, monkeypatch):
    """What a CUDA device would be asked for, and what happens if it cannot."""
    from mimco_mm.models import decoding_preprocessor as module
    asked, decode = [], module.decode_jpeg

    def refusing(contents, mode, device=None):
        if device is None:
            return decode(contents, mode)
        asked.append((len(contents), mode.name, device.type))
        raise RuntimeError('nvjpeg')

    preprocessor = module.DecodingDataPreprocessor()
    monkeypatch.setattr(module, 'decode_jpeg', refusing)
    monkeypatch.setattr(module.DecodingDataPreprocessor, 'device', torch.device('cuda'))
    monkeypatch.setattr(torch.Tensor, 'to', lambda tensor, device: tensor)
    content = torch.frombuffer(bytearray(saved(photo(0))), dtype=torch.uint8)
    image, = preprocessor.decode([content], ['a.jpg'])
    assert asked == [(1, 'RGB', 'cuda')]
    assert torch.equal(image, decode(content, module.ImageReadMode.RGB))
