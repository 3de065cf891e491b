"""Frames tell which neighbours have the query's class, and titles stay over their columns."""

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
