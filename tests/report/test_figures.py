"""Figures are the same every time, show in notebooks, leave matplotlib alone, and refuse what they
cannot draw.
"""

import io
import os
import subprocess
import sys

import jaxtyping
import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from scratchclust.errors import InputError
from scratchclust.report import figures

LABELS = np.arange(90) % 3
IMAGES = np.broadcast_to(
    np.arange(90, dtype=np.uint8)[:, None, None, None], (90, 8, 8, 1)
)  # image i is all of value i
POINTS = np.random.default_rng(0).normal(size=(90, 2))
CONTINGENCY = np.array([[9, 1, 0], [2, 0, 70], [3, 40, 4], [0, 5, 6]])
CLASSES = ["cat", "dog", "fox", "owl"]
STEPS = [
    ("start", POINTS[:3], None),
    ("first", POINTS[3:6], LABELS),
    ("second", POINTS[6:9], LABELS),
]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# name -> how it is drawn, and how many axes it has
FIGURES = {
    "label_histograms": (lambda: figures.label_histograms(CONTINGENCY, CLASSES), 3),
    "confusion_matrix": (lambda: figures.confusion_matrix(CONTINGENCY, CLASSES), 2),
    "random_images": (lambda: figures.random_images(IMAGES, LABELS, rng=rng(), n_images=4), 3),
    "centroid_images": (lambda: figures.centroid_images(IMAGES[:3] / 90.0, [30, 30, 30]), 1),
    "embedding": (lambda: figures.embedding(POINTS, LABELS, IMAGES, rng=rng(), n_images=40), 1),
    "silhouette_plot": (lambda: figures.silhouette_plot(np.linspace(-0.2, 0.8, 90), LABELS), 1),
    "how_many": (
        lambda: figures.how_many(
            [2, 3, 4], [0.2, 0.5, 0.4], [90, 120.5, 80], [1.2, None, 0.9], [0.3, 1, 0.6], 3
        ),
        4,
    ),
    "scan": (
        lambda: figures.scan(
            [1, 2, 3], [9.0, 4.0, 3.0], [None, 0.3, 0.2], [None, 0.1, 0.4], chosen=2
        ),
        3,
    ),
    "k_distances": (lambda: figures.k_distances([3.0, 1.0, 2.0], 1.5, min_samples=4), 1),
    "inertia_history": (
        lambda: figures.inertia_history({"a": [9.0, 5, 4]}, {"a": [90, 3, 0]}, log=True),
        2,
    ),
    "plane_steps": (lambda: figures.plane_steps(POINTS, STEPS), 3),
    "image_row": (lambda: figures.image_row(IMAGES[:3], ["a", "b", "c"]), 1),
    "reconstructions": (
        lambda: figures.reconstructions(IMAGES[:4], {"a": IMAGES[4:8], "b": IMAGES[8:12] / 90.0}),
        1,
    ),
    "samples": (lambda: figures.samples(IMAGES[:20]), 1),
    "latent_walk": (
        lambda: figures.latent_walk(IMAGES[:12].reshape(3, 4, 8, 8, 1), ["a", "b", "c"]),
        1,
    ),
    "views": (
        lambda: figures.views(IMAGES[:3], IMAGES[:24].reshape(8, 3, 8, 8, 1)[:, :, :4, :5] / 90.0),
        1,
    ),
    "nearest_images": (
        lambda: figures.nearest_images(
            IMAGES[:3],
            {
                "a": IMAGES[:12].reshape(3, 4, 8, 8, 1),
                "b": IMAGES[:6].reshape(3, 2, 8, 8, 1) / 90.0,
            },
        ),
        2,
    ),
    "training_curves": (
        lambda: figures.training_curves({"a": {"loss": [9.0, 4.0], "kl": [None, 0.5]}}),
        2,
    ),
    "comparison_bars": (
        lambda: figures.comparison_bars(["a", "b"], {"ARI": [0.5, None], "NMI": [0.25, -0.5]}),
        2,
    ),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", FIGURES)
def test_every_function_returns_a_figure_that_is_the_same_each_time_and_shows_in_a_notebook(
    name, tmp_path
):
    from IPython.core.formatters import DisplayFormatter

    draw, n_axes = FIGURES[name]
    figure = draw()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == n_axes
    assert figure.get_suptitle()
    shown, _ = DisplayFormatter().format(figure)
    assert shown["image/png"].startswith(b"\x89PNG")
    figures.save(figure, tmp_path / "first.png")
    figures.save(figure, tmp_path / "again.png")
    figures.save(draw(), tmp_path / "second.png")
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "again.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    picture = Image.open(io.BytesIO(first))
    assert picture.width == 1200
    assert "Software" not in picture.info
    assert np.asarray(picture.convert("L")).std() > 5  # something is drawn


# The ticks of these two points change when the layout is first solved: solved once, a label stuck
# out.
CHANGING_TICKS = np.array([[-3.1, -1.86], [3.1, 1.86]])


@pytest.mark.quick(6)
@pytest.mark.parametrize("name", [*FIGURES, "changing ticks"])
def test_nothing_sticks_out_of_the_page(name, tmp_path):
    if name in FIGURES:
        figure = FIGURES[name][0]()
    else:
        figure = figures.embedding(CHANGING_TICKS, np.arange(2), rng=rng())
    figures.save(figure, tmp_path / "figure.png")
    width, height = figure.get_size_inches()
    for dpi in (100, 150):
        figure.dpi = dpi
        drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
        assert min(drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1) >= 0


def test_figures_is_complete():
    assert set(FIGURES) == set(figures.__all__) - {
        "PALETTE",
        "cluster_color",
        "cluster_name",
        "name_variant",
        "save",
    }


def test_one_image_and_one_cluster_can_be_drawn(tmp_path):
    one = np.zeros(1, dtype=int)
    for figure in (
        figures.random_images(IMAGES[:1], one, rng=rng()),
        figures.embedding(POINTS[:1], one, IMAGES[:1], rng=rng()),
        figures.silhouette_plot(np.zeros(1), one),
        figures.scan([1], [0.0], [None], chosen=1),
        figures.inertia_history({"a": [0.0]}),
        figures.plane_steps(POINTS[:1], [("only", POINTS[:1], one)]),
        figures.label_histograms(np.zeros((1, 1), dtype=int), ["a"]),
        figures.samples(IMAGES[:1]),
        figures.latent_walk(IMAGES[None, :1]),
        figures.views(IMAGES[:1], IMAGES[None, :1]),
    ):
        figures.save(figure, tmp_path / "one.png")


def test_save_makes_folders_and_a_failed_one_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "new" / "a.png"
    figures.save(FIGURES["scan"][0](), str(target))
    before = target.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(FIGURES["image_row"][0](), target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_pyplot_and_the_settings_are_left_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    FIGURES["embedding"][0]()
    assert dict(matplotlib.rcParams) == before
    program = (
        "import sys, scratchclust.report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figures = scratchclust.report.figures\n"
        f"figures.save(figures.scan([1, 2], [2.0, 1.0]), {str(tmp_path / 'scan.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'jax' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
    assert (tmp_path / "scan.png").exists()


def test_a_wrong_shape_is_refused_by_its_annotation():
    with pytest.raises(jaxtyping.TypeCheckError):
        figures.silhouette_plot(np.zeros(3), np.zeros(4, dtype=int))


@pytest.fixture
def unchecked():
    """Without the shape checks of the tests, as everybody else calls the functions."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


REFUSED = {
    "expected one label for each of the 90 images, got shape [3]": lambda: figures.random_images(
        IMAGES, LABELS[:3], rng=rng()
    ),
    "expected whole numbers as labels, got float64": lambda: figures.embedding(
        POINTS, LABELS * 1.0, rng=rng()
    ),
    "expected images of shape [n, h, w, c] with 1 or 3 channels, got [90, 8, 8]": lambda: (
        figures.random_images(IMAGES[..., 0], LABELS, rng=rng())
    ),
    "expected images as uint8 in [0, 255] or float in [0, 1], got int64": lambda: figures.image_row(
        IMAGES.astype(np.int64)
    ),
    "expected n_images to be a whole number of at least 1, got 0: say": lambda: (
        figures.random_images(IMAGES, LABELS, rng=rng(), n_images=0)
    ),
    "expected one label for each of the 5 images": lambda: figures.embedding(
        POINTS, LABELS, IMAGES[:5], rng=rng()
    ),
    "expected points of shape [n, 2], got [90, 1]": lambda: figures.embedding(
        POINTS[:, :1], LABELS, rng=rng()
    ),
    "expected points to be finite, got NaN or infinity: leave": lambda: figures.embedding(
        POINTS * np.nan, LABELS, rng=rng()
    ),
    "expected 2 numbers as counts, got shape [1]": lambda: figures.centroid_images(
        IMAGES[:2] / 9.0, [1]
    ),
    "expected contingency of shape [n_classes, n_clusters], got [4]": lambda: (
        figures.confusion_matrix([1, 2, 3, 4], [])
    ),
    "expected counts in contingency, got float64": lambda: figures.confusion_matrix(
        CONTINGENCY / 2, CLASSES
    ),
    "expected counts in contingency, got int64 from -70": lambda: figures.label_histograms(
        -CONTINGENCY, CLASSES
    ),
    "expected 4 label_names, one for each of the rows of contingency, got 2": lambda: (
        figures.label_histograms(CONTINGENCY, ["a", "b"])
    ),
    "expected 3 cluster_names, one for each of the columns of contingency, got 1": lambda: (
        figures.confusion_matrix(CONTINGENCY, CLASSES, ["a"])
    ),
    "expected at least one image in a cluster": lambda: figures.silhouette_plot(
        np.zeros(2), np.array([-1, -1])
    ),
    "expected silhouettes in [-1, 1]": lambda: figures.silhouette_plot(
        np.array([0, 2.0]), np.array([0, 1])
    ),
    "expected 2 numbers as Silhouette": lambda: figures.scan([1, 2], [2.0, 1.0], [0.1]),
    "expected numbers as n_clusters, got 'many'": lambda: figures.scan("many", [1.0]),
    "expected suggested among n_clusters, got 7": lambda: figures.how_many(
        [2, 3], *([[0.1, 0.2]] * 4), suggested=7
    ),
    "expected 2 numbers as Stability": lambda: figures.how_many([2, 3], *([[0.1]] * 4)),
    "expected chosen among n_clusters, got 7": lambda: figures.scan([1, 2], [2.0, 1.0], chosen=7),
    "expected at least one history, got none": lambda: figures.inertia_history({}),
    "expected at least one number as the inertia of 'a'": lambda: figures.inertia_history(
        {"a": []}
    ),
    "expected in moved the names of histories, got 'b' too": lambda: figures.inertia_history(
        {"a": [1.0]}, {"b": [1]}
    ),
    "expected inertia above 0 on logarithmic axes": lambda: figures.inertia_history(
        {"a": [1.0, 0.0]}, log=True
    ),
    "expected at least one step and one column, got 0 and 3": lambda: figures.plane_steps(
        POINTS, []
    ),
    "expected centroids of shape [n, 2], got [3]": lambda: figures.plane_steps(
        POINTS, [("a", POINTS[:3, 0], None)]
    ),
    "expected at least one score, got none": lambda: figures.comparison_bars(["a"], {}),
    "expected 1 numbers as ARI, got shape [2]": lambda: figures.comparison_bars(
        ["a"], {"ARI": [1.0, 2.0]}
    ),
    "expected 2 titles, one for each of the images, got 1": lambda: figures.image_row(
        IMAGES[:2], ["a"]
    ),
    "expected walks of shape [n, steps, h, w, c], got [12, 8, 8, 1]": lambda: figures.latent_walk(
        IMAGES[:12]
    ),
    "expected walks of shape [n, h, w, c] with 1 or 3 channels, got [6, 8, 8, 2]": lambda: (
        figures.latent_walk(np.zeros((2, 3, 8, 8, 2)))
    ),
    "expected 2 labels, one for each of the walks, got 1": lambda: figures.latent_walk(
        np.zeros((2, 3, 8, 8, 1)), ["a"]
    ),
    "expected views of shape [v, 3, h, w, c], as many as originals, got [2, 4, 8, 8, 1]": lambda: (
        figures.views(IMAGES[:3], IMAGES[:8].reshape(2, 4, 8, 8, 1))
    ),
    "expected at least one panel of nearest images, got none": lambda: figures.nearest_images(
        IMAGES[:3], {}
    ),
    "expected nearest images 'a' of shape [3, m, 8, 8, c], got [2, 4, 8, 8, 1]": lambda: (
        figures.nearest_images(IMAGES[:3], {"a": IMAGES[:8].reshape(2, 4, 8, 8, 1)})
    ),
    "expected originals of shape [n, h, w, c] with 1 or 3": lambda: figures.views(
        IMAGES[0], IMAGES[:3, None]
    ),
    "expected images as uint8 in [0, 255] or float in [0, 1], got int32": lambda: figures.samples(
        np.zeros((2, 8, 8, 1), np.int32)
    ),
    "expected a file name that ends in .png, got 'a.pdf'": lambda: figures.save(Figure(), "a.pdf"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_wrong_input_gets_one_line_that_says_what_is_wrong(message, unchecked):
    with pytest.raises(InputError) as refusal:
        REFUSED[message]()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)
    assert ": " in str(refusal.value)
