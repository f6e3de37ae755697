"""The drawings of the lessons on scores: what is drawn is what was given, and it has words."""

import numpy as np

from scratchclust.lessons import scores


def test_each_cluster_has_a_row_of_its_images():
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    figure = scores.rows_of_clusters("t", images, np.array([1, 0, 1, 1]), "rows", n_images=2)
    drawn = [np.asarray(ax.images[0].get_array()).tolist() for ax in figure.axes]
    assert drawn == [[[1, 0]], [[0, 2]]]
    assert repr(figure) == "rows"


def test_bands_reach_from_least_to_most():
    values = np.array([[0.0, 1], [2, 5], [1, 3]])
    figure = scores.bands("t", [("", {"a": values}, {"xlabel": "k"})], [4, 5], "a band", mark=4.5)
    line, mark = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), [1, 3])
    np.testing.assert_array_equal(mark.get_xdata(), [4.5, 4.5])
    corners = np.asarray(figure.axes[0].collections[0].get_paths()[0].vertices)
    assert corners[:, 1].min() == 0
    assert corners[:, 1].max() == 5


def test_whole_numbers_have_whole_marks():
    values = np.array([[1.0, 2.0, 3.0]])
    figure = scores.bands("t", [("", {"": values}, {})], [4, 5, 6], "words")
    assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())


def test_a_value_is_marked_and_a_table_speaks_of_classes():
    bars = scores.bars("t", ["a"], {"s": [0.4]}, "words", mark=0.5)
    dashed = [line for line in bars.axes[0].lines if line.get_linestyle() == "--"]
    assert np.asarray(dashed[0].get_xdata()).tolist() == [0.5, 0.5]
    table = np.array([[3, 1], [0, 2]])
    figure = scores.matched(table, ["x", "y"], np.array([0, 1]), "words")
    assert figure.axes[0].get_ylabel() == "class"


def test_borrowed_figures_have_our_titles_and_words():
    bars = scores.bars("ours", ["a", "b"], {"s": [0.1, 1.0]}, "bars")
    assert bars.get_suptitle() == "ours"
    assert bars.axes[0].get_xlim() == (-0.05, 1.3)
    blades = scores.blades(
        "b", np.array([0.1, 0.5, 0.2]), np.array([0, 0, 1]), "blades", names="xy"
    )
    assert [text.get_text() for text in blades.axes[0].get_yticklabels()] == ["x", "y"]
    assert repr(blades) == "blades"
