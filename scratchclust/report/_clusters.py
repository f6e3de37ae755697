"""Figures of true labels against clusters: histograms in each cluster, and the confusion matrix."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from scratchclust.report._inputs import as_drawn, check_counts, check_names
from scratchclust.report._style import (
    ACCENT,
    MOST_PANELS,
    NOISE_COLOR,
    WIDTH,
    cluster_name,
    new_figure,
    panel_grid,
    styled,
)

# points, of the numbers in a matrix
SMALLEST = 5.0
LARGEST = 9.0
MAX_CELLS_WITH_NUMBERS = 1_000  # more would take seconds to draw


@styled
def label_histograms(
    contingency: Integer[Any, "n_classes n_clusters"],
    label_names: Sequence[Any],
    cluster_names: Sequence[Any] | None = None,
) -> Figure:
    """How many images of each true label a cluster holds: a panel each, the largest in colour.

    Of more than `MOST_PANELS` clusters the largest are shown.

    Args:
        contingency: [n_classes, n_clusters] counts.
        label_names: one for each class.
        cluster_names: one for each column; by default "cluster 0", "cluster 1", ...

    Raises:
        InputError: contingency holds no counts or a list of names has another length.
    """
    counts = check_counts(contingency)
    n_classes, n_clusters = counts.shape
    classes = check_names(label_names, n_classes, "label_names", "rows of contingency")
    clusters = _cluster_names(cluster_names, n_clusters)
    title_end = f": the {MOST_PANELS} largest" if n_clusters > MOST_PANELS else ""
    shown = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_PANELS])
    columns = min(5, n_clusters)
    n_noise = clusters.count(cluster_name(-1))
    which = f"{n_clusters - n_noise} clusters{' and noise' * n_noise}"
    figure, axes = panel_grid(
        f"True labels in each of {which} ({counts.sum():,} images){title_end}",
        len(shown),
        columns=columns,
        panel_height=0.6 + min(2.4, max(0.5, 0.13 * n_classes)),
        sharex=True,
        sharey=True,
    )
    for ax, column, name in zip(axes, counts.T[shown], [clusters[i] for i in shown], strict=True):
        _label_bars(ax, column, f"{as_drawn(name)} ({column.sum():,})")
    _name_rows(axes[0], [as_drawn(name) for name in classes])
    for ax in axes[::columns]:
        ax.set_ylabel("true label")
    for ax in axes[-columns:]:
        ax.set_xlabel("images")
    return figure


def _label_bars(ax: Axes, column: Integer[np.ndarray, " n_classes"], title: str) -> None:
    colors = [ACCENT if count == column.max() and count else NOISE_COLOR for count in column]
    ax.barh(np.arange(len(column)), column, height=0.8, color=colors)
    ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    ax.grid(axis="x")
    ax.tick_params(length=0)


def _name_rows(ax: Axes, names: list[str]) -> None:
    """Write class names down the y axis, the first at the top; of many, what can be read."""
    step = math.ceil(len(names) / 18)
    ax.set_yticks(np.arange(0, len(names), step), names[::step])
    ax.set_ylim(len(names) - 0.5, -0.5)


@styled
def confusion_matrix(
    contingency: Integer[Any, "n_classes n_clusters"],
    label_names: Sequence[Any],
    cluster_names: Sequence[Any] | None = None,
) -> Figure:
    """True classes against clusters: the count in each cell, its share of the class as colour.

    The columns are drawn in the order given: for a matrix with its matches on the diagonal, order
    them before. Numbers are left out where they would be too small to read, or more than a
    thousand.

    Args:
        contingency: [n_classes, n_clusters] counts.
        label_names: one for each class.
        cluster_names: one for each column; by default "0", "1", ...

    Raises:
        InputError: contingency holds no counts or a list of names has another length.
    """
    counts = check_counts(contingency)
    n_classes, n_clusters = counts.shape
    classes = check_names(label_names, n_classes, "label_names", "rows of contingency")
    clusters = (
        [str(column) for column in range(n_clusters)] if cluster_names is None else cluster_names
    )
    clusters = check_names(clusters, n_clusters, "cluster_names", "columns of contingency")
    height = min(8.0, 0.36 * n_classes)
    figure = new_figure(
        f"True classes and the clusters they fell into ({counts.sum():,} images)", 1.3 + height
    )
    ax = figure.subplots()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    deepest = share.max() or 1.0
    image = ax.imshow(
        share, cmap="Blues", vmin=0, vmax=deepest, aspect="auto", interpolation="nearest"
    )
    _write_counts(ax, counts, share / deepest, height)
    _name_cells(ax, [as_drawn(name) for name in classes], [as_drawn(name) for name in clusters])
    bar = figure.colorbar(
        image, ax=ax, pad=0.02, fraction=0.04, aspect=30, format=PercentFormatter(1.0)
    )
    bar.outline.set_visible(False)
    bar.set_label("share of the class")
    return figure


def _write_counts(
    ax: Axes, counts: Integer[np.ndarray, "r c"], depth: Float[np.ndarray, "r c"], height: float
) -> None:
    """Write the count of each cell, in black or white: what stands out from the colour."""
    digits = len(str(counts.max()))
    # in points; the rest of the width holds names and colour bar
    cell_width = 0.78 * WIDTH * 72 / counts.shape[1]
    size = min(LARGEST, cell_width / (0.75 * digits), 0.8 * height * 72 / counts.shape[0])
    if size < SMALLEST or counts.size > MAX_CELLS_WITH_NUMBERS:
        return
    for (row, column), count in np.ndenumerate(counts):
        color = readable_on(np.array(colormaps["Blues"](depth[row, column])[:3]))
        ax.text(
            column,
            row,
            str(count),
            color=color,
            size=size,
            horizontalalignment="center",
            verticalalignment="center",
        )


def readable_on(background: Float[np.ndarray, "3"]) -> str:
    """Black or white, whichever has the higher contrast with an sRGB colour: at least 4.5 : 1.

    Contrast is (L1 + 0.05) / (L2 + 0.05) of the relative luminances L, as the W3C's WCAG 2 defines
    them.
    """
    linear = np.where(
        background <= 0.04045, background / 12.92, ((background + 0.055) / 1.055) ** 2.4
    )
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def _name_cells(ax: Axes, classes: list[str], clusters: list[str]) -> None:
    for side, names in ((ax.yaxis, classes), (ax.xaxis, clusters)):
        step = math.ceil(len(names) / 40)
        side.set_ticks(np.arange(0, len(names), step), names[::step])
    if sum(map(len, clusters)) > 80:
        ax.tick_params(axis="x", rotation=90)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="cluster", ylabel="true label")


def _cluster_names(names: Sequence[Any] | None, n_clusters: int) -> list[str]:
    if names is None:
        return [cluster_name(label) for label in range(n_clusters)]
    return check_names(names, n_clusters, "cluster_names", "columns of contingency")
