"""The network that makes features, and how it wants its images, from a checkpoint or a name."""

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn
from torch.utils.data import DataLoader

from ..checkpoints import LoadReport, config_folder, folder_json, is_address, split_address
from ..datasets import ImageFiles
from ..errors import ConfigError
from ..evaluation import (
    NORMALISATION,
    described_config,
    load_frozen_backbone,
    map_reader,
    own_size,
    pooled,
)
from ..models.target_generators.names import named_teacher
from ..models.target_generators.sizes import sized_config
from ..progress import of_share, progress
from ..records import as_json


class Embedder(NamedTuple):
    """A network in eval mode.

    Attributes:
        network: its last output is a map (B, C, h, w).
        report: what was loaded.
        config: of the network: what another made of the same file differs in.
        img_size: side of the images in px.
        norm: mean, std and to_rgb by which they are normalised.
    """

    network: nn.Module
    report: LoadReport
    config: Mapping
    img_size: int
    norm: Mapping

    @property
    def identity(self) -> dict:
        """All that decides the features of an image, as JSON has it."""
        return as_json(dict(checkpoint_sha256=self.report.sha256, network=self.config,
                            img_size=self.img_size, norm=self.norm))


class Seen(NamedTuple):
    """What the network has made of a batch of images.

    Attributes:
        rows: (B,), their places in the list; without those that cannot be read.
        maps: (B, C, h, w), float32 on the CPU; None where none could be read.
        broken: path -> why an image cannot be read.
    """

    rows: torch.Tensor
    maps: Optional[torch.Tensor]
    broken: Dict[str, str]


def load_embedder(checkpoint: str, heads: Optional[int] = None,
                  img_size: Optional[int] = None) -> Embedder:
    """The network of a checkpoint, or of a name.

    Args:
        checkpoint: path or URL of any format that is known; 'timm:NAME', 'timm:NAME=FILE',
            'hf:OWNER/MODEL' or 'hf:FOLDER', with the normalisation that belongs to the name.
        heads: attention heads of a ViT whose file does not tell.
        img_size: side of the images in px; the network's own by default.

    Raises:
        UserError: it cannot be loaded, or does not take images of this size.
    """
    if not is_address(checkpoint):
        config = described_config(checkpoint, heads, img_size)
        network, report = load_frozen_backbone(config, checkpoint)
        network.eval()
        return Embedder(network, report, config, img_size or own_size(network), NORMALISATION)
    library, name = split_address(checkpoint)
    if heads is not None:
        raise ConfigError(f'{checkpoint} tells its attention heads by its name: --heads is for a '
                          'ViT whose file does not tell. Leave it out.')
    named = named_teacher({library: name})
    side = img_size or named.side
    config = sized_config(named, side)
    network, report = load_frozen_backbone(config, named.checkpoint)
    network.eval()
    if library == 'hf':  # what it is stands in the folder, wherever that lies
        config = {**config, 'checkpoint': folder_json(config_folder(name))}
    return Embedder(network, report, config, side,
                    dict(mean=list(named.mean), std=list(named.std), to_rgb=True))


def look(embedder: Embedder, paths: Sequence[str], batches: Sequence[List[int]],
         num_workers: int, bar: bool = True) -> Iterator[Seen]:
    """See ``batches`` of the images of ``paths``, each a list of rows, in this order."""
    images = ImageFiles(paths, embedder.img_size)
    loader = DataLoader(images, batch_sampler=batches, num_workers=num_workers,
                        collate_fn=images.collate)
    maps_of = map_reader(dict(network=embedder.network), embedder.norm)
    counted = progress(loader, sum(map(len, batches)), of_share('images'),
                       lambda batch: len(batch.rows) + len(batch.broken))
    for batch in counted if bar else loader:
        maps = maps_of(batch.pixels)['network'].cpu() if len(batch.rows) else None
        yield Seen(batch.rows, maps, batch.broken)


def features_of(embedder: Embedder, paths: Sequence[str], broken: Dict[str, str],
                batch_size: int = 64, num_workers: int = 0) -> Tuple[torch.Tensor, torch.Tensor]:
    """Rows (N,) and pooled features (N, C) of the images of ``paths`` that can be read.

    Args:
        broken: gets path -> reason of the others.
    """
    rows, features = [], []
    batches = [rows.tolist() for rows in torch.arange(len(paths)).split(batch_size)]
    for seen in look(embedder, paths, batches, num_workers):
        broken.update(seen.broken)
        if seen.maps is not None:
            rows.append(seen.rows)
            features.append(pooled(seen.maps))
    if not rows:
        return torch.empty(0, dtype=torch.long), torch.empty(0, 1)
    return torch.cat(rows), torch.cat(features)
