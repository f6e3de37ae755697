"""The drawings of the lesson on one's own pictures: each picture stands where it was asked for."""

import numpy as np
import pytest

from scratchclust.lessons import pictures as draw

UNIT = draw.SIDE + draw.GAP


@pytest.fixture
def images() -> np.ndarray:
    """Ten pictures of one shade each."""
    shades = np.arange(10, dtype=np.uint8) * 16
    return np.broadcast_to(shades[:, None, None, None], (10, 96, 96, 3)).copy()


def paper_of(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def test_a_thumbnail_is_the_mean_of_its_squares(images) -> None:
    images[3, :3, :3] = 0
    images[3, 0, 0] = 144  # the mean of the square is 16
    small = draw.thumbnails(images)
    assert small.shape == (10, 32, 32, 3)
    assert small[3, 0, 0, 0] == 16
    assert small[3, 1, 1, 0] == 48


def test_rows_hold_the_pictures_that_they_name(images) -> None:
    figure = draw.rows("title", images, {"one": [7], "two": [2, 5]}, "words", columns=3)
    paper = paper_of(figure)
    assert [paper[0, 0, 0], paper[UNIT, 0, 0], paper[UNIT, UNIT, 0]] == [112, 32, 80]
    assert paper[0, UNIT, 0] == 255
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["one", "two"]
    assert repr(figure) == "words"


def test_neighbours_stand_behind_their_picture(images) -> None:
    nearest = {
        "a": (np.arange(10)[:, None] + [1, 2]) % 10,
        "b": (np.arange(10)[:, None] + [3, 4]) % 10,
    }
    paper = paper_of(draw.neighbour_rows("title", images, [0, 5], nearest, "words"))
    first = [int((1.5 + block * 2.5 + place) * UNIT) for block in (0, 1) for place in (0, 1)]
    np.testing.assert_array_equal(paper[UNIT, first, 0], np.array([6, 7, 8, 9]) * 16)
    assert paper[UNIT, 0, 0] == 80


def test_a_sheet_has_all_pictures_and_curves_have_all_seeds(images) -> None:
    sheet = paper_of(draw.contact_sheet("title", images, "words", columns=4))
    assert sheet.shape[:2] == (3 * UNIT, 4 * UNIT)
    assert sheet[2 * UNIT, UNIT, 0] == 144
    figure = draw.over_k("title", [2, 3], {"score": np.array([[1.0, 3.0], [2.0, 4.0]])}, "words")
    np.testing.assert_allclose(np.asarray(figure.axes[0].lines[-1].get_ydata(), float), [2, 3])
