"""Points and labels as the internal scores take them: checked, and the clusters counted from 0."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust.arrays import as_points
from scratchclust.distances import centre_of
from scratchclust.errors import InputError
from scratchclust.metrics.agreement import NOISE, Labels, as_labels

AnyArray = Array | np.ndarray
# The largest number of X lies within these powers of two, or becomes about 2^UNIT_EXPONENT.
LEAST_EXPONENT, MOST_EXPONENT, UNIT_EXPONENT = -10, 40, 20
FAR = 64.0  # times its mean distance to its own middle: so far away is a cluster whose distances float32 blurs


class Labeling(NamedTuple):
    """A clustering with its clusters counted from 0."""

    codes: np.ndarray  # [n] int32, -1 for noise
    n_clusters: int


def encode(labels: Labels, name: str = "labels") -> Labeling:
    """Any integer or string labels as codes from 0 to k - 1 in sorted order; the integer -1 stays -1, for noise.

    Raises:
        InputError: no labels, or labels that are neither integers nor strings; the message calls them `name`.
    """
    values, codes = np.unique(as_labels(labels, name), return_inverse=True)
    has_noise = int(values.dtype.kind == "i" and NOISE in values)
    if has_noise:
        noise = int((values == NOISE).argmax())
        codes = np.where(codes == noise, NOISE, codes - (codes > noise))
    return Labeling(codes.astype(np.int32), len(values) - has_noise)


def encode_for(X: Any, labels: Labels, name: str = "labels") -> Labeling:
    """`encode`, and an InputError if there is another number of labels than of points."""
    labeling = encode(labels, name)
    if len(labeling.codes) != len(X):
        raise InputError(
            f"expected one label for each of the {len(X)} points in {name}, got {len(labeling.codes)}: "
            "pass the labels of the same points in the same order"
        )
    return labeling


def encode_clusters(X: Any, labels: Labels) -> Labeling:
    """`encode_for`, and an InputError if there are fewer than two clusters."""
    labeling = encode_for(X, labels)
    if labeling.n_clusters < 2:
        raise InputError(
            f"expected at least two clusters besides noise, found {labeling.n_clusters}: with fewer there is "
            "nothing to compare; check the labels, or ask for more clusters"
        )
    return labeling


def points_in_range(X: Any, *, finite: bool = True) -> AnyArray:
    """X [n d] as every estimator takes it (`arrays.as_points`), times a power of two if its squares need one.

    No internal score depends on the unit of length. So where the largest number of X is very large or very small, X is
    multiplied by a power of two, which costs no digit, before float32 squares anything.

    Args:
        X: array-like.
        finite: whether NaN and infinity are refused.

    Raises:
        InputError: not two-dimensional, no real numbers, not finite, sparse, no rows.
    """
    X = as_points(X, finite=finite)
    largest = _largest(X)
    _, exponent = math.frexp(largest)
    if largest == 0 or LEAST_EXPONENT <= exponent <= MOST_EXPONENT:
        return X
    shift = UNIT_EXPONENT - exponent
    if isinstance(X, np.ndarray):
        return np.ldexp(X, shift)
    return X * 2.0 ** (shift // 2) * 2.0 ** (shift - shift // 2)  # the power itself may be beyond float32


def _largest(X: AnyArray) -> float:
    """The largest magnitude of the finite numbers of X; without a copy of X where all are finite."""
    largest = max(float(X.max()), -float(X.min()))
    if math.isfinite(largest):
        return largest
    xp = np if isinstance(X, np.ndarray) else jnp
    return float(xp.abs(xp.where(xp.isfinite(X), X, 0)).max())


def anchors(X: AnyArray, labeling: Labeling) -> np.ndarray:
    """A point [k d] amid each cluster: the lower median, feature by feature, of a few of its members.

    What is small within a cluster keeps its digits if it is taken relative to that point, however far away the other
    clusters are. At most 9 members of a cluster, and never more than n in all.
    """
    n_noise = np.count_nonzero(labeling.codes < 0)
    order = np.argsort(labeling.codes, kind="stable")[n_noise:]
    sizes = cluster_sizes(labeling)[:, None]
    few = int(np.clip(len(order) // labeling.n_clusters, 1, 9))
    members = order[np.cumsum(sizes)[:, None] - sizes + np.arange(few) * sizes // few]
    if isinstance(X, np.ndarray):
        return np.sort(X[members], axis=1)[:, (few - 1) // 2]
    return np.asarray(jnp.sort(X[members], axis=1)[:, (few - 1) // 2])


def cluster_sizes(labeling: Labeling) -> np.ndarray:
    """The number of points of each cluster, [k]."""
    return np.bincount(labeling.codes[labeling.codes >= 0], minlength=labeling.n_clusters)


def has_far_clusters(X: AnyArray, labeling: Labeling) -> bool:
    """Whether a cluster of several points is so small, and so far from the centre, that float32 blurs its distances.

    Relative to the centre of all points float32 rounds a cluster at R to R / 2^24; that is less than 2^-18 of its mean
    distances while they are larger than R / 64.
    """
    centre, points = np.asarray(centre_of(X), np.float64), anchors(X, labeling)
    totals = np.zeros(labeling.n_clusters)
    step = max(1, 2**20 // X.shape[1])
    for first in range(0, len(X), step):
        codes = labeling.codes[first : first + step]
        spread = np.linalg.norm(np.asarray(X[first : first + step]) - points[codes], axis=1)
        totals += np.bincount(codes[codes >= 0], weights=spread[codes >= 0], minlength=labeling.n_clusters)
    sizes, away = cluster_sizes(labeling), np.linalg.norm(points - centre, axis=1)
    return bool(((sizes > 1) & (away * sizes > FAR * totals)).any())
