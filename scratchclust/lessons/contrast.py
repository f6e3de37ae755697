"""The drawings of the lesson on features from views: neighbours, directions on a circle, and what
tells a collapse.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.figure import Figure

from scratchclust.lessons.paper import (
    PALETTE,
    QUIET,
    describe,
    dots,
    new_figure,
    panel_grid,
    styled,
)

__all__ = ["measures", "neighbour_columns", "on_circles"]

FRAME = 2  # pixels around a picture
UNIT = 32  # pixels a picture takes, with its frame and what is white around it
BETWEEN = 14  # pixels of white between two blocks
WRONG = (213, 94, 0)  # "#D55E00": the frame of a picture of another class


@styled
def neighbour_columns(
    title: str,
    images: Float[Any, "n h w"],
    chosen: Sequence[int] | Integer[Any, " m"],
    nearest: Mapping[str, Integer[Any, "n q"]],
    classes: Integer[Any, " n"],
    words: str,
) -> Figure:
    """Draw some pictures in a row, and under each its nearest ones by several features, those of
    another class in a frame.

    Args:
        title: of the figure.
        images: all pictures, from 0 (black) to 1 (white), at most 28 pixels high and wide.
        chosen: those in the first row.
        nearest: name of the features -> the neighbours of every picture, the nearest first.
        classes: of all pictures.
        words: the alternative text.
    """
    chosen = np.asarray(chosen)
    n_near = len(next(iter(nearest.values()))[0])
    tops = [UNIT + BETWEEN + block * (n_near * UNIT + BETWEEN) for block in range(len(nearest))]
    paper = np.full((tops[-1] + n_near * UNIT, len(chosen) * UNIT, 3), 255, np.uint8)
    for column, i in enumerate(chosen.tolist()):
        _place(paper, images[i], 0, column)
        for top, found in zip(tops, nearest.values(), strict=True):
            for place, j in enumerate(np.asarray(found)[i].tolist()):
                is_wrong = classes[i] != classes[j]
                _place(paper, images[j], top + place * UNIT, column, framed=bool(is_wrong))
    figure = new_figure(title, 0.4 + 7.0 * paper.shape[0] / paper.shape[1])
    ax = figure.subplots()
    ax.imshow(paper, interpolation="nearest")
    ax.spines[:].set_visible(False)
    middles = [UNIT / 2, *(top + n_near * UNIT / 2 for top in tops)]
    ax.set_yticks(middles, ["pictures", *nearest])
    ax.set_xticks([])
    ax.tick_params(length=0)
    return describe(figure, words)


def _place(
    paper: np.ndarray, picture: np.ndarray, top: int, column: int, *, framed: bool = False
) -> None:
    """Put a picture on the paper, as large as whole pixels allow."""
    times = (UNIT - 2 * FRAME) // max(picture.shape)
    large = np.kron(np.asarray(picture), np.ones((times, times)))
    height, width = large.shape
    left = column * UNIT
    if framed:
        paper[top : top + height + 2 * FRAME, left : left + width + 2 * FRAME] = WRONG
    inside = np.rint(255 * np.clip(large, 0, 1)).astype(np.uint8)[:, :, None]
    paper[top + FRAME : top + FRAME + height, left + FRAME : left + FRAME + width] = inside


@styled
def on_circles(
    title: str,
    runs: Mapping[str, Sequence[Float[Any, "n 2"]]],
    names: Sequence[str],
    labels: Integer[Any, " n"],
    words: str,
) -> Figure:
    """Directions in the plane at several times of several runs: a row a run, a dot a picture.

    The dots stand a little off the circle, inwards or outwards, so that many at one place are seen.

    Args:
        title: of the figure.
        runs: name -> directions at each time.
        names: of the times.
        labels: which colour each dot has.
        words: the alternative text.
    """
    figure, axes = panel_grid(
        title, len(runs) * len(names), columns=len(names), panel_height=7.6 / len(names) + 0.1
    )
    round_about = np.linspace(0, 2 * np.pi, 200)
    off = 1 + 0.16 * np.random.default_rng(0).uniform(-1, 1, (len(labels), 1))
    panels = iter(axes)
    for row, (run, times) in enumerate(runs.items()):
        for column, points in enumerate(times):
            ax = next(panels)
            ax.plot(np.cos(round_about), np.sin(round_about), color=QUIET, linewidth=0.6)
            dots(ax, np.asarray(points) * off, labels, size=7, alpha=0.7)
            ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), xticks=[], yticks=[], aspect="equal")
            ax.spines[:].set_visible(False)
            if row == 0:
                ax.set_title(names[column])
            if column == 0:
                ax.set_ylabel(run)
    return describe(figure, words)


@styled
def measures(
    title: str,
    panels: Mapping[str, Mapping[str, Float[Any, " t"]]],
    words: str,
    *,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Curves by epoch: a panel for each measure, a line for each run, the same colour in all.

    Args:
        title: of the figure.
        panels: name of the measure -> name of the run -> its values, the first before the training.
        words: the alternative text.
        levels: name of the measure -> a value to be marked by a dashed line.
    """
    figure, axes = panel_grid(title, len(panels), columns=len(panels), panel_height=2.4)
    for ax, (measure, curves) in zip(axes, panels.items(), strict=True):
        for color, (run, values) in zip(PALETTE, curves.items(), strict=False):
            ax.plot(values, color=color, label=run)
        if levels and measure in levels:
            ax.axhline(levels[measure], color=QUIET, linestyle="--", linewidth=1)
        ax.set(title=measure, xlabel="epoch")
        ax.locator_params(axis="x", integer=True)
        ax.grid(axis="y")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return describe(figure, words)
