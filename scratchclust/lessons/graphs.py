"""The drawings of the pages on graphs of neighbours and on the edges of digits."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from scratchclust.lessons.paper import (
    ACCENT,
    PALETTE,
    QUIET,
    describe,
    dots,
    frame,
    panel_grid,
    styled,
)


@styled
def ties(
    X: Float[np.ndarray, "n 2"],
    W: Float[np.ndarray, "n n"],
    labels: Int[np.ndarray, " n"],
    title: str,
    words: str,
    *,
    window: tuple[float, float, float, float] | None = None,
) -> Figure:
    """Draw points and their ties, the darker the stronger; beside it a `window` enlarged.

    Args:
        X: points on the plane.
        W: weights; only those above the diagonal are drawn.
        labels: for the colours of the points; grey for -1.
        title: of the figure.
        words: for who cannot see it.
        window: left, right, bottom, top.
    """
    figure, axes = panel_grid(title, 1 + (window is not None), columns=2, panel_height=2.9)
    i, j = np.nonzero(np.triu(W))
    segments = X[np.stack([i, j], axis=1)]
    strength = np.clip(W[i, j], 0, 1)
    for ax, size in zip(axes, (9, 22), strict=False):
        lines = LineCollection(
            list(segments), colors="black", alpha=strength, linewidths=1, zorder=1
        )
        ax.add_collection(lines)
        dots(ax, X, labels, size=size, linewidths=None, zorder=2)
        frame(ax)
    if window is not None:
        left, right, bottom, top = window
        enlarged = Rectangle(
            (left, bottom), right - left, top - bottom, fill=False, edgecolor=PALETTE[5]
        )
        axes[0].add_patch(enlarged)
        axes[1].set(xlim=(left, right), ylim=(bottom, top), title="the frame, enlarged")
    return describe(figure, words)


@styled
def vectors(
    X: Float[np.ndarray, "n 2"],
    values: Float[np.ndarray, "n q"],
    eigenvalues: Float[np.ndarray, " q"],
    words: str,
) -> Figure:
    """Draw each column of values on the points: orange and purple for the signs, pale near 0."""
    figure, axes = panel_grid(
        "The smoothest vectors of the graph", len(eigenvalues), columns=2, panel_height=1.9
    )
    for number, (ax, value, column) in enumerate(
        zip(axes, eigenvalues, values.T, strict=True), start=1
    ):
        most = np.abs(column).max()
        ax.scatter(
            *X.T, c=column, cmap="PuOr", vmin=-most, vmax=most, s=10, edgecolors=QUIET, lw=0.2
        )
        ax.set(title=f"vector {number}: eigenvalue {value:.4f}", xticks=[], yticks=[])
        ax.set_aspect("equal")
    return describe(figure, words)


@styled
def directions(
    coordinates: Float[np.ndarray, "n 2"],
    X: Float[np.ndarray, "n 2"],
    labels: Int[np.ndarray, " n"],
    words: str,
) -> Figure:
    """Draw points in their new coordinates and on the plane, in the colours of their clusters."""
    figure, axes = panel_grid("Spectral clustering", 2, columns=2, panel_height=2.6)
    for ax, points in zip(axes, (coordinates, X), strict=True):
        dots(ax, points, labels)
        ax.set(aspect="equal")
    axes[0].add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=QUIET, linewidth=0.8))
    axes[0].set(
        title="the first two vectors, rows of length 1",
        xlabel="vector 1",
        ylabel="vector 2",
        xlim=(-1.2, 1.2),
        ylim=(-1.2, 1.2),
    )
    axes[1].set(title="the clusters found there", xticks=[], yticks=[])
    return describe(figure, words)


@styled
def spectra(
    eigenvalues: Mapping[str, Float[np.ndarray, " q"]],
    words: str,
    *,
    gaps: Mapping[str, int] | None = None,
) -> Figure:
    """Draw the smallest eigenvalues but the first, a panel a graph, on logarithmic axes.

    Args:
        eigenvalues: name of the graph -> its smallest, rising.
        words: for who cannot see it.
        gaps: name of the graph -> after how many a dashed line marks the gap.
    """
    figure, axes = panel_grid(
        "The smallest eigenvalues, from the second on",
        len(eigenvalues),
        columns=len(eigenvalues),
        panel_height=2.2,
    )
    for ax, (name, values) in zip(axes, eigenvalues.items(), strict=True):
        ax.plot(np.arange(2, len(values) + 1), values[1:], "o", markersize=5, color=ACCENT)
        if gaps and name in gaps:
            ax.axvline(gaps[name] + 0.5, color=QUIET, linestyle="--", linewidth=1.2, zorder=0)
        ax.set(title=name, xlabel="number", yscale="log", xticks=range(2, len(values) + 1, 2))
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid()
    return describe(figure, words)


@styled
def neighbors_tried(
    n_neighbors: Sequence[int], accuracies: Float[np.ndarray, "q seeds"], rule: int, words: str
) -> Figure:
    """Draw a dot for each seed and number of neighbours, and where the rule is; nothing between."""
    figure, (ax,) = panel_grid(
        "Accuracy on the small digits, by the number of neighbours: a dot a seed",
        1,
        columns=1,
        panel_height=2.5,
    )
    shift = np.linspace(-0.28, 0.28, accuracies.shape[1])  # so that equal ones lie side by side
    for place, row in enumerate(accuracies):
        ax.plot(place + shift, row, "o", markersize=4, color=ACCENT)
    ax.axvline(
        list(n_neighbors).index(rule),
        color=QUIET,
        linestyle="--",
        linewidth=1.2,
        zorder=0,
        label=f"the rule: q = {rule}",
    )
    ax.set(xlabel="neighbours of each image", ylabel="accuracy")
    ax.set_xticks(range(len(n_neighbors)), [str(q) for q in n_neighbors])
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.grid(axis="y")
    return describe(figure, words)


@styled
def arrows(
    panels: Sequence[
        tuple[str, Float[np.ndarray, "h w"], Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]
    ],
    title: str,
    words: str,
    *,
    columns: int = 4,
    height: float = 2.1,
    length: float = 1.0,
) -> Figure:
    """Draw images white on black, and in each pixel an arrow to where it grows brighter.

    Args:
        panels: (title, image, gx, gy), with gx to the right and gy downwards.
        title: of the figure.
        words: for who cannot see it.
        columns: of panels.
        height: of a panel, in inches.
        length: of the longest arrow of a panel, in pixels.
    """
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=height)
    for ax, (name, image, gx, gy) in zip(axes, panels, strict=True):
        size = np.hypot(gx, gy)
        row, column = np.nonzero(size > 0.15 * size.max())
        ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.quiver(
            column,
            row,
            gx[row, column],
            gy[row, column],
            color=PALETTE[1],
            angles="xy",
            scale_units="xy",
            scale=size.max() / length,
            width=0.012,
            pivot="mid",
        )
        ax.set(title=name, xticks=[], yticks=[])
    return describe(figure, words)
