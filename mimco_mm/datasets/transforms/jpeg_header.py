import struct
from typing import NamedTuple, Optional

START_OF_IMAGE, START_OF_SCAN, APP1, ADOBE, BASELINE = 0xffd8, 0xffda, 0xffe1, 0xffee, 0xffc0
FRAMES = {0xff00 + kind for kind in range(0xc0, 0xd0)} - {0xffc4, 0xffc8, 0xffcc}  # no tables
BARE = range(0xffd0, 0xffda)  # markers without a size after them; none belongs before a scan
SEGMENT = struct.Struct('>HH')  # marker, size
FRAME = struct.Struct('>xHHB')  # bits, height, width, number of components


class JpegHeader(NamedTuple):
    """What a JPEG's segments before its first scan say.

    Attributes:
        height: in px, as stored: an orientation may turn it.
        width: in px.
        baseline: neither progressive, nor lossless, nor of another coding.
        components: their identifiers; 1, 2, 3 for Y, Cb, Cr.
        annotated: has a segment of EXIF or XMP, in which an orientation may be.
        adobe_transform: of Adobe's segment; 0 where the components are no YCbCr. 1 without it.
    """

    height: int
    width: int
    baseline: bool
    components: bytes
    annotated: bool
    adobe_transform: int


def read_jpeg_header(content: bytes) -> Optional[JpegHeader]:
    """None of what is no JPEG, or has a header that is cut or damaged."""
    frame, annotated, adobe_transform, place = None, False, 1, 2
    try:
        if SEGMENT.unpack_from(content)[0] != START_OF_IMAGE:
            return None
        while True:
            marker, size = SEGMENT.unpack_from(content, place)
            if marker == START_OF_SCAN:
                break
            # bytes that fill, too, are left to a decoder
            if not 0xffc0 <= marker < 0xffff or marker in BARE:
                return None
            if marker in FRAMES:
                height, width, count = FRAME.unpack_from(content, place + 4)
                identifiers = content[place + 10:place + 10 + 3 * count:3]
                frame = height, width, marker == BASELINE, identifiers
            elif marker == APP1:
                annotated = True
            elif marker == ADOBE and content.startswith(b'Adobe', place + 4):
                adobe_transform = content[place + 15]
            place += 2 + size
    except (struct.error, IndexError):
        return None
    return frame and JpegHeader(*frame, annotated, adobe_transform)
