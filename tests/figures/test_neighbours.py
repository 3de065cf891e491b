"""Frames tell which neighbours have the query's class, titles and similarities stay apart."""

import numpy as np
from matplotlib.colors import to_rgb

from mimco_mm.figures.neighbours import RIGHT, WRONG, plot_neighbours

from ..tables.support import assert_apart


def test_neighbours__frames_and_titles():
    queries = np.zeros((2, 4, 4, 3), np.uint8)
    titles = ['random init', 'MimCo, patch loss only']
    images = {title: np.zeros((2, 1, 4, 4, 3), np.uint8) for title in titles}
    correct = {titles[0]: np.array([[True], [False]]), titles[1]: np.array([[False], [True]])}
    figure = plot_neighbours(queries, images, correct)
    frames = [to_rgb(axis.spines['left'].get_edgecolor()) for axis in figure.axes]
    assert frames == [(0, 0, 0), RIGHT, WRONG, (0, 0, 0), WRONG, RIGHT]
    assert_apart(figure, [figure.axes[0].title, *(axis._left_title for axis in figure.axes)])


def test_neighbours__unknown_classes_have_black_frames_and_similarities_stand_below():
    images = {'MimCo': np.zeros((2, 2, 4, 4, 3), np.uint8)}
    figure = plot_neighbours(np.zeros((2, 4, 4, 3), np.uint8), images,
                             {'MimCo': [[None, True], [False, None]]},
                             {'MimCo': np.array([[.9, .25], [.5, -.125]])})
    frames = [to_rgb(axis.spines['left'].get_edgecolor()) for axis in figure.axes]
    assert frames == [(0, 0, 0), (0, 0, 0), RIGHT, (0, 0, 0), WRONG, (0, 0, 0)]
    below = [axis.xaxis.label for axis in figure.axes if axis.get_xlabel()]
    assert [text.get_text() for text in below] == ['0.900', '0.250', '0.500', '-0.125']
    assert_apart(figure, below)
