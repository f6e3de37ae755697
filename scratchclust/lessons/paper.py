"""Blank paper for the drawings of lessons: the look of `scratchclust.report.figures`, and words in
the place of a picture.
"""

from matplotlib.figure import Figure

from scratchclust.report._style import (
    ACCENT,
    INK,
    NOISE_COLOR,
    PALETTE,
    QUIET,
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
