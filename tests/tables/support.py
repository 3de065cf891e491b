"""What the tests of pictures share."""

from io import BytesIO
from typing import Sequence

from matplotlib.figure import Figure


def assert_apart(figure: Figure, artists: Sequence) -> None:
    """All of them are within the picture, and none lies over another."""
    figure.savefig(BytesIO(), dpi=figure.dpi)
    boxes = [artist.get_window_extent() for artist in artists]
    boxes = [box for box in boxes if box.width and box.height]
    assert boxes and not [one for number, one in enumerate(boxes)
                          if one.count_overlaps(boxes[:number])]
    for box in boxes:
        assert 0 <= box.x0 and box.x1 <= figure.bbox.x1, box
        assert 0 <= box.y0 and box.y1 <= figure.bbox.y1, box
