"""Figures of a training: its losses, images beside what a network made of them, what it draws."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchclust.errors import InputError
from scratchclust.report._images import mosaic, tile_gap
from scratchclust.report._inputs import check_curve, check_images, check_names, no_formula, to_bytes
from scratchclust.report._style import PALETTE, TALLEST, WIDTH, new_figure, panel_grid, styled

SAMPLES_IN_A_ROW = 16


@styled
def training_curves(
    histories: Mapping[str, Mapping[str, Sequence[Any]]],
    *,
    errors: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    title: str = "Training: each term by epoch",
) -> Figure:
    """Every term of the loss over the epochs: one panel a term, one line a network.

    Args:
        histories: name of the network -> name of the term -> its value in each epoch, None where it
            was not taken.
        errors: of the same kind, where they are known: standard errors, drawn as bars.
        title: of the figure.

    Raises:
        InputError: there is no history, or an entry is no list of numbers.
    """
    terms = list(dict.fromkeys(term for history in histories.values() for term in history))
    terms.sort(key=lambda term: term != "loss")  # the loss first
    if not terms:
        raise InputError(
            "expected at least one history with a term, got none: pass name -> term -> values"
        )
    columns = min(3, len(terms))
    figure, axes = panel_grid(title, len(terms), columns=columns, panel_height=2.4)
    for ax, term in zip(axes, terms, strict=True):
        for index, (name, history) in enumerate(histories.items()):
            if term not in history:
                continue
            curve = check_curve(history[term], f"{term} of {name!r}")
            epochs = 1 + np.flatnonzero(~np.isnan(curve))
            known = (errors or {}).get(name, {}).get(term)
            bars = (
                None
                if known is None
                else check_curve(known, f"errors of {term}", len(curve))[epochs - 1]
            )
            color = PALETTE[index % len(PALETTE)]
            label = no_formula(name)
            ax.errorbar(
                epochs,
                curve[epochs - 1],
                bars,
                marker="o",
                markersize=2.5,
                capsize=2.5,
                color=color,
                label=label,
            )
        ax.set(title=no_formula(term.replace("_", " ")), xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid()
    if len(histories) > 1:
        axes[0].legend(loc="best")
    return figure


@styled
def reconstructions(
    originals: Num[Any, "n h w c"], drawn: Mapping[str, Num[Any, "_ _ _ _"]]
) -> Figure:
    """Images in the first row, and below them what each network drew from them.

    Args:
        originals: [n, h, w, c] uint8 or float in [0, 1].
        drawn: name of the network -> [n, h, w, c].

    Raises:
        InputError: the pictures are not of one shape.
    """
    rows = {
        "original": check_images(originals),
        **{name: check_images(images, name) for name, images in drawn.items()},
    }
    shapes = {images.shape for images in rows.values()}
    if len(shapes) > 1:
        raise InputError(f"expected originals and drawings of one shape, got {sorted(shapes)}")
    pixels = np.concatenate([to_bytes(images) for images in rows.values()])
    return _rows("Originals and their reconstructions", pixels, len(rows), list(rows))


@styled
def samples(images: Num[Any, "n h w c"]) -> Figure:
    """Pictures that a network drew from codes which belong to no image, up to 16 in a row.

    Args:
        images: [n, h, w, c] uint8 or float in [0, 1] (clipped), one channel or three.

    Raises:
        InputError: a shape or dtype does not fit.
    """
    pixels = to_bytes(check_images(images))
    return _rows(
        "Pictures drawn from random codes", pixels, math.ceil(len(pixels) / SAMPLES_IN_A_ROW)
    )


@styled
def latent_walk(walks: Num[Any, "n steps h w c"], labels: Sequence[str] | None = None) -> Figure:
    """What a network draws on walks through its codes, a row each: between codes or along an axis.

    Args:
        walks: [n, steps, h, w, c] uint8 or float in [0, 1] (clipped), one channel or three.
        labels: one for each walk, at the left of its row.

    Raises:
        InputError: a shape or dtype does not fit, or labels are not one for each walk.
    """
    pictures = np.asarray(walks)
    if pictures.ndim != 5 or 0 in pictures.shape:
        raise InputError(
            f"expected walks of shape [n, steps, h, w, c], got {list(pictures.shape)}: one row "
            "for a walk"
        )
    n_walks = len(pictures)
    names = [] if labels is None else check_names(labels, n_walks, "labels", "walks")
    pixels = to_bytes(check_images(pictures.reshape(-1, *pictures.shape[2:]), "walks"))
    return _rows("Walks through the codes", pixels, n_walks, names)


@styled
def views(
    originals: Num[Any, "n h w c"],
    views: Num[Any, "v n h2 w2 c"],
    *,
    title: str = "Originals, and views of them",
) -> Figure:
    """Images, a row each, and beside each of them its views.

    Args:
        originals: [n, h, w, c] uint8 or float in [0, 1], one channel or three.
        views: [v, n, h', w', c] of them; drawn as large as the originals.
        title: of the figure.

    Raises:
        InputError: a shape or dtype does not fit, or there are not as many views as originals.
    """
    pictures = np.asarray(views)
    images = to_bytes(check_images(originals, "originals"))
    n, height, width = images.shape[:3]
    if pictures.ndim != 5 or 0 in pictures.shape or pictures.shape[1] != n:
        raise InputError(
            f"expected views of shape [v, {n}, h, w, c], as many as originals, got "
            f"{list(pictures.shape)}: pass what make_views returned"
        )
    flat = to_bytes(check_images(pictures.reshape(-1, *pictures.shape[2:]), "views"))
    rows = np.arange(height) * pictures.shape[2] // height
    columns = np.arange(width) * pictures.shape[3] // width
    enlarged = flat[:, rows][:, :, columns].reshape(-1, *images.shape)
    pixels = np.concatenate([images[None], enlarged]).swapaxes(0, 1)
    return _rows(title, pixels.reshape(-1, *images.shape[1:]), n)


def _rows(
    title: str, pixels: UInt8[np.ndarray, "n h w 3"], n_rows: int, names: Sequence[str] = ()
) -> Figure:
    """Pictures in so many rows, with a name at the left of each row if there are names."""
    n_columns = math.ceil(len(pixels) / n_rows)
    height, width = pixels.shape[1:3]
    columns_wide = n_columns if names else max(n_columns, 4)  # two pictures must not fill a page
    names_wide = 0.2 + 0.065 * max(map(len, names), default=-3)  # inches
    unit = (WIDTH - names_wide) / (1.0625 * columns_wide)  # inches a picture
    figure = new_figure(title, min(TALLEST, 0.4 + n_rows * 1.0625 * unit * height / width))
    ax = figure.subplots()
    ax.imshow(mosaic(pixels, columns=n_columns, rows=n_rows))
    step = height + tile_gap(height, width)
    ax.set_xticks([])
    ax.set_yticks(
        [step * i + height / 2 for i in range(len(names))], [no_formula(name) for name in names]
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_anchor("NW")
    return figure
