"""Images of other formats than JPEG, and what only pretends to be one: name -> content."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, PngImagePlugin

from .jpegs import half, photograph, saved

GIANT = 30000  # px a side


def chunk(kind: bytes, content: bytes) -> bytes:
    return (struct.pack('>I', len(content)) + kind + content
            + struct.pack('>I', zlib.crc32(kind + content)))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A grey PNG with a pixel's data, whatever its header says."""
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    return (b'\x89PNG\r\n\x1a\n' + head + b''.join(chunks)
            + chunk(b'IDAT', zlib.compress(b'\0\0')) + chunk(b'IEND', b''))


def webp(side: int) -> bytes:
    """An extended WebP whose canvas is larger than its picture."""
    picture = saved(photograph(), 'WEBP')[12:]
    head = b'VP8X' + struct.pack('<IIHBHB', 10, 0, (side - 1) & 0xffff, (side - 1) >> 16,
                                 (side - 1) & 0xffff, (side - 1) >> 16)
    return b'RIFF' + struct.pack('<I', 4 + len(head) + len(picture)) + b'WEBP' + head + picture


def tiff(side: int, count: int = 1) -> bytes:
    """A grey TIFF of one strip, which declares what it has not."""
    tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, count, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, count, 10)]
    entries = b''.join(struct.pack('<HHI', *tag[:3]) + (
        struct.pack('<HH', tag[3], 0) if tag[1] == 3 else struct.pack('<I', tag[3]))
        for tag in tags)
    return b'II*\0' + struct.pack('<I', 8) + struct.pack('<H', len(tags)) + entries + bytes(4)


def gif(side: int) -> bytes:
    return b'GIF89a' + struct.pack('<HH', side, side) + saved(photograph(), 'GIF')[10:]


def bmp(side: int) -> bytes:
    whole = saved(photograph(), 'BMP')
    return whole[:18] + struct.pack('<ii', side, side) + whole[26:]


def jpeg_2000(side: int) -> bytes:
    whole = bytearray(saved(photograph(), 'JPEG2000'))
    struct.pack_into('>II', whole, whole.index(b'ihdr') + 4, side, side)
    size = whole.index(b'\xff\x51')
    struct.pack_into('>II', whole, size + 6, side, side)
    return bytes(whole)


def avif(side: int) -> bytes:
    whole = bytearray(saved(photograph(), 'AVIF'))
    struct.pack_into('>II', whole, whole.index(b'ispe') + 8, side, side)
    return bytes(whole)


def text_of(size: int) -> bytes:
    """A PNG with a text of this size, compressed."""
    text = PngImagePlugin.PngInfo()
    text.add_text('note', 'x' * size, zip=True)
    return saved(photograph(), 'PNG', pnginfo=text)


def animated(kind: str) -> bytes:
    return saved(photograph(), kind, save_all=True, append_images=[photograph().rotate(180)])


def deep(low: float, high: float, dtype: type, kind: str) -> bytes:
    """Grey of more than 8 bits: a ramp."""
    values = np.linspace(low, high, 64 * 48).reshape(48, 64).astype(dtype)
    return saved(Image.fromarray(values), kind)


def see_through() -> bytes:
    return saved(photograph().quantize(16), 'PNG', transparency=bytes(range(16)))


def postscript() -> bytes:
    return (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n'
            b'(leaked) (w) file closefile showpage\n')


OTHERS: dict[str, Callable[[], bytes]] = {
    'PNG.jpg': lambda: saved(photograph(), 'PNG'),
    'JPEG.png': lambda: saved(photograph()),
    '1 bit.png': lambda: saved(photograph(mode='1'), 'PNG'),
    'palette and alpha.png': see_through,
    '16 bits.png': lambda: deep(0, 65535, np.uint16, 'PNG'),
    '16 bits, of which 8 are used.png': lambda: deep(0, 255, np.uint16, 'PNG'),
    'floats.tif': lambda: deep(0, 1, np.float32, 'TIFF'),
    'no numbers.tif': lambda: deep(np.nan, np.nan, np.float32, 'TIFF'),
    'animated.gif': lambda: animated('GIF'),
    'animated.webp': lambda: animated('WEBP'),
    'animated.png': lambda: animated('PNG'),
    'text of 1 MB.png': lambda: text_of(10**6),
    'text of 100 MB.png': lambda: text_of(10**8),
    'cut in half.png': lambda: half(saved(photograph(), 'PNG')),
    'cut in half.webp': lambda: half(saved(photograph(), 'WEBP')),
    'cut in half.gif': lambda: half(saved(photograph(), 'GIF')),
    'cut in half.bmp': lambda: half(saved(photograph(), 'BMP')),
    'cut in half.tif': lambda: half(saved(photograph(), 'TIFF')),
    'cut in half.jp2': lambda: half(saved(photograph(), 'JPEG2000')),
    'cut in half.avif': lambda: half(saved(photograph(), 'AVIF')),
    'cut in half.ppm': lambda: half(saved(photograph(), 'PPM')),
    '0 x 48 px.png': lambda: png(0, 48),
    'less data than declared.png': lambda: png(5000, 5000),
    '30000 x 30000 px.png': lambda: png(GIANT, GIANT),
    '30000 x 30000 px.webp': lambda: webp(GIANT),
    '16000 x 16000 px.webp': lambda: webp(16000),
    '30000 x 30000 px.tif': lambda: tiff(GIANT),
    '1000000000 strips.tif': lambda: tiff(64, 10**9),
    '30000 x 30000 px.gif': lambda: gif(GIANT),
    '30000 x 30000 px.bmp': lambda: bmp(GIANT),
    '30000 x 30000 px.jp2': lambda: jpeg_2000(GIANT),
    '30000 x 30000 px.avif': lambda: avif(GIANT),
    '30000 x 30000 px.ppm': lambda: b'P6 30000 30000 255\n' + bytes(100),
    'no byte.jpg': bytes,
    'zeros.jpg': lambda: bytes(1000),
    'HTML.jpg': lambda: b'<!DOCTYPE html><title>404</title>',
    'PostScript.jpg': postscript,
    'Photoshop.jpg': lambda: b'8BPS\0\1' + bytes(200),
}
