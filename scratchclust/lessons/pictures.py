"""The drawings of the lesson on one's own pictures: thumbnails in rows, and scores over k."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Integer, Num, UInt8
from matplotlib.figure import Figure

from scratchclust.lessons.paper import ACCENT, describe, new_figure, panel_grid, styled

__all__ = ["contact_sheet", "neighbour_rows", "over_k", "rows", "thumbnails"]

SIDE = 32  # pixels of a thumbnail
GAP = 3  # pixels of white between two
INCH_A_PIXEL = 1 / 92
COARSE = 16  # shades apart in one colour: a notebook's PNG is half as large for it


def thumbnails(images: UInt8[Any, "n h w 3"]) -> UInt8[np.ndarray, "n 32 32 3"]:
    """Shrink pictures by the mean of squares of pixels, and count their shades coarsely."""
    images = np.asarray(images)
    step = max(images.shape[1] // SIDE, 1)
    kept = images[:, : SIDE * step, : SIDE * step].astype(np.float32)
    small = kept.reshape(len(images), SIDE, step, SIDE, step, 3).mean(axis=(2, 4))
    return np.minimum(np.rint(small / COARSE) * COARSE, 255).astype(np.uint8)


def _paper(n_rows: int, n_columns: int) -> UInt8[np.ndarray, "height width 3"]:
    unit = SIDE + GAP
    return np.full((n_rows * unit, n_columns * unit, 3), 255, np.uint8)


def _place(
    paper: UInt8[np.ndarray, "height width 3"],
    picture: UInt8[np.ndarray, "32 32 3"],
    row: int,
    column: int,
) -> None:
    unit = SIDE + GAP
    top, left = row * unit, column * unit
    paper[top : top + SIDE, left : left + SIDE] = picture


def _drawn(title: str, paper: UInt8[np.ndarray, "height width 3"], words: str) -> Figure:
    height = 8.0 * paper.shape[0] / paper.shape[1] + 0.4
    figure = new_figure(title, min(height, paper.shape[0] * INCH_A_PIXEL * 1.4 + 0.5))
    ax = figure.subplots()
    ax.imshow(paper, interpolation="nearest")
    ax.set_anchor("NW")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set(xticks=[], yticks=[])
    return describe(figure, words)


@styled
def contact_sheet(
    title: str, images: UInt8[Any, "n h w 3"], words: str, *, columns: int = 24
) -> Figure:
    """Draw all pictures, row after row."""
    small = thumbnails(images)
    paper = _paper(-(-len(small) // columns), columns)
    for i, picture in enumerate(small):
        _place(paper, picture, i // columns, i % columns)
    return _drawn(title, paper, words)


@styled
def rows(
    title: str,
    images: UInt8[Any, "n h w 3"],
    chosen: Mapping[str, Sequence[int] | Integer[Any, " _"]],
    words: str,
    *,
    columns: int = 18,
) -> Figure:
    """Draw a row of pictures for each name, which stands at its left.

    Args:
        title: of the figure.
        images: all pictures.
        chosen: name -> the numbers of its pictures, of which the first `columns` are drawn.
        words: the alternative text.
        columns: of pictures.
    """
    small = thumbnails(images)
    paper = _paper(len(chosen), columns)
    for row, members in enumerate(chosen.values()):
        for column, i in enumerate(np.asarray(members, int)[:columns]):
            _place(paper, small[i], row, column)
    figure = _drawn(title, paper, words)
    middles = (SIDE + GAP) * np.arange(len(chosen)) + SIDE / 2
    figure.axes[0].set_yticks(middles, list(chosen))
    figure.axes[0].tick_params(length=0)
    return figure


@styled
def neighbour_rows(
    title: str,
    images: UInt8[Any, "n h w 3"],
    chosen: Sequence[int] | Integer[Any, " m"],
    nearest: Mapping[str, Integer[Any, "n q"]],
    words: str,
) -> Figure:
    """Draw some pictures, a row each, and beside each its nearest ones by several features.

    Args:
        title: of the figure.
        images: all pictures.
        chosen: those at the left.
        nearest: name of the features -> the neighbours of every picture, the nearest first.
        words: the alternative text.
    """
    small = thumbnails(images)
    n_near = len(next(iter(nearest.values()))[0])
    stride = n_near + 0.5
    unit = SIDE + GAP
    width = int((1.5 + stride * len(nearest)) * unit)
    paper = np.full((len(chosen) * unit, width, 3), 255, np.uint8)
    for row, i in enumerate(np.asarray(chosen).tolist()):
        _place(paper, small[i], row, 0)
        for block, found in enumerate(nearest.values()):
            for place, j in enumerate(np.asarray(found)[i].tolist()):
                left = int((1.5 + block * stride + place) * unit)
                paper[row * unit : row * unit + SIDE, left : left + SIDE] = small[j]
    figure = _drawn(title, paper, words)
    places = [(1.5 + block * stride) * unit for block in range(len(nearest))]
    ax = figure.axes[0]
    ax.xaxis.tick_top()
    ax.set_xticks([0, *places], ["", *nearest], ha="left")
    ax.tick_params(length=0)
    return figure


@styled
def over_k(
    title: str,
    ks: Sequence[int],
    scores: Mapping[str, Num[Any, "m seeds"]],
    words: str,
) -> Figure:
    """Draw scores over the number of clusters, a panel each: all seeds as dots, their mean as a
    line, and between the least and the largest a band.
    """
    figure, axes = panel_grid(title, len(scores), columns=len(scores), panel_height=2.6)
    for ax, (name, given) in zip(axes, scores.items(), strict=True):
        values = np.asarray(given)
        ax.fill_between(
            ks, values.min(axis=1), values.max(axis=1), color=ACCENT, alpha=0.2, linewidth=0
        )
        ax.plot(ks, values, "o", color=ACCENT, markersize=2.5, alpha=0.6)
        ax.plot(ks, values.mean(axis=1), color=ACCENT)
        ax.set(title=name, xlabel="number of clusters k", xticks=list(ks))
        ax.grid(axis="y")
    return describe(figure, words)
