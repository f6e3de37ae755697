"""The drawings of the lessons on JAX and on speed."""

from typing import Any

import numpy as np

from scratchclust.lessons import speed as draw


def test_both_axes_are_logarithmic_and_the_words_are_there():
    lines = {"whole": ([1, 10, 100], [1, 10, 100])}
    figure = draw.on_logarithmic_axes(lines, title="t", words="rises", xlabel="x", ylabel="y")
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")
    assert figure.get_label() == "rises"


def test_an_arrow_a_point():
    points = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    figure = draw.arrows(points, points, points, points[:, 0], title="t", words="w")
    drawn: list[Any] = list(figure.axes[0].collections)
    arrows = [each for each in drawn if hasattr(each, "U")]
    assert len(arrows[0].U) == 3
