"""The drawings of the lessons on maps: a picture of the right points, and words in its place."""

import numpy as np

from scratchclust.lessons import maps

POINTS = np.array([[0.0, 0], [1, 0], [0, 1]])


def test_planes_draw_grey_points_below_and_rings_around_marked_ones():
    figure = maps.planes(
        "two", [("a", POINTS, np.array([0, -1, 1]))], "three dots", names={0: "zero"}, marked=[2]
    )
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), POINTS[[1, 0, 2]])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), POINTS[[2]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["zero"]
    assert repr(figure) == "three dots"


def test_zero_is_white_in_pictures_of_axes():
    figure = maps.axis_pictures("axes", np.array([[-3.0, 0, 1, 0]]), (2, 2), "one axis")
    image = figure.axes[0].images[0]
    assert image.get_clim() == (-3, 3)
    assert figure.axes[0].get_title(loc="left") == "axis 1"


def test_curves_and_threads():
    x = np.arange(3)
    figure = maps.curves("c", [("left", x, {"a": x, "b": -x}, {"xlabel": "t"})], "two lines")
    assert [line.get_label() for line in figure.axes[0].lines] == ["a", "b"]
    panel = ("one", np.array([0.5, 0.5]), np.array([0, 2]))
    threads = maps.between_islands("t", POINTS, np.arange(3), [panel], "a star")
    assert len(threads.axes[0].lines) == 3  # two threads and the star
    grid = maps.on_a_grid(x / 2, x / 3, x * 1.0, x * 1.0, x * 2.0, "a grid")
    assert len(grid.axes) == 2
