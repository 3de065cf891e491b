"""Figure 3 of the paper: features of some classes in two dimensions, and what the picture shows."""

from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from ..errors import ConfigError
from ..names import printable
from .pictures import distinct_colours, fold, legend_columns

COLUMNS = 4  # panels in a row
WIDTH = 3.4  # of a panel, inches
K = 20  # as the k-NN benchmark
PERPLEXITY = 30.  # t-SNE's usual one


class Embedding(NamedTuple):
    """Features in two dimensions, and how well their own dimensions separate the classes.

    Attributes:
        points: (N, 2).
        knn: leave-one-out accuracy in percent, see ``leave_one_out_accuracy``.
        silhouette: mean silhouette by cosine distance, from -1 to 1; 0 where classes overlap.
    """

    points: np.ndarray
    knn: float
    silhouette: float


def embed(features: np.ndarray, labels: np.ndarray, k: int = K, perplexity: float = PERPLEXITY,
          seed: int = 0) -> Embedding:
    """t-SNE (van der Maaten and Hinton 2008) of features of unit length, and its two numbers.

    Args:
        features: (N, C).
        labels: (N,), of two classes at least.
        k: neighbours that vote.
        perplexity: of t-SNE.
        seed: of t-SNE; its start is the first two principal components.

    Raises:
        ValueError: too few images or classes.
    """
    check_counts(labels, k, perplexity)
    unit = normalize(features)
    tsne = TSNE(perplexity=perplexity, init='pca', learning_rate='auto', random_state=seed)
    return Embedding(tsne.fit_transform(unit), leave_one_out_accuracy(unit, labels, k),
                     float(silhouette_score(unit, labels, metric='cosine')))


def fit_to_counts(counts: Sequence[int], k: Optional[int] = None,
                  perplexity: Optional[float] = None) -> Tuple[int, float]:
    """k and perplexity for classes of so many images, where None is given.

    An image can have no more neighbours of its own class than the class has other images: k is 20,
    or as many as the smallest class leaves. The perplexity is 30, or a third of the other images,
    as van der Maaten's own t-SNE asks.
    """
    k = max(1, min(K, min(counts, default=0) - 1)) if k is None else k
    if perplexity is None:
        perplexity = max(1., min(PERPLEXITY, (sum(counts) - 1) // 3))
    return k, perplexity


def check_counts(labels: np.ndarray, k: int, perplexity: float) -> None:
    """Raise ValueError where t-SNE or the numbers are not defined."""
    classes, count = len(np.unique(labels)), len(labels)
    if not 2 <= classes < count:
        raise ConfigError(f'{count} images of {classes} classes: expected two classes at least, '
                          'and more images than classes.')
    if count <= perplexity:
        raise ConfigError(f'{count} images are too few for a perplexity of {perplexity:g}, which '
                          'must be smaller: lower --perplexity, or take more --images-per-class.')
    if count <= k:
        raise ConfigError(f'{count} images are too few for {k} neighbours of each: lower --k, or '
                          'take more --images-per-class.')


def leave_one_out_accuracy(features: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Percent of images whose k nearest others, by cosine similarity, have mostly their class.

    Votes count the same; of equally many, the first class in order wins.

    Args:
        features: (N, C).
        labels: (N,).
        k: below N.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    index = NearestNeighbors(n_neighbors=k, metric='cosine').fit(features)
    voters = numbers[index.kneighbors(return_distance=False)]  # of none is it its own neighbour
    votes = (voters[:, :, None] == np.arange(len(classes))).sum(1)
    return 100. * float((votes.argmax(1) == numbers).mean())


def plot_tsne(embeddings: Dict[str, Embedding], labels: Dict[str, np.ndarray],
              names: Sequence[str], k: int) -> Figure:
    """A panel for each model, under each its numbers, and one legend for all.

    Args:
        embeddings: title -> embedding.
        labels: title -> (N,), places in ``names``.
        names: of the classes.
        k: that the accuracies are of.
    """
    columns = min(len(embeddings), COLUMNS)
    rows = -(-len(embeddings) // columns)
    width = max(WIDTH * columns, 5)
    labelled = [fold(printable(name), width - 1, 9) for name in names]
    in_line = legend_columns(labelled, width, 9)
    figure = Figure(figsize=(width, 4.1 * rows + 0.2 * -(-len(names) // in_line)),
                    layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(embeddings):]:
        axis.remove()
    colours = distinct_colours(len(names))
    for axis, (title, embedding) in zip(axes, embeddings.items()):
        for number, name in enumerate(labelled):
            points = embedding.points[labels[title] == number]
            axis.scatter(*points.T, s=12, color=colours[number], linewidths=0, label=name)
        axis.set(xticks=[], yticks=[])
        axis.set_title(fold(title, WIDTH, 12), fontsize=12)
        axis.set_xlabel(f'{k}-NN {embedding.knn:.1f} %, silhouette {embedding.silhouette:.3f}')
        axis.set_box_aspect(1)
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc='outside lower center', ncols=in_line,
                  fontsize=9, markerscale=2, frameon=False, handletextpad=0.1, columnspacing=1.2)
    return figure


def read_class_names(file: Path) -> Dict[str, str]:
    """Class folder -> name, of lines ``FOLDER NAME``; of several names in a line the first.

    ImageNet's own list, LOC_synset_mapping.txt, has this form.

    Raises:
        ConfigError: a line without a name, or no text.
    """
    names = {}
    try:
        lines = file.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f'{file}: expected lines FOLDER NAME, got no text ({error}).') from error
    for number, line in enumerate(lines, 1):
        folder, _, name = line.strip().partition(' ')
        name = name.split(',')[0].strip()
        if folder and not name:
            raise ConfigError(f'{file}, line {number}: expected FOLDER NAME, got {line!r}.')
        if folder:
            names[folder] = name
    return names
