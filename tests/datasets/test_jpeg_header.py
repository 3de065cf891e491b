"""What the segments of a JPEG say, beside what Pillow reads there."""

import io

import numpy as np
import pytest
from PIL import Image

from mimco_mm.datasets.transforms.jpeg_header import read_jpeg_header


def saved(mode: str = 'RGB', size=(37, 23), **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, **{'format': 'jpeg', **options})
    return buffer.getvalue()


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags


@pytest.mark.parametrize('mode, options', [
    ('RGB', {}), ('RGB', dict(subsampling=0)), ('RGB', dict(progressive=True)),
    ('RGB', dict(keep_rgb=True)), ('RGB', dict(exif=exif())), ('RGB', dict(comment=b'\xff\xc0 ')),
    ('RGB', dict(icc_profile=b'\xff\xc0' * 50000)), ('L', {}), ('CMYK', {})])
def test_header__says_what_pillow_reads(mode, options):
    content = saved(mode, **options)
    header = read_jpeg_header(content)
    with Image.open(io.BytesIO(content)) as image:
        assert (header.width, header.height) == image.size
        assert header.baseline == ('progressive' not in image.info)
        assert list(header.components) == [component[0] for component in image.layer]
        assert header.annotated == bool(image.getexif())
        assert header.adobe_transform == image.info.get('adobe_transform', 1)


def test_header__of_a_file_that_is_cut_before_the_first_scan_is_none():
    content = saved(exif=exif())
    scan = content.index(b'\xff\xda')
    assert all(read_jpeg_header(content[:size]) is None for size in range(scan + 2))
    assert read_jpeg_header(content[:scan + 4]) == read_jpeg_header(content)


def test_header__of_other_formats_and_damage_is_none():
    for kind in ('png', 'webp', 'bmp'):
        assert read_jpeg_header(saved(format=kind)) is None
    content = saved()
    frame = content.index(b'\xff\xc0')
    for wrong in (content[:frame] + content[frame + 2:], content[:frame] + b'\0' * 40,
                  content[:frame] + b'\xff' + content[frame:],  # allowed, and for a decoder to read
                  content[:2] + content[content.index(b'\xff\xda'):]):
        assert read_jpeg_header(wrong) is None
