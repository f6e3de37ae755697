"""The silhouette, fast: the twin of `reference/silhouette.py`, which explains the mathematics.

The same functions on all devices, by tiles of the distance matrix: memory O(n (d + k)), never
n x n. Where the steps of the definition are:

    in_range        `points_in_range` and `details_in_range` in `inputs.py`
    clusters_of     `encode_clusters` in `labels.py`
    its loop        `pair_scores` in `pairs.py`, which sums the distances to all clusters at once,
                    or `own_and_nearest` there, where the clusters are many
    a(i), b(i)      `_of_sums`, and the first lines of `silhouettes`
    s(i)            `_ratio`
    centroids       of the simplified score: `centre_on_clusters` in `centroids.py`
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from scratchclust import rows
from scratchclust.checks import finite, one_of, whole
from scratchclust.distances import PRECISION
from scratchclust.errors import InputError
from scratchclust.metrics.centroids import (
    centre_on_clusters,
    distances_to_other,
    distances_to_own,
    mean_spread,
)
from scratchclust.metrics.inputs import details_in_range, points_in_range
from scratchclust.metrics.labels import Labeling, Labels, cluster_sizes, encode_clusters
from scratchclust.metrics.pairs import own_and_nearest, pair_scores
from scratchclust.metrics.silhouette_of_shares import of_all_processes
from scratchclust.metrics.tiles import FEW_SUMS, are_many
from scratchclust.results import SilhouetteEstimate
from scratchclust.rows import AnyArray


def silhouette_samples(
    X: Real[AnyArray, "n d"], labels: Labels, *, metric: str = "euclidean"
) -> Float[np.ndarray, " n"]:
    """s(i) of every point.

    Args:
        X: points; or with metric="precomputed" their distances [n n].
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise.
        metric: "euclidean" or "precomputed".

    Returns:
        s(i) in [-1, 1], NaN for noise, in float64 of what was computed in float32. Cost O(n^2 d)
        time for any k.

    Raises:
        InputError: fewer than two clusters, an unknown metric, or precomputed distances that are
            not square or of which one of a point to itself is not zero, or one between points that
            are not noise is NaN or infinite; X or labels that cannot be read, or of different
            lengths; clusters 10^31 times as far away as others are wide.
    """
    X = points_in_range(X, finite=not isinstance(metric, str) or metric != "precomputed")
    labeling = encode_clusters(X, labels)
    _check_metric(X, metric, labeling)
    if metric == "precomputed":
        return silhouettes(*_of_sums(_sums_of_precomputed(X, labeling), labeling), labeling)
    X = details_in_range(X, labeling)
    few = not are_many(labeling.n_clusters, X.shape[1])
    return silhouettes_of(
        X, labeling, pair_scores(X, [labeling], dunn=False)[0].sums if few else None
    )


def silhouette_score(
    X: Real[AnyArray, "n d"], labels: Labels, *, metric: str = "euclidean"
) -> float:
    """The mean of s(i) over the points that are not noise.

    Arguments and errors are those of `silhouette_samples`.
    """
    return float(np.nanmean(silhouette_samples(X, labels, metric=metric)))


def silhouette_estimate(
    X: Real[AnyArray, "n d"],
    labels: Labels,
    *,
    sample_size: int,
    random_state: int | np.random.Generator | None = None,
) -> SilhouetteEstimate:
    """The mean silhouette, estimated from a sample, each point of which is compared with all n.

    Each sampled s(i) is exact, so the estimate is unbiased, unlike that of scikit-learn's
    `sample_size`, which thins the clusters too. With m points drawn without replacement from n, of
    sample variance v,

        standard error = sqrt((1 - m / n) v / m)

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise, and not
            sampled.
        sample_size: m; with m >= n the result is exact.
        random_state: seed or generator of the draw.

    Returns:
        mean and standard_error. Cost O(m n d) time.

    Raises:
        InputError: a sample of less than two points, and what `silhouette_samples` raises.
    """
    if rows.is_shared():
        found = of_all_processes(X, labels)
    else:
        X = points_in_range(X)
        labeling = encode_clusters(X, labels)
        X = details_in_range(X, labeling)
        found = partial(own_and_nearest, X, labeling), labeling
    compare, labeling = found
    # one point has no spread to judge the error by
    sample_size = whole(2)("sample_size", sample_size)
    clustered = np.flatnonzero(labeling.codes >= 0)
    m = min(sample_size, len(clustered))
    sample = np.sort(np.random.default_rng(random_state).choice(clustered, size=m, replace=False))
    scores = silhouettes(*compare(sample), labeling, sample)
    error = np.sqrt((1 - m / len(clustered)) * scores.var(ddof=1) / m)
    return SilhouetteEstimate(float(scores.mean()), float(error))


def simplified_silhouette_score(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The silhouette with distances to centroids in place of mean distances to points.

        a(i) = |x_i - c_A|      b(i) = min over the other clusters B of |x_i - c_B|

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise and left
            out.

    Returns:
        The mean of s(i); 0 for the only point of a cluster, and where a(i) = b(i) = 0. Cost
        O(n k d) time instead of O(n^2 d).

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different
            lengths; clusters 10^31 times as far away as others are wide.
    """
    X = points_in_range(X)
    labeling = encode_clusters(X, labels)
    centred = centre_on_clusters(details_in_range(X, labeling), labeling)
    a = distances_to_own(centred, len(X))
    b = distances_to_other(centred, mean_spread(a, labeling), len(X))
    alone = centred.sizes[labeling.codes] == 1
    return float(np.mean(_ratio(a, b, alone)[labeling.codes >= 0]))


def silhouettes_of(
    X: Real[AnyArray, "n d"], labeling: Labeling, sums: Float[np.ndarray, "n k"] | None
) -> Float[np.ndarray, " n"]:
    """s(i) of every point, from the sums of its distances to each cluster, or else from X."""
    if sums is not None:
        return silhouettes(*_of_sums(sums, labeling), labeling)
    clustered = np.flatnonzero(labeling.codes >= 0)
    scores = np.full(len(X), np.nan)
    scores[clustered] = silhouettes(*own_and_nearest(X, labeling, clustered), labeling, clustered)
    return scores


def silhouettes(
    own: Float[np.ndarray, " m"],
    nearest: Float[np.ndarray, " m"],
    labeling: Labeling,
    sample: Int[np.ndarray, " m"] | None = None,
) -> Float[np.ndarray, " m"]:
    """s(i) in float64; NaN for noise.

    Args:
        own: the sum of the distances to the points of the own cluster.
        nearest: the least mean distance to the points of another.
        labeling: the clusters of all points.
        sample: which points these are; None for all.
    """
    codes = labeling.codes if sample is None else labeling.codes[sample]
    sizes = cluster_sizes(labeling)[codes]
    a = own.astype(np.float64) / np.maximum(sizes - 1, 1)
    return np.where(codes < 0, np.nan, _ratio(a, nearest.astype(np.float64), sizes == 1))


def _of_sums(sums: Float[np.ndarray, "n k"], labeling: Labeling) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the distances to the own cluster, and the least mean to another, from all sums."""
    point = np.arange(len(sums))
    codes = labeling.codes
    means = sums.astype(np.float64) / cluster_sizes(labeling)
    means[point, codes] = np.inf
    return sums[point, codes], means.min(axis=1)


def _ratio(a: np.ndarray, b: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """(b - a) / max(a, b), and 0 for a point alone in its cluster or without any distance."""
    larger = np.maximum(a, b)
    return np.where(alone | (larger == 0), 0, (b - a) / np.where(larger > 0, larger, 1))


def _sums_of_precomputed(D: AnyArray, labeling: Labeling) -> np.ndarray:
    """The sum of the distances of each point to each cluster, from the distances themselves."""
    data = rows.Rows((rows.split(D, block=rows.block_size(len(D), len(D))),), rows.mesh())
    return np.asarray(rows.join(_row_sums(data, labeling.codes, labeling.n_clusters), len(D)))


def _check_metric(X: AnyArray, metric: str, labeling: Labeling) -> None:
    one_of("euclidean", "precomputed")("metric", metric)
    if metric == "euclidean":
        return
    if X.shape[0] != X.shape[1]:
        raise InputError(
            f'metric="precomputed" expects square distances [n n], got {list(X.shape)}: '
            "give the distance of each point to each"
        )
    if X.diagonal().any():
        raise InputError(
            'metric="precomputed" expects zeros on the diagonal, got others: '
            "set them with np.fill_diagonal(X, 0)"
        )
    clustered = labeling.codes >= 0
    between = np.asarray(X)[np.ix_(clustered, clustered)]
    finite(between, "the distances between points in clusters", "make those points noise (-1)")


@partial(jax.jit, static_argnames="n_clusters")
def _row_sums(data: rows.Rows, codes: Array, n_clusters: int) -> Array:
    def block(D: Array, codes: Array) -> tuple[None, Array]:
        to_clusters = jnp.where((codes >= 0)[None, :], D, 0)  # infinity times 0 would be no number
        if n_clusters > FEW_SUMS:
            sums = jnp.zeros((n_clusters, len(D)), D.dtype)
            return None, sums.at[jnp.where(codes >= 0, codes, n_clusters)].add(
                to_clusters.T, mode="drop"
            ).T
        one_hot = jax.nn.one_hot(codes, n_clusters, dtype=D.dtype)
        return None, jnp.matmul(to_clusters, one_hot, precision=PRECISION)

    return rows.map_sum(block, data, codes)[1]
