"""The drawings about networks and about going downhill: each is drawn, and says its words."""

import numpy as np
import pytest

from scratchclust.lessons import downhill, networks
from scratchclust.report.figures import save

WORDS = "what is to be seen"
rng = np.random.default_rng(0)


def texts_of(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def square(w):
    return w**2


def bowl(places):
    x, y = places
    return x**2 + y**2


FIGURES = {
    "curve": lambda: downhill.walks_on_a_curve(
        square, {0.1: np.arange(3.0)}, title="t", words=WORDS
    ),
    "valley": lambda: downhill.walks_in_a_valley(
        bowl, {"a": rng.normal(size=(4, 2))}, title="t", words=WORDS
    ),
    "errors": lambda: downhill.errors_by_h(
        10.0 ** np.arange(3), {"a": [1.0, 2.0, 3.0]}, words=WORDS
    ),
    "steps": lambda: networks.curves_by_step({"a": [3.0, 2.0]}, title="t", words=WORDS),
    "noisy": lambda: downhill.noisy_walks({"a": rng.normal(size=(6, 4))}, 0.0, words=WORDS),
    "signed": lambda: networks.signed_images(
        rng.normal(size=(3, 4, 4)), columns=2, title="t", words=WORDS
    ),
    "code": lambda: networks.through_a_code(
        *(rng.uniform(size=shape) for shape in ((2, 4, 4), (2, 5), (2, 4, 4))),
        title="t",
        words=WORDS,
    ),
    "pixel": lambda: networks.losses_of_a_pixel(
        np.arange(3.0), {"a": np.arange(3.0)}, {"a": np.ones(3)}, words=WORDS
    ),
    "around": lambda: networks.around_a_code(words=WORDS),
    "runs": lambda: networks.runs_by_name({"a": [1.0, 2.0]}, title="t", score="s", words=WORDS),
    "estimates": lambda: networks.estimates_of_gradients(
        {"a": rng.normal(size=(2, 9))}, np.zeros(2), title="t", words=WORDS
    ),
    "numbers": lambda: networks.numbers_in_use({"a": np.arange(3.0)}, title="t", words=WORDS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_is_drawn_and_says_its_words(name, tmp_path):
    figure = FIGURES[name]()
    assert figure.get_label() == WORDS
    save(figure, tmp_path / "figure.png")


def neuron():
    """W x + b, squared."""
    return networks.graph(
        ["w", "x", "times", "b", "plus", "square"],
        [2.0, 3.0, 6.0, 1.0, 7.0, 49.0],
        [42.0, 28.0, 14.0, 14.0, 14.0, 1.0],
        [[], [], [0, 1], [], [2, 3], [4]],
        title="t",
        words=WORDS,
    )


def test_a_graph_has_each_name_value_and_gradient():
    shown = texts_of(neuron())
    for text in ("times", "49.000", "+42.000"):
        assert text in shown


def test_a_graph_flows_from_left_to_right():
    names = ["w", "x", "times", "b", "plus", "square"]
    texts = [text for text in neuron().axes[0].texts if text.get_text() in names]
    column = {text.get_text(): text.get_position()[0] for text in texts}
    assert column["w"] == column["x"] < column["times"] < column["plus"] < column["square"]
    assert column["b"] == column["plus"] - 1


def test_what_is_above_zero_is_red_as_on_the_pages_about_pca():
    signed = np.array([[[1.0, -1.0]]])
    names = ["ours"]
    figure = networks.signed_images(signed, columns=1, title="t", words=WORDS, names=names)
    (image,) = figure.axes[0].images
    (above, below) = image.to_rgba(signed[0])[0, :, :3]
    assert above[0] > above[2]
    assert below[2] > below[0]
    assert figure.axes[0].get_title(loc="left") + figure.axes[0].get_title() == "ours"


def test_a_curve_that_ends_is_marked_where_it_ends():
    figure = networks.curves_by_step({"a": [3.0, 2.0, np.nan, np.nan]}, title="t", words=WORDS)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "X"]
    assert len(crosses) == 1
    assert np.asarray(crosses[0].get_xdata()).tolist() == [1.0]
