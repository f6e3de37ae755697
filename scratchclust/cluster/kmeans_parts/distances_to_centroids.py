"""The distances of every point to every centroid, as a map over blocks of rows."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.exact_centroids import distances_exactly, is_exact
from scratchclust.cluster.kmeans_parts.nearest_centroid import points_in_blocks
from scratchclust.distances import centre_of, squared_distances, squared_norms

AnyArray = Array | np.ndarray
# of |x|^2 + |c|^2: nearer ones would lose more than the last ten of 24 bits in the expanded square
NEAR = 2.0**-8


def distances_to_centroids(
    X: Real[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]
) -> Float[AnyArray, "n k"]:
    """|x_i - c_j|. Cost O(n k d) time; the result is the only array of size n x k.

    By the expanded square; blocks in which a point is too near to a centroid for that, by the
    definition. Float64 NumPy points in float64 on the host.
    """
    if isinstance(X, np.ndarray) and is_exact(X):
        return distances_exactly(X, np.asarray(centroids))
    points = points_in_blocks(X, offset=centre_of(centroids), n_clusters=len(centroids))
    return rows.join(_distances(points.rows, points.centred(centroids)), len(X))


@jax.jit
def _distances(data: rows.Rows, centroids: Array) -> Array:
    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[None, Array]:
        squared = squared_distances(x, centroids)
        lost = squared < NEAR * (x_norms[:, None] + squared_norms(centroids)[None, :])
        near = (lost & (weights > 0)[:, None]).any()  # not in the filling

        def by_definition() -> Array:
            return jax.lax.map(
                lambda centroid: ((x - centroid[None]) ** 2).sum(axis=1), centroids
            ).T

        return None, jnp.sqrt(jax.lax.cond(near, by_definition, lambda: squared))

    return rows.map_sum(block, data, centroids)[1]
