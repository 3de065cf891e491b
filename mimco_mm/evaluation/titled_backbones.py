"""Several frozen backbones side by side, as a command line names them."""

from collections import Counter
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.device import get_device
from torch import nn

from ..checkpoints import CheckpointError, LoadReport, is_address
from ..errors import ConfigError
from .frozen_backbone import load_described_backbone


class TitledBackbone(NamedTuple):
    """A network in eval mode.

    Attributes:
        network: its last output is a map (B, C, h, w).
        report: what was loaded.
        img_size: side of the images in px.
        stride: side of a position of the map in px.
    """

    network: nn.Module
    report: LoadReport
    img_size: int
    stride: int


def load_titled_backbones(checkpoints: Sequence[str], heads: Sequence[str] = (),
                          img_size: Optional[int] = None) -> Dict[str, TitledBackbone]:
    """Title -> backbone; see ``titled`` and ``load_described_backbone``.

    Args:
        checkpoints: each PATH or TITLE=PATH; URLs will do.
        heads: TITLE=N, for ViTs whose files do not tell.
        img_size: side of the images in px; each network's own by default.

    Raises:
        CheckpointError: a file that cannot be loaded; the message begins with its title.
        ValueError: two checkpoints of one title, or ``heads`` of another form.
    """
    paths = titled(checkpoints)
    given = heads_by_title(heads, paths)
    loaded = {}
    for title, path in paths.items():
        try:
            network, report = load_described_backbone(path, given.get(title), img_size)
        except CheckpointError as error:
            raise CheckpointError(f'{title}: {error}') from error
        side = img_size or own_size(network)
        loaded[title] = TitledBackbone(network, report, side, stride_of(network, side))
    return loaded


def titled(checkpoints: Sequence[str]) -> Dict[str, str]:
    """Title -> path of arguments PATH or TITLE=PATH.

    Without a title a file is called by its name, or, where two have the same, by its folder's too.

    Raises:
        ValueError: two checkpoints of one title.
    """
    pairs = [_split(text) for text in checkpoints]
    stems = Counter(Path(path).stem for title, path in pairs if not title)
    titles = [title or (Path(path).stem if stems[Path(path).stem] == 1
                        else f'{Path(path).parent.name}/{Path(path).stem}')
              for title, path in pairs]
    twice = [title for title, count in Counter(titles).items() if count > 1]
    if twice:
        raise ConfigError(f'{len(titles)} checkpoints, but {twice[0]!r} is the title of more than '
                          'one: write TITLE=PATH.')
    return dict(zip(titles, (path for _, path in pairs)))


def _split(text: str) -> Tuple[str, str]:
    title, equals, path = text.partition('=')
    # a path that may have = in it, or a name with its file
    if not equals or '/' in title or is_address(text) or Path(text).exists():
        return '', text
    return title, path


def heads_by_title(texts: Sequence[str], titles: Dict[str, str]) -> Dict[str, int]:
    """Title -> N of arguments TITLE=N.

    Raises:
        ValueError: of another form, or of a title that there is not.
    """
    found = {}
    for text in texts:
        title, _, count = text.rpartition('=')
        if title not in titles or not count.isdecimal() or int(count) == 0:
            raise ConfigError(f'--heads expects TITLE=N with one of the titles '
                              f'{", ".join(titles)}, got {text!r}.')
        found[title] = int(count)
    return found


def own_size(network: nn.Module) -> int:
    """Side of the images that a backbone of mmpretrain was built for, in px."""
    return network.patch_resolution[0] * network.patch_embed.projection.stride[0]


@torch.no_grad()
def stride_of(network: nn.Module, img_size: int) -> int:
    """Side of a position of the last map in px, seen on a black image."""
    image = torch.zeros(1, 3, img_size, img_size, device=get_device())
    return img_size // network(image)[-1].shape[-1]
