"""The drawings of the lessons on k-means: its steps on a plane, centroids as pictures, many runs
side by side.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from scratchclust.lessons.paper import ACCENT, INK, PALETTE, describe, entitle, panel_grid, styled
from scratchclust.report import figures

Step = tuple[str, Float[Any, "_ 2"], Integer[Any, " n"] | None]


def steps(
    X: Float[Any, "n 2"],
    panels: Sequence[Step],
    *,
    title: str,
    words: str,
    columns: int = 3,
    paths: bool = True,
    ring: tuple[int, int] | None = None,
) -> Figure:
    """Steps of k-means on a plane, a panel each.

    Args:
        X: points.
        panels: (title, centroids [k 2], labels [n], or None before they are assigned).
        title: of the figure.
        words: what is to be seen, for who cannot see it.
        columns: panels in a row.
        paths: draw the way of each centroid through the panels.
        ring: a panel and a point that gets a ring there.
    """
    figure = figures.plane_steps(X, panels, columns=columns, paths=paths)
    entitle(figure, title)
    if ring is not None:
        panel, point = ring
        look = {"markersize": 15, "markerfacecolor": "none", "markeredgewidth": 2}
        figure.axes[panel].plot(*X[point], marker="o", markeredgecolor=PALETTE[5], zorder=6, **look)
    return describe(figure, words)


def stages(pictures: Mapping[str, Float[Any, "k h w c"]], *, title: str, words: str) -> Figure:
    """A row of pictures for each named stage, its name above the first."""
    names = []
    for name, row in pictures.items():
        names += [name] + [""] * (len(row) - 1)
    figure = figures.image_row(np.concatenate(list(pictures.values())), names, title=title)
    return describe(figure, words)


def pairs(
    left: Float[Any, "n h w c"],
    right: Float[Any, "n h w c"],
    names: Sequence[tuple[str, str]],
    *,
    title: str,
    words: str,
) -> Figure:
    """Each picture of `left` beside its partner of `right`."""
    pictures = np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])
    flat = [name for pair in names for name in pair]
    return describe(figures.image_row(pictures, flat, title=title), words)


@styled
def progress(
    inertia_share: Float[Any, " t"], moved: Integer[Any, " t"], *, title: str, words: str
) -> Figure:
    """Inertia, as a share of what one cluster would have, and moved points, by iteration."""
    figure, axes = panel_grid(title, 2, columns=2, panel_height=2.6)
    t = np.arange(1, len(moved) + 1)
    for ax, values in ((axes[0], inertia_share), (axes[1], moved)):
        ax.plot(t, values, marker="o", markersize=3, color=ACCENT)
        ax.set_xlabel("iteration")
        ax.grid()
    axes[0].set(ylim=(0, None), title="inertia, as a share of that of one single cluster")
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_yscale("symlog", linthresh=1)
    axes[1].set(ylim=(0, None), title="points that changed their cluster (logarithmic scale)")
    axes[1].set_yticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1,000"])
    return describe(figure, words)


@styled
def where_runs_end(
    inertias: Mapping[str, Float[Any, " runs"]],
    accuracies: Mapping[str, Float[Any, " runs"]],
    kept: tuple[str, int],
    *,
    title: str,
    words: str,
) -> Figure:
    """Inertia and accuracy of many runs, a dot each; `kept` (name, number) gets a ring."""
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=3.2)
    for index, name in enumerate(inertias):
        ax.scatter(inertias[name], accuracies[name], s=30, color=PALETTE[index], label=name)
    name, number = kept
    at = inertias[name][number], accuracies[name][number]
    look = {"markersize": 14, "markerfacecolor": "none", "markeredgecolor": INK}
    ax.plot(*at, marker="o", linestyle="", label="least inertia: the one to keep", **look)
    ax.set(xlabel="inertia at the end (less is better)", ylabel="accuracy")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid()
    ax.legend(loc="upper right")
    return describe(figure, words)
