"""The drawings of the lesson on views: each picture stands under the one whose neighbour it is, and
every run is drawn at every time.
"""

import numpy as np

from scratchclust.lessons import contrast as draw


def test_neighbours_stand_under_their_picture_and_strangers_are_framed() -> None:
    shades = np.arange(6) / 10
    images = np.broadcast_to(shades[:, None, None], (6, 14, 14))
    nearest = {
        "a": (np.arange(6)[:, None] + [1, 2]) % 6,
        "b": (np.arange(6)[:, None] + [3]) % 6,
    }
    nearest["b"] = np.repeat(nearest["b"], 2, axis=1)
    classes = np.array([0, 0, 1, 1, 0, 0])
    figure = draw.neighbour_columns("title", images, [0, 4], nearest, classes, "words")
    paper = np.asarray(figure.axes[0].images[0].get_array())
    middle = draw.UNIT // 2
    tops = draw.UNIT + draw.BETWEEN, 3 * draw.UNIT + 2 * draw.BETWEEN
    rows = np.array(
        [middle, *(top + place * draw.UNIT + middle for top in tops for place in (0, 1))]
    )
    columns = np.array([0, draw.UNIT])
    drawn = paper[np.ix_(rows, columns + middle)][:, :, 0]
    expected = np.array([[0, 4], [1, 5], [2, 0], [3, 1], [3, 1]]) / 10
    np.testing.assert_array_equal(drawn, np.rint(255 * expected))
    is_framed = (paper[np.ix_(rows - middle, columns)] == draw.WRONG).all(axis=2)
    np.testing.assert_array_equal(
        is_framed, [[False, False], [False, False], [True, False], [True, False], [True, False]]
    )
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (names, repr(figure)) == (["pictures", "a", "b"], "words")


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    images = np.zeros((2, 7, 7))
    images[0, 0, 0] = 1
    figure = draw.neighbour_columns(
        "title", images, [0], {"a": np.array([[1], [0]])}, np.array([0, 0]), "words"
    )
    paper = np.asarray(figure.axes[0].images[0].get_array())[:, :, 0]
    corner = paper[draw.FRAME : draw.FRAME + 5, draw.FRAME : draw.FRAME + 5]
    assert (corner[:4, :4] == 255).all()
    assert (corner[4] == 0).all()


def test_every_run_is_drawn_at_every_time() -> None:
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    figure = draw.on_circles(
        "title",
        {"one": [points, -points], "two": [points, points]},
        ["before", "after"],
        np.arange(8),
        "words",
    )
    assert len(figure.axes) == 4
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["before", "after"]
    assert [ax.get_ylabel() for ax in figure.axes[::2]] == ["one", "two"]
    places = np.asarray(figure.axes[1].collections[0].get_offsets())
    lengths = np.linalg.norm(places, axis=1)
    np.testing.assert_allclose(places / lengths[:, None], -points, atol=1e-12)
    assert (np.abs(lengths - 1) <= 0.16).all()


def test_each_measure_has_a_panel_with_all_runs_and_its_level() -> None:
    curves = {"one": np.array([3.0, 2.0]), "two": np.array([4.0, 5.0])}
    figure = draw.measures(
        "title", {"rank": curves, "uniformity": curves}, "words", levels={"uniformity": -1.5}
    )
    first, second = figure.axes
    assert (len(first.lines), len(second.lines)) == (2, 3)
    np.testing.assert_array_equal(np.asarray(second.lines[-1].get_ydata(), float), [-1.5, -1.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
