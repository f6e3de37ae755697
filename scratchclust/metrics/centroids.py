"""Scores of a clustering by its centroids: O(n k d), no distances between points.

Sources: Calinski & Harabasz, A dendrite method for cluster analysis, 1974. Davies & Bouldin, A cluster separation
measure, 1979.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real
from scipy.spatial.distance import cdist

from scratchclust import rows
from scratchclust.distances import PRECISION
from scratchclust.metrics.agreement import Labels
from scratchclust.metrics.inputs import AnyArray, Labeling, as_points, encode_clusters, finite_centre

# Centroids nearer than this, relative to the longest, coincide: the points are known to float32's rounding only.
COINCIDING = 4 * float(np.finfo(np.float32).eps)


def calinski_harabasz_score(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The variance ratio: spread of the k centroids over the spread of the points about their own. Larger is better.

        sum_j n_j |c_j - c|^2 / (k - 1)
        -------------------------------          with c the mean of all n points
        sum_i |x_i - c_l(i)|^2 / (n - k)

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise and left out.

    Returns:
        The ratio; 1 when every point lies on its centroid (as in scikit-learn).

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different lengths.
    """
    X = as_points(X)
    labeling = encode_clusters(X, labels)
    means, sizes = cluster_means(X, labeling), _sizes(labeling)
    own, _ = distances_to_means(X, labeling, means)
    within = float((own[labeling.codes >= 0].astype(np.float64) ** 2).sum())
    centre = sizes @ means / sizes.sum()
    between = float(sizes @ ((means - centre) ** 2).sum(axis=1))
    k, n = len(sizes), sizes.sum()
    return float(between * (n - k) / (within * (k - 1))) if within > 0 else 1.0


def davies_bouldin_score(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The mean over the clusters of their likeness to the most similar other cluster. Smaller is better.

        1/k sum_i max_{j != i} (s_i + s_j) / |c_i - c_j|      with s_i the mean distance of cluster i to its centroid

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise and left out.

    Returns:
        The mean likeness, at least 0; 0 when every point lies on its centroid. Coinciding centroids are passed over.

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different lengths.
    """
    X = as_points(X)
    labeling = encode_clusters(X, labels)
    means, sizes = cluster_means(X, labeling), _sizes(labeling)
    own, _ = distances_to_means(X, labeling, means)
    clustered = labeling.codes >= 0
    spread = np.bincount(labeling.codes[clustered], weights=own[clustered]) / sizes
    gaps = cdist(means, means)
    apart = gaps > COINCIDING * np.linalg.norm(means, axis=1).max()
    likeness = np.where(apart, (spread[:, None] + spread[None]) / np.where(apart, gaps, 1), 0)
    return float(likeness.max(axis=1).mean())


def cluster_means(X: Real[AnyArray, "n d"], labeling: Labeling) -> Float[np.ndarray, "k d"]:
    """The mean of each cluster, in float64 and relative to the centre of X.

    A float32 sum over many points loses digits. So the mean is taken twice, the second time of what is left of each
    point after the first: its rounding is as much smaller as the points are near to their mean. Where all points of
    a cluster coincide, the mean is that point to the last bit.
    """
    data, codes = _in_blocks(X, labeling)
    means = np.zeros((labeling.n_clusters, X.shape[1]), data.arrays[0].dtype)
    for _ in range(2):
        left = np.asarray(_residual_sums(data, codes, means), np.float64) / _sizes(labeling)[:, None]
        exact = means + left
        means = exact.astype(means.dtype)
    return exact


def distances_to_means(
    X: Real[AnyArray, "n d"], labeling: Labeling, means: Float[np.ndarray, "k d"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The distance of each point to the mean of its own cluster, and to the nearest of another one."""
    data, codes = _in_blocks(X, labeling)
    own, other = _own_and_other(data, codes, jnp.asarray(means, data.arrays[0].dtype))
    return np.asarray(rows.join(own, len(X))), np.asarray(rows.join(other, len(X)))


def _sizes(labeling: Labeling) -> np.ndarray:
    return np.bincount(labeling.codes[labeling.codes >= 0], minlength=labeling.n_clusters)


def _in_blocks(X: AnyArray, labeling: Labeling) -> tuple[rows.Rows, Array]:
    """X less its centre, and the codes + 1, so that the filling counts as noise."""
    block = rows.block_size(len(X), max(X.shape[1], labeling.n_clusters))
    data = rows.Rows((rows.split(X, block=block, offset=finite_centre(X)),), rows.mesh())
    return data, rows.split(labeling.codes + 1, block=block, dtype=np.int32)


@jax.jit
def _residual_sums(data: rows.Rows, codes: Array, means: Array) -> Array:
    """The sum of x - means[label] over the points of each cluster, [k d]."""

    def block(x: Array, codes: Array, means: Array) -> tuple[Array, None]:
        one_hot = jax.nn.one_hot(codes - 1, len(means), dtype=x.dtype, axis=0)
        return jnp.matmul(one_hot, x - means[codes - 1], precision=PRECISION), None

    return rows.map_sum(block, rows.Rows((*data.arrays, codes), data.mesh), means)[0]


@jax.jit
def _own_and_other(data: rows.Rows, codes: Array, means: Array) -> tuple[Array, Array]:
    def block(x: Array, codes: Array, means: Array) -> tuple[None, tuple[Array, Array]]:
        distances = jax.lax.map(lambda mean: jnp.sqrt(((x - mean[None]) ** 2).sum(axis=1)), means)
        own = jnp.arange(1, len(means) + 1)[:, None] == codes[None, :]
        return None, (jnp.where(own, distances, 0).sum(axis=0), jnp.where(own, jnp.inf, distances).min(axis=0))

    return rows.map_sum(block, rows.Rows((*data.arrays, codes), data.mesh), means)[1]
