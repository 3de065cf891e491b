"""Any type of pixels gives 8 bits with all tones: a ramp over a type's range has the mean 127.5."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample
from PIL import Image, ImageOps

from mimco_mm.datasets import BrokenImageError, LoadRGBImage, decode
from mimco_mm.datasets.collation import decoded
from mimco_mm.datasets.revisited import read_rgb

tifffile = pytest.importorskip('tifffile')
RAMP = np.arange(65536).reshape(256, 256)  # 256 values of each tone
TONES = np.repeat(np.arange(256), 256).reshape(256, 256)
TIFFS = {
    'u2': RAMP, 'i2': RAMP - 2**15, 'u4': RAMP * 65537, 'i4': RAMP * 65537 - 2**31,
    'f4': RAMP / 65535, 'u1': TONES, 'i1': TONES - 128}


def load(path: Path) -> np.ndarray:
    image = LoadRGBImage()(dict(img_path=str(path)))['img']
    assert image.dtype == np.uint8 and image.shape[2] == 3 and (image == image[..., :1]).all()
    return image[..., 0]


def pgm(path: Path, highest: int) -> Path:
    values = np.arange(highest + 1)
    path.write_bytes(b'P5 %d 1 %d\n' % (len(values), highest) + values.astype('>u2').tobytes())
    return path


@pytest.mark.parametrize('highest', [65535, 4095, 1023])
def test_pgm__of_any_depth(tmp_path, highest):
    image = load(pgm(tmp_path / 'ramp.pgm', highest))
    assert image.mean() == 127.5
    np.testing.assert_array_equal(image[0], np.repeat(np.arange(256), (highest + 1) // 256))


@pytest.mark.parametrize('kind', sorted(TIFFS))
@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('compression', [None, 'zlib'])
def test_tiff__of_every_type(tmp_path, kind, order, compression):
    tifffile.imwrite(tmp_path / 'ramp.tif', TIFFS[kind].astype(kind), byteorder=order,
                     compression=compression)
    # Pillow does not know the first, and swaps the bytes of the others, which libtiff has swapped
    if order == '>' and (kind == 'u4' or compression and kind in ('i2', 'i4', 'f4')):
        with pytest.raises(BrokenImageError, match='cannot identify|Pillow misreads'):
            load(tmp_path / 'ramp.tif')
        return
    image = load(tmp_path / 'ramp.tif')
    assert image.mean() == pytest.approx(127.5, abs=0.01)
    assert np.abs(image.astype(int) - TONES).max() <= 1  # floats lie a little beside the steps


@pytest.mark.parametrize('kind', ['u1', 'u2', 'f4'])
def test_tiff__whose_white_is_0_is_inverted(tmp_path, kind):
    dark = TIFFS[kind] / 2  # a ramp from black to grey would look the same from white to grey
    tifffile.imwrite(tmp_path / 'ramp.tif', dark.astype(kind), photometric='miniswhite')
    assert load(tmp_path / 'ramp.tif').mean() == pytest.approx(255 - 63.5, abs=0.5)


def test_tiff__of_12_bits(tmp_path):
    """Two values of 12 bits in three bytes; the ends of the range and its middle."""
    values = [0, 4095, 2048, 16]
    packed = bytes(byte for a, b in zip(values[::2], values[1::2])
                   for byte in (a >> 4, (a & 15) << 4 | b >> 8, b & 255))
    tags = [(256, 4, 4), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, 1), (279, 4, len(packed))]
    body = packed.ljust(8, b'\0')
    content = b'II*\0' + (8 + len(body)).to_bytes(4, 'little') + body
    content += len(tags).to_bytes(2, 'little')
    for tag, kind, value in tags:
        content += b''.join(number.to_bytes(size, 'little') for number, size in (
            (tag, 2), (kind, 2), (1, 4), (value, 4)))
    (tmp_path / 'a.tif').write_bytes(content + bytes(4))
    assert load(tmp_path / 'a.tif').tolist() == [[0, 255, 128, 1]]


@pytest.mark.parametrize('suffix', ['.png', '.jp2'])
def test_16_bits__of_other_formats(tmp_path, suffix):
    Image.fromarray(RAMP.astype(np.uint16)).save(tmp_path / f'ramp{suffix}')
    np.testing.assert_array_equal(load(tmp_path / f'ramp{suffix}'), TONES)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_16_bits__are_turned_by_exif(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {}
    for name, values in (('wide', RAMP.astype(np.uint16)), ('narrow', TONES.astype(np.uint8))):
        Image.fromarray(values[:200]).save(tmp_path / f'{name}.png', exif=exif)
        turned[name] = load(tmp_path / f'{name}.png')
    np.testing.assert_array_equal(turned['wide'], turned['narrow'])
    assert turned['wide'].shape == ((200, 256) if orientation < 5 else (256, 200))


@pytest.mark.parametrize('values, reason', [
    (np.linspace(0, 255, 256, dtype='f4'), '0.0 to 255.0, are not within 0 to 1'),
    (np.array([0, np.nan], 'f4'), 'nan to nan, are not within 0 to 1'),
    (np.array([0, np.inf], 'f4'), 'inf, are not within 0 to 1'),
    (np.arange(256, dtype='u2'), '0 to 255, are one shade of the 0 to 65535'),
    (np.arange(65536, dtype='u4'), '0 to 65535, are one shade of the 0 to 4294967295'),
    (np.arange(65536, dtype='i4'), '0 to 65535, are one shade of the -2147483648 to 2147483647'),
])
def test_values_that_the_range_does_not_fit__are_a_broken_image(tmp_path, values, reason):
    """Black, white or one grey would be learnt in silence."""
    tifffile.imwrite(tmp_path / 'a.tif', values[None])
    with pytest.raises(BrokenImageError, match=f'ValueError: its values, .*{reason}'):
        load(tmp_path / 'a.tif')


def test_flat_image__is_no_broken_one(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', np.full((4, 4), 2**15, 'u2'))
    assert (load(tmp_path / 'a.tif') == 128).all()


def test_every_decoder__scales_alike(tmp_path):
    path = pgm(tmp_path / 'ramp.pgm', 65535)
    content = path.read_bytes()
    assert decode(content).mean() == 127.5
    image, truncated = read_rgb(path)
    assert np.asarray(image).mean() == 127.5 and not truncated

    whole = DataSample(metainfo=dict(crop=((0, 0, 1, 65536), (1, 65536), 'bilinear')))
    pixels = decoded(torch.frombuffer(bytearray(content), dtype=torch.uint8), whole)
    assert pixels.float().mean() == 127.5


def test_pillows_own_conversion__would_clip():
    """Why it is not used."""
    file = BytesIO()
    Image.fromarray(RAMP.astype(np.int32)).save(file, 'tiff')
    assert np.asarray(ImageOps.exif_transpose(Image.open(file)).convert('L')).mean() > 250


def test_png__of_several_blocks_is_scaled_as_a_whole(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (1100, 2000), dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / 'noise.png')
    np.testing.assert_array_equal(load(tmp_path / 'noise.png'), values // 256)
