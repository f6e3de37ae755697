"""The nearest other point of each point: where Ward's linkage and the spanning tree begin."""

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust.exact_pairs import centre_rows, nearest_among, pair_squares
from scratchclust.neighbors import nearest_neighbors


def first_neighbors(
    X: Real[np.ndarray, "n d"],
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nearest other point of each, and its squared distance in float64, found on all devices.

    Two candidates that differ by less than rounding in float32 are decided in float64.
    """
    found = nearest_neighbors(X, min(2, len(X) - 1))
    x = centre_rows(X)
    everyone = np.arange(len(X))
    nearest = found.indices[:, 0].astype(np.int64)
    squares = pair_squares(x, x, everyone, nearest)
    tie = 4 * (X.shape[1] + 4) * float(np.finfo(np.float32).eps)
    apart = found.distances[:, -1] - found.distances[:, 0]
    doubtful = np.flatnonzero(apart <= tie * found.distances[:, -1])
    if len(X) > 2 and len(doubtful):
        nearest[doubtful], squares[doubtful] = nearest_among(x, doubtful, everyone)
    return nearest, squares
