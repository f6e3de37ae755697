"""Figures of points on a plane: an embedding with images as markers, and the steps of k-means."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Num, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from scratchclust.errors import InputError
from scratchclust.report._inputs import (
    check_images,
    check_labels,
    check_points,
    check_sample_size,
    no_formula,
    to_bytes,
)
from scratchclust.report._style import (
    NOISE_COLOR,
    PALETTE,
    WIDTH,
    cluster_color,
    cluster_name,
    color_number,
    new_figure,
    panel_grid,
    present_clusters,
    styled,
)

THUMBNAIL = 40  # pixels, about what the longer side of a thumbnail covers in a file
FRAME = 4  # pixels: three of the cluster's colour and a white one


@styled
def embedding(
    points: Float[Any, "n 2"],
    labels: Integer[Any, " n"],
    images: Num[Any, "n h w c"] | None = None,
    *,
    rng: np.random.Generator,
    n_images: int = 400,
    axis_name: str = "component",
    colors: Mapping[int, int] | None = None,
) -> Figure:
    """Points in two dimensions coloured by cluster, with framed images of a random sample.

    The sample is thinned so that no image covers another: each is centred on its point, the other
    points are dots. It begins with one point of each cluster, the smallest first; the dots of a
    cluster that would be covered all the same lie above the images, so that none is hidden.

    Args:
        points: [n, 2], from PCA or t-SNE.
        labels: [n] the cluster of each point; noise -1.
        images: [n, h, w, c] uint8 or float in [0, 1], one channel or three; None draws dots alone.
        rng: chooses which points show as images.
        n_images: how many images at most; fewer are drawn where there is no room for more.
        axis_name: the axes are called "<axis_name> 1" and "<axis_name> 2".
        colors: cluster -> the number of its colour in `PALETTE`; its own number where it is not
            named.

    Raises:
        InputError: shapes do not fit, or n_images < 1.
    """
    points = check_points(points, "points")
    labels = check_labels(labels, len(points), "points")
    span = np.ptp(points, axis=0)
    proportion = span[1] / span[0] if span.min() > 0 else 1.0
    figure = new_figure(
        f"{len(points):,} images in two dimensions, coloured by cluster",
        float(np.clip(6 * proportion + 1, 4, 6.6)),
    )
    ax = figure.subplots()
    # also the order of drawing, so that no cluster hides another
    order = rng.permutation(len(points))
    drawn = np.array([to_rgb(cluster_color(label, colors)) for label in labels.tolist()])
    size = float(np.clip(20_000 / len(points), 2, 24))
    ax.scatter(*points[order].T, s=size, c=drawn[order], linewidths=0)
    if images is not None:
        pictures = check_images(images)
        check_labels(labels, len(pictures), "images")
        side = _thumbnail_side(span, check_sample_size(n_images))
        order = _each_cluster_first(order, labels)
        chosen = order[thin(points[order], side, n_images)]
        _draw_thumbnails(ax, points[chosen], pictures[chosen], drawn[chosen], side)
        hidden = _find_hidden(points, labels, chosen, side)
        ax.scatter(
            *points[hidden].T,
            s=max(size, 20),
            c=drawn[hidden],
            edgecolors="white",
            linewidths=0.8,
            zorder=4,
        )
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel=f"{axis_name} 1", ylabel=f"{axis_name} 2")
    _cluster_legend(figure, labels, colors)
    return figure


def _each_cluster_first(
    order: Integer[np.ndarray, " n"], labels: Integer[np.ndarray, " n"]
) -> Integer[np.ndarray, " n"]:
    """The order with the first point of each cluster at its head, the smallest cluster first."""
    clusters, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    head = first[np.lexsort((clusters, sizes))]
    return np.concatenate([order[head], np.delete(order, head)])


def _find_hidden(
    points: Float[np.ndarray, "n 2"],
    labels: Integer[np.ndarray, " n"],
    chosen: Integer[np.ndarray, " m"],
    side: float,
) -> Integer[np.ndarray, " h"]:
    """The points of clusters that have no thumbnail and lie below others altogether."""
    without = np.flatnonzero(~np.isin(labels, labels[chosen]))
    covered = np.zeros(len(points), bool)
    for i in without.tolist():
        covered[i] = bool((np.abs(points[chosen] - points[i]) < 0.6 * side).all(axis=1).any())
    seen = labels[without[~covered[without]]]
    return without[~np.isin(labels[without], seen)]


def _thumbnail_side(span: Float[np.ndarray, "2"], n_images: int) -> float:
    """The width of a thumbnail in units of the points: 26 fill the longer side, or fewer if few."""
    across = min(26.0, max(6.0, 1.6 * n_images**0.5))
    return float(span.max()) / across if span.max() > 0 else 1.0


def thin(points: Float[np.ndarray, "n 2"], side: float, n_max: int) -> Integer[np.ndarray, " m"]:
    """Take points in order, at most `n_max`, without those whose square would overlap one taken.

    Only the first 25 n_max points are candidates, which bounds the time for very many points.
    """
    taken: list[int] = []
    left = np.arange(min(len(points), 25 * n_max))
    while len(left) and len(taken) < n_max:
        taken.append(int(left[0]))
        left = left[(np.abs(points[left] - points[left[0]]) >= side).any(axis=1)]
    return np.array(taken)


def _draw_thumbnails(
    ax: Axes,
    points: Float[np.ndarray, "m 2"],
    pictures: Num[np.ndarray, "m h w 3"],
    colors: Float[np.ndarray, "m 3"],
    side: float,
) -> None:
    """Paste all thumbnails into one transparent picture: one artist is drawn, not hundreds."""
    tiles = [
        frame(picture, color)
        for picture, color in zip(to_bytes(pictures), to_bytes(colors), strict=True)
    ]
    height, width = tiles[0].shape[:2]
    pixel = side / max(height, width)
    left, bottom = points.min(axis=0) - side
    columns, rows = (
        np.rint((points - (left, bottom)) / pixel - (width / 2, height / 2)).astype(int).T
    )
    canvas = np.zeros((rows.max() + 2 * height, columns.max() + 2 * width, 4), dtype=np.uint8)
    for tile, row, column in zip(tiles, rows, columns, strict=True):
        # Rows of the canvas count upwards, as the y axis does; rows of a picture count downwards.
        canvas[row : row + height, column : column + width, :3] = tile[::-1]
        canvas[row : row + height, column : column + width, 3] = 255
    extent = (left, left + canvas.shape[1] * pixel, bottom, bottom + canvas.shape[0] * pixel)
    ax.imshow(canvas, extent=extent, origin="lower", zorder=3)


def frame(
    picture: UInt8[np.ndarray, "h w 3"], color: UInt8[np.ndarray, "3"]
) -> UInt8[np.ndarray, "height width 3"]:
    """`picture` in a frame of `color` and a white line, which parts dark frames from dark pictures.

    Small pictures are magnified by a whole number and large ones averaged over whole blocks to
    about THUMBNAIL pixels.
    """
    longer = max(picture.shape[:2])
    if longer > THUMBNAIL:
        block = min(math.ceil(longer / THUMBNAIL), min(picture.shape[:2]))
        height = picture.shape[0] // block
        width = picture.shape[1] // block
        blocks = picture[: height * block, : width * block].reshape(height, block, width, block, 3)
        picture = blocks.mean(axis=(1, 3)).astype(np.uint8)
    else:
        picture = picture.repeat(THUMBNAIL // longer, axis=0).repeat(THUMBNAIL // longer, axis=1)
    tile = np.empty((picture.shape[0] + 2 * FRAME, picture.shape[1] + 2 * FRAME, 3), dtype=np.uint8)
    tile[:] = color
    tile[FRAME - 1 : 1 - FRAME, FRAME - 1 : 1 - FRAME] = 255
    tile[FRAME:-FRAME, FRAME:-FRAME] = picture
    return tile


def _cluster_legend(
    figure: Figure, labels: Integer[np.ndarray, " n"], colors: Mapping[int, int] | None
) -> None:
    """A dot, a name and a size for each cluster; none where colours come round again."""
    present = present_clusters(labels)
    if max(color_number(label, colors) for label in present) >= len(PALETTE):
        return
    marks = [
        Line2D([], [], linestyle="", marker="o", markersize=7, color=cluster_color(label, colors))
        for label in present
    ]
    names = [f"{cluster_name(label)} ({(labels == label).sum():,})" for label in present]
    figure.legend(marks, names, loc="outside right center", handletextpad=0.2)


@styled
def plane_steps(
    X: Float[Any, "n 2"],
    steps: Sequence[tuple[str, Float[Any, "_ 2"], Integer[Any, " n"] | None]],
    *,
    columns: int = 3,
    paths: bool = True,
) -> Figure:
    """Steps of k-means on a plane, a small panel each: coloured points, outlined centroids.

    Args:
        X: [n, 2] the points.
        steps: (title, centroids [k, 2], labels [n], or None for points not assigned yet) for each
            panel.
        columns: panels in a row.
        paths: draw the way each centroid came, through the steps before, as long as their number
            stays the same.

    Raises:
        InputError: there is no step, columns < 1, or a shape does not fit.
    """
    X = check_points(X, "X")
    if not steps or columns < 1:
        raise InputError(
            f"expected at least one step and one column, got {len(steps)} and {columns}: pass more"
        )
    across = min(columns, len(steps))
    span = np.ptp(X, axis=0)
    proportion = float(np.clip(span[1] / span[0], 0.3, 2.0)) if span[0] > 0 else 1.0
    figure, axes = panel_grid(
        f"Steps of k-means on {len(X):,} points",
        len(steps),
        columns=across,
        panel_height=(WIDTH / max(across, 2) - 0.1) * proportion + 0.25,
        sharex=True,
        sharey=True,
    )
    path: list[np.ndarray] = []
    for ax, (title, centroids, labels) in zip(axes, steps, strict=True):
        centroids = check_points(centroids, "centroids")
        path = [
            *(before for before in path if paths and before.shape == centroids.shape),
            centroids,
        ]
        _plane(ax, X, labels)
        _centroids(ax, np.stack(path))
        ax.set(title=no_formula(title), xticks=[], yticks=[], aspect="equal", anchor="NW")
        ax.spines[:].set_visible(True)
    return figure


def _plane(ax: Axes, X: Float[np.ndarray, "n 2"], labels: Integer[Any, " n"] | None) -> None:
    colors: Any = NOISE_COLOR
    if labels is not None:
        colors = [cluster_color(label) for label in check_labels(labels, len(X), "points").tolist()]
    ax.scatter(*X.T, s=float(np.clip(4_000 / len(X), 2, 14)), c=colors, linewidths=0, alpha=0.65)


def _centroids(ax: Axes, path: Float[np.ndarray, "steps k 2"]) -> None:
    """The last position of each centroid as a big dot, with a line from its first."""
    halo = [withStroke(linewidth=4, foreground="white")]
    for label, positions in enumerate(path.swapaxes(0, 1)):
        color = cluster_color(label)
        ax.plot(*positions.T, color=color, marker="o", markersize=3, path_effects=halo, zorder=3)
        ax.plot(
            *positions[-1],
            marker="o",
            markersize=11,
            color=color,
            markeredgecolor="white",
            zorder=4,
        )
        ax.plot(
            *positions[-1],
            marker="o",
            markersize=12.5,
            markerfacecolor="none",
            markeredgecolor="black",
            zorder=5,
        )
