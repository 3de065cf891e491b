import numpy as np
from PIL import Image, TiffImagePlugin

UNSIGNED, SIGNED = 1, 2  # TIFF's kinds of integers
BLOCK = 2**20  # values that are scaled at a time


def to_rgb(image: Image.Image) -> Image.Image:
    """An image in RGB, whatever its type of pixels.

    Raises:
        ValueError: its values leave the range of their type, fill next to nothing of it, or cannot
            be known.
    """
    image = _narrow(image)
    return image if image.mode == 'RGB' else image.convert('RGB')


def _narrow(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits, signed or floating as 8 bits; any other image as it is.

    The range of the type, 0 to 1 of floats, becomes 0 to 255, where Pillow's ``convert`` cuts off
    what is below 0 or above 255. Of what Pillow has read in its modes I and F, a TIFF's tags tell
    the type; in other files the range is that of 16 bits (PGM's of any depth, too).
    """
    tags = getattr(image, 'tag_v2', {})  # a TIFF's
    kind, *_ = tags.get(TiffImagePlugin.SAMPLEFORMAT, (UNSIGNED, ))
    if not (image.mode[0] in 'IF' or image.mode == 'L' and kind == SIGNED):
        return image
    if (image.mode in 'IF' and tags.get(TiffImagePlugin.COMPRESSION, 1) != 1
            and tags.prefix == b'MM'):
        raise ValueError('Pillow misreads a compressed big-endian TIFF of signed or floating '
                         'numbers; store it without compression, or with 8 bits')
    values = np.asarray(image)
    bits, *_ = tags.get(TiffImagePlugin.BITSPERSAMPLE, (16, ))
    low, span, step = (0, 1, 0) if image.mode == 'F' else (0, 2**bits, 1)
    if kind == SIGNED:
        low = -span // 2
    if image.mode == 'L':  # which Pillow takes for unsigned
        values = values.view(np.int8)
    elif image.mode == 'I' and bits == 32 and kind == UNSIGNED:  # for signed
        values = values.view(np.uint32)
    least, most, high = values.min(), values.max(), low + span - step
    if not (low <= least and most <= high):  # nor if they are no numbers
        raise ValueError(f'its values, {least} to {most}, are not within {low} to {high}; '
                         'store them so, or with 8 bits')
    grey = np.empty(values.shape, np.uint8)
    rows = max(1, BLOCK // values.shape[1])
    for start in range(0, len(values), rows):  # as doubles all at once would take eight times more
        block = values[start:start + rows].astype(np.float64)
        grey[start:start + rows] = np.floor((block - low) / span * 256).clip(max=255)
    if least < most and grey.min() == grey.max():
        raise ValueError(f'its values, {least} to {most}, are one shade of the {low} to {high} '
                         'that their type holds; store them with 8 bits')
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # white is 0
        grey = 255 - grey
    return Image.fromarray(grey)
