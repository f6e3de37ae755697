"""The drawings of the lessons on k-means: they are drawn, and say what they show."""

import numpy as np

from scratchclust.lessons import kmeans as draw

X = np.random.default_rng(0).standard_normal((20, 2))
LABELS = np.arange(20) % 2


def test_steps_have_their_title_words_and_ring():
    figure = draw.steps(
        X, [("here", X[:2], LABELS)], title="two clusters", words="two heaps", ring=(0, 3)
    )
    assert figure.get_suptitle() == "two clusters"
    assert figure.get_label() == "two heaps"
    rings = [line for line in figure.axes[0].lines if np.allclose(line.get_xydata(), X[3])]
    assert len(rings) == 1


def test_stages_name_each_row_once():
    pictures = np.zeros((2, 4, 4, 1))
    figure = draw.stages({"first": pictures, "second": pictures}, title="t", words="w")
    written = [text.get_text() for text in figure.axes[0].texts]
    assert [text for text in written if text] == ["first", "second"]


def test_the_kept_run_has_a_ring():
    values = {"random": np.array([3.0, 2.0])}
    figure = draw.where_runs_end(values, values, ("random", 1), title="t", words="w")
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), [[2.0, 2.0]])
