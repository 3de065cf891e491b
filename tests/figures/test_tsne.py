"""The numbers under Figure 3 by plain loops, and the picture by what it draws."""

import numpy as np
import pytest

from mimco_mm.figures.tsne import (
    Embedding,
    check_counts,
    embed,
    fit_to_counts,
    leave_one_out_accuracy,
    plot_tsne,
    read_class_names,
)

from ..tables.support import assert_apart


def clusters(spread: float, classes: int = 3, each: int = 12, seed: int = 0) -> tuple:
    """Features around one direction for each class, of lengths that say nothing, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    features = np.eye(8)[labels] + spread * rng.normal(size=(len(labels), 8))
    return features * rng.uniform(0.01, 100, (len(labels), 1)), labels


def cosine_distances(features: np.ndarray) -> np.ndarray:
    return np.array([[1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in features]
                     for a in features])


def accuracy_by_loops(features: np.ndarray, labels: np.ndarray, k: int) -> float:
    right = 0
    for row, distances in enumerate(cosine_distances(features)):
        others = sorted((d, other) for other, d in enumerate(distances) if other != row)[:k]
        votes = [sum(labels[other] == c for _, other in others) for c in range(labels.max() + 1)]
        right += votes.index(max(votes)) == labels[row]
    return 100 * right / len(labels)


def silhouette_by_loops(features: np.ndarray, labels: np.ndarray) -> float:
    distances, found = cosine_distances(features), []
    for row, label in enumerate(labels):
        own = [distances[row, other] for other in np.flatnonzero(labels == label) if other != row]
        nearest = min(distances[row, labels == c].mean() for c in set(labels) - {label})
        found.append((nearest - np.mean(own)) / max(nearest, np.mean(own)))
    return float(np.mean(found))


@pytest.mark.parametrize('spread', [0.1, 0.6, 3.])
def test_embed__numbers_are_those_of_plain_loops(spread):
    features, labels = clusters(spread)
    found = embed(features, labels, k=5, perplexity=5)
    assert found.knn == pytest.approx(accuracy_by_loops(features, labels, 5))
    assert found.silhouette == pytest.approx(silhouette_by_loops(features, labels), abs=1e-6)
    assert found.points.shape == (36, 2)
    assert (found.knn == 100 and found.silhouette > 0.9) == (spread == 0.1)


def test_embed__points_show_the_classes_and_depend_on_the_seed_alone():
    features, labels = clusters(0.1)
    points = embed(features, labels, k=5, perplexity=5).points
    assert np.array_equal(points, embed(3 * features, labels, k=5, perplexity=5).points)
    centres = np.array([points[labels == c].mean(0) for c in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    assert np.array_equal(nearest, labels)


def test_leave_one_out__no_image_votes_for_itself():
    features = np.array([[1., 0.], [1., 0.1], [0., 1.], [0.1, 1.]])
    assert leave_one_out_accuracy(features, np.array([0, 1, 0, 1]), k=1) == 0
    assert leave_one_out_accuracy(features, np.array([7, 7, 3, 3]), k=1) == 100
    # of three voters one has the right class
    assert leave_one_out_accuracy(features, np.array([0, 0, 1, 1]), k=3) == 0


@pytest.mark.parametrize('labels, k, perplexity, reason', [
    ([0] * 9, 1, 3, '9 images of 1 classes'),
    (range(9), 1, 3, '9 images of 9 classes'),
    ([], 1, 3, '0 images of 0 classes'),
    ([0, 1] * 15, 1, 30, '30 images are too few for a perplexity of 30.*--images-per-class'),
    ([0, 1] * 10, 20, 5, '20 images are too few for 20 neighbours.*lower --k'),
])
def test_check_counts__too_few(labels, k, perplexity, reason):
    with pytest.raises(ValueError, match=reason):
        check_counts(np.array(labels), k, perplexity)


@pytest.mark.parametrize('counts, k, perplexity', [
    ([50] * 10, 20, 30),    # the usual ones
    ([50, 30, 21], 20, 30),
    ([20] * 10, 19, 30),
    ([4] * 10, 3, 13),      # 39 others
    ([4] * 3, 3, 3),
    ([50, 1], 1, 16),       # one image can have no neighbour of its class
    ([2, 2], 1, 1),
])
def test_fit_to_counts__of_few_images(counts, k, perplexity):
    assert fit_to_counts(counts) == (k, perplexity)
    assert fit_to_counts(counts, k=7, perplexity=2.5) == (7, 2.5)
    check_counts(np.repeat(np.arange(len(counts)), counts), k, perplexity)


def test_fit_to_counts__features_that_separate_four_images_a_class_show_it():
    features, labels = clusters(0.1, classes=5, each=4)
    k, perplexity = fit_to_counts([4] * 5)
    assert embed(features, labels, k, perplexity).knn == 100
    assert leave_one_out_accuracy(features, labels, 20 - 1) < 50  # all others vote


def test_check_counts__one_more_is_enough():
    check_counts(np.array([0, 1] * 15 + [1]), 30, 30)


@pytest.mark.parametrize('count, shape', [(1, (1, 1)), (3, (1, 3)), (5, (2, 4))])
def test_plot_tsne__a_panel_a_model_and_one_legend(tmp_path, count, shape):
    labels = np.array([0, 1, 1, 2])
    points = np.arange(8.).reshape(4, 2)
    figure = plot_tsne({f'model {n}': Embedding(points + n, 10. * n, 0.25) for n in range(count)},
                       {f'model {n}': labels for n in range(count)}, ['cat', 'dog', 'eel'], k=7)
    figure.savefig(tmp_path / 'a.png')
    assert len(figure.axes) == count
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    for n, axis in enumerate(figure.axes):
        drawn = [part.get_offsets().tolist() for part in axis.collections]
        assert drawn == [(points[labels == c] + n).tolist() for c in range(3)]
        assert axis.get_title() == f'model {n}'
        assert axis.get_xlabel() == f'7-NN {10 * n:.1f} %, silhouette 0.250'
    legend, = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ['cat', 'dog', 'eel']
    boxes = [legend.get_window_extent(), *(axis.get_tightbbox() for axis in figure.axes)]
    assert not [one for number, one in enumerate(boxes) if one.count_overlaps(boxes[:number])]
    assert all(figure.bbox.x0 <= box.x0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_plot_tsne__long_titles_and_names_stay_in_the_picture():
    titles = ['SimMIM-Swin-T-800e, with a title that is wider than its panel', 'b' * 60, 'C']
    names = [f'great white shark, white shark, Carcharodon carcharias {n}' * 3 for n in range(12)]
    figure = plot_tsne({title: Embedding(np.ones((12, 2)), 1., 0.) for title in titles},
                       {title: np.arange(12) for title in titles}, names, k=1)
    assert_apart(figure, [*(axis.title for axis in figure.axes), *figure.legends,
                          *(axis.xaxis.label for axis in figure.axes)])


def test_plot_tsne__more_classes_than_colours_of_a_palette():
    labels = np.arange(23)
    figure = plot_tsne({'a': Embedding(np.ones((23, 2)), 1., 0.)}, {'a': labels},
                       [str(n) for n in labels], k=1)
    colours = {tuple(part.get_facecolor()[0]) for part in figure.axes[0].collections}
    assert len(colours) == 23


def test_read_class_names(tmp_path):
    file = tmp_path / 'names.txt'
    file.write_text('n01440764 tench, Tinca tinca\n\nn01494475 hammerhead, hammerhead shark\n')
    assert read_class_names(file) == dict(n01440764='tench', n01494475='hammerhead')
    file.write_text('n01440764 tench\nn01494475\n')
    with pytest.raises(ValueError, match='line 2: expected FOLDER NAME'):
        read_class_names(file)
