"""Drawings of the lessons on scores: clusters in rows, bars, blades, bands over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchclust.lessons.paper import (
    PALETTE,
    QUIET,
    cluster_color,
    describe,
    entitle,
    panel_grid,
    styled,
)
from scratchclust.report import figures


@styled
def rows_of_clusters(
    title: str,
    images: Num[np.ndarray, "n h w 1"],
    clusters: Integer[np.ndarray, " n"],
    words: str,
    *,
    n_images: int = 24,
) -> Figure:
    """The first images of each cluster, a row each."""
    present = np.unique(clusters).tolist()
    figure, axes = panel_grid(title, len(present), columns=1, panel_height=0.42)
    for ax, label in zip(axes, present, strict=True):
        chosen = images[clusters == label][:n_images, :, :, 0]
        row = np.zeros((images.shape[1], n_images * images.shape[2]), images.dtype)
        row[:, : chosen.shape[0] * images.shape[2]] = np.concatenate([*chosen], axis=1)
        ax.imshow(row, cmap="gray", interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(f"{label}", rotation=0, horizontalalignment="right", va="center")
        ax.spines[:].set_visible(False)
    return describe(figure, words)


def bars(
    title: str,
    names: Sequence[str],
    scores: Mapping[str, Sequence[float] | Float[np.ndarray, " m"]],
    words: str,
    *,
    one_scale: bool = True,
    mark: float | None = None,
) -> Figure:
    """`comparison_bars` under a title; with `one_scale` all panels reach from 0 to 1, `mark` is a
    value to mark with a dashed line.
    """
    figure = figures.comparison_bars(list(names), {k: list(v) for k, v in scores.items()})
    entitle(figure, title)
    for ax in figure.axes if one_scale else ():
        ax.set_xlim(-0.05, 1.3)  # with room for the number beside a bar
    if mark is not None:
        for ax in figure.axes:
            ax.axvline(mark, linestyle="--", linewidth=1, color=QUIET, zorder=0)
    return describe(figure, words)


def table_of_classes(table: Integer[np.ndarray, "c k"], names: Sequence[str], words: str) -> Figure:
    """The columns of a contingency table as histograms."""
    figure = figures.label_histograms(table, names)
    entitle(figure, f"The classes in each of {table.shape[1]} clusters")
    return describe(_with_classes(figure), words)


def matched(
    table: Integer[np.ndarray, "c k"],
    names: Sequence[str],
    clusters: Integer[np.ndarray, " k"],
    words: str,
) -> Figure:
    """The table with its columns in the order of their match."""
    return describe(_with_classes(figures.confusion_matrix(table, names, clusters.tolist())), words)


def _with_classes(figure: Figure) -> Figure:
    """The page says class where the package's figures say true label."""
    for ax in figure.axes:
        ax.set_ylabel(ax.get_ylabel().replace("true label", "class"))
    return figure


def blades(
    title: str,
    scores: Float[np.ndarray, " n"],
    groups: Integer[np.ndarray, " n"],
    words: str,
    *,
    names: Sequence[str] | None = None,
) -> Figure:
    """The silhouette of each point, sorted within its group, under a title and other names."""
    figure = figures.silhouette_plot(scores, groups)
    entitle(figure, title)
    if names is not None:
        figure.axes[0].set_yticklabels(names)
    return describe(figure, words)


def pictures(
    title: str, images: Num[np.ndarray, "n h w 1"], names: Sequence[str], words: str
) -> Figure:
    """A row of images with names."""
    return describe(figures.image_row(images, list(names), title=title), words)


def centroids(
    images: Float[np.ndarray, "k h w 1"], sizes: Integer[np.ndarray, " k"], words: str
) -> Figure:
    """The centroids as pictures, with the sizes of their clusters."""
    return describe(figures.centroid_images(images, sizes), words)


@styled
def bands(
    title: str,
    panels: Sequence[tuple[str, Mapping[str, Float[np.ndarray, "repeats m"]], dict[str, Any]]],
    x: Sequence[Any],
    words: str,
    *,
    mark: float | None = None,
) -> Figure:
    """Curves with what they spread over: the median as a line, from least to most as a band.

    Args:
        title: of the figure.
        panels: (title, name -> values [repeats m], settings of the axes).
        x: the m places.
        words: the alternative text.
        mark: a place to mark with a dashed line.
    """
    figure, axes = panel_grid(title, len(panels), columns=len(panels), panel_height=2.9)
    for ax, (name, lines, settings) in zip(axes, panels, strict=True):
        for (label, values), color in zip(lines.items(), PALETTE, strict=False):
            ax.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.25, linewidth=0)
            ax.plot(x, np.median(values, axis=0), "o-", color=color, markersize=3, label=label)
        if mark is not None:
            ax.axvline(mark, linestyle="--", linewidth=1, color=cluster_color(-1))
        ax.set(title=name, **settings)
        if settings.get("xscale") != "log" and all(isinstance(place, int) for place in x):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid()
        if len(lines) > 1:
            ax.legend()
    return describe(figure, words)
