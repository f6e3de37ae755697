"""Points as the internal scores take them: finite, and in a range whose squares float32 holds."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.spatial import KDTree

from scratchclust import shares
from scratchclust.arrays import as_points
from scratchclust.distances import LEAST_DETAIL, centre_of, exponent_of, scaled
from scratchclust.errors import InputError
from scratchclust.metrics.labels import Labeling, cluster_sizes
from scratchclust.rows import AnyArray

# times its mean distance to its own middle: so far away is a cluster whose distances float32 blurs
FAR = 64.0
FEW = 16  # one of so many points is looked at first


def points_in_range(X: Any, *, finite: bool = True) -> AnyArray:
    """X [n d] as `arrays.as_points` gives it, times a power of two if its squares need one.

    No internal score depends on the unit of length. So where X is very wide or very narrow it is
    multiplied by a power of two, which costs no digit, before float32 squares anything.

    Args:
        X: array-like.
        finite: whether NaN and infinity are refused; else X holds distances, and the least of them
            is 0.

    Raises:
        InputError: not two-dimensional, no real numbers, not finite, sparse, no rows.
    """
    shares.refuse("this score")
    X = as_points(X, finite=finite)
    if finite:
        exponent = exponent_of(X)
        return scaled(X, centre_of(X), exponent) if exponent else X
    xp = np if isinstance(X, np.ndarray) else jnp
    exponent = exponent_of(xp.where(xp.isfinite(X), X, 0))
    return scaled(X, np.zeros(X.shape[1]), exponent) if exponent else X


def details_in_range(X: AnyArray, labeling: Labeling, least: float = LEAST_DETAIL) -> AnyArray:
    """X, or a multiple of it, in which nothing small vanishes beside clusters that are far away.

    Args:
        X: points in range.
        labeling: their clusters.
        least: distances that can be computed.

    Raises:
        InputError: the smallest cluster, or distance between two, is too small beside the width of
            X.
    """
    detail = least_detail(X, labeling, least)
    if detail >= least:
        return X
    exponent = exponent_of(X, detail=detail)
    if math.ldexp(detail, -exponent) < least:
        centre = np.asarray(centre_of(X), np.float64)
        times = float(np.abs(anchors(X, labeling) - centre).max()) / detail
        raise InputError(
            f"expected clusters that float32 can compare, got some {times:.1g} times as far away "
            "as others are wide, or from each other: leave out the far ones, or score them apart"
        )
    return scaled(X, centre_of(X), exponent) if exponent else X


def least_detail(X: AnyArray, labeling: Labeling, least: float) -> float:
    """The smallest radius of a cluster about its anchor, or distance of two anchors, above 0.

    Lengths are those of the largest coordinate: nothing is squared. A few members of each cluster
    tell that nothing is below `least`: then infinity is returned; else all members are looked at.
    """
    members = _few_members(X, labeling)
    points = members[:, (members.shape[1] - 1) // 2]
    sizes = cluster_sizes(labeling)
    radii = np.maximum(members[:, -1] - points, points - members[:, 0]).max(axis=1)
    steps = np.diff(np.sort(points, axis=0), axis=0)
    if ((radii < least) & (sizes > 1)).any():
        radii = np.zeros(len(sizes))
        clustered = labeling.codes >= 0
        np.maximum.at(
            radii,
            labeling.codes[clustered],
            _from_anchors(X, points, labeling, math.inf)[clustered],
        )
    if ((steps > 0) & (steps < least)).any():
        distinct = np.unique(points, axis=0)
        steps = KDTree(distinct).query(distinct, k=2, p=np.inf)[0][:, 1]
    lengths = np.append(radii, steps)
    detail = float(lengths[lengths > 0].min(initial=np.inf))
    return detail if detail < least else math.inf


def anchors(X: AnyArray, labeling: Labeling) -> np.ndarray:
    """A point [k d] amid each cluster: the lower median, by features, of a few of its members.

    What is small within a cluster keeps its digits if it is taken relative to that point, however
    far away the other clusters are.
    """
    members = _few_members(X, labeling)
    return members[:, (members.shape[1] - 1) // 2]


def _few_members(X: AnyArray, labeling: Labeling) -> np.ndarray:
    """At most 9 members of each cluster [k few d], at most n in all, each feature sorted."""
    n_noise = np.count_nonzero(labeling.codes < 0)
    # NumPy sorts 16 bits in linear time
    small = labeling.codes.astype(np.min_scalar_type(-labeling.n_clusters))
    order = np.argsort(small, kind="stable")[n_noise:]
    sizes = cluster_sizes(labeling)[:, None]
    few = int(np.clip(len(order) // labeling.n_clusters, 1, 9))
    ends = np.cumsum(sizes)[:, None]
    chosen = order[ends - sizes + np.arange(few) * sizes // few]
    return np.sort(np.asarray(X[chosen]), axis=1)


def has_far_clusters(X: AnyArray, labeling: Labeling) -> bool:
    """Whether float32 blurs the distances of a cluster that is small and far from the centre.

    Relative to the centre of all points float32 rounds a cluster at R to R / 2^24; that is less
    than 2^-18 of its mean distances while they are larger than R / 64.
    """
    points = anchors(X, labeling)
    away = np.linalg.norm(points - np.asarray(centre_of(X), np.float64), axis=1)
    sizes = cluster_sizes(labeling)

    def has_far(stride: int) -> bool:
        codes = labeling.codes[::stride]
        some = Labeling(codes, labeling.n_clusters)
        spread = _from_anchors(X[::stride], points, some, 2.0)[codes >= 0]
        totals = np.bincount(codes[codes >= 0], weights=spread, minlength=labeling.n_clusters)
        return bool(((sizes > 1) & (away * sizes > FAR * totals)).any())

    # The sums over a few points are no larger than those over all, and nearly always large enough.
    strides = (FEW, 1) if isinstance(X, np.ndarray) else (1,)
    return all(has_far(stride) for stride in strides)


def _from_anchors(X: AnyArray, points: np.ndarray, labeling: Labeling, order: float) -> np.ndarray:
    """The length [n] of each point less that of its cluster, in the norm of this order.

    Of noise it means nothing.
    """
    if not isinstance(X, np.ndarray):
        return np.asarray(_lengths(X, points, labeling.codes, order))
    step = max(1, 2**20 // X.shape[1])
    strips = [slice(first, first + step) for first in range(0, len(X), step)]
    return np.concatenate(
        [np.linalg.norm(X[i] - points[labeling.codes[i]], ord=order, axis=1) for i in strips]
    )


@partial(jax.jit, static_argnames="order")
def _lengths(X: Array, points: Array, codes: Array, order: float) -> Array:
    return jnp.linalg.norm(X - points[codes], ord=order, axis=1)
