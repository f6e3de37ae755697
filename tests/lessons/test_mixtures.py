"""The drawings of the lesson on Gaussian mixtures."""

from typing import Any

import numpy as np

from scratchclust.lessons import mixtures as draw

X = np.random.default_rng(0).standard_normal((30, 2))


def test_an_ellipse_has_the_length_and_the_direction_of_its_covariance():
    slanted = np.array([[5.0, 4.0], [4.0, 5.0]])  # eigenvalues 9 along (1, 1), and 1
    panel = draw.Panel("p", X, means=np.zeros((1, 2)), covariances=slanted[None])
    ellipse: Any = draw.planes([panel], columns=2, title="t", words="w").axes[0].patches[0]
    assert np.allclose((ellipse.width, ellipse.height), (6, 2))
    assert np.isclose(ellipse.angle % 180, 45)


def test_colours_are_mixed_by_the_shares():
    shares = np.array([[1.0, 0.0], [0.5, 0.5]])
    axes = draw.planes(
        [draw.Panel("p", X[:2], shares=shares)], columns=2, title="t", words="w"
    ).axes
    dots: Any = axes[0].collections[0]
    colors = dots.get_facecolors()[:, :3]
    assert np.allclose(colors[1], (colors[0] + draw.to_rgb(draw.cluster_color(1))) / 2)


def test_runs_are_drawn_as_a_band_around_their_middle():
    lines = {"a": ([1, 2], np.array([[1.0, 2], [3, 4], [2, 9]]))}
    figure = draw.curves(lines, title="t", words="curve", xlabel="x", ylabel="y")
    assert np.array_equal(figure.axes[0].lines[0].get_ydata(), [2, 4])
    assert figure.get_label() == "curve"
