"""The nearest centroid of every point, as the definition has it: found in float32, and decided in
float64 on the host.

A device compares all points with all centroids by the expanded square and tells which of them its
rounding leaves in doubt; these few are decided by the definition. So a label depends on nothing but
the point and the centroids: not on the block, the offset or the companions, and what `fit` says of
a point `predict` says too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.exact_centroids import (
    is_exact,
    nearest_exactly,
    squares_exactly,
)
from scratchclust.cluster.kmeans_parts.nearest_centroid import (
    AnyArray,
    Apart,
    Points,
    surely_nearest,
)


def assigned(
    X: Real[AnyArray, "n d"], points: Points, centroids: Float[AnyArray, "k d"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Labels and squared distances, on the host.

    Args:
        X: the points as they came.
        points: the same, in blocks.
        centroids: as they will be handed out, not centred.

    Returns:
        labels [n] int32 by the definition in float64, and the squared distances by the definition:
        in float64 where X is, else in the precision of the blocks.
    """
    apart = Apart.of(points, centroids)
    labels, squares = rows.finished(_surely_assigned(points.rows, points.centred(centroids), apart))
    labels, squares = (np.asarray(rows.join(blocks, points.n)) for blocks in (labels, squares))
    centroids = np.asarray(centroids)
    doubtful = np.flatnonzero(labels < 0)
    if len(doubtful):
        labels, squares = labels.copy(), squares.copy()
        few = rows_of(X, doubtful)
        labels[doubtful] = nearest_exactly(few, centroids)
        squares[doubtful] = squares_exactly(few, centroids, labels[doubtful])
    if isinstance(X, np.ndarray) and is_exact(X):
        squares = squares_exactly(X, centroids, labels)
    return labels, squares


def rows_of(X: Real[AnyArray, "n d"], index: np.ndarray) -> np.ndarray:
    """X[index] on the host: of an array on a GPU only these rows come."""
    if not isinstance(X, jax.Array) or all(device.platform == "cpu" for device in X.devices()):
        return np.asarray(X)[index]
    n = index.size
    padded = np.resize(
        index.reshape(-1), 1 << max(n - 1, 0).bit_length()
    )  # few sizes: few programs
    return np.asarray(X[padded])[:n].reshape(*index.shape, *X.shape[1:])


@jax.jit
def _surely_assigned(data: rows.Rows, centroids: Array, apart: Apart) -> tuple[Array, Array]:
    """The nearest centroid of each point, or -1 where rounding leaves it in doubt, and the squared
    distance to it.
    """

    def block(
        x: Array, x_norms: Array, weights: Array, centroids: Array, apart: Apart
    ) -> tuple[None, tuple[Array, Array]]:
        labels, sure = surely_nearest(x, x_norms, apart)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return None, (jnp.where(sure, labels, -1), distances)

    return rows.map_sum(block, data, centroids, apart)[1]
