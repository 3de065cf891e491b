"""JPEGs as nobody should make them: name -> content."""

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

SIZE = 64, 48


def photograph(size: tuple[int, int] = SIZE, mode: str = 'RGB') -> Image.Image:
    """A ramp with noise."""
    width, height = size
    ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))[..., None]
    noise = np.random.default_rng(0).integers(0, 15, (height, width, 3))
    return Image.fromarray((ramp + noise).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, kind: str = 'JPEG', **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def half(content: bytes) -> bytes:
    return content[:len(content) // 2]


def sized(width: int, height: int) -> bytes:
    """A small JPEG whose header declares other sides."""
    content = saved(photograph())
    frame = content.index(b'\xff\xc0')
    return content[:frame + 5] + struct.pack('>HH', height, width) + content[frame + 9:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack('>BBH', 0xff, marker, len(content) + 2) + content


def with_segment(marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment, right after its start."""
    whole = saved(photograph())
    return whole[:2] + segment(marker, content) + whole[2:]


def hidden_size() -> bytes:
    """20 000 x 20 000 px for a reader who knows that FF D0 has no size, as libjpeg does.

    Any other skips that frame as the content of FF D0, and takes the frame of 64 x 48 px, which
    lies in a segment that the first one skips.
    """
    whole = saved(photograph())
    start = whole.index(b'\xff\xc0')
    end = start + 2 + struct.unpack_from('>H', whole, start + 2)[0]
    giant = sized(20000, 20000)[start:end] + b'\xff\xe5' + struct.pack('>H', 2 + end - start)
    return whole[:start] + segment(0xd0, giant) + whole[start:]


def with_noise_in_scan() -> bytes:
    whole = bytearray(saved(photograph()))
    start = whole.index(b'\xff\xda') + 14
    whole[start:-2] = np.random.default_rng(0).integers(0, 255, len(whole) - 2 - start,
                                                        dtype=np.uint8).tobytes()
    return bytes(whole)


def with_profile() -> bytes:
    """A colour profile of 1 MB."""
    return saved(photograph(), icc_profile=bytes(2**20))


def two_pictures() -> bytes:
    return saved(photograph(), 'MPO', save_all=True, append_images=[photograph().rotate(180)])


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return saved(photograph(), exif=exif)


JPEGS: dict[str, Callable[[], bytes]] = {
    'whole.jpg': lambda: saved(photograph()),
    'progressive.jpg': lambda: saved(photograph(), progressive=True),
    'grey.jpg': lambda: saved(photograph(mode='L')),
    'CMYK.jpg': lambda: saved(photograph(mode='CMYK')),
    'two pictures.jpg': two_pictures,
    'upside down.jpg': lambda: turned(3),
    'orientation 99.jpg': lambda: turned(99),
    'EXIF of noise.jpg': lambda: with_segment(0xe1, b'Exif\0\0' + bytes(range(256))),
    'EXIF that points beyond its end.jpg': lambda: with_segment(
        0xe1, b'Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03\xff\xff\xff\xff\xff\xff\xff\xff'),
    'colour profile of 1 MB.jpg': with_profile,
    'bytes after its end.jpg': lambda: saved(photograph()) + bytes(1000),
    'cut in half.jpg': lambda: half(saved(photograph())),
    'cut in half, with an end.jpg': lambda: half(saved(photograph())) + b'\xff\xd9',
    'cut in its header.jpg': lambda: saved(photograph())[:30],
    'noise for pixels.jpg': with_noise_in_scan,
    '0 x 48 px.jpg': lambda: sized(0, 48),
    '64 x 0 px.jpg': lambda: sized(64, 0),
    '20000 x 20000 px.jpg': lambda: sized(20000, 20000),
    '60000 x 60000 px.jpg': lambda: sized(60000, 60000),
    '20000 x 20000 px, hidden.jpg': hidden_size,
    '20000 x 20000 px, turned.jpg': lambda: (
        lambda whole: whole[:2] + segment(0xe1, b'Exif\0\0') + whole[2:])(sized(20000, 20000)),
    '10000 x 10000 px, really.jpg': lambda: saved(Image.new('L', (10000, 10000)), quality=10),
}
