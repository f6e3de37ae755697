"""Patch features, fast: the twin of `scratchclust/reference/patches.py`, where the mathematics is
explained.

The same functions by blocks of images on all devices, some images a call: memory-mapped images are
read as they are needed. All patches of a block are one matrix, and whitening and the distances to
the dictionary are two products with it, in float32: z, expanded, is right to a thousandth where a
patch is a centroid.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from scratchclust import rows
from scratchclust.constants import CONTRAST_FLOOR, WHITENING_FLOOR
from scratchclust.rows import AnyArray


def patches_at(
    images: Num[AnyArray, "n h w c"], places: Int[AnyArray, "m 3"], patch_size: int
) -> Float[AnyArray, "m d"]:
    """Cut square patches out of images.

    Args:
        images: any scale.
        places: of each patch the image, and the row and the column where it begins.
        patch_size: s.

    Returns:
        The patches as float32 on the host, d = s s c, ordered by row, column, channel.
    """
    i, r, c = (np.asarray(places)[:, axis, None, None] for axis in range(3))
    along = np.arange(patch_size)
    cut = np.asarray(images)[i, r + along[None, :, None], c + along[None, None, :]]
    return cut.reshape(len(cut), -1).astype(np.float32)


def normalise_contrast(patches: Float[AnyArray, "m d"]) -> Float[AnyArray, "m d"]:
    """Take the mean off each patch, and divide it by its deviation.

    Args:
        patches: numbers from 0 to 255.
    """
    centred = patches - patches.mean(axis=1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis=1, keepdims=True) + CONTRAST_FLOOR)


def whitening(
    patches: Float[AnyArray, "m d"],
) -> tuple[Float[AnyArray, " d"], Float[AnyArray, "d d"]]:
    """Find what whitens patches: w = (p' - mean) @ matrix.

    Args:
        patches: p', of normalised contrast.

    Returns:
        mean and matrix, in float64 on the host. Cost O(m d^2 + d^3).
    """
    patches = np.asarray(patches)
    mean = patches.mean(axis=0, dtype=np.float64)
    centred = patches - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(patches))
    scaled = axes / np.sqrt(np.maximum(variances, 0) + WHITENING_FLOOR)
    return mean, scaled @ axes.T


def crops_at(rows_left: int, columns_left: int) -> list[tuple[int, int]]:
    """The upper left corners of five crops, which lie in the corners and in the middle.

    Args:
        rows_left, columns_left: how much larger the image is than a crop.
    """
    corners = [(r, c) for r in (0, rows_left) for c in (0, columns_left)]
    return [*corners, (rows_left // 2, columns_left // 2)]


def pooled_activations(
    images: Num[AnyArray, "n h w c"],
    centroids: Float[AnyArray, "k d"],
    mean: Float[AnyArray, " d"],
    matrix: Float[AnyArray, "d d"],
    patch_size: int,
    *,
    flip: bool = False,
    crop: int | None = None,
) -> Float[AnyArray, "n features"]:
    """Average the activations of the dictionary over each quarter of each image.

    Args:
        images: numbers from 0 to 255, of at least s + 1 pixels a side.
        centroids: the dictionary, whitened.
        mean, matrix: of `whitening`.
        patch_size: s, with d = s s c.
        flip: whether the mirrored image counts as well, at twice the cost.
        crop: side of the five crops over which the quarters are averaged, at least s + 1 pixels;
            None: the image as it is. The patches of crops are patches of the image, so that they
            are found once.

    Returns:
        4 K features, ordered by quarter (upper left, upper right, lower left, lower right), then
        centroid. Cost O(n h w d (d + K)); memory beyond the features one block of images.
    """
    n, h, w, _ = images.shape
    k, d = centroids.shape
    n_places = (h - patch_size + 1) * (w - patch_size + 1)
    block = rows.block_size(n, n_places * max(k, d))
    dictionary = tuple(jnp.asarray(array, jnp.float32) for array in (centroids, mean, matrix))
    found = np.empty((n, 4 * k), np.float32)
    for span in rows.calls(n, (1 + flip) * n_places * d * (d + k), block):
        part = rows.split(images[span], block=block, dtype=np.float32)
        data = rows.Rows((part,), rows.mesh())
        pooled = _pool_blocks(data, dictionary, patch_size, flip, crop)
        found[span] = rows.join(pooled, span.stop - span.start)
    return found


@partial(jax.jit, static_argnames=("patch_size", "flip", "crop"))
def _pool_blocks(
    data: rows.Rows, dictionary: tuple[Array, ...], patch_size: int, flip: bool, crop: int | None
) -> Array:
    def block(images: Array, centroids: Array, mean: Array, matrix: Array) -> tuple[None, Array]:
        def pooled(view: Array) -> Array:
            f = _activations(view, centroids, mean, matrix, patch_size)
            return _mean_of_crops(f, None if crop is None else crop - patch_size + 1)

        found = pooled(images)
        return None, (found + pooled(images[:, :, ::-1])) / 2 if flip else found

    return rows.map_sum(block, data, *dictionary)[1]


def _activations(
    images: Float[Array, "b h w c"],
    centroids: Float[Array, "k d"],
    mean: Float[Array, " d"],
    matrix: Float[Array, "d d"],
    s: int,
) -> Float[Array, "b rows columns k"]:
    """f of every patch, by the place where it begins."""
    b, h, w, _ = images.shape
    n_rows = h - s + 1
    n_columns = w - s + 1
    pixels = [images[:, i : i + n_rows, j : j + n_columns] for i in range(s) for j in range(s)]
    patches = jnp.concatenate(pixels, axis=3).reshape(b * n_rows * n_columns, -1)
    centred = normalise_contrast(patches) - mean[None]
    whitened = jnp.matmul(centred, matrix, precision="highest")
    squared_norms = (centroids**2).sum(axis=1)[None]
    products = jnp.matmul(whitened, centroids.T, precision="highest")
    squared = (whitened**2).sum(axis=1, keepdims=True) - 2 * products + squared_norms
    z = jnp.sqrt(jnp.maximum(squared, 0))
    f = jnp.maximum(0, z.mean(axis=1, keepdims=True) - z)
    return f.reshape(b, n_rows, n_columns, -1)


def _mean_of_crops(
    f: Float[Array, "b rows columns k"], side: int | None
) -> Float[Array, "b features"]:
    """The quarters' means, averaged over the crops that have so many patches a side."""
    if side is None:
        return _quarters(f)
    pooled = [
        _quarters(f[:, r : r + side, c : c + side])
        for r, c in crops_at(f.shape[1] - side, f.shape[2] - side)
    ]
    return sum(pooled[1:], pooled[0]) / len(pooled)


def _quarters(f: Float[Array, "b rows columns k"]) -> Float[Array, "b features"]:
    up = f.shape[1] // 2
    left = f.shape[2] // 2
    quarters = (f[:, :up, :left], f[:, :up, left:], f[:, up:, :left], f[:, up:, left:])
    return jnp.concatenate([quarter.mean(axis=(1, 2)) for quarter in quarters], axis=1)
