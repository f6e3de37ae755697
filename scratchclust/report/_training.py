"""Figures of a training: its losses over the epochs, and images beside what a network made of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchclust.errors import InputError
from scratchclust.report._images import mosaic
from scratchclust.report._inputs import check_curve, check_images, to_bytes
from scratchclust.report._style import PALETTE, WIDTH, new_figure, panel_grid, styled


@styled
def training_curves(histories: Mapping[str, Mapping[str, Sequence[Any]]]) -> Figure:
    """Every term of the loss over the epochs: one panel a term, one line a network.

    Args:
        histories: name of the network -> name of the term -> its value in each epoch, None where it was not taken.

    Raises:
        InputError: if there is no history, or an entry is no list of numbers.
    """
    terms = list(dict.fromkeys(term for history in histories.values() for term in history))
    terms.sort(key=lambda term: term != "loss")  # the loss first
    if not terms:
        raise InputError("expected at least one history with a term, got none: pass name -> term -> values")
    columns = min(3, len(terms))
    figure, axes = panel_grid("Training: each term by epoch", len(terms), columns=columns, panel_height=2.4)
    for ax, term in zip(axes, terms, strict=True):
        for index, (name, history) in enumerate(histories.items()):
            if term not in history:
                continue
            curve = check_curve(history[term], f"{term} of {name!r}")
            epochs = 1 + np.flatnonzero(~np.isnan(curve))
            ax.plot(
                epochs, curve[epochs - 1], marker="o", markersize=2.5, color=PALETTE[index % len(PALETTE)], label=name
            )
        ax.set(title=term.replace("_", " "), xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid()
    if len(histories) > 1:
        axes[0].legend(loc="upper right")
    return figure


@styled
def reconstructions(originals: Num[Any, "n h w c"], drawn: Mapping[str, Num[Any, "_ _ _ _"]]) -> Figure:
    """Images in the first row, and below them what each network drew from them.

    Args:
        originals: [n, h, w, c] uint8 or float in [0, 1].
        drawn: name of the network -> [n, h, w, c].

    Raises:
        InputError: if the pictures are not of one shape.
    """
    rows = {"original": check_images(originals), **{name: check_images(images, name) for name, images in drawn.items()}}
    shapes = {images.shape for images in rows.values()}
    if len(shapes) > 1:
        raise InputError(f"expected originals and drawings of one shape, got {sorted(shapes)}")
    n, height, width, _ = rows["original"].shape
    pixels = np.concatenate([to_bytes(images) for images in rows.values()])
    unit = WIDTH / (1.0625 * n + 1.6)  # inches a picture; the names stand at the left
    figure = new_figure("Originals and their reconstructions", 0.4 + len(rows) * 1.0625 * unit * height / width)
    ax = figure.subplots()
    ax.imshow(mosaic(pixels, columns=n, rows=len(rows)))
    step = height + max(1, round(height / 16))
    ax.set_xticks([])
    ax.set_yticks([step * i + height / 2 for i in range(len(rows))], list(rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
