"""The drawings of the lesson on Gaussian mixtures: ellipses, soft labels, curves of likelihood."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from scratchclust.lessons.paper import (
    NOISE_COLOR,
    PALETTE,
    cluster_color,
    describe,
    frame,
    panel_grid,
    styled,
)


class Panel(NamedTuple):
    """One panel: points, the colours of their labels or of their shares, and ellipses."""

    title: str
    X: Float[Any, "n 2"]
    labels: Integer[Any, " n"] | None = None
    shares: Float[Any, "n k"] | None = None  # soft labels: colours are mixed by them
    means: Float[Any, "k 2"] | None = None
    covariances: Float[Any, "k 2 2"] | None = None


@styled
def planes(panels: Sequence[Panel], *, columns: int, title: str, words: str) -> Figure:
    """Points on planes, with the ellipses of one and of two standard deviations."""
    height = 8 / columns * 0.85
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=height)
    for ax, panel in zip(axes, panels, strict=True):
        size = float(np.clip(1_200 / len(panel.X), 6, 20))
        ax.scatter(*panel.X.T, s=size, c=_colors(panel), linewidths=0, alpha=0.75)
        if panel.means is not None and panel.covariances is not None:
            for j, (mean, covariance) in enumerate(
                zip(panel.means, panel.covariances, strict=True)
            ):
                _ellipses(ax, mean, covariance, cluster_color(j))
        frame(ax, panel.title)
        ax.set_adjustable("datalim")
    return describe(figure, words)


def _colors(panel: Panel) -> Any:
    if panel.shares is not None:
        clean = np.array([to_rgb(cluster_color(j)) for j in range(panel.shares.shape[1])])
        return np.clip(panel.shares @ clean, 0, 1)
    if panel.labels is None:
        return NOISE_COLOR
    return [cluster_color(label) for label in np.asarray(panel.labels).tolist()]


def _ellipses(ax: Axes, mean: Any, covariance: Any, color: str) -> None:
    """One and two standard deviations around a mean; a cross marks what is too small to see."""
    lengths, directions = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
    for times in (1, 2):
        width, height = 2 * times * np.sqrt(np.maximum(lengths[::-1], 0))
        ax.add_patch(
            Ellipse(tuple(mean), width, height, angle=angle, fill=False, color=color, linewidth=1.4)
        )
    ax.plot(*mean, marker="x", color=color, markersize=8, markeredgewidth=2.2)


@styled
def curves(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    title: str,
    words: str,
    xlabel: str,
    ylabel: str,
    mark: float | None = None,
) -> Figure:
    """Curves over one axis: for each name x [m] and y [m], or y [runs m] as a band and its middle.

    Args:
        lines: name -> (x, y).
        title, words, xlabel, ylabel: what stands there.
        mark: where a vertical line is drawn.
    """
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=2.9)
    for index, (name, (x, y)) in enumerate(lines.items()):
        y = np.asarray(y)
        if y.ndim == 2:
            ax.fill_between(x, y.min(axis=0), y.max(axis=0), color=PALETTE[index], alpha=0.2)
            y = np.median(y, axis=0)
        ax.plot(x, y, marker="o", markersize=3, color=PALETTE[index], label=name)
    if mark is not None:
        ax.axvline(mark, color=NOISE_COLOR, linestyle="--")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid()
    if len(lines) > 1:
        ax.legend()
    return describe(figure, words)
