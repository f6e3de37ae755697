"""The drawings of the pages on density and trees: what is in them, and the cut of a tree."""

import numpy as np
from matplotlib.collections import LineCollection

from scratchclust.lessons import density
from scratchclust.reference import agglomerative as reference_trees

POINTS = np.array([(0.0, 0.0), (0.1, 0.0), (0.2, 0.1), (3.0, 0.0), (3.1, 0.0), (9.0, 9.0)])
LABELS = np.array([0, 0, 0, 1, 1, -1])


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_planes_have_a_panel_each_and_words():
    panels = [("one", POINTS, LABELS), ("two", POINTS, LABELS)]
    figure = density.planes(panels, "Planes", "what is to be seen")
    assert titles(figure) == ["one", "two"]
    assert repr(figure) == "what is to be seen"


def test_kinds_are_counted():
    core = np.array([True, True, False, True, False, False])
    figure = density.kinds(POINTS, LABELS, core, 0.5, "words")
    legend = figure.axes[0].get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["core points (3)", "border points (2)", "noise (1)"]


def test_a_tree_is_cut_between_two_merges():
    tree = reference_trees.agglomerative(POINTS, "single")
    heights = tree.linkage_matrix[:, 2]
    for n_clusters in range(2, len(POINTS)):
        height = heights[-n_clusters : len(heights) - n_clusters + 2].mean()
        cut = density.cut_labels(tree.linkage_matrix, height)
        assert (cut == reference_trees.cut(tree, n_clusters)).all()
    figure = density.trees(POINTS, {"single": tree.linkage_matrix}, "words", cut_into=3)
    assert titles(figure) == ["single", ""]
    colors = {
        tuple(np.round(color, 3))
        for color in np.asarray(figure.axes[0].collections[0].get_facecolor())
    }
    assert len(colors) == 3


def test_the_longest_edge_of_a_net_is_thick():
    edges = [(0, 1, 0.1), (1, 2, 0.14), (2, 3, 2.8), (3, 4, 0.1), (4, 5, 10.8)]
    figure = density.nets([("net", POINTS, edges, LABELS)], "Net", "words", columns=1)
    lines = figure.axes[0].collections[0]
    assert isinstance(lines, LineCollection)
    widths = np.asarray(lines.get_linewidth())
    assert (np.asarray(lines.get_segments()[widths.argmax()]) == POINTS[[4, 5]]).all()
    assert (widths == widths.max()).sum() == 1
