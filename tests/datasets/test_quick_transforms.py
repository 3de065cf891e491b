"""Decoding, cropping and packing by torch give what Pillow and mmpretrain give."""

import numpy as np
import pytest
import torch
from mmcv.transforms.utils import cache_random_params
from mmpretrain.datasets.transforms import PackInputs, RandomFlip, RandomResizedCrop
from PIL import Image

from mimco_mm.datasets import (
    AntialiasedResizedCrop,
    BrokenImageError,
    LoadRGBImage,
    PackPlanes,
    RandomHorizontalFlip,
)
from mimco_mm.datasets.transforms import cropping, loading

XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
       b'syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
       b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>')


def photograph(width: int = 301, height: int = 203) -> Image.Image:
    """Smooth shapes, edges and some noise, of odd sides as chroma blocks dislike them."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC), int)
    pixels[height // 3:height // 2, width // 4:width // 2] = (250, 20, 90)
    return Image.fromarray((pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8))


def by_pillow(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert('RGB'))[..., ::-1].astype(int)


# LoadRGBImage


@pytest.mark.parametrize('mode, options', [
    ('RGB', dict(quality=90, subsampling=0)), ('RGB', dict(quality=90, subsampling=1)),
    ('RGB', dict(quality=50, subsampling=2)), ('RGB', dict(quality=90, progressive=True)),
    ('RGB', dict(quality=90, icc_profile=b'profile' * 20000)), ('L', dict(quality=90))])
def test_load_image__plain_jpegs_have_pillows_pixels_without_it(tmp_path, monkeypatch, mode,
                                                                options):
    photograph().convert(mode).save(tmp_path / 'image.jpg', **options)
    monkeypatch.setattr(loading, 'decode_by_pillow', None)
    image = LoadRGBImage()(dict(img_path=str(tmp_path / 'image.jpg')))['img']
    # 0 with the libjpeg-turbo that both wheels bring; 1 leaves room for another build's rounding
    assert abs(image.astype(int) - by_pillow(tmp_path / 'image.jpg')).max() <= 1


def save_turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph().save(path, exif=exif)


@pytest.mark.parametrize('save, size', [
    (save_turned, (301, 203)),
    (lambda path: photograph().save(path, xmp=XMP), (301, 203)),
    (lambda path: photograph().convert('CMYK').save(path), (203, 301)),
    (lambda path: photograph().save(path, format='png'), (203, 301)),
    (lambda path: photograph().save(path, format='webp'), (203, 301)),
], ids=['exif', 'xmp', 'cmyk', 'png', 'webp'])
def test_load_image__all_others_are_pillows(tmp_path, save, size):
    save(tmp_path / 'image.jpg')
    image = LoadRGBImage()(dict(img_path=str(tmp_path / 'image.jpg')))['img']
    expected = by_pillow(tmp_path / 'image.jpg')
    assert image.shape[:2] == size
    np.testing.assert_array_equal(image, expected if expected.shape[:2] == size
                                  else np.rot90(expected, -1))


@pytest.mark.parametrize('options', [dict(), dict(progressive=True)])
def test_load_image__a_jpeg_cut_anywhere_is_broken(tmp_path, options):
    photograph().save(tmp_path / 'whole.jpg', **options)
    content = (tmp_path / 'whole.jpg').read_bytes()
    for size in [*np.linspace(0, len(content) - 3, 40).astype(int)]:
        (tmp_path / 'cut.jpg').write_bytes(content[:size])
        with pytest.raises(BrokenImageError):
            LoadRGBImage()(dict(img_path=str(tmp_path / 'cut.jpg')))


# AntialiasedResizedCrop


def crop_pair(image: np.ndarray, interpolation: str, seed: int, **options) -> list:
    """Ours, and mmpretrain's with Pillow, of the same random numbers."""
    made = []
    for transform in (
            AntialiasedResizedCrop(interpolation=interpolation, **options),
            RandomResizedCrop(interpolation=interpolation, backend='pillow', **options)):
        np.random.seed(seed)
        made.append(transform(dict(img=image)))
    return made


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(np.square(one.astype(float) - other).mean(), 1e-9))


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
@pytest.mark.parametrize('width, height', [(301, 203), (640, 480), (40, 50), (1, 1), (3, 400)])
def test_crop__is_mmpretrains_by_pillow(interpolation, width, height):
    image = np.asarray(photograph(width, height))[..., ::-1]
    for seed in range(5):
        ours, stock = crop_pair(image, interpolation, seed, scale=(96, 128),
                                crop_ratio_range=(0.2, 1.0))
        assert ours['img_shape'] == stock['img_shape'] == (96, 128, 3)
        assert ours['img'].dtype == np.uint8
        assert psnr(ours['img'], stock['img']) > 50
        if interpolation == 'bilinear':  # rounded twice, with weights of 15 bits
            assert abs(ours['img'].astype(int) - stock['img']).max() <= 2


@pytest.mark.parametrize('height, width', [(375, 500), (500, 333), (1, 1), (3, 400), (400, 3)])
def test_random_box__is_mmpretrains_number_by_number(height, width):
    options = dict(scale=224, crop_ratio_range=(0.67, 1.0), max_attempts=3)
    ours, stock = AntialiasedResizedCrop(**options), RandomResizedCrop(**options)
    for seed in range(40):
        np.random.seed(seed)
        box, following = ours.random_box(height, width), np.random.random_sample()
        np.random.seed(seed)
        assert box == stock.rand_crop_params(np.zeros((height, width)))
        assert following == np.random.random_sample()


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
def test_resize__is_pillows_two_passes(interpolation):
    image = photograph(500, 375)
    found = cropping.resize(np.asarray(image), (224, 224), interpolation)
    kind = Image.Resampling[interpolation.upper()]
    expected = image.resize((224, 375), kind).resize((224, 224), kind)
    assert abs(found.astype(int) - np.asarray(expected)).max() <= 2


def test_resize__takes_views_of_any_order():
    image = np.asarray(photograph())
    expected = cropping.resize(image, (64, 64), 'bilinear')
    np.testing.assert_array_equal(
        cropping.resize(image[..., ::-1], (64, 64), 'bilinear'), expected[..., ::-1])
    for view in (image[:, ::-1], image[::-1], image[::2, ::3, ::-1]):
        np.testing.assert_array_equal(cropping.resize(view, (64, 64), 'bilinear'),
                                      cropping.resize(view.copy(), (64, 64), 'bilinear'))


def test_crop__other_interpolations_are_refused():
    with pytest.raises(ValueError, match="must be one of bilinear, bicubic, got 'lanczos'"):
        AntialiasedResizedCrop(scale=224, interpolation='lanczos')


# RandomHorizontalFlip


@pytest.mark.parametrize('prob', [0.0, 0.3, 0.5, 1.0])
def test_flip__is_mmcvs_and_leaves_the_generator_as_mmcvs_does(prob):
    image, drawn = np.asarray(photograph(4, 3)), []
    for transform in (RandomHorizontalFlip(prob=prob), RandomFlip(prob=prob)):
        np.random.seed(0)
        results = [transform(dict(img=image)) for _ in range(500)]
        drawn.append([*results, dict(img=np.random.random_sample(9))])
    for ours, stock in zip(*drawn):
        np.testing.assert_array_equal(ours.pop('img'), stock.pop('img'))
        assert ours == stock


@pytest.mark.parametrize('kind', [RandomHorizontalFlip, RandomFlip])
def test_flip__draws_once_where_random_numbers_are_shared(kind):
    flip = kind(prob=0.5)
    with cache_random_params([flip]):
        assert len({flip(dict(img=np.zeros((2, 2, 3))))['flip'] for _ in range(50)}) == 1


# PackPlanes


def test_pack__is_mmpretrains_for_every_view():
    image = np.asarray(photograph(16, 12))
    planar = np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    views = [view for each in (image, planar) for view in (
        each, each[..., ::-1], each[:, ::-1], each[::-1, ::-1, ::-1], each[2:9, 3:7])]
    packed = PackPlanes()(dict(img=views))['inputs']
    for ours, stock in zip(packed, PackInputs()(dict(img=views))['inputs']):
        assert torch.equal(ours, stock) and ours.is_contiguous()
    assert torch.equal(PackPlanes()(dict(img=views[1]))['inputs'], packed[1])


def test_pack__grey_and_video_are_left_to_mmpretrain():
    for image in (np.zeros((4, 5), np.uint8), np.zeros((2, 3, 4, 5, 6), np.uint8)):
        assert torch.equal(PackPlanes()(dict(img=image))['inputs'],
                           PackInputs()(dict(img=image))['inputs'])
