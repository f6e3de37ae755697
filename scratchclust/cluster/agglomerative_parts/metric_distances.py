"""All distances of points in the metrics of agglomerative clustering, in float64 on the host.

euclidean   |x - y|
cosine      1 - cos(x, y) = |u - v|^2 / 2    with u = x / |x|, v = y / |y|
manhattan   sum_f |x_f - y_f|
precomputed what came
"""

import numpy as np
from jaxtyping import Float, Real
from scipy.spatial.distance import cdist

from scratchclust.constants import DISTANCE_ASYMMETRY
from scratchclust.distances import unit_rows
from scratchclust.errors import InputError
from scratchclust.exact_pairs import all_distances


def metric_distances(X: Real[np.ndarray, "n d"], metric: str) -> Float[np.ndarray, "n n"]:
    """The distances of all pairs, infinite from a point to itself.

    Cost O(n^2 d) time, 8 n^2 bytes.

    Args:
        X: points, or distances [n n] for "precomputed", of which a copy is made.
        metric: "euclidean", "cosine", "manhattan" or "precomputed".

    Raises:
        InputError: a row of zeros for "cosine"; for "precomputed" what is not square, negative or
            not symmetric.
    """
    if metric == "euclidean":
        return all_distances(X)
    if metric == "cosine":
        distances = all_distances(np.asarray(unit_rows(X.astype(np.float64))))
        np.square(distances, out=distances)
        distances /= 2
        return distances
    distances = cdist(X, X, "cityblock") if metric == "manhattan" else _copy_of_distances(X)
    np.fill_diagonal(distances, np.inf)
    return distances


def _copy_of_distances(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """A copy of a matrix of distances, in which what is below the diagonal is that above it."""
    if X.shape[0] != X.shape[1]:
        raise InputError(
            f"Distance matrix should be square, got matrix of shape {X.shape}: "
            "give the distances of all pairs"
        )
    if X.min() < 0:
        raise InputError(
            f"expected distances of at least 0, got {X.min():g}: give distances, not similarities"
        )
    distances = X.astype(np.float64)
    most = DISTANCE_ASYMMETRY * float(X.max())
    for i in range(len(X) - 1):
        there = distances[i, i + 1 :]
        back = distances[i + 1 :, i]
        if np.abs(there - back).max() > most:
            raise InputError(
                "expected as far from i to j as from j to i: "
                "give a symmetric matrix, (D + D.T) / 2 for instance"
            )
        back[:] = there
    return distances
