"""The distances of every point to every centroid, as a map over blocks of rows."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.cluster.nearest_centroid import points_in_blocks
from scratchclust.distances import mean_of, squared_distances

AnyArray = Array | np.ndarray


def distances_to_centroids(X: Float[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]) -> Float[Array, "n k"]:
    """|x_i - c_j|. Cost O(n k d) time; the result is the only array of size n x k."""
    points = points_in_blocks(X, offset=mean_of(centroids), n_clusters=len(centroids))
    return rows.join(_distances(points.rows, points.centred(centroids)), len(X))


@jax.jit
def _distances(data: rows.Rows, centroids: Array) -> Array:
    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[None, Array]:
        return None, jnp.sqrt(squared_distances(x, centroids))

    return rows.map_sum(block, data, centroids)[1]
