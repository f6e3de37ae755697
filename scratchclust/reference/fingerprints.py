"""Near-duplicates among pictures: what two of them must share to be one.

A picture's fingerprint is its pattern, without brightness and contrast, and its mean colour. With
the luma y in [0, 1] shrunk to 16x16 pixels (antialiased: R is `resampling_matrix` of
`scratchclust/data/preprocessing.py`), and the mean m_k of each of c channels in [0, 1],

    s = R_h y R_w^T        p = (s - mean(s)) / max(|s - mean(s)|, 16 v_0)
    fingerprint = round(1024 [p, 0.3 (m_k - 1/2) / sqrt(c)])

v_0, the standard deviation of a picture as good as flat, keeps noise from becoming a pattern.
Whole numbers below 2^10, so that products of fingerprints are exact in float32.

The distance of two pictures is that of their fingerprints over 1024. A slight crop, an enlarged or
a blurred copy moves a pattern along few known directions t_k: two shifts, a scale, and the
Laplacian (sharpness), taken of the mean of both patterns. What they explain does not count:

    warped^2 = |p - q - sum_k a_k t_k|^2 + |colour difference|^2

where a is the solution of least squares, each a_k then cut to [-1/2, 1/2] (of the sharpness
[-1/4, 1/4]): half a pixel, which is 3% of a side. Two pictures are near-duplicates where

    distance <= 0.3 and min(distance, warped) <= 0.08

The fast twin of this file is `scratchclust/curation/fingerprints.py`, which tells how these numbers
were found.

Source: Simard, LeCun and Denker, Efficient pattern recognition using a new transformation distance,
1993 (the tangents; they project on those of one picture or of both, without a bound).
"""

import numpy as np
from jaxtyping import Float, Int, Int16, UInt8

from scratchclust.constants import (
    COLOUR_WEIGHT,
    FINGERPRINT_SIDE,
    FINGERPRINT_UNIT,
    LEAST_CONTRAST,
    LOOKED_AT,
    MOST_SHARPENED,
    MOST_SHIFT,
    NEAR_PICTURES,
)
from scratchclust.reference.distances import squared_distances
from scratchclust.reference.sharpness import laplacian, luma

__all__ = ["fingerprints", "near_pairs", "warped_distances"]

N_PIXELS = FINGERPRINT_SIDE**2
BOUNDS = np.array([MOST_SHIFT, MOST_SHIFT, MOST_SHIFT, MOST_SHARPENED])
RIDGE = 1e-6  # keeps tangents of a flat pattern solvable


def fingerprints(images: UInt8[np.ndarray, "n h w c"]) -> Int16[np.ndarray, "n d"]:
    """Give the fingerprint of each picture, 256 + c whole numbers.

    Args:
        images: of c = 1 or 3 channels.
    """
    n, h, w, c = images.shape
    s = shrinking(h) @ luma(images) @ shrinking(w).T
    pattern = (s - s.mean(axis=(1, 2), keepdims=True)).reshape(n, N_PIXELS)
    length = np.linalg.norm(pattern, axis=1, keepdims=True)
    pattern /= np.maximum(length, FINGERPRINT_SIDE * LEAST_CONTRAST)
    colour = COLOUR_WEIGHT * (images.mean(axis=(1, 2)) / 255 - 0.5) / np.sqrt(c)
    both = np.concatenate([pattern, colour], axis=1)
    return np.rint(FINGERPRINT_UNIT * both).astype(np.int16)


def warped_distances(
    x: Int16[np.ndarray, "pairs d"], y: Int16[np.ndarray, "pairs d"]
) -> Float[np.ndarray, " pairs"]:
    """Give the distance of each two fingerprints that no slight warp explains."""
    difference = (x.astype(np.float64) - y) / FINGERPRINT_UNIT
    middle = (x.astype(np.float64) + y) / (2 * FINGERPRINT_UNIT)
    t = tangents(middle[:, :N_PIXELS].reshape(-1, FINGERPRINT_SIDE, FINGERPRINT_SIDE))
    rest = difference.copy()
    for i, directions in enumerate(t):
        products = directions @ directions.T + RIDGE * np.eye(len(BOUNDS))
        a = np.linalg.solve(products, directions @ difference[i, :N_PIXELS])
        rest[i, :N_PIXELS] -= np.clip(a, -BOUNDS, BOUNDS) @ directions
    return np.linalg.norm(rest, axis=1)


def near_pairs(F: Int16[np.ndarray, "n d"]) -> Int[np.ndarray, "pairs 2"]:
    """Find the pairs i < j of near-duplicates, in order. Cost O(n^2 d) time, O(n^2) memory.

    Args:
        F: fingerprints.
    """
    distances = np.sqrt(squared_distances(F, F)) / FINGERPRINT_UNIT
    i, j = np.nonzero(np.triu(distances <= LOOKED_AT, 1))
    nearest = np.minimum(distances[i, j], warped_distances(F[i], F[j]))
    return np.stack([i, j], axis=1)[nearest <= NEAR_PICTURES]


def tangents(p: Float[np.ndarray, "n side side"]) -> Float[np.ndarray, "n 4 pixels"]:
    """Give the directions in which shifts, a scale and the sharpness move a pattern."""
    down, right = np.gradient(p, axis=(1, 2))
    # of the way to the border, where a scale moves most
    r = (2 * np.arange(FINGERPRINT_SIDE) - FINGERPRINT_SIDE + 1) / FINGERPRINT_SIDE
    scale = down * r[:, None] + right * r
    t = np.stack([down, right, scale, laplacian(p)], axis=1).reshape(len(p), 4, -1)
    return t - t.mean(axis=2, keepdims=True)


def shrinking(n: int) -> Float[np.ndarray, "side n"]:
    """Give the weights of n old pixels in each of 16 new ones: triangles, antialiased."""
    centres = (np.arange(FINGERPRINT_SIDE) + 0.5) * n / FINGERPRINT_SIDE - 0.5
    apart = np.abs(np.arange(n) - centres[:, None]) / max(1, n / FINGERPRINT_SIDE)
    triangle = np.maximum(0, 1 - apart)
    return triangle / triangle.sum(axis=1, keepdims=True)
