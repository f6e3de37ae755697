"""Patch features of an image: which of a dictionary of patches it has, in which quarter.

Contrast. With m the mean and v the variance of the numbers of a patch p, from 0 to 255,

    p' = (p - m) / sqrt(v + 10)

Whitening (ZCA). With the mean mu and the covariance U diag(s) U^T of many such patches,

    w = (p' - mu) U diag(1 / sqrt(s + 0.1)) U^T

so that neighbouring pixels are no longer alike. The dictionary c_1..c_K are the centroids of
k-means of whitened patches, which come out as edges, corners and spots of colour.

Activations ("triangle"). With z_k = |w - c_k| and z the mean of z_1..z_K,

    f_k = max(0, z - z_k)

which is 0 for all centroids that are farther than the mean. Their mean over all places in each
quarter of the image is what is told of it: 4 K numbers.

Views. What an image shows hardly changes when it is mirrored or moved by some pixels, but its
numbers do. So they may be averaged over the image and its mirror image (`flip`), and over five
crops, in the corners and in the middle (`crop`), each with quarters of its own.

The fast twin of this file is `scratchclust/features/patches.py`.

Source: Coates, Lee and Ng, An analysis of single-layer networks in unsupervised feature learning,
2011.
"""

import numpy as np
from jaxtyping import Float, Int, Num

from scratchclust.constants import CONTRAST_FLOOR, WHITENING_FLOOR


def patches_at(
    images: Num[np.ndarray, "n h w c"], places: Int[np.ndarray, "m 3"], patch_size: int
) -> Float[np.ndarray, "m d"]:
    """Cut square patches out of images.

    Args:
        images: any scale.
        places: of each patch the image, and the row and the column where it begins.
        patch_size: s.

    Returns:
        The patches as float32, d = s s c, ordered by row, column, channel.
    """
    s = patch_size
    cut = [images[i, r : r + s, c : c + s].ravel() for i, r, c in places]
    return np.array(cut, np.float32)


def normalise_contrast(patches: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
    """Take the mean off each patch, and divide it by its deviation: p'.

    Args:
        patches: numbers from 0 to 255.
    """
    centred = patches - patches.mean(axis=1, keepdims=True)
    return centred / np.sqrt(patches.var(axis=1, keepdims=True) + CONTRAST_FLOOR)


def whitening(
    patches: Float[np.ndarray, "m d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Find what whitens patches: w = (p' - mean) @ matrix.

    Args:
        patches: p', of normalised contrast.

    Returns:
        mean and matrix, float64. Cost O(m d^2 + d^3).
    """
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
    images: Num[np.ndarray, "n h w c"],
    centroids: Float[np.ndarray, "k d"],
    mean: Float[np.ndarray, " d"],
    matrix: Float[np.ndarray, "d d"],
    patch_size: int,
    *,
    flip: bool = False,
    crop: int | None = None,
) -> Float[np.ndarray, "n features"]:
    """Average the activations of the dictionary over each quarter of each image.

    Args:
        images: numbers from 0 to 255, of at least s + 1 pixels a side.
        centroids: the dictionary, whitened.
        mean, matrix: of `whitening`.
        patch_size: s, with d = s s c.
        flip: whether the mirrored image counts as well.
        crop: side of the five crops over which the quarters are averaged, at least s + 1 pixels;
            None: the image as it is.

    Returns:
        4 K features, ordered by quarter (upper left, upper right, lower left, lower right), then
        centroid. Of h - s + 1 rows of patches the first half, rounded down, is the upper one. Cost
        O(n h w d (d + K)).
    """
    found = np.zeros((len(images), 4 * len(centroids)))
    for i, image in enumerate(images):
        views = [image, image[:, ::-1]] if flip else [image]
        if crop is not None:
            h, w, _ = image.shape
            corners = crops_at(h - crop, w - crop)
            views = [view[r : r + crop, c : c + crop] for view in views for r, c in corners]
        pooled = [_pooled_activations(v, centroids, mean, matrix, patch_size) for v in views]
        found[i] = np.mean(pooled, axis=0)
    return found


def _pooled_activations(
    image: np.ndarray, centroids: np.ndarray, mean: np.ndarray, matrix: np.ndarray, s: int
) -> Float[np.ndarray, " features"]:
    n_rows = image.shape[0] - s + 1
    n_columns = image.shape[1] - s + 1
    places = np.array([(0, r, c) for r in range(n_rows) for c in range(n_columns)])
    patches = normalise_contrast(patches_at(image[None], places, s))
    whitened = (patches - mean) @ matrix
    z = np.linalg.norm(whitened[:, None] - centroids[None], axis=2)
    f = np.maximum(0, z.mean(axis=1, keepdims=True) - z).reshape(n_rows, n_columns, -1)
    up = n_rows // 2
    left = n_columns // 2
    quarters = (f[:up, :left], f[:up, left:], f[up:, :left], f[up:, left:])
    return np.concatenate([quarter.mean(axis=(0, 1)) for quarter in quarters])
