from mmcv.transforms import LoadImageFromFile
from mmpretrain.registry import TRANSFORMS


class BrokenImageError(OSError):
    """An image that cannot be read or decoded."""


@TRANSFORMS.register_module()
class LoadRGBImage(LoadImageFromFile):
    """mmcv's loader, by Pillow: strict where OpenCV fills the rest of a cut JPEG with grey.

    Grey, palette, RGBA and CMYK images come out with three channels (BGR, as in mmpretrain).

    Args:
        **kwargs: those of mmcv's LoadImageFromFile.

    Raises:
        BrokenImageError: the image cannot be read or decoded, whatever the decoder's own error.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**{'imdecode_backend': 'pillow', **kwargs})

    def transform(self, results: dict) -> dict:
        try:
            return super().transform(results)
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error
            reason = str(error).replace('\n', ' ')
            raise BrokenImageError(f'{type(error).__name__}: {reason}') from error
