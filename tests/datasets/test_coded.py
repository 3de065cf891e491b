"""Images decoded by the batch or on the device are those decoded at once: boxes, flips, pixels."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.models.utils import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS
from PIL import Image

from mimco_mm.datasets import LoadCodedImage
from mimco_mm.models import DecodingDataPreprocessor
from tests import tiny

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


PIPELINE = 'train_dataloader.dataset.dataset.pipeline'
COLLATE = 'train_dataloader.collate_fn.type'
WAYS = dict(
    at_once={COLLATE: 'default_collate', 'data_preprocessor.type': 'MimCoDataPreprocessor', **{
        f'{PIPELINE}.{row}.type': name for row, name in (
            (0, 'LoadRGBImage'), (1, 'AntialiasedResizedCrop'), (2, 'RandomHorizontalFlip'),
            (4, 'PackPlanes'))}},
    by_the_batch={},
    on_the_device={COLLATE: 'collate_coded'})


def batch(way: str, folder: Path, workers: int = 0, changes=()) -> dict:
    """All images of the folder, in a run's order, as the model gets them."""
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / 'mimco_swin-t.py')
    cfg.merge_from_dict({**WAYS[way], **dict(changes)})
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
def test_batch__is_that_of_images_decoded_at_once(folder, workers):
    usual = by_path(batch('at_once', folder))
    late = by_path(batch('by_the_batch', folder, workers))
    assert usual.keys() == late.keys() and len(usual) == COUNT + len(ODD)
    for name, (image, sample) in usual.items():
        np.testing.assert_array_equal(sample.mask, late[name][1].mask)
        assert late[name][0].dtype == torch.float32 and late[name][0].is_contiguous()
        torch.testing.assert_close(late[name][0], image, rtol=0, atol=1e-6)
    assert 0 < sum(sample.flip for _, sample in late.values()) < len(late)


@pytest.mark.parametrize('workers', [0, 2])
def test_batch__decoded_on_the_device_is_the_same_to_rounding(folder, workers):
    usual = by_path(batch('by_the_batch', folder))
    coded = by_path(batch('on_the_device', folder, workers))
    assert usual.keys() == coded.keys() and len(usual) == COUNT + len(ODD)
    for name, (image, sample) in usual.items():
        other, others = coded[name]
        assert other.dtype == torch.float32 and other.shape == (3, 224, 224)
        np.testing.assert_array_equal(sample.mask, others.mask)
        # the host resizes in integers: rounded, and its weights too
        assert (image - other).abs().max() < 1.1 * STEP, name
        assert ('crop' in others) == (not name.startswith('odd'))


def test_batch__the_host_alone_decodes_odd_images(folder):
    for path in (folder / 'train').glob('[0-9]*'):
        path.unlink()
    usual, coded = (by_path(batch(way, folder, changes={'train_dataloader.drop_last': False}))
                    for way in ('at_once', 'on_the_device'))
    assert len(coded) == len(ODD)
    for name, (image, _) in usual.items():
        torch.testing.assert_close(coded[name][0], image, rtol=0, atol=1e-6)


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
def test_batch__other_sizes_and_interpolations(folder, interpolation):
    crop = dict(scale=32, interpolation=interpolation, crop_ratio_range=(0.1, 1.))
    changes = {f'{PIPELINE}.1.{key}': value for key, value in crop.items()}
    usual, late, coded = (by_path(batch(way, folder, changes=changes)) for way in WAYS)
    for name in usual:
        torch.testing.assert_close(late[name][0], usual[name][0], rtol=0, atol=1e-6)
        assert (usual[name][0] - coded[name][0]).abs().max() < 1.1 * STEP


def test_batch__of_a_pipeline_without_flips_is_not_flipped(folder):
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / 'mimco_swin-t.py')
    unflipped = cfg.train_pipeline[:2] + cfg.train_pipeline[3:]
    changes = {PIPELINE: unflipped}
    usual = by_path(batch('by_the_batch', folder))
    for name, (image, sample) in by_path(batch('by_the_batch', folder, changes=changes)).items():
        assert 'flip' not in sample
        expected = usual[name][0].flip(-1) if usual[name][1].flip else usual[name][0]
        torch.testing.assert_close(image, expected, rtol=0, atol=0)


def test_preprocessor__other_batches_are_treated_as_by_mmpretrain():
    """For example those of the k-NN hook: BGR, and nothing is left to be done."""
    options = dict(mean=[1., 2., 3.], std=[4., 5., 6.], to_rgb=True)
    images = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    for inputs in (images, [images, images.flip(0)]):
        ours, stock = (kind(**options)(dict(inputs=inputs, data_samples=[]))['inputs']
                       for kind in (DecodingDataPreprocessor, SelfSupDataPreprocessor))
        torch.testing.assert_close(ours, stock, rtol=0, atol=0)


def named_broken(samples: list) -> dict:
    broken = {}
    for sample in samples:
        broken.update(sample.get('broken_images', {}))
    return broken


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('keep', [0.5, -2, 30])
def test_cut_file__is_replaced_and_named(folder, keep, way):
    path = folder / 'train' / '03.jpg'
    content = path.read_bytes()
    path.write_bytes(content[:int(keep * len(content)) if keep == 0.5 else keep])
    broken = named_broken(batch(way, folder)['data_samples'])
    assert list(broken) == [str(path)]
    assert 'truncated' in broken[str(path)].lower()


def test_vanished_file__is_replaced_and_named(folder):
    with pytest.raises(OSError, match='FileNotFoundError'):
        LoadCodedImage()(dict(img_path=str(folder / 'nothing.jpg')))


def damage(paths) -> list:
    """Give images a Huffman table that no decoder takes, between a whole header and the end."""
    paths = sorted(paths)
    for path in paths:
        content = path.read_bytes()
        table = content.index(b'\xff\xc4') + 5  # counts of Huffman codes
        path.write_bytes(content[:table] + b'\xff' * 16 + content[table + 16:])
    return paths


@pytest.mark.parametrize('workers', [0, 2])
def test_damage_that_only_decoding_finds__is_replaced_within_the_batch(folder, workers):
    whole = by_path(batch('by_the_batch', folder))
    order = list(whole)
    damaged = damage((folder / 'train').glob('0[4-9]*'))
    data = batch('by_the_batch', folder, workers)
    assert sorted(named_broken(data['data_samples'])) == [str(path) for path in damaged]
    names = {path.name for path in damaged}
    for row, name in enumerate(order):
        image, sample = data['inputs'][row], data['data_samples'][row]
        following = next(other for other in order[row:] + order[:row] if other not in names)
        assert Path(sample.img_path).name == following
        torch.testing.assert_close(image, whole[following][0], rtol=0, atol=0)
        np.testing.assert_array_equal(sample.mask, whole[following][1].mask)
        assert list(sample.get('broken_images', {})) == (
            [str(folder / 'train' / name)] if name in names else [])


def test_damage_that_only_decoding_finds__in_all_images_is_an_error(folder):
    for path in (folder / 'train').glob('odd*'):
        path.unlink()
    damage((folder / 'train').iterdir())
    with pytest.raises(RuntimeError, match=r'None of the 12 images of a batch can be decoded, the '
                       r'first is .*jpg .*`train_dataloader.dataset.dataset.data_root`'):
        batch('by_the_batch', folder, changes={'train_dataloader.drop_last': False})


def test_damage_that_only_decoding_finds__on_the_device_is_an_error_that_names_it(folder):
    damage((folder / 'train').glob('0[4-9]*'))
    with pytest.raises(RuntimeError, match=r'train/0\d.jpg cannot be decoded .*'
                       r'`train_dataloader.collate_fn.type=collate_decoded`'):
        batch('on_the_device', folder)


def test_device_that_refuses__leaves_that_image_to_the_host(folder, monkeypatch):
    """What a CUDA device is asked for, and what happens if it cannot or is itself at fault."""
    from mimco_mm.models import decoding_preprocessor as module
    decode, asked, said = module.decode_jpeg, [], []
    answer = ['Failed to decode jpeg stream: 4']

    def device_decoder(contents, mode, device=None):
        if device is None:
            return decode(contents, mode)
        asked.append((len(contents), mode.name, device.type))
        if any(len(content) == len(odd) for content in contents):
            raise RuntimeError(f'Error while decoding JPEG images: {answer[0]}')
        return [decode(content, mode) for content in contents]

    preprocessor = DecodingDataPreprocessor()
    monkeypatch.setattr(module, 'decode_jpeg', device_decoder)
    monkeypatch.setattr(module, 'print_log', lambda text, *args: said.append(text))
    monkeypatch.setattr(DecodingDataPreprocessor, 'device', torch.device('cuda'))
    monkeypatch.setattr(torch.Tensor, 'to', lambda tensor, device: tensor)
    contents = [torch.frombuffer(bytearray(saved(photo(index))), dtype=torch.uint8)
                for index in range(3)]
    odd = contents[1]
    assert len({len(content) for content in contents}) == 3
    for _ in range(2):
        images = preprocessor.decode(contents, ['a.jpg', 'b.jpg', 'c.jpg'])
        for content, image in zip(contents, images):
            assert torch.equal(image, decode(content, module.ImageReadMode.RGB))
    assert asked == 2 * [(3, 'RGB', 'cuda'), *3 * [(1, 'RGB', 'cuda')]]
    assert preprocessor.refused == 2
    assert len(said) == 1 and 'cannot decode b.jpg' in said[0]
    for answer[0] in ('CUDA error: an illegal memory access was encountered',
                      'CUDA out of memory. Tried to allocate 2.00 GiB',
                      'Failed to decode batch: 5', 'Failed to create device buffer: 5',
                      'Failed to synchronize CUDA stream: 700'):
        with pytest.raises(RuntimeError, match=answer[0]):
            preprocessor.decode(contents, ['a.jpg', 'b.jpg', 'c.jpg'])
    assert preprocessor.refused == 2
