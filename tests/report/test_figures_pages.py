"""Figures of pictures of any proportion and of clusters of any size and number; what is the same
between variants.
"""

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from scratchclust.experiment.draw import _against_labels, colors_as_in
from scratchclust.report import figures
from scratchclust.report._inputs import as_drawn

LABELS = np.arange(90) % 3
IMAGES = np.zeros((90, 8, 8, 1), np.uint8)
POINTS = np.random.default_rng(0).normal(size=(90, 2))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def white_share(figure) -> float:
    """The part of the paper that is white."""
    pixels = np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("L"))
    return float((pixels == 255).mean())


TALL = np.zeros((60, 600, 4, 1), np.uint8)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        lambda images: figures.random_images(images, np.arange(60) % 10, rng=rng()),
        lambda images: figures.random_images(images[:1], np.zeros(1, int), rng=rng()),
        lambda images: figures.centroid_images(images[:10] / 255.0, [6] * 10),
        lambda images: figures.image_row(images[:12]),
        lambda images: figures.reconstructions(images[:10], {"network": images[:10]}),
        lambda images: figures.samples(images),
        lambda images: figures.latent_walk(images.reshape(6, 10, *images.shape[1:])),
        lambda images: figures.views(images[:6], images[:48].reshape(8, 6, *images.shape[1:])),
    ],
    ids=["random", "one", "centroids", "row", "reconstructions", "samples", "walk", "views"],
)
def test_pictures_of_any_proportion_fit_a_page(draw, turned):
    figure = draw(TALL.swapaxes(1, 2) if turned else TALL)
    assert figure.get_figheight() <= 13


def test_a_picture_keeps_its_proportions_where_it_becomes_narrower():
    ax: Any = figures.centroid_images(np.zeros((10, 600, 4, 1))).axes[0]
    left, right, bottom, top = ax.images[3].get_extent()
    assert abs(top - bottom) / (right - left) == pytest.approx(600 / 4)


def test_mosaics_of_clusters_of_unequal_sizes_waste_no_paper():
    labels = np.repeat(np.arange(9), [300, 60, 30, 20, 9, 5, 4, 2, 1])
    images = np.zeros((len(labels), 8, 8, 1), np.uint8)
    assert (
        white_share(figures.random_images(images, labels, rng=rng())) < 0.5
    )  # 0.66 on one scale for all


def test_of_very_many_clusters_the_largest_are_shown():
    labels = np.repeat(np.arange(-1, 100), np.r_[5, np.arange(1, 101)])
    images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    figure = figures.random_images(images, labels, rng=rng(), n_images=4)
    assert figure.get_suptitle() == "Random images of each cluster (up to 4): the 40 largest of 100"
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert (titles[0], titles[-2], titles[-1]) == (
        "cluster 60 (61 images)",
        "cluster 99 (100 images)",
        "noise (5 images)",
    )
    assert len(titles) == 41


def test_each_cluster_shows_among_the_images_or_above_them():
    """One point of its own below 999 others, and one more at the very same place, where no second
    image has room.
    """
    points = np.concatenate([np.random.default_rng(0).normal(size=(998, 2)), [[0, 0], [0, 0]]])
    labels = np.r_[np.zeros(998, int), 1, 2]
    ax: Any = figures.embedding(
        points, labels, np.zeros((1000, 8, 8, 1), np.uint8), rng=rng()
    ).axes[0]
    canvas = ax.images[0].get_array()
    framed_in = [
        color for color in (1, 2) if (canvas[..., :3] == to_bytes_of(color)).all(axis=2).any()
    ]
    above = [tuple(color[:3]) for color in ax.collections[1].get_facecolors()]
    dotted_in = [color for color in (1, 2) if to_rgb(figures.cluster_color(color)) in above]
    assert sorted(framed_in + dotted_in) == [1, 2]
    assert (len(framed_in), ax.collections[1].get_zorder() > ax.images[0].get_zorder()) == (1, True)


def to_bytes_of(label):
    return np.rint(255 * np.array(to_rgb(figures.cluster_color(label)))).astype(np.uint8)


def test_small_clusters_keep_their_names_and_nothing_overlaps():
    labels = np.repeat(np.arange(12), [3000, 2000, *[1] * 9, 2])
    ax: Any = figures.silhouette_plot(np.full(len(labels), 0.1), labels).axes[0]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [f"cluster {c} ({n:,})" for c, n in enumerate([3000, 2000, *[1] * 9, 2])]
    inches = ax.get_yticks() / abs(np.subtract(*ax.get_ylim())) * (ax.figure.get_figheight() - 0.8)
    assert (np.diff(inches) > 0.14).all()


@pytest.mark.full
def test_silhouettes_of_very_many_clusters_fit_a_page():
    figure = figures.silhouette_plot(np.full(1000, 0.1), np.arange(1000))
    assert figure.get_figheight() < 13


def test_colours_can_be_those_of_other_numbers():
    labels = np.r_[LABELS, -1]
    ax: Any = figures.silhouette_plot(np.full(91, 0.1), labels, colors={0: 7}).axes[0]
    drawn = [tuple(blade.get_facecolor()[0][:3]) for blade in ax.collections]
    assert drawn == [to_rgb(figures.PALETTE[number]) for number in (7, 1, 2)]
    figure = figures.embedding(np.r_[POINTS, [[0, 0]]], labels, rng=rng(), colors={0: 7})
    marks = [line.get_color() for line in figure.legends[0].get_lines()]
    assert marks == [*(figures.PALETTE[number] for number in (7, 1, 2)), figures.cluster_color(-1)]


def test_each_history_can_have_a_panel_of_its_own():
    figure = figures.inertia_history({"a": [9e6, 4e6], "$b$": [8.0, 7.0]}, apart=True)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", r"\$b\$"]
    assert figure.axes[1].get_ylim()[0] > 6


def test_a_title_names_its_variant():
    figure = figures.name_variant(figures.samples(IMAGES[:4]), "VAE + k-means")
    assert figure.get_suptitle() == "VAE + k-means: Pictures drawn from random codes"
    long = figures.name_variant(
        figures.samples(IMAGES[:4]), "a variant of a very long name, kernel-pca:200 + k-means"
    )
    assert long.get_suptitle().splitlines()[1] == "Pictures drawn from random codes"


@pytest.mark.parametrize("length", range(5, 70, 5))
def test_a_title_with_a_variant_stays_on_the_page(length):
    name = "average linkage of 16 axes, kernel-pca:200 + agglomerative:complete and others"[:length]
    figure = figures.name_variant(figures.embedding(POINTS, LABELS, rng=rng()), name)
    figure.draw_without_rendering()
    (title,) = [text for text in figure.texts if "two dimensions" in text.get_text()]
    assert title.get_window_extent().x1 <= figure.bbox.x1


def test_a_cluster_keeps_its_colour_in_another_variant():
    first = np.repeat([0, 1, 2, -1], [40, 30, 20, 10]).astype(np.int32)
    again = np.repeat([2, 0, 1, -1], [40, 30, 20, 10]).astype(
        np.int32
    )  # the same clusters by other numbers
    assert colors_as_in(first, first) == {0: 0, 1: 1, 2: 2}
    assert colors_as_in(first, again) == {2: 0, 0: 1, 1: 2}
    halves = np.repeat([0, 1, 2, 3, 4], [30, 10, 30, 20, 10]).astype(
        np.int32
    )  # one parted, and noise is a cluster
    assert colors_as_in(first, halves) == {0: 0, 2: 1, 3: 2, 1: 3, 4: 4}
    assert colors_as_in(np.full(100, -1, np.int32), halves) == {c: c for c in range(5)}
    assert colors_as_in(first, np.full(100, -1, np.int32)) == {}


@pytest.mark.parametrize("seed", range(20))
def test_no_two_clusters_of_a_variant_have_one_colour(seed):
    first, other = np.random.default_rng(seed).integers(-1, 12, (2, 60)).astype(np.int32)
    numbers = colors_as_in(first, other)
    assert sorted(numbers) == sorted(set(other.tolist()) - {-1})
    assert len(set(numbers.values())) == len(numbers)


def test_noise_has_one_name_in_all_figures():
    true = np.repeat([0, 1, -1], [20, 20, 5])
    labels = np.r_[np.repeat([0, 1], 15), np.full(15, -1)]
    drawn = _against_labels(true, labels, ["cat", "dog"])
    histograms: Any = drawn["label_histograms"]
    assert [ax.get_title(loc="left") for ax in histograms.axes] == [
        "cluster 0 (15)",
        "cluster 1 (15)",
        "noise (10)",
    ]
    assert histograms.get_suptitle() == "True labels in each of 2 clusters and noise (40 images)"
    confusion: Any = drawn["confusion"].axes[0]
    assert [text.get_text() for text in confusion.get_xticklabels()] == ["0", "1", "noise"]
    everywhere = [
        figures.random_images(IMAGES[:45], labels, rng=rng()),
        figures.embedding(POINTS[:45], labels, rng=rng()),
    ]
    words = [ax.get_title(loc="left") for ax in everywhere[0].axes]
    words += [text.get_text() for text in everywhere[1].legends[0].get_texts()]
    assert [word for word in words if "noise" in word] == ["noise (15 images)", "noise (15)"]
    assert not any("-1" in word for word in words)


def test_letters_that_no_font_has_tell_names_apart_and_give_no_warning():
    lone = ("\U00010a7c", "\U00010a7d")  # of Old North Arabian
    assert [as_drawn(f"{letter} caf\u00e9") for letter in lone] == [
        "\\U00010a7c caf\u00e9",
        "\\U00010a7d caf\u00e9",
    ]
    figure: Any = figures.label_histograms(np.array([[1, 2], [3, 4]]), lone)
    figure._repr_png_()  # warnings are errors here


def test_histograms_and_centroids_of_very_many_clusters_are_of_the_largest():
    counts = np.arange(1, 301)
    histograms: Any = figures.label_histograms(np.stack([counts, counts]), ["a", "b"])
    titles = [ax.get_title(loc="left") for ax in histograms.axes]
    assert (len(titles), titles[0], titles[-1]) == (40, "cluster 260 (522)", "cluster 299 (600)")
    assert (
        histograms.get_suptitle()
        == "True labels in each of 300 clusters (90,300 images): the 40 largest"
    )
    centroids: Any = figures.centroid_images(np.zeros((300, 8, 8, 1)), counts)
    texts = [text.get_text() for text in centroids.axes[0].texts]
    assert (len(texts), texts[0], texts[-1]) == (
        80,
        "cluster 220\n221 images",
        "cluster 299\n300 images",
    )
    assert centroids.get_suptitle() == "Centroids of 300 clusters: the 80 largest"
    assert max(figure.get_figheight() for figure in (histograms, centroids)) < 16
