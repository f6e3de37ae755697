"""Blank paper for the drawings of lessons: the look of `scratchclust.report.figures`, and words in
the place of a picture.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchclust.report._style import (
    ACCENT,
    INK,
    NOISE_COLOR,
    PALETTE,
    QUIET,
    TITLE,
    cluster_color,
    new_figure,
    panel_grid,
    styled,
)

__all__ = [
    "ACCENT",
    "INK",
    "NOISE_COLOR",
    "PALETTE",
    "QUIET",
    "cluster_color",
    "describe",
    "dots",
    "entitle",
    "frame",
    "new_figure",
    "panel_grid",
    "styled",
]


def describe(figure: Figure, words: str) -> Figure:
    """Give a figure its alternative text: what it shows, for who hears the page instead.

    A notebook keeps it beside the picture, and the site makes its `alt` of it. Without it a figure
    says its title.
    """
    figure.set_label(words)
    return figure


def entitle(figure: Figure, title: str) -> Figure:
    """Give a figure of `report.figures` another title."""
    figure.suptitle(title, **TITLE)
    return figure


def dots(
    ax: Axes,
    points: Float[Any, "n 2"],
    labels: Integer[Any, " n"],
    *,
    size: float | int = 10,
    **look: Any,
) -> None:
    """Draw points in the colours of their clusters, noise (-1) grey; `look` as of `scatter`."""
    colors = [cluster_color(label) for label in np.asarray(labels).tolist()]
    ax.scatter(*points.T, s=size, c=colors, **{"linewidths": 0, **look})


def frame(ax: Axes, title: str = "") -> None:
    """Make a panel a plane: both axes of one scale, without numbers, in a frame."""
    ax.set(title=title, xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(True)
