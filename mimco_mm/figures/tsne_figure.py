"""Figure 3 from checkpoints and images of known classes: its picture, and what it shows in JSON."""

import dataclasses
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..evaluation import load_titled_backbones, titled_features
from ..records import skipped, write_record
from .bank import images_of
from .class_sample import sample_classes
from .pictures import picture_file
from .tsne import Embedding, check_counts, embed, fit_to_counts, plot_tsne, read_class_names


class TsneRequest(NamedTuple):
    """The options of tools/figures/tsne.py, by their names there."""

    checkpoints: List[str]
    data: str
    classes: Optional[List[str]]
    num_classes: int
    images_per_class: int
    names: Optional[Path]
    img_size: Optional[int]
    k: Optional[int]
    perplexity: Optional[float]
    seed: int
    heads: List[str]
    batch_size: int
    num_workers: int
    out: Path


def draw_tsne(request: TsneRequest) -> None:
    """Write the picture and its record; print the numbers.

    Raises:
        UserError: what the user can mend: images, checkpoints, or numbers that do not suit them.
    """
    started = time.time()
    out = picture_file(request.out, has_record=True)
    names = read_class_names(request.names) if request.names else {}
    images = sample_classes(images_of(request.data), request.classes, request.num_classes,
                            request.images_per_class, request.seed)
    request = fit(request, [len(paths) for paths in images.values()])
    backbones = load_titled_backbones(request.checkpoints, request.heads, request.img_size)
    for title, backbone in backbones.items():
        print(f'{title}: {backbone.report}')
    broken: Dict[str, str] = {}
    embeddings, labels = embed_all(request, backbones, images, broken)
    print(skipped(broken))
    plot_tsne(embeddings, labels, [names.get(name, name) for name in images],
              request.k).savefig(out, dpi=200)
    record = write_record(
        out,
        settings=request._asdict(),
        classes={name: dict(name=names.get(name, name), images=paths)
                 for name, paths in images.items()},
        broken=broken,
        models={title: dict(
            checkpoint=dataclasses.asdict(backbones[title].report),
            img_size=backbones[title].img_size,
            knn_accuracy=embedding.knn,
            silhouette=embedding.silhouette,
            points=embedding.points.tolist(),
            labels=labels[title].tolist()) for title, embedding in embeddings.items()},
        seconds=round(time.time() - started, 1))
    print(numbers(embeddings, request.k))
    print(f'The picture is {out}, its numbers and settings are in {record}')


def fit(request: TsneRequest, counts: Sequence[int]) -> TsneRequest:
    """The request with k and perplexity for classes of so many images; what is odd is told.

    Raises:
        ConfigError: see ``check_counts``; it looks again when the images have been read.
    """
    k, perplexity = fit_to_counts(counts, request.k, request.perplexity)
    print(f'{sum(counts)} images of {len(counts)} classes, {min(counts)} to {max(counts)} of each: '
          f'k {k}, perplexity {perplexity:g}')
    if k >= min(counts):
        print(f'k {k} is more than the {min(counts) - 1} other images of the smallest class: '
              'the others that vote are of other classes')
    check_counts(np.repeat(np.arange(len(counts)), counts), k, perplexity)
    return request._replace(k=k, perplexity=perplexity)


def embed_all(request: TsneRequest, backbones: dict, images: dict, broken: dict) -> tuple:
    """Title -> embedding, and title -> labels of the images that could be read."""
    paths = [path for found in images.values() for path in found]
    truth = np.repeat(np.arange(len(images)), [len(found) for found in images.values()])
    embeddings, labels = {}, {}
    for title, backbone in backbones.items():
        print(f'{title}: features of {len(paths)} images of {backbone.img_size} px')
        rows, features = titled_features(title, backbone, paths, broken, request.batch_size,
                                         request.num_workers)
        labels[title] = truth[rows]
        embeddings[title] = embed(features, labels[title], request.k, request.perplexity,
                                  request.seed)
    return embeddings, labels


def numbers(embeddings: Dict[str, Embedding], k: int) -> str:
    """The numbers under the panels as text, a line for each model."""
    width = max(map(len, embeddings))
    return '\n'.join([f'{"":{width}}{f"{k}-NN, %":>12}{"silhouette":>12}', *(
        f'{title:{width}}{embedding.knn:12.2f}{embedding.silhouette:12.3f}'
        for title, embedding in embeddings.items())])
