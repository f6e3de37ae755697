"""The distances of every point to every centroid, as a map over blocks of rows."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.float64_on_host import distances_in_float64, is_float64
from scratchclust.cluster.kmeans_parts.points import points_in_blocks
from scratchclust.distances import centre_of, squared_distances, squared_norms
from scratchclust.rows import AnyArray

# Share of |x|^2 + |c|^2: nearer pairs would lose more than the last ten of 24 bits in the
# expanded square.
NEAR_CENTROID = 2.0**-8


def distances_to_centroids(
    X: Real[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]
) -> Float[AnyArray, "n k"]:
    """|x_i - c_j|. Cost O(n k d) time; the result is the only array of size n x k.

    By the expanded square; blocks in which a point is too near to a centroid for that, by the
    definition. Float64 NumPy points in float64 on the host.
    """
    if is_float64(X):
        return distances_in_float64(np.asarray(X), np.asarray(centroids))
    points = points_in_blocks(X, offset=centre_of(centroids), n_clusters=len(centroids))
    return rows.join(_distances(points.rows, points.centred(centroids)), len(X))


@jax.jit
def _distances(data: rows.Rows, centroids: Array) -> Array:
    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[None, Array]:
        squared = squared_distances(x, centroids)
        norms = x_norms[:, None] + squared_norms(centroids)[None, :]
        is_near = (squared < NEAR_CENTROID * norms) & (weights > 0)[:, None]  # not in the filling
        near = is_near.any()

        def by_definition() -> Array:
            return jax.lax.platform_dependent(x, centroids, cpu=_one_by_one, default=_all_at_once)

        return None, jnp.sqrt(jax.lax.cond(near, by_definition, lambda: squared))

    return rows.map_sum(block, data, centroids)[1]


def _one_by_one(x: Float[Array, "m d"], centroids: Float[Array, "k d"]) -> Float[Array, "m k"]:
    """|x_i - c_j|^2 by the definition, one centroid after the other."""
    return jax.lax.map(lambda centroid: ((x - centroid[None]) ** 2).sum(axis=1), centroids).T


def _all_at_once(x: Float[Array, "m d"], centroids: Float[Array, "k d"]) -> Float[Array, "m k"]:
    """The same on an accelerator, where k small steps take longer; the differences [m k d] are
    computed where they are summed, and never written.
    """
    return ((x[:, None] - centroids[None]) ** 2).sum(axis=2)
