"""Figures made of pictures: random images of each cluster, centroids, a row of images.

Pictures are joined into one array and drawn by one `imshow`: a hundred axes would take seconds.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Num, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchclust.errors import InputError
from scratchclust.report._inputs import (
    check_curve,
    check_images,
    check_labels,
    check_names,
    check_sample_size,
    no_formula,
    to_bytes,
)
from scratchclust.report._style import (
    TALLEST,
    WIDTH,
    cluster_name,
    largest_clusters,
    new_figure,
    panel_grid,
    styled,
)

WHITE = 255
MOST_CENTROIDS = 80
# of a picture among others, in widths of its place: one that is higher becomes narrower
HIGHEST = 2.0


@styled
def random_images(
    images: Num[Any, "n h w c"],
    labels: Integer[Any, " n"],
    *,
    rng: np.random.Generator,
    n_images: int = 100,
) -> Figure:
    """Random images of each cluster, one mosaic a cluster, with the cluster's size in its title.

    A cluster with fewer than `n_images` shows all of them, larger, so that no paper stays white;
    noise (-1) is the last panel. Of more than `MOST_PANELS` clusters the largest are shown.

    Args:
        images: [n, h, w, c] uint8 or float in [0, 1], one channel or three.
        labels: [n] the cluster of each image; noise -1.
        rng: draws the images, cluster by cluster in the order of their labels, noise last.
        n_images: how many at most of each cluster.

    Raises:
        InputError: a shape or dtype does not fit, or n_images < 1.
    """
    pictures = check_images(images)
    labels = check_labels(labels, len(pictures), "images")
    limit = check_sample_size(n_images)
    present, beside = largest_clusters(labels)
    members = [np.flatnonzero(labels == label) for label in present]
    mosaics = []
    for rows in members:
        chosen = rng.choice(rows, size=min(limit, len(rows)), replace=False)
        columns = _columns(len(chosen), pictures.shape[1] / pictures.shape[2])
        mosaics.append(
            mosaic(
                to_bytes(pictures[chosen]), columns=columns, rows=math.ceil(len(chosen) / columns)
            )
        )
    figure, axes = _mosaic_panels(f"Random images of each cluster (up to {limit}){beside}", mosaics)
    for ax, label, rows, picture in zip(axes, present, members, mosaics, strict=True):
        ax.imshow(picture)
        ax.set_title(f"{cluster_name(label)} ({len(rows):,} image{'s' * (len(rows) != 1)})")
        ax.set_anchor("NW")
        ax.set_axis_off()
    return figure


def _columns(n: int, proportion: float) -> int:
    """Columns of a mosaic that is about square; one of fewer than four pictures leaves room."""
    return min(max(n, 2), math.ceil(math.sqrt(max(n, 4) * proportion)))


def _mosaic_panels(title: str, mosaics: list[np.ndarray]) -> tuple[Figure, list[Axes]]:
    """Axes for mosaics, each row as high as its highest."""
    n_panels = len(mosaics)
    per_row = min(n_panels, 2 if n_panels <= 4 else 3 if n_panels <= 9 else 4)
    panel_width = WIDTH / max(per_row, 2) - 0.1
    proportions = [min(1.5, picture.shape[0] / picture.shape[1]) for picture in mosaics]
    heights = [
        panel_width * max(proportions[i : i + per_row]) + 0.24 for i in range(0, n_panels, per_row)
    ]
    return panel_grid(title, n_panels, columns=per_row, panel_height=heights)


def mosaic(
    images: UInt8[np.ndarray, "n h w 3"], *, columns: int, rows: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Join images row by row into `rows` by `columns` tiles on white, a thin gap between them."""
    n, height, width, _ = images.shape
    gap = tile_gap(height, width)
    tiles = np.full((rows * columns, height + gap, width + gap, 3), WHITE, dtype=np.uint8)
    tiles[:n, :height, :width] = images
    grid = tiles.reshape(rows, columns, height + gap, width + gap, 3).swapaxes(1, 2)
    return grid.reshape(rows * (height + gap), columns * (width + gap), 3)[:-gap, :-gap]


def tile_gap(height: int, width: int) -> int:
    """The pixels between two pictures of a mosaic."""
    return max(1, round(min(height, width) / 16))


@styled
def centroid_images(
    centroids: Float[Any, "k h w c"],
    counts: Integer[Any, " k"] | Sequence[int] | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Each cluster's centroid as a picture, with its size; of more than 80 the largest (or first).

    Args:
        centroids: [k, h, w, c] floats in [0, 1]; values outside are clipped.
        counts: [k] how many images each cluster holds.
        title: of the whole figure, where the pictures are something else than centroids.

    Raises:
        InputError: a shape does not fit, or counts are not one for each centroid.
    """
    pictures = check_images(centroids, "centroids")
    titles = [cluster_name(label) for label in range(len(pictures))]
    if counts is not None:
        sizes = check_curve(counts, "counts", len(pictures))
        titles = [
            f"{title}\n{int(size):,} images" for title, size in zip(titles, sizes, strict=True)
        ]
    heading = title or f"Centroids of {len(pictures)} clusters"
    n_shown = len(pictures)
    if n_shown > MOST_CENTROIDS:
        heading = f"{heading}: the {MOST_CENTROIDS} {'first' if counts is None else 'largest'}"
        n_shown = MOST_CENTROIDS
    by_size = (
        np.arange(len(pictures))
        if counts is None
        else np.argsort(-np.asarray(counts), kind="stable")
    )
    shown = np.sort(by_size[:n_shown])
    columns = n_shown if n_shown <= 8 else math.ceil(n_shown / math.ceil(n_shown / 8))
    return _tiles(heading, pictures[shown], [titles[i] for i in shown], columns=columns)


@styled
def image_row(
    images: Num[Any, "n h w c"], titles: Sequence[str] | None = None, *, title: str = "Images"
) -> Figure:
    """Images side by side, ten to a row, each with a line above it if `titles` are given.

    Args:
        images: [n, h, w, c] uint8 or float in [0, 1] (clipped), one channel or three.
        titles: one for each image.
        title: of the whole figure.

    Raises:
        InputError: a shape or dtype does not fit, or titles are not one for each image.
    """
    pictures = check_images(images)
    lines = (
        [""] * len(pictures)
        if titles is None
        else check_names(titles, len(pictures), "titles", "images")
    )
    return _tiles(title, pictures, lines, columns=min(10, len(pictures)))


@styled
def nearest_images(
    images: Num[Any, "n h w c"],
    nearest: Mapping[str, Num[Any, "n m h w c"]],
    *,
    title: str = "Images, and the nearest to each of them",
) -> Figure:
    """Images, a row each, and beside each of them those that are nearest to it: a panel for each
    way to measure that.

    Args:
        images: [n, h, w, c] uint8 or float in [0, 1], one channel or three.
        nearest: what stands over a panel -> [n, m, h, w, c], the nearest first.
        title: of the figure.

    Raises:
        InputError: a shape or dtype does not fit, or there is no panel.
    """
    pictures = to_bytes(check_images(images))
    if not nearest:
        raise InputError(
            "expected at least one panel of nearest images, got none: pass name -> images"
        )
    panels = {name: _beside(pictures, np.asarray(found), name) for name, found in nearest.items()}
    proportion = max(panel.shape[0] / panel.shape[1] for panel in panels.values())
    width = WIDTH / max(len(panels), 2) - 0.1
    figure, axes = panel_grid(
        title,
        len(panels),
        columns=len(panels),
        panel_height=min(TALLEST, 0.24 + width * proportion),
    )
    for ax, (name, panel) in zip(axes, panels.items(), strict=True):
        ax.imshow(panel)
        ax.set_title(no_formula(name))
        ax.set_anchor("NW")
        ax.set_axis_off()
    return figure


def _beside(pictures: np.ndarray, nearest: np.ndarray, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """The pictures in a column, and behind a gap the nearest of each in its row."""
    n, height, width = pictures.shape[:3]
    if nearest.ndim != 5 or nearest.shape[0] != n or nearest.shape[2:4] != (height, width):
        raise InputError(
            f"expected nearest images {name!r} of shape [{n}, m, {height}, {width}, c], got "
            f"{list(nearest.shape)}: pass as many of each image, of its size"
        )
    m = nearest.shape[1]
    flat = to_bytes(check_images(nearest.reshape(n * m, *nearest.shape[2:]), name))
    left = mosaic(pictures, columns=1, rows=n)
    right = mosaic(flat, columns=m, rows=n)
    gap = np.full((len(left), max(1, width // 3), 3), WHITE, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def _tiles(title: str, pictures: np.ndarray, titles: list[str], *, columns: int) -> Figure:
    """Pictures in rows on one axes, one unit wide each, with their titles above them."""
    columns_wide = max(columns, 4)  # two pictures must not fill a page
    unit = WIDTH / (1.1 * columns_wide)  # inches
    proportion = pictures.shape[1] / pictures.shape[2]
    tall = min(proportion, HIGHEST)
    lines = max(text.count("\n") + 1 if text else 0 for text in titles)
    step = tall + 0.1 + lines * 0.155 / unit
    rows = math.ceil(len(pictures) / columns)
    figure = new_figure(title, rows * step * unit + 0.4)
    ax = figure.subplots()
    for index, (picture, text) in enumerate(zip(to_bytes(pictures), titles, strict=True)):
        left = 1.1 * (index % columns)
        top = step * (index // columns)
        ax.imshow(picture, extent=(left, left + tall / proportion, top + tall, top))
        if text:
            ax.text(
                left,
                top - 0.03,
                no_formula(text),
                fontsize=8,
                verticalalignment="bottom",
                linespacing=1.1,
            )
    ax.set(xlim=(0, 1.1 * columns_wide - 0.1), ylim=((rows - 1) * step + tall, tall + 0.1 - step))
    ax.set_anchor("NW")
    ax.set_axis_off()
    return figure
