"""Distances in float64 on the host, for the few rows that a product in float32 leaves in doubt.

The same expansion |x|^2 - 2 x.y + |y|^2, now in float64; the pairs that even this leaves in doubt are computed by the
definition sum_f (x_f - y_f)^2. So what is decided here is what the NumPy reference decides.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.distances import error_bound

STRIP = 2**22  # distances that are held at a time
PAIRS = 2**22  # numbers of the differences that are held at a time


def near_rows(
    X: Real[np.ndarray, "n d"], indices: Int[np.ndarray, " m"], eps: float
) -> Iterator[tuple[Int[np.ndarray, " part"], Bool[np.ndarray, "part n"]]]:
    """Some of the rows after others, and which points lie within eps of them.

    Args:
        X: points.
        indices: the rows that ask.
        eps: the largest distance, which is still near.

    Yields:
        Parts of `indices`, and their neighbours. Cost O(m n d) time and O(n d) memory.
    """
    if not len(indices):
        return
    centred = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    norms = (centred**2).sum(axis=1)
    gamma = 2 * error_bound(0.5, X.shape[1] + 12, np.float64)
    for part in np.array_split(indices, -(-len(indices) * len(X) // STRIP)):
        sums = norms[part][:, None] + norms[None, :]
        squares = sums - 2 * centred[part] @ centred.T
        near = squares <= eps**2
        i, j = np.nonzero(np.abs(squares - eps**2) <= gamma * (sums + eps**2))
        near[i, j] = pair_squares(X, part[i], j) <= eps**2
        yield part, near


def pair_squares(
    X: Real[np.ndarray, "n d"], i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """|x_i - x_j|^2 of pairs of rows, by the definition in float64."""
    squares = np.empty(len(i))
    step = max(PAIRS // X.shape[1], 1)
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        squares[part] = np.square(X[i[part]].astype(np.float64) - X[j[part]].astype(np.float64)).sum(axis=1)
    return squares
