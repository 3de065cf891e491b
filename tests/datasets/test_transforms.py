"""Masks as SimMIM counts them, images of every kind as BGR, and both pipelines on odd images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from mimco_mm.datasets import BrokenImageError, LoadRGBImage, MaskGenerator, collate_decoded
from mimco_mm.models import DecodingDataPreprocessor
from tests.reference.masks import check_mask, expected_masked_units

CONFIGS = Path(__file__).parents[2] / 'configs' / 'pretrain'
RED, GREEN = (200, 100, 50), (10, 220, 30)


# MaskGenerator


@pytest.mark.parametrize('ratio, units', [(0.5, 25), (0.6, 30), (0.7, 35), (1.0, 49), (0.001, 1)])
def test_mask_generator__masks_whole_units_rounded_up(ratio, units):
    assert expected_masked_units(224, 32, ratio) == units
    generator = MaskGenerator(input_size=224, mask_patch_size=32, mask_ratio=ratio)
    for _ in range(20):
        mask = torch.as_tensor(np.asarray(generator({})['mask']))
        assert mask.shape == (7, 7) and mask.sum() == units
        check_mask(mask, image=224, unit=32, patch=32, ratio=ratio)


@pytest.mark.parametrize('size, unit, ratio', [(192, 32, 0.6), (64, 16, 0.3), (32, 32, 0.5)])
def test_mask_generator__other_sizes(size, unit, ratio):
    generator = MaskGenerator(input_size=size, mask_patch_size=unit, mask_ratio=ratio)
    mask = torch.as_tensor(np.asarray(generator({})['mask']))
    check_mask(mask, image=size, unit=unit, patch=unit, ratio=ratio)


def test_mask_generator__default_is_the_papers():
    assert np.asarray(MaskGenerator()({})['mask']).sum() == 30


@pytest.mark.parametrize('ratio', [0, -0.1, 1.5, float('nan')])
def test_mask_generator__ratio_out_of_range_is_refused(ratio):
    with pytest.raises(ValueError, match=f'`mask_ratio` must be above 0 and at most 1, got {ratio}'
                       '.*leave the mask generator out'):
        MaskGenerator(mask_ratio=ratio)


@pytest.mark.parametrize('size, unit', [(224, 30), (224, 48), (200, 32), (16, 32)])
def test_mask_generator__unit_that_does_not_divide_the_image_is_refused(size, unit):
    with pytest.raises(ValueError, match=f'`input_size`={size} is not a multiple of '
                       f'`mask_patch_size`={unit}'):
        MaskGenerator(input_size=size, mask_patch_size=unit)


def test_mask_generator__cells_are_masked_equally_often_and_independently():
    np.random.seed(0)
    generator, draws = MaskGenerator(), 4000
    masks = np.stack([np.asarray(generator({})['mask']).reshape(-1) for _ in range(draws)])
    rate = 30 / 49
    assert np.abs(masks.mean(0) - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / draws)
    # Without replacement, two cells are both masked in 30 * 29 of 49 * 48 draws.
    together = (masks.T @ masks / draws)[~np.eye(49, dtype=bool)]
    assert np.abs(together - 30 * 29 / (49 * 48)).max() < 5 * np.sqrt(0.25 / draws)


def test_mask_generator__follows_numpys_seed():
    masks = []
    for seed in (0, 0, 1):
        np.random.seed(seed)
        masks.append(np.asarray(MaskGenerator()({})['mask']))
    assert (masks[0] == masks[1]).all() and (masks[0] != masks[2]).any()


# LoadRGBImage


def picture() -> Image.Image:
    """60 x 40, the upper half green, the lower one red."""
    pixels = np.empty((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = GREEN, RED
    return Image.fromarray(pixels)


def load(path) -> np.ndarray:
    results = LoadRGBImage()(dict(img_path=str(path)))
    image = results['img']
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert tuple(results['img_shape']) == tuple(results['ori_shape']) == image.shape[:2]
    return image


def save_palette(path):
    picture().convert('P', palette=Image.Palette.ADAPTIVE).save(path)


def save_transparent_palette(path):
    picture().convert('P', palette=Image.Palette.ADAPTIVE).save(path, transparency=1)


def save_half_transparent(path):
    image = picture()
    image.putalpha(Image.linear_gradient('L').resize(image.size))
    image.save(path)


@pytest.mark.parametrize('name, save', [
    ('rgb.png', lambda path: picture().save(path)),
    ('rgb.jpg', lambda path: picture().save(path, quality=95, subsampling=0)),
    ('rgb.bmp', lambda path: picture().save(path)),
    ('rgb.tif', lambda path: picture().save(path)),
    ('progressive.jpg', lambda path: picture().save(path, quality=95, progressive=True)),
    ('palette.png', save_palette),
    ('transparent_palette.png', save_transparent_palette),
    ('rgba.png', lambda path: picture().convert('RGBA').save(path)),
    ('half_transparent.png', save_half_transparent),
    ('cmyk.jpg', lambda path: picture().convert('CMYK').save(path, quality=95)),
    ('png_named.jpg', lambda path: picture().save(path, format='png')),
])
def test_load_image__colours_come_out_as_bgr(tmp_path, name, save):
    save(tmp_path / name)
    image = load(tmp_path / name)
    assert image.shape == (40, 60, 3)
    for row, colour in ((2, GREEN), (37, RED)):
        np.testing.assert_allclose(image[row, 30], colour[::-1], atol=4)


@pytest.mark.parametrize('name, mode', [
    ('grey.png', 'L'), ('grey.jpg', 'L'), ('grey_alpha.png', 'LA')])
def test_load_image__grey_is_repeated(tmp_path, name, mode):
    picture().convert(mode).save(tmp_path / name)
    image = load(tmp_path / name)
    assert (image == image[..., :1]).all()
    for row, colour in ((2, GREEN), (37, RED)):
        luma = np.dot(colour, (0.299, 0.587, 0.114))
        np.testing.assert_allclose(image[row, 30], luma, atol=2)


def test_load_image__black_and_white(tmp_path):
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / 'bits.png')
    np.testing.assert_array_equal(load(tmp_path / 'bits.png')[..., 0], 255 * np.eye(8))


@pytest.mark.parametrize('name', ['grey16.png', 'grey16.tif'])
def test_load_image__16_bit_grey_keeps_its_tones(tmp_path, name):
    tones = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(tones).save(tmp_path / name)
    np.testing.assert_allclose(load(tmp_path / name)[..., 1], tones / 257, atol=1)


@pytest.mark.parametrize('orientation, corner', [(1, GREEN), (3, RED), (6, RED), (8, GREEN)])
def test_load_image__exif_orientation_is_applied(tmp_path, orientation, corner):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(tmp_path / 'camera.jpg', exif=exif, quality=95, subsampling=0)
    image = load(tmp_path / 'camera.jpg')
    assert image.shape[:2] == ((40, 60) if orientation in (1, 3) else (60, 40))
    np.testing.assert_allclose(image[2, 2], corner[::-1], atol=4)


def cut(path, size: int = 200, **kwargs):
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, **kwargs)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


@pytest.mark.parametrize('name, damage, reason', [
    ('cut.jpg', cut, 'OSError: image file is truncated'),
    ('cut.png', cut, 'OSError: image file is truncated'),
    ('empty.jpg', lambda path: path.write_bytes(b''), 'the file is empty'),
    ('text.jpg', lambda path: path.write_text('<html>404</html>'),
     "Pillow cannot identify it as an image, it begins with b'<html>404</h'"),
    ('missing.jpg', lambda path: None, 'FileNotFoundError: .*missing.jpg'),
    ('folder.jpg', lambda path: path.mkdir(), 'it is no file'),
])
def test_load_image__broken_file_is_refused_with_a_reason(tmp_path, name, damage, reason):
    damage(tmp_path / name)
    with pytest.raises(BrokenImageError, match=f'^{reason}') as error:
        load(tmp_path / name)
    assert '\n' not in str(error.value)


# Pipelines


def pipeline(name: str) -> Compose:
    config = Config.fromfile(CONFIGS / name)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return Compose(config.train_pipeline)


ODD_IMAGES = [
    ((500, 375), 'RGB'), ((20, 30), 'RGB'), ((1, 1), 'RGB'), ((3, 400), 'RGB'), ((400, 3), 'L'),
    ((230, 240), 'L'), ((230, 240), 'RGBA'), ((230, 240), 'P'), ((230, 240), 'LA')]


@pytest.mark.parametrize('size, mode', ODD_IMAGES)
def test_pipeline__mimco_makes_one_view_and_a_mask(tmp_path, size, mode):
    path = tmp_path / 'image.png'
    picture().resize(size).convert(mode).save(path)
    sample = pipeline('mimco_swin-t.py')(dict(img_path=str(path)))
    assert sample['inputs'].shape == (3, 224, 224) and sample['inputs'].dtype == torch.uint8
    check_mask(sample['data_samples'].mask, image=224, unit=32, patch=32, ratio=0.6)
    assert sample['data_samples'].img_path == str(path)


@pytest.mark.parametrize('size, mode', ODD_IMAGES)
def test_pipeline__moby_makes_two_views(tmp_path, size, mode):
    path = tmp_path / 'image.png'
    picture().resize(size).convert(mode).save(path)
    sample = pipeline('teachers/moby_swin-t.py')(dict(img_path=str(path)))
    assert [view.shape for view in sample['inputs']] == [(3, 224, 224)] * 2
    assert {view.dtype for view in sample['inputs']} == {torch.uint8}
    assert sample['data_samples'].img_path == str(path)


def test_pipeline__mimco_keeps_at_least_two_thirds_of_the_image(tmp_path):
    """The crop's side on an image whose red is the column and green the row."""
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 0 * ramp[None]), -1)
    Image.fromarray(pixels).save(tmp_path / 'ramp.png')
    transform, flips = pipeline('mimco_swin-t.py'), 0
    finish = DecodingDataPreprocessor()
    areas, ratios = [], []
    np.random.seed(0)
    for _ in range(60):
        sample = transform(dict(img_path=str(tmp_path / 'ramp.png')))
        (_, green, red), = finish(collate_decoded([sample]))['inputs']
        width, height = red[0, -1] - red[0, 0], green[-1, 0] - green[0, 0]
        flips += int(width < 0)
        areas.append(float(width.abs() * height) / 255**2)
        ratios.append(float(width.abs() / height))
    assert 0.65 < min(areas) < 0.75 and max(areas) > 0.9
    assert 0.73 < min(ratios) < 0.9 and 1.1 < max(ratios) < 1.36
    assert 15 < flips < 45


def test_pipeline__moby_solarizes_a_fifth_of_the_second_views(tmp_path):
    """Solarizing, in the second view alone, leaves no pixel brighter than 128."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((448, 448), Image.Resampling.NEAREST).save(tmp_path / 'a.png')
    transform = pipeline('teachers/moby_swin-t.py')
    np.random.seed(0)
    views = [transform(dict(img_path=str(tmp_path / 'a.png')))['inputs'] for _ in range(100)]
    solarized = [[int(view.float().amax() <= 128) for view in pair] for pair in views]
    first, second = np.mean(solarized, 0)
    assert first == 0 and 0.08 < second < 0.34  # 0.2 +- 3.5 standard deviations
