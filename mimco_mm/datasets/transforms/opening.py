"""The one door through which images come in: which files are opened at all, and which are refused.

Images are anybody's: a file of 1 KB may claim sides that would take GBs of memory to decode.
"""

import os
import stat
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any, Optional, Union

from mmengine import fileio
from PIL import Image, UnidentifiedImageError

from ...errors import UserError
from ...names import printable

# Pillow's names. No others, whatever a file begins with: some make Pillow run other programs.
FORMATS = ('AVIF', 'BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP')
# Where Pillow refuses an image too (it warns from half as many on): 13 377 px by 13 377.
MAX_PIXELS = 2 * (2**30 // 4 // 3)
MAX_BYTES = 8 * MAX_PIXELS  # of a file: four channels of 16 bits, not compressed
SHRINKING = 'docs/data.md#large-images'
FIRST = 12  # bytes of a file of no known format that are shown


class BrokenImageError(UserError, OSError):
    """An image that cannot be read or decoded."""


class image_errors(AbstractContextManager):
    """Turns whatever reading and decoding an image raise into a ``BrokenImageError``."""

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        # decoders raise OSError, SyntaxError, ValueError, struct.error
        if isinstance(error, Exception) and not isinstance(error, (BrokenImageError, MemoryError)):
            raise BrokenImageError(f'{kind.__name__}: {printable(error)}') from error


def read_image_file(path: str, backend_args: Optional[dict] = None) -> bytes:
    """The content of an image's file, from a disk, a pack or wherever mmengine reads.

    Raises:
        BrokenImageError: no file (a device or a FIFO would be read for ever), or a giant one.
        OSError: it cannot be read; other backends raise what they like.
    """
    if '://' not in str(path) and not backend_args:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BrokenImageError('it is no file')
        check_bytes(status.st_size)
    return fileio.get(path, backend_args=backend_args)


def check_bytes(size: int) -> None:
    """Refuse a file that no image within ``MAX_PIXELS`` needs.

    Raises:
        BrokenImageError: more than ``MAX_BYTES``.
    """
    if size > MAX_BYTES:
        raise BrokenImageError(f'its file has {size} bytes, and no image with more than '
                               f'{MAX_BYTES} is read')


def check_pixels(width: int, height: int) -> None:
    """Refuse, before it is decoded, an image that would take too much memory.

    Raises:
        BrokenImageError: more than ``MAX_PIXELS``.
    """
    if width * height > MAX_PIXELS:
        raise BrokenImageError(f'{width} x {height} px by its header, and no image of more than '
                               f'{MAX_PIXELS} px is read; to shrink it: {SHRINKING}')


def open_image(source: Union[BytesIO, str, Path]) -> Image.Image:
    """Pillow's lazily opened image of a file, or of a file's content.

    Raises:
        BrokenImageError: it has too many pixels, or is of none of ``FORMATS``.
        Exception: whatever Pillow raises of a damaged header.
    """
    Image.init()
    try:
        return Image.open(source, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise BrokenImageError(f'{error} To shrink it: {SHRINKING}') from error
    except UnidentifiedImageError as error:
        raise BrokenImageError(_unknown(source)) from error


def _unknown(source: Union[BytesIO, str, Path]) -> str:
    """Why a file is of no known format."""
    if isinstance(source, BytesIO):
        first = source.getvalue()[:FIRST]
    else:
        with open(source, 'rb') as file:
            first = file.read(FIRST)
    return (f'Pillow cannot identify it as an image, it begins with {first}' if first
            else 'the file is empty')
