"""Scores of a clustering by its centroids: no distances between points.

What is small within a cluster must not drown in how far the clusters are from each other. So every
point is held relative to a point amid its own cluster, its anchor, and only k centroids are held,
in float64, relative to all.

Sources: Calinski & Harabasz, A dendrite method for cluster analysis, 1974. Davies & Bouldin, A
cluster separation measure, 1979.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real
from scipy.spatial.distance import cdist

from scratchclust import rows
from scratchclust.distances import PRECISION, centre_of
from scratchclust.metrics.inputs import FAR, anchors, details_in_range, points_in_range
from scratchclust.metrics.labels import Labeling, Labels, cluster_sizes, encode_clusters
from scratchclust.rows import AnyArray

# Centroids nearer than the rounding of their means coincide: float32's of the spread about them,
# and float64's of where they are.
COINCIDING = 4 * float(np.finfo(np.float32).eps), 4 * float(np.finfo(np.float64).eps)
# distances that float32 holds together with their lesser coordinates, if it squares none
LEAST_UNSQUARED = 2.0**-100
# to which a block's distances are taken off the CPU, where each step of a loop starts kernels that
# read the block anew
MEANS_AT_ONCE = 16


class Centred(NamedTuple):
    """Points relative to a point amid their own cluster, and the means of the clusters."""

    # x - anchor [n_blocks block d], and the codes + 1 [n_blocks block], so that the filling is
    # noise
    data: rows.Rows
    anchors: Float[np.ndarray, "k d"]  # float64, relative to the centre of all points
    means: Float[np.ndarray, "k d"]  # float64, relative to the anchors
    sizes: Int[np.ndarray, " k"]

    @property
    def centroids(self) -> Float[np.ndarray, "k d"]:
        """The means relative to the centre of all points."""
        return self.anchors + self.means


def calinski_harabasz_score(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The spread of the k centroids over that of the points about their own. Larger is better.

        sum_j n_j |c_j - c|^2 / (k - 1)
        -------------------------------          with c the mean of all n points
        sum_i |x_i - c_l(i)|^2 / (n - k)

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise and left
            out.

    Returns:
        The ratio; 1 when every point lies on its centroid (as in scikit-learn).

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different
            lengths; clusters 10^45 times as far away as others are wide.
    """
    X = points_in_range(X)
    labeling = encode_clusters(X, labels)
    centred = centre_on_clusters(details_in_range(X, labeling, LEAST_UNSQUARED), labeling)
    return calinski_harabasz_of(distances_to_own(centred, len(X)), centred.centroids, labeling)


def calinski_harabasz_of(
    own: Float[np.ndarray, " n"], centroids: Float[np.ndarray, "k d"], labeling: Labeling
) -> float:
    """The score, from the distance of each point to the centroid of its cluster."""
    within = float((own[labeling.codes >= 0] ** 2).sum())
    sizes = cluster_sizes(labeling)
    centre = sizes @ centroids / sizes.sum()
    between = float(sizes @ ((centroids - centre) ** 2).sum(axis=1))
    k = len(sizes)
    n = sizes.sum()
    return float(between * (n - k) / (within * (k - 1))) if within > 0 else 1.0


def davies_bouldin_score(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The mean over the clusters of their likeness to the most similar other. Smaller is better.

        1/k sum_i max_{j != i} (s_i + s_j) / |c_i - c_j|

    with s_i the mean distance of the points of cluster i to its centroid c_i.

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise and left
            out.

    Returns:
        The mean likeness, at least 0; 0 when every point lies on its centroid. Coinciding centroids
        are passed over.

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different
            lengths; clusters 10^45 times as far away as others are wide.
    """
    X = points_in_range(X)
    labeling = encode_clusters(X, labels)
    centred = centre_on_clusters(details_in_range(X, labeling, LEAST_UNSQUARED), labeling)
    spread = mean_spread(distances_to_own(centred, len(X)), labeling)
    return davies_bouldin_of(spread, centred.centroids)


def davies_bouldin_of(
    spread: Float[np.ndarray, " k"], centroids: Float[np.ndarray, "k d"]
) -> float:
    """The score, from the `mean_spread` and the centroid of each cluster."""
    both = spread[:, None] + spread[None]
    gaps = cdist(centroids, centroids)
    norms = np.linalg.norm(centroids, axis=1)
    apart = gaps > COINCIDING[0] * both + COINCIDING[1] * np.maximum(norms[:, None], norms[None])
    likeness = np.where(apart, both / np.where(apart, gaps, 1), 0)
    return float(likeness.max(axis=1).mean())


def centre_on_clusters(X: Real[AnyArray, "n d"], labeling: Labeling) -> Centred:
    """The points relative to their anchors, and the mean of each cluster, in float64.

    A float32 sum over many points loses digits. So the mean is taken twice, the second time of what
    is left of each point after the first: its rounding is as much smaller as the points are near to
    their mean. Where all points of a cluster coincide, the mean is that point to the last bit.
    """
    block = rows.block_size(len(X), max(X.shape[1], labeling.n_clusters))
    points = anchors(X, labeling)
    codes = labeling.codes
    x = rows.split(X, block=block, offset=points, group=codes)
    data = rows.Rows((x, rows.split(codes + 1, block=block, dtype=np.int32)), rows.mesh())
    sizes = cluster_sizes(labeling)
    means = np.zeros(points.shape, x.dtype)
    exact = np.zeros(points.shape)
    for _ in range(2):
        exact = means + np.asarray(_residual_sums(data, means), np.float64) / sizes[:, None]
        means = exact.astype(means.dtype)
    return Centred(
        data, points.astype(np.float64) - np.asarray(centre_of(X), np.float64), exact, sizes
    )


def distances_to_own(centred: Centred, n: int) -> Float[np.ndarray, " n"]:
    """The distance of each point to the mean of its own cluster, as float64. Cost O(n d)."""
    return np.asarray(
        rows.join(_own(centred.data, _in_type_of(centred, centred.means)), n), np.float64
    )


def distances_to_other(
    centred: Centred, spread: Float[np.ndarray, " k"], n: int
) -> Float[np.ndarray, " n"]:
    """The distance of each point to the nearest mean of another cluster, as float64. Cost O(n k d).

    With a the anchor of the point and c the other mean, x - c = ((x - a) + a) - c. Where a cluster
    is far from the centre and small (its `mean_spread`), as `has_far_clusters` says, a and c are
    both the sum of two numbers of the device's precision, and

        x - c = (x - a) + ((a_high - c_high) + (a_low - c_low))

    which keeps its digits where two clusters are near to each other and far from the centre, and
    takes twice as long.
    """
    away = np.linalg.norm(centred.centroids, axis=1)
    in_two = bool(((centred.sizes > 1) & (away > FAR * spread)).any())
    pairs = [_parts(centred, values, in_two) for values in (centred.anchors, centred.centroids)]
    return np.asarray(rows.join(_other(centred.data, *pairs), n), np.float64)


def mean_spread(own: Float[np.ndarray, " n"], labeling: Labeling) -> Float[np.ndarray, " k"]:
    """The mean distance of the points of each cluster to its mean, from that of each point."""
    clustered = labeling.codes >= 0
    return np.bincount(labeling.codes[clustered], weights=own[clustered]) / cluster_sizes(labeling)


def _in_type_of(centred: Centred, values: np.ndarray) -> np.ndarray:
    return values.astype(centred.data.arrays[0].dtype)


def _parts(
    centred: Centred, values: np.ndarray, in_two: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Values [k d] as they round to the device's precision, and the rest, or None."""
    high = _in_type_of(centred, values)
    return high, _in_type_of(centred, values - high) if in_two else None


@jax.jit
def _residual_sums(data: rows.Rows, means: Array) -> Array:
    """The sum of x - means[label] over the points of each cluster, [k d]."""

    def block(x: Array, codes: Array, means: Array) -> tuple[Array, None]:
        one_hot = jax.nn.one_hot(codes - 1, len(means), dtype=x.dtype, axis=0)
        return jnp.matmul(one_hot, x - means[codes - 1], precision=PRECISION), None

    return rows.map_sum(block, data, means)[0]


@jax.jit
def _own(data: rows.Rows, means: Array) -> Array:
    def block(x: Array, codes: Array, means: Array) -> tuple[None, Array]:
        left = x - means[codes - 1]
        largest = jnp.abs(left).max(axis=1)  # very small numbers must not be squared
        return None, largest * jnp.sqrt(
            ((left / jnp.where(largest > 0, largest, 1)[:, None]) ** 2).sum(axis=1)
        )

    return rows.map_sum(block, data, means)[1]


@jax.jit
def _other(
    data: rows.Rows, anchors: tuple[Array, Array | None], means: tuple[Array, Array | None]
) -> Array:
    def block(x: Array, codes: Array, anchors: Any, means: Any) -> tuple[None, Array]:
        high, low = jax.tree.map(lambda part: part[codes - 1], anchors)
        whole = x + high

        def distances_to(mean: Any) -> Array:
            if low is None:
                return jnp.sqrt(((whole - mean[0][None]) ** 2).sum(axis=1))
            there = (high - mean[0][None]) + (low - mean[1][None])
            return jnp.sqrt(((x + there) ** 2).sum(axis=1))

        one_by_one = partial(jax.lax.map, distances_to)
        distances = jax.lax.platform_dependent(
            means, cpu=one_by_one, default=partial(one_by_one, batch_size=MEANS_AT_ONCE)
        )
        own = jnp.arange(1, len(distances) + 1)[:, None] == codes[None, :]
        return None, jnp.where(own, jnp.inf, distances).min(axis=0)

    return rows.map_sum(block, data, anchors, means)[1]
