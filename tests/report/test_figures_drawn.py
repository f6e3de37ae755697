"""What is drawn in each figure is what was given, read back from what matplotlib holds."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from scratchclust.errors import InputError
from scratchclust.report import figures
from scratchclust.report._images import mosaic
from scratchclust.report._plane import frame, thin

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


def test_label_histograms_draws_each_column_and_colours_its_largest_label():
    figure = figures.label_histograms(CONTINGENCY, CLASSES)
    for ax, column, size in zip(figure.axes, CONTINGENCY.T, (14, 46, 80), strict=True):
        np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], column)
        assert ax.get_title(loc="left").endswith(f"({size})")
        coloured = [
            index
            for index, bar in enumerate(ax.patches)
            if to_hex(bar.get_facecolor()) == "#0072b2"
        ]
        assert coloured == [column.argmax()]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == CLASSES


def test_label_histograms_of_an_incomplete_last_row_keep_their_axis():
    figure = figures.label_histograms(np.ones((3, 7), dtype=int), CLASSES[:3])
    figure.draw_without_rendering()
    assert len(figure.axes) == 7
    labelled = [
        any(tick.label1.get_visible() for tick in ax.xaxis.get_major_ticks()) for ax in figure.axes
    ]
    assert labelled == [False, False, True, True, True, True, True]


def relative_luminance(color) -> float:
    red, green, blue = (
        (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in to_rgb(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_confusion_matrix_writes_every_count_readably():
    figure = figures.confusion_matrix(CONTINGENCY, CLASSES, ["x", "y", "z"])
    ax, image = figure.axes[0], figure.axes[0].images[0]
    np.testing.assert_allclose(
        image.get_array(), CONTINGENCY / CONTINGENCY.sum(axis=1, keepdims=True)
    )
    written = {tuple(map(int, text.get_position())): text for text in ax.texts}
    assert len(written) == 12
    for (row, column), count in np.ndenumerate(CONTINGENCY):
        text = written[column, row]
        assert text.get_text() == str(count)
        cell = relative_luminance(image.cmap(image.norm(image.get_array()[row, column]))[:3])
        lighter, darker = sorted((cell, relative_luminance(text.get_color())), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5
    assert [text.get_text() for text in ax.get_xticklabels()] == ["x", "y", "z"]
    assert {text.get_color() for text in ax.texts} == {"black", "white"}


def test_confusion_matrix_of_many_classes_has_no_numbers_and_an_empty_class_no_nan():
    assert not figures.confusion_matrix(np.ones((40, 40), dtype=int), range(40)).axes[0].texts
    empty = figures.confusion_matrix(np.zeros((2, 2), dtype=int), ["a", "b"])
    np.testing.assert_array_equal(empty.axes[0].images[0].get_array(), 0)


def test_names_that_look_like_formulas_or_are_long_are_drawn_as_text(tmp_path):
    names = [r"$100_{", "two\nlines", "x" * 200, "_under"]
    for draw in (figures.label_histograms, figures.confusion_matrix):
        figure = draw(CONTINGENCY, names, [r"$\frac$", "b" * 99, "c"])
        figures.save(figure, tmp_path / "names.png")
        assert figure.axes[0].get_yticklabels()[2].get_text() == "x" * 14 + "…" + "x" * 13


def test_formulas_are_drawn_as_text_everywhere(tmp_path):
    name = "$x_$ and US$ a"
    drawn = {
        "row": figures.image_row(IMAGES[:2], [name, "b"]),
        "bars": figures.comparison_bars([name, "b"], {name: [1, 2]}),
        "inertia": figures.inertia_history({name: [2.0, 1.0]}, {name: [3, 0]}),
        "curves": figures.training_curves({name: {"loss": [2.0, 1.0]}, "b": {"loss": [1.0, 1.0]}}),
        "reconstructions": figures.reconstructions(IMAGES[:2], {name: IMAGES[:2]}),
        "steps": figures.plane_steps(POINTS, [(name, POINTS[:3], LABELS)]),
    }
    for place, figure in drawn.items():
        figures.save(figure, tmp_path / f"{place}.png")


@pytest.mark.parametrize(
    ("shape", "written"), [((10, 25), True), ((10, 100), False), ((100, 10), False)]
)
def test_confusion_matrix_writes_only_what_can_be_read(shape, written):
    texts = figures.confusion_matrix(np.full(shape, 999), range(shape[0])).axes[0].texts
    assert bool(texts) == written
    assert all(text.get_fontsize() >= 5 for text in texts)


def test_infinite_scores_are_drawn_as_such(tmp_path):
    bars = figures.comparison_bars(
        ["a", "b"], {"dunn": [np.inf, None], "silhouette": [-0.12, -0.0001]}
    )
    figures.save(bars, tmp_path / "bars.png")
    assert [[text.get_text() for text in ax.texts] for ax in bars.axes] == [
        ["∞", "–"],
        ["−0.120", "0.000"],
    ]
    curves = figures.scan([2, 3, 4], [3, 2, 1], dunn=[np.inf, 0.1, np.inf])
    figures.save(curves, tmp_path / "scan.png")
    inertia, dunn = curves.axes
    assert [text.get_position()[0] for text in dunn.texts] == [2, 4]
    assert inertia.get_xlim() == dunn.get_xlim()


def test_silhouette_names_do_not_lie_on_each_other():
    labels = np.r_[np.arange(60), np.full(2940, 60)]
    ax = figures.silhouette_plot(np.full(len(labels), 0.1), labels).axes[0]
    inches = ax.get_yticks() / abs(np.subtract(*ax.get_ylim())) * (ax.figure.get_figheight() - 0.8)
    assert (np.diff(inches) > 0.14).all()
    assert ax.get_yticklabels()[0].get_text() == "cluster 0 (1)"


def test_a_long_legend_lies_beside_the_curves():
    few, many = (
        figures.inertia_history({f"run {i}": [2.0, 1.0] for i in range(n)}) for n in (2, 8)
    )
    assert few.axes[0].get_legend() is not None
    assert many.axes[0].get_legend() is None
    assert len(many.legends[0].get_texts()) == 8


def values_drawn(ax) -> set[int]:
    """The values of the tiles of a mosaic; the white between them left out."""
    return set(np.unique(ax.images[0].get_array()).tolist()) - {255}


def test_random_images_shows_members_of_each_cluster_with_noise_last():
    labels = np.repeat([-1, 5, 0], [30, 2, 58])
    figure = figures.random_images(IMAGES, labels, rng=rng(), n_images=9)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["cluster 0 (58 images)", "cluster 5 (2 images)", "noise (30 images)"]
    zero, five, noise = (values_drawn(ax) for ax in figure.axes)
    assert len(zero) == 9
    assert zero <= set(range(32, 90))
    assert five == {30, 31}  # fewer than asked for: all of them
    assert len(noise) == 9
    assert noise <= set(range(30))
    assert [ax.images[0].get_array().shape[:2] for ax in figure.axes] == [
        (26, 26),
        (8, 17),
        (26, 26),
    ]  # none is padded
    other = figures.random_images(IMAGES, labels, rng=np.random.default_rng(8), n_images=9)
    assert values_drawn(other.axes[0]) != zero


def test_mosaic_by_hand():
    tiles = np.array([1, 2, 3], dtype=np.uint8).reshape(3, 1, 1, 1).repeat(3, axis=3)
    expected = [[1, 255, 2], [255, 255, 255], [3, 255, 255]]
    np.testing.assert_array_equal(mosaic(tiles, columns=2, rows=2)[..., 0], expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_centroids_are_clipped_and_titled_with_their_size(channels):
    centroids = np.linspace(-0.2, 1.2, 3 * 4 * 5 * channels).reshape(3, 4, 5, channels)
    ax = figures.centroid_images(centroids, np.array([1000, 2, 3])).axes[0]
    assert [text.get_text() for text in ax.texts] == [
        "cluster 0\n1,000 images",
        "cluster 1\n2 images",
        "cluster 2\n3 images",
    ]
    for image, centroid in zip(ax.images, centroids, strict=True):
        expected = np.broadcast_to(np.rint(255 * np.clip(centroid, 0, 1)), (4, 5, 3))
        np.testing.assert_array_equal(image.get_array(), expected)


def test_embedding_draws_every_point_in_its_colour_and_images_at_their_points():
    labels = np.where(LABELS == 2, -1, LABELS)
    figure = figures.embedding(POINTS, labels, IMAGES, rng=rng(), n_images=25, axis_name="t-SNE")
    ax = figure.axes[0]
    order = rng().permutation(90)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), POINTS[order])
    expected = [to_rgb(figures.cluster_color(label)) for label in labels[order].tolist()]
    np.testing.assert_allclose(ax.collections[0].get_facecolors()[:, :3], expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("t-SNE 1", "t-SNE 2")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "cluster 0 (30)",
        "cluster 1 (30)",
        "noise (30)",
    ]
    canvas = ax.images[0].get_array()
    left, right, bottom, top = ax.images[0].get_extent()
    pixel = (right - left) / canvas.shape[1]
    assert pixel == pytest.approx((top - bottom) / canvas.shape[0])
    columns, rows = ((POINTS - (left, bottom)) / pixel).astype(int).T
    shown = [i for i in range(90) if canvas[rows[i], columns[i]].tolist() == [i, i, i, 255]]
    side = frame(np.zeros((8, 8, 3), np.uint8), np.zeros(3, np.uint8)).shape[0]
    assert len(shown) == (canvas[..., 3] > 0).sum() / side**2 == 25


def test_thin_keeps_the_first_of_each_place_and_nothing_overlaps():
    taken = thin(POINTS, 0.4, 90)
    apart = np.abs(POINTS[taken][:, None] - POINTS[taken]).max(axis=2)
    assert (apart[~np.eye(len(taken), dtype=bool)] >= 0.4).all()
    assert taken[0] == 0
    left_out = np.setdiff1d(np.arange(90), taken)
    assert (np.abs(POINTS[left_out][:, None] - POINTS[taken]).max(axis=2).min(axis=1) < 0.4).all()
    np.testing.assert_array_equal(thin(POINTS, 0.4, 5), taken[:5])


def test_framed_magnifies_by_whole_pixels_and_averages_whole_blocks():
    color = np.array([9, 9, 9], np.uint8)
    small = frame(np.array([[0, 50], [100, 150]], np.uint8)[..., None].repeat(3, axis=2), color)[
        ..., 0
    ]
    assert small.shape == (48, 48)
    assert (small[:3] == 9).all()
    assert (small[3, 3:-3] == 255).all()
    np.testing.assert_array_equal(
        small[4:-4, 4:-4], np.kron([[0, 50], [100, 150]], np.ones((20, 20)))
    )
    large = frame(
        np.tile(np.array([[0, 100], [100, 200]], np.uint8), (40, 20))[..., None].repeat(3, axis=2),
        color,
    )
    assert large.shape == (48, 28, 3)
    assert (large[4:-4, 4:-4] == 100).all()


@pytest.mark.quick(1)
@pytest.mark.parametrize("shape", [(300, 5, 3), (5, 300, 3), (1, 1, 3), (41, 40, 1)])
def test_embedding_takes_pictures_of_any_shape_and_points_of_any_spread(shape, tmp_path):
    pictures = rng().random((6, *shape))
    for points in (np.zeros((6, 2)), POINTS[:6] * [1, 0], POINTS[:6] * 1e6, POINTS[:6] + 1e4):
        figure = figures.embedding(points, LABELS[:6] + 40, pictures, rng=rng(), n_images=1)
        figures.save(figure, tmp_path / "embedding.png")
        assert not figure.legends  # colours would come round again


def test_silhouette_plot_draws_sorted_blades_and_the_mean_without_noise():
    labels = np.where(LABELS == 1, -1, LABELS)
    samples = np.where(labels < 0, np.nan, np.random.default_rng(1).uniform(-0.5, 0.9, 90))
    figure = figures.silhouette_plot(samples, labels)
    ax = figure.axes[0]
    for blade, label in zip(ax.collections, (0, 2), strict=True):
        corners = blade.get_paths()[0].vertices
        drawn = np.unique(corners[:, 0])
        np.testing.assert_allclose(drawn[drawn != 0], np.sort(samples[labels == label]))
        assert np.ptp(corners[:, 1]) == 30
        assert to_hex(blade.get_facecolor()[0]) == figures.cluster_color(label).lower()
    (mean,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert mean.get_xdata()[0] == pytest.approx(np.nanmean(samples))
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "cluster 0 (30)",
        "cluster 2 (30)",
    ]
    assert "30 left out as noise" in figure.get_suptitle()


def test_scan_draws_a_panel_for_each_series_given():
    figure = figures.scan(np.array([1, 2, 3]), [9.0, 4.0, 3.0], [None, 0.3, 0.2], chosen=2)
    inertia, silhouette = figure.axes
    assert inertia.lines[0].get_xdata()[0] == 2
    np.testing.assert_array_equal(inertia.lines[1].get_xydata(), [[1, 9], [2, 4], [3, 3]])
    np.testing.assert_array_equal(silhouette.lines[1].get_ydata(), [np.nan, 0.3, 0.2])
    assert len(figures.scan([1, 2], [3.0, 2.0]).axes) == 1
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)


def test_inertia_history_draws_each_run_and_the_points_that_moved():
    figure = figures.inertia_history({"a": [9.0, 4.0], "b": [8.0]}, {"b": [90]}, log=True)
    inertia, moved = figure.axes
    np.testing.assert_array_equal(inertia.lines[0].get_xydata(), [[1, 9], [2, 4]])
    assert [text.get_text() for text in inertia.get_legend().get_texts()] == [
        "a (2 iterations)",
        "b (1 iteration)",
    ]
    assert (inertia.get_xscale(), inertia.get_yscale(), moved.get_yscale()) == (
        "log",
        "log",
        "symlog",
    )
    np.testing.assert_array_equal(moved.lines[0].get_xydata(), [[1, 90]])
    assert moved.lines[0].get_color() == inertia.lines[1].get_color()


def test_plane_steps_draws_points_centroids_and_the_way_they_came():
    figure = figures.plane_steps(POINTS, [*STEPS, ("fewer", POINTS[:2], LABELS)], columns=2)
    start, _, second, fewer = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["start", "first", "second", "fewer"]
    np.testing.assert_array_equal(start.collections[0].get_offsets(), POINTS)
    assert len(start.collections[0].get_facecolors()) == 1  # not assigned yet: one grey
    np.testing.assert_array_equal(second.lines[0].get_xydata(), POINTS[[0, 3, 6]])
    np.testing.assert_array_equal(second.lines[1].get_xydata(), POINTS[[6]])
    colors = [to_hex(color) for color in second.collections[0].get_facecolors()]
    assert colors == [figures.cluster_color(label).lower() for label in LABELS.tolist()]
    assert len(fewer.lines[0].get_xydata()) == 1  # another number of centroids has no way here
    assert len(figures.plane_steps(POINTS, STEPS, paths=False).axes[2].lines[0].get_xydata()) == 1


def test_comparison_bars_draws_values_and_a_dash_for_the_unknown():
    accuracy, inertia = figures.comparison_bars(
        ["a", "b"], {"ARI": [0.5, None], "inertia": [-0.25, 12345.6]}
    ).axes
    assert [bar.get_width() for bar in accuracy.patches] == [0.5, 0]
    assert [text.get_text() for text in accuracy.texts] == ["0.500", "–"]
    assert [text.get_text() for text in inertia.texts] == ["−0.250", "12,346"]
    assert [text.get_text() for text in accuracy.get_yticklabels()] == ["a", "b"]


def test_image_row_goes_on_in_a_second_row():
    ax = figures.image_row(IMAGES[:13]).axes[0]
    assert len(ax.images) == 13
    assert ax.images[12].get_extent()[0] == pytest.approx(2.2)
    assert [int(image.get_array()[0, 0, 0]) for image in ax.images] == list(range(13))


def test_training_curves_draw_the_epochs_that_have_a_value():
    histories = {
        "one": {"loss": [3.0, 2.0, 1.0], "score": [None, None, 0.5]},
        "other": {"loss": [4.0, 3.0]},
    }
    loss, score = figures.training_curves(histories).axes
    assert [line.get_xydata().tolist() for line in loss.lines] == [
        [[1, 3], [2, 2], [3, 1]],
        [[1, 4], [2, 3]],
    ]
    assert [line.get_xydata().tolist() for line in score.lines] == [[[3, 0.5]]]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["one", "other"]
    with pytest.raises(InputError, match="expected at least one history with a term, got none"):
        figures.training_curves({})


def test_standard_errors_are_bars_at_the_epochs_that_have_a_value():
    histories, errors = (
        {"one": {"score": [None, 0.5, 0.6], "loss": [3.0, 2.0, 1.0]}},
        {"one": {"score": [None, 0.1, 0.2]}},
    )
    loss, score = figures.training_curves(histories, errors=errors).axes
    (bars,) = score.collections
    np.testing.assert_allclose(bars.get_segments(), [[[2, 0.4], [2, 0.6]], [[3, 0.4], [3, 0.8]]])
    assert not loss.collections
    with pytest.raises(InputError, match="expected 3 numbers as errors of score"):
        figures.training_curves(histories, errors={"one": {"score": [0.1]}})


def test_reconstructions_stand_below_their_originals():
    originals = np.full((3, 4, 4, 1), 255, np.uint8)
    (ax,) = figures.reconstructions(originals, {"net": np.zeros((3, 4, 4, 1))}).axes
    drawn = np.asarray(ax.images[0].get_array())
    assert (drawn[:4, :4] == 255).all()
    assert (drawn[5:, :4] == 0).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["original", "net"]
    with pytest.raises(InputError, match="expected originals and drawings of one shape"):
        figures.reconstructions(originals, {"net": np.zeros((2, 4, 4, 1))})


def test_samples_go_on_in_a_second_row():
    (ax,) = figures.samples(IMAGES[:20]).axes
    drawn = np.asarray(ax.images[0].get_array())
    assert drawn.shape == (
        2 * 8 + 1,
        10 * 9 - 1,
        3,
    )  # two rows alike, not one of sixteen and one of four
    np.testing.assert_array_equal(drawn[0, ::9, 0], np.arange(10))
    np.testing.assert_array_equal(drawn[-1, ::9, 0], np.arange(10, 20))
    assert not ax.get_yticklabels()


def test_each_latent_walk_is_a_row_with_its_label():
    walks = IMAGES[:6].reshape(2, 3, 8, 8, 1)
    (ax,) = figures.latent_walk(walks, ["there", "back"]).axes
    drawn = np.asarray(ax.images[0].get_array())
    np.testing.assert_array_equal(drawn[::9, ::9, 0], np.arange(6).reshape(2, 3))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["there", "back"]
    assert not figures.latent_walk(walks).axes[0].get_yticklabels()


def test_each_image_stands_before_its_views_which_are_drawn_as_large():
    views = IMAGES[2:8].reshape(3, 2, 8, 8, 1)[:, :, :4, :2]  # of image j: 2 + j, 4 + j, 6 + j
    (ax,) = figures.views(IMAGES[:2], views).axes
    drawn = np.asarray(ax.images[0].get_array())
    np.testing.assert_array_equal(drawn[::9, ::9, 0], [[0, 2, 4, 6], [1, 3, 5, 7]])
    assert (drawn[9:17, 27:35] == 7).all()


def test_k_distances_are_sorted_and_eps_is_told():
    figure = figures.k_distances([3.0, 1.0, 2.0, 9.0], 2.5, min_samples=4)
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 2, 3, 9])
    assert (
        ax.get_legend().get_texts()[0].get_text()
        == "eps = 2.500: 50% of the points have 4 points within it"
    )
    with pytest.raises(InputError, match="at least 0"):
        figures.k_distances([1.0, -1.0], min_samples=4)
