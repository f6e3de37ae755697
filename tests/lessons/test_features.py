"""The drawings of the lessons on features: what they are given is on the paper."""

import numpy as np

from scratchclust.lessons import features as draw
from scratchclust.report import figures


def test_every_group_of_a_map_is_in_the_legend_and_every_point_is_drawn() -> None:
    points = np.random.default_rng(0).standard_normal((12, 2))
    groups = np.arange(12) % 3
    figure = draw.maps("title", {"a": points, "b": points}, groups, ["x", "y", "z"], "words")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y", "z"]
    for ax in figure.axes:
        assert sum(len(np.asarray(dots.get_offsets())) for dots in ax.collections) == 12
    assert repr(figure) == "words"


def test_a_curve_of_several_runs_is_their_mean_with_the_runs_as_dots() -> None:
    runs = np.array([[1.0, 3.0], [2.0, 6.0]])
    figure = draw.over_counts(
        "title", [10, 100], {"runs": runs, "level": 2.0}, "words", x="n", y="score"
    )
    mean, level = figure.axes[0].lines[-2:]
    np.testing.assert_allclose(np.asarray(mean.get_ydata(), float), [2, 4])
    assert len(figure.axes[0].lines) == 4  # a line of dots for each run
    assert set(np.asarray(level.get_ydata(), float).tolist()) == {2.0}


def test_planes_draw_the_mean_of_each_group() -> None:
    points = np.array([[0.0, 0.0], [2.0, 2.0], [5.0, 1.0]])
    groupings = {"by one": np.array([0, 0, 1]), "by another": np.array([1, 0, 0])}
    figure = draw.planes("title", points, groupings, ["a", "b"], "words", x="x", y="y")
    marked = [
        tuple(np.asarray(line.get_xydata())[0].tolist())
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
    ]
    assert marked == [(1.0, 1.0), (5.0, 1.0)]


def test_a_figure_of_the_package_gets_another_title_and_words() -> None:
    figure = draw.entitled(figures.comparison_bars(["a"], {"score": [1.0]}), "other", "words")
    draw.with_labels(figure, x="steps")
    assert (figure.get_suptitle(), figure.get_label()) == ("other", "words")
    assert figure.axes[0].get_xlabel() == "steps"
