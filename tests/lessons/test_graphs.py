"""The drawings of the pages on graphs and edges: arrows point to where an image grows brighter."""

import numpy as np
from matplotlib.quiver import Quiver

from scratchclust.lessons import graphs


def test_arrows_point_into_a_stroke():
    image = np.zeros((5, 7))
    image[:, 3] = 1
    gx = np.zeros_like(image)
    gx[:, 2], gx[:, 4] = 1.0, -1.0
    figure = graphs.arrows([("stroke", image, gx, np.zeros_like(image))], "Edges", "words")
    quiver = next(part for part in figure.axes[0].collections if isinstance(part, Quiver))
    assert (np.sign(np.asarray(quiver.U)) == np.sign(3 - np.asarray(quiver.X))).all()
    picture = figure.axes[0].images[0]
    assert picture.get_cmap().name == "gray"  # white on black
    assert repr(figure) == "words"


def test_a_tie_is_as_dark_as_it_is_strong():
    points = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])
    W = np.array([(0, 0.9, 0.1), (0.9, 0, 0), (0.1, 0, 0)])
    labels = np.array([0, 0, -1])
    figure = graphs.ties(points, W, labels, "Ties", "words", window=(0.0, 1.0, -1.0, 1.0))
    assert np.asarray(figure.axes[0].collections[0].get_alpha()).tolist() == [0.9, 0.1]
    assert figure.axes[1].get_xlim() == (0, 1)


def test_a_dot_for_each_seed_and_the_rule():
    accuracies = np.array([(0.8, 0.9, 0.8), (0.7, 0.7, 0.7)])
    figure = graphs.neighbors_tried((4, 8), accuracies, 8, "words")
    *dots, rule = figure.axes[0].lines
    assert [np.size(line.get_ydata()) for line in dots] == [3, 3]
    assert np.asarray(rule.get_xdata()).tolist() == [1, 1]


def test_a_line_marks_the_gap_of_a_graph_that_has_one():
    eigenvalues = {"two parts": np.array([0, 1e-4, 0.1, 0.2]), "none": np.array([0, 0.1, 0.2, 0.3])}
    figure = graphs.spectra(eigenvalues, "words", gaps={"two parts": 2})
    with_gap, without = figure.axes
    assert np.asarray(with_gap.lines[1].get_xdata()).tolist() == [2.5, 2.5]
    assert len(without.lines) == 1
