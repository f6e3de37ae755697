"""Drawings of the lessons on PCA and t-SNE: points on planes, curves, pictures of axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scratchclust.lessons.paper import (
    INK,
    PALETTE,
    QUIET,
    cluster_color,
    describe,
    dots,
    frame,
    panel_grid,
    styled,
)

GREY = -1  # the group of points that are only there for comparison


@styled
def planes(
    title: str,
    panels: Sequence[tuple[str, Float[Any, "_ 2"], Integer[Any, " _"]]],
    words: str,
    *,
    columns: int = 3,
    names: Mapping[int, str] | None = None,
    marked: Sequence[int] = (),
) -> Figure:
    """Points on a plane, a panel each of title, points and the group of each; group -1 is grey.

    Args:
        title: of the figure.
        panels: (title, points [n 2], groups [n]), drawn in this order.
        words: the alternative text.
        columns: panels in a row.
        names: group -> its name in the legend; no legend without.
        marked: points that get a ring.
    """
    columns = min(columns, len(panels))
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=7.6 / columns)
    for ax, (name, points, groups) in zip(axes, panels, strict=True):
        points = np.asarray(points)
        groups = np.asarray(groups)
        colors = np.array([cluster_color(group) for group in groups.tolist()])
        size = float(np.clip(7_000 / len(points) / columns, 4, 16))
        order = np.argsort(groups != GREY, kind="stable")
        ax.scatter(*points[order].T, s=size, c=colors[order], linewidths=0)
        for point in points[list(marked)]:
            ax.plot(*point, "o", markersize=11, fillstyle="none", color=INK)
        frame(ax, name)
        ax.set_adjustable("datalim")
        ax.margins(0.06)
    if names:
        _legend(figure, names)
    return describe(figure, words)


def _legend(figure: Figure, names: Mapping[int, str]) -> None:
    handles = [
        Line2D([], [], marker="o", linestyle="", color=cluster_color(group), label=name)
        for group, name in names.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=10, handletextpad=0.2)


@styled
def curves(
    title: str,
    panels: Sequence[tuple[str, Num[Any, " _"], Mapping[str, Num[Any, " _"]], dict[str, Any]]],
    words: str,
    *,
    height: float = 2.7,
) -> Figure:
    """Lines, a panel each of title, x, name -> y, and settings of its axes (xlabel, yscale ...)."""
    figure, axes = panel_grid(title, len(panels), columns=len(panels), panel_height=height)
    for ax, (name, x, lines, settings) in zip(axes, panels, strict=True):
        for (label, y), color in zip(lines.items(), PALETTE, strict=False):
            ax.plot(x, y, color=color, label=label, marker="o" if len(x) < 20 else "", markersize=4)
        ax.set(title=name, **settings)
        ax.grid()
        if len(lines) > 1:
            ax.legend()
    return describe(figure, words)


@styled
def axis_pictures(
    title: str,
    axes: Float[Any, "q d"],
    shape: tuple[int, int],
    words: str,
    *,
    names: Sequence[str] | None = None,
) -> Figure:
    """Directions as pictures: blue where an entry is negative, red where it is positive."""
    names = [f"axis {number}" for number in range(1, len(axes) + 1)] if names is None else names
    figure, panels = panel_grid(title, len(axes), columns=5, panel_height=1.6)
    for ax, axis, name in zip(panels, np.asarray(axes), names, strict=True):
        largest = np.abs(axis).max()
        ax.imshow(axis.reshape(shape), cmap="RdBu_r", vmin=-largest, vmax=largest)
        ax.set(title=name, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return describe(figure, words)


@styled
def on_a_grid(
    y: Float[np.ndarray, " n"],
    exact: Float[np.ndarray, " n"],
    nodes: Float[np.ndarray, " m"],
    charges: Float[np.ndarray, " m"],
    field: Float[np.ndarray, " m"],
    words: str,
) -> Figure:
    """Points on a line, what they put on the nodes of a grid, and the sums they read off there."""
    title = "Points on a line: spread on the nodes (above), sums read off (below)"
    figure, axes = panel_grid(title, 2, columns=1, panel_height=1.9, sharex=True)
    charged, read = axes
    charged.bar(nodes, charges, width=0.6 * (nodes[1] - nodes[0]), color=PALETTE[4], label="nodes")
    charged.plot(y, np.zeros_like(y), "|", markersize=10, color=INK, label="points")
    charged.set(ylabel="points on the node")
    read.plot(nodes, field, "o-", markersize=4, color=PALETTE[4], label="nodes, convolved")
    read.plot(y, exact, ".", markersize=5, color=INK, label="points, by the direct sum")
    read.set(ylabel="sum")
    for ax in axes:
        ax.legend(loc="upper left")
        ax.margins(y=0.2)
    return describe(figure, words)


@styled
def between_islands(
    title: str,
    embedding: Float[np.ndarray, "n 2"],
    groups: Integer[np.ndarray, " n"],
    panels: Sequence[tuple[str, Float[np.ndarray, " 2"], Integer[np.ndarray, " _"]]],
    words: str,
) -> Figure:
    """One new point in a finished map, once a panel, with threads to the points that pull it."""
    figure, axes = panel_grid(title, len(panels), columns=len(panels), panel_height=3.8)
    for ax, (name, place, pulling) in zip(axes, panels, strict=True):
        dots(ax, embedding, groups, size=4)
        for end in embedding[pulling]:
            ax.plot(*np.stack([place, end]).T, color=QUIET, linewidth=0.7)
        ax.plot(*place, "*", markersize=16, color=INK, markeredgecolor="white")
        frame(ax, name)
        ax.set_adjustable("datalim")
    return describe(figure, words)
