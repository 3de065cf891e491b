"""The nearest images of some queries: the picture, and what was found in JSON."""

import dataclasses
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import torch

from ..checkpoints import CheckpointError
from ..datasets import ImageFiles
from ..embedding import Embedder, features_of, load_embedder
from ..errors import ConfigError
from ..evaluation import heads_by_title, nearest_neighbours, titled
from ..names import printable
from ..records import differences, skipped, write_record
from .bank import Bank, load_bank
from .neighbours import plot_neighbours
from .pictures import picture_file


class NeighboursRequest(NamedTuple):
    """The options of tools/figures/neighbours.py, by their names there."""

    checkpoints: List[str]
    queries: List[str]
    data: str
    k: int
    img_size: Optional[int]
    heads: List[str]
    batch_size: int
    num_workers: int
    out: Path


def draw_neighbours(request: NeighboursRequest) -> None:
    """Write the picture and its record.

    Raises:
        UserError: what the user can mend: images, checkpoints, queries, or features of another
            checkpoint.
    """
    started = time.time()
    out = picture_file(request.out, has_record=True)
    bank = load_bank(request.data)
    check_count(len(bank.paths), request)
    queries = [bank.find(text) for text in request.queries]
    embedders = load_all(request, bank)
    broken: Dict[str, str] = {}
    found = {title: search(title, embedder, request, bank, queries, broken)
             for title, embedder in embedders.items()}
    print(skipped(broken))
    side = max(embedder.img_size for embedder in embedders.values())
    plot_neighbours(
        pixels(queries, side),
        {title: np.stack([pixels([bank.paths[row] for row in rows], side) for rows in hits])
         for title, (hits, _) in found.items()},
        {title: [[bank.same_class(query, row) for row in rows]
                 for query, rows in zip(queries, hits)] for title, (hits, _) in found.items()},
        {title: similarity for title, (_, similarity) in found.items()}).savefig(out, dpi=200)
    record = write_record(
        out,
        settings=request._asdict(),
        images=len(bank.paths),
        broken=broken,
        models={title: dict(
            checkpoint=dataclasses.asdict(embedders[title].report),
            img_size=embedders[title].img_size,
            queries=[dict(query=query, neighbours=[
                dict(file=bank.paths[row], class_name=bank.classes[row], similarity=float(value))
                for row, value in zip(rows, values)])
                for query, rows, values in zip(queries, *found[title])]) for title in found},
        seconds=round(time.time() - started, 1))
    print(f'The picture is {out}, files and similarities are in {record}')


def load_all(request: NeighboursRequest, bank: Bank) -> Dict[str, Embedder]:
    """Title -> network.

    Raises:
        ConfigError: the features of a file are of another network, or of images of another size.
    """
    checkpoints = titled(request.checkpoints)
    heads = heads_by_title(request.heads, checkpoints)
    if bank.identity and len(checkpoints) > 1:
        raise ConfigError(f'{request.data} has the features of one checkpoint, and '
                          f'{len(checkpoints)} were given: give one, or --data FOLDER.')
    loaded = {}
    for title, checkpoint in checkpoints.items():
        try:
            loaded[title] = load_embedder(checkpoint, heads.get(title),
                                          request.img_size or bank.identity.get('img_size'))
        except CheckpointError as error:
            raise CheckpointError(f'{title}: {error}{of_file(request, bank)}') from error
        print(f'{title}: {loaded[title].report}')
        here = loaded[title].identity
        other = differences({key: bank.identity.get(key) for key in here}, here)
        if bank.identity and other:
            raise ConfigError(f'The features of {request.data} are of something else than {title}: '
                              f'{"; ".join(other)}. Give what they were made with.')
    return loaded


def of_file(request: NeighboursRequest, bank: Bank) -> str:
    """What else may be wrong with a checkpoint that is seen at the size of a file's features."""
    if not bank.identity or request.img_size:
        return ''
    return (f' The {bank.identity["img_size"]} px are those of {request.data}, whose features are '
            f'of the checkpoint {bank.identity["checkpoint_sha256"][:12]} (sha256): give that one.')


def check_count(count: int, request: NeighboursRequest) -> None:
    """Raise ConfigError where there are fewer images than asked for."""
    if count <= request.k:
        raise ConfigError(f'{request.k} other images were asked for, but there are {count} in '
                          f'{request.data}, the query perhaps among them: lower --k')


def search(title: str, embedder: Embedder, request: NeighboursRequest, bank: Bank,
           queries: List[str], broken: Dict[str, str]) -> Tuple[np.ndarray, np.ndarray]:
    """Rows of the bank (Q, k) and their similarities, nearest first; a query is not its own.

    Raises:
        ConfigError: a query cannot be read, or there are fewer images than asked for.
    """
    unread: Dict[str, str] = {}
    _, wanted = features_of(embedder, queries, unread, request.batch_size)
    if unread:
        path, why = next(iter(unread.items()))
        raise ConfigError(f'The query {printable(path)} cannot be read ({why}).')
    if bank.features is None:
        print(f'{title}: features of {len(bank.paths)} images of {embedder.img_size} px')
        places, features = features_of(embedder, bank.paths, broken, request.batch_size,
                                       request.num_workers)
    else:
        places, features = torch.arange(len(bank.paths)), bank.features
    check_count(len(places), request)  # of those that can be read
    hits, values = [], []
    for similarity, rows in nearest_neighbours(wanted, features, request.k + 1):
        for near, at in zip(similarity, places[rows]):
            keep = (at != bank.rows.get(queries[len(hits)], -1)).nonzero().flatten()[:request.k]
            hits.append(at[keep].numpy())
            values.append(near[keep].numpy())
    return np.stack(hits), np.stack(values)


def pixels(paths: List[str], side: int) -> np.ndarray:
    """Images (n, side, side, 3), RGB, as a network sees them; white where a file is gone."""
    found = [image for _, image in map(ImageFiles(paths, side).__getitem__, range(len(paths)))]
    blank = np.full((side, side, 3), 255, np.uint8)
    return np.stack([blank if isinstance(image, str) else image[..., ::-1] for image in found])
