"""Figure 4 from checkpoints and images: its picture, and what was found in JSON."""

import dataclasses
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import torch
from matplotlib.figure import Figure

from ..datasets import ImageFiles, image_loader
from ..errors import ConfigError
from ..evaluation import feature_maps, load_titled_backbones
from ..names import printable
from ..records import skipped, write_record
from .bank import list_bank
from .nearest_patches import NearestPatches, features_at
from .pattern_queries import Query, draw_queries, parse_query
from .patterns import Box, context_tile, mosaic, patch_box, plot_patterns
from .pictures import picture_file


class PatternsRequest(NamedTuple):
    """The options of tools/figures/patterns.py, by their names there."""

    checkpoints: List[str]
    data: str
    queries: Optional[List[str]]
    num_queries: int
    seed: int
    neighbours: int
    context: int
    img_size: int
    heads: List[str]
    batch_size: int
    num_workers: int
    out: Path


def draw_patterns(request: PatternsRequest) -> None:
    """Write the picture and its record.

    Raises:
        UserError: what the user can mend: images, checkpoints, queries, or sizes that do not fit.
    """
    started = time.time()
    out = picture_file(request.out, has_record=True)
    bank = list_bank(request.data)
    paths = bank.paths
    images = ImageFiles(paths, request.img_size)
    queries = [parse_query(text, bank, request.img_size)
               for text in request.queries or []]
    if len(paths) <= request.neighbours:
        raise ConfigError(f'{request.neighbours} other images were asked for, but there are '
                          f'{len(paths)} under {request.data}, the query among them: lower '
                          '--neighbours')
    backbones = load_titled_backbones(request.checkpoints, request.heads, request.img_size)
    for title, backbone in backbones.items():
        print(f'{title}, patches of {backbone.stride} px: {backbone.report}')
    strides = [backbone.stride for backbone in backbones.values()]
    if request.context < max(strides):
        raise ConfigError(f'--context {request.context} is smaller than a patch of '
                          f'{max(strides)} px')
    queries = queries or draw_queries(images, request.num_queries, min(strides), request.seed)
    print('\n'.join(['queries:', *(f'  {printable(query)}' for query in queries),
                     f'{len(paths)} images:']))
    broken: Dict[str, str] = {}
    found = search(request, backbones, queries, paths, broken)
    print(skipped(broken))
    plot(request, images, queries, found).savefig(out, dpi=200)
    record = write_record(
        out,
        settings=request._asdict(),
        images=len(paths),
        broken=broken,
        queries=[query._asdict() for query in queries],
        models={title: dict(checkpoint=dataclasses.asdict(backbones[title].report),
                            patterns=entries) for title, entries in found.items()},
        seconds=round(time.time() - started, 1))
    print(f'The picture is {out}, files, patches and similarities are in {record}')


def search(request: PatternsRequest, backbones: dict, queries: Sequence[Query],
           paths: Sequence[str], broken: Dict[str, str]) -> Dict[str, List[dict]]:
    """Title -> for each query its own patch and the hits, most similar first.

    Raises:
        ConfigError: a query's image cannot be read.
    """
    networks = {title: backbone.network for title, backbone in backbones.items()}
    own = {title: [query.patch(backbone.stride, request.img_size) for query in queries]
           for title, backbone in backbones.items()}
    unread: Dict[str, str] = {}
    loader = image_loader([query.path for query in queries], request.img_size, len(queries), 0)
    maps = [maps for _, maps in feature_maps(networks, loader, unread, bar=False)]
    if unread:
        path, why = next(iter(unread.items()))
        raise ConfigError(f'the image {path} of a query cannot be read ({why})')
    rows = torch.tensor([query.row for query in queries])
    nearest = {title: NearestPatches(features_at(found, own[title]), rows, request.neighbours)
               for title, found in maps[0].items()}
    loader = image_loader(paths, request.img_size, request.batch_size, request.num_workers)
    for rows, maps in feature_maps(networks, loader, broken):
        for title, found in maps.items():
            nearest[title].update(found, rows)

    def box(title: str, patch: int) -> dict:
        return patch_box(patch, backbones[title].stride, request.img_size)._asdict()

    return {title: [dict(query=box(title, patch), hits=[
        dict(file=paths[hit.row], row=hit.row, similarity=hit.similarity, **box(title, hit.patch))
        for hit in hits]) for patch, hits in zip(own[title], nearest[title].hits())]
        for title in backbones}


def plot(request: PatternsRequest, images: ImageFiles, queries: Sequence[Query],
         found: Dict[str, List[dict]]) -> Figure:
    """The figure, of the pixels that the networks saw."""
    own = ImageFiles([query.path for query in queries], request.img_size)

    def tile(source: ImageFiles, row: int, at: dict):
        _, pixels = source[row]
        return context_tile(pixels[..., ::-1],  # from BGR
                            Box(at['left'], at['top'], at['side']), request.context)

    return plot_patterns({title: [
        mosaic([tile(own, number, entry['query']),
                *(tile(images, hit['row'], hit) for hit in entry['hits'])], request.neighbours + 1)
        for number, entry in enumerate(entries)] for title, entries in found.items()},
        [printable(Path(query.path).stem) for query in queries])
