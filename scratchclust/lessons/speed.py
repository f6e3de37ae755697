"""The drawings of the lessons on JAX and on speed: arrows of a gradient, memory, errors, times."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from scratchclust.lessons.paper import INK, PALETTE, describe, panel_grid, styled


@styled
def arrows(
    points: Float[Any, "n 2"],
    gradients: Float[Any, "n 2"],
    ground: Float[Any, "m 2"],
    heights: Float[Any, " m"],
    *,
    title: str,
    words: str,
) -> Figure:
    """Gradients as arrows at their points, on the heights of a finer ground as colours."""
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=4.2)
    x, y = np.asarray(ground).T
    levels = ax.tricontourf(x, y, heights, levels=16, cmap="cividis")
    figure.colorbar(levels, ax=ax, label="height", shrink=0.9)
    arrow = {"color": "white", "edgecolor": INK, "linewidth": 0.4}
    ax.quiver(*np.asarray(points).T, *np.asarray(gradients).T, **arrow)
    ax.set(aspect="equal", xlabel="first coordinate", ylabel="second coordinate")
    return describe(figure, words)


@styled
def on_logarithmic_axes(
    lines: Mapping[str, tuple[Any, Any]],
    *,
    title: str,
    words: str,
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Curves on two logarithmic axes: for each name x [m] and y [m]."""
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=3.0)
    for index, (name, (x, y)) in enumerate(lines.items()):
        line = {"marker": "o", "markersize": 4, "color": PALETTE[index], "label": name}
        ax.plot(x, np.asarray(y, dtype=float), **line)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.grid()
    ax.legend()
    return describe(figure, words)
