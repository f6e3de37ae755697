"""Drawings of the lesson about going downhill: walks, and how far a quotient is from a gradient."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from scratchclust.lessons.networks import Curve
from scratchclust.lessons.paper import (
    ACCENT,
    INK,
    NOISE_COLOR,
    PALETTE,
    describe,
    panel_grid,
    styled,
)

Path = Float[np.ndarray, "t 2"]
START = PALETTE[5]


@styled
def walks_on_a_curve(
    f: Callable[[np.ndarray], np.ndarray],
    walks: Mapping[float, Float[np.ndarray, " t"]],
    *,
    title: str,
    words: str,
) -> Figure:
    """A panel for each learning rate: the curve of f, and a walk's points on it.

    Args:
        f: takes an array of places.
        walks: learning rate -> the places, the start first.
        title: of the figure.
        words: its alternative text.
    """
    figure, axes = panel_grid(title, len(walks), columns=4, panel_height=2.3, sharey=True)
    line = np.linspace(-3, 9, 200)
    for ax, (rate, path) in zip(axes, walks.items(), strict=True):
        ax.plot(line, f(line), color=NOISE_COLOR)
        ax.plot(path, f(path), marker="o", markersize=4, linewidth=0.9, color=ACCENT)
        ax.plot(path[0], f(path[0]), marker="o", markersize=8, color=START)
        ax.set(title=f"learning rate {rate}", xlabel="w", ylim=(-2, 40))
    axes[0].set_ylabel("f(w)")
    return describe(figure, words)


@styled
def walks_in_a_valley(
    f: Callable[[tuple[np.ndarray, np.ndarray]], np.ndarray],
    paths: Mapping[str, Path],
    *,
    title: str,
    words: str,
) -> Figure:
    """The contour lines of f, neighbours a factor of 4 apart, and a walk in each panel: from the
    dot to the cross, and the lowest place (1, 1) a star.

    Args:
        f: takes the arrays x and y.
        paths: name -> places, the start first.
        title: of the figure.
        words: its alternative text.
    """
    figure, axes = panel_grid(
        title, len(paths), columns=3, panel_height=2.9, sharex=True, sharey=True
    )
    x, y = np.meshgrid(np.linspace(-2, 2, 300), np.linspace(-1.2, 3.2, 300))
    for ax, (name, path), color in zip(axes, paths.items(), PALETTE, strict=False):
        levels = 4.0 ** np.arange(-2, 6)
        ax.contour(x, y, f((x, y)), levels=levels, colors="#C8C8C8", linewidths=0.8)
        ax.plot(*path.T, color=color, linewidth=1, marker=".", markersize=3)
        ax.plot(1, 1, marker="*", markersize=13, color=INK, linestyle="", label="lowest place")
        ax.plot(*path[0], marker="o", markersize=8, color=START, linestyle="", label="start")
        end = {"marker": "X", "markersize": 9, "markeredgecolor": "white", "color": color}
        ax.plot(*path[-1], **end, linestyle="", label="end")
        ax.set(title=name, xlabel="x", xlim=(-2, 2), ylim=(-1.2, 3.2))
    axes[0].set_ylabel("y")
    axes[0].legend(loc="upper center", fontsize=7)
    return describe(figure, words)


@styled
def errors_by_h(
    sizes: Float[np.ndarray, " m"], errors: Mapping[str, Curve], *, words: str
) -> Figure:
    """How far a quotient of differences is from the gradient, over h, on logarithmic axes."""
    title = "How far the quotient is from the gradient"
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=2.6)
    for (name, values), color in zip(errors.items(), PALETTE, strict=False):
        ax.loglog(sizes, values, marker="o", markersize=3, color=color, label=name)
    ax.set(xlabel="h", ylabel="relative error")
    ax.grid()
    ax.legend()
    return describe(figure, words)


@styled
def noisy_walks(
    walks: Mapping[str, Float[np.ndarray, "n t"]], lowest: float, *, words: str
) -> Figure:
    """Five walks in each panel, and the lowest place as a dashed line."""
    title = "Walking by the gradient of four points"
    figure, axes = panel_grid(title, len(walks), columns=2, panel_height=2.5, sharey=True)
    for ax, (name, paths) in zip(axes, walks.items(), strict=True):
        for path, color in zip(paths[:5], PALETTE, strict=False):
            ax.plot(path, color=color, linewidth=0.9)
        ax.axhline(lowest, color=INK, linestyle="--", linewidth=1)
        ax.set(title=f"{name}: five walks, and the lowest place (dashed)", xlabel="step")
    axes[0].set_ylabel("w")
    return describe(figure, words)
