"""The drawings of the lessons on features: what labels buy, borrowed networks, copyists."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Num
from matplotlib.figure import Figure

from scratchclust.lessons.paper import PALETTE, QUIET, describe, entitle, panel_grid, styled

__all__ = ["entitled", "maps", "over_counts", "planes", "with_labels"]


def entitled(figure: Figure, title: str, words: str) -> Figure:
    """Give a figure of `report.figures` another title, and words for who cannot see it."""
    return describe(entitle(figure, title), words)


def with_labels(figure: Figure, *, x: str = "", y: str = "") -> Figure:
    """Name the axes of every panel."""
    for ax in figure.axes:
        ax.set(xlabel=x or ax.get_xlabel(), ylabel=y or ax.get_ylabel())
    return figure


@styled
def maps(
    title: str,
    points: Mapping[str, Float[Any, "n 2"]],
    groups: Integer[Any, " n"],
    names: Sequence[Any],
    words: str,
) -> Figure:
    """Maps of the same images side by side, a dot an image, coloured by group, with one legend.

    Args:
        title: of the figure.
        points: name of the map -> places.
        groups: of each image, 0, 1, ...
        names: of the groups.
        words: the alternative text.
    """
    groups = np.asarray(groups)
    figure, axes = panel_grid(title, len(points), columns=len(points), panel_height=3.4)
    for ax, (name, places) in zip(axes, points.items(), strict=True):
        for group, label in enumerate(names):
            x, y = np.asarray(places)[groups == group].T
            ax.scatter(x, y, s=9, color=PALETTE[group], linewidths=0, label=str(label))
        ax.set(title=name, xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", markerscale=2, handletextpad=0.1)
    return describe(figure, words)


@styled
def over_counts(
    title: str,
    counts: Sequence[int],
    curves: Mapping[str, Num[Any, " *sizes"]],
    words: str,
    *,
    x: str,
    y: str,
) -> Figure:
    """Curves over counts on a logarithmic axis: a line each, or the mean of several runs with the
    runs as dots, or one level.

    Args:
        title: of the figure.
        counts: the places on the x axis, m of them.
        curves: name -> [m] values, [m r] values of r runs, or one number.
        words: the alternative text.
        x: name of the x axis.
        y: name of the y axis.
    """
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=3.2)
    for index, (name, given) in enumerate(curves.items()):
        color, values = PALETTE[index], np.asarray(given)
        if values.ndim == 0:
            ax.axhline(float(values), color=color, linestyle="--", linewidth=1.2, label=name)
            continue
        if values.ndim == 2:
            ax.plot(counts, values, "o", color=color, markersize=3.5, alpha=0.6)
            values = values.mean(axis=1)
        ax.plot(counts, values, color=color, marker="o", markersize=3, label=name)
    ax.set(xscale="log", xlabel=x, ylabel=y)
    ax.set_xticks(counts, [f"{count:,}" for count in counts])
    ax.minorticks_off()
    ax.grid(axis="y")
    figure.legend(loc="outside right upper")
    return describe(figure, words)


@styled
def planes(
    title: str,
    points: Float[Any, "n 2"],
    groupings: Mapping[str, Integer[Any, " n"]],
    names: Sequence[Any],
    words: str,
    *,
    x: str,
    y: str,
    from_zero: bool = False,
) -> Figure:
    """The same points once for each grouping, coloured by it, with the mean of each group named.

    Args:
        title: of the figure.
        points: two numbers of each image.
        groupings: name of the panel -> the group of each point, 0, 1, ...
        names: of the groups.
        words: the alternative text.
        x: name of the first number.
        y: name of the second.
        from_zero: let the axes begin at 0.
    """
    points = np.asarray(points)
    figure, axes = panel_grid(title, len(groupings), columns=2, panel_height=3.6, sharey=True)
    for ax, (name, groups) in zip(axes, groupings.items(), strict=True):
        for group, label in enumerate(names):
            members = points[np.asarray(groups) == group]
            ax.scatter(*members.T, s=12, color=PALETTE[group], alpha=0.7, linewidths=0)
            middle = members.mean(axis=0)
            ax.plot(*middle, "o", color=PALETTE[group], markersize=9, markeredgecolor="white")
            ax.annotate(
                str(label),
                middle,
                xytext=(8, 6),
                textcoords="offset points",
                fontweight="bold",
                fontsize=12,
            )
        ax.set(title=name, xlabel=x, ylabel=y)
        ax.axhline(0, color=QUIET, linewidth=0.5)
        ax.axvline(0, color=QUIET, linewidth=0.5)
        if from_zero:
            ax.set(xlim=(0, None), ylim=(0, None))
    return describe(figure, words)
