"""The assignment step of k-means: the nearest centroid of each point.

The definition is `assign` in `scratchclust/reference/kmeans.py`. Here are two: `nearest`, by the
expanded square, for one block of rows within an iteration; and `assign_by_definition`, for the
labels that are handed out. There a device compares all points with all centroids by the expanded
square and tells which of them its rounding leaves in doubt (`surely_nearest`); these few are
decided in float64 on the host (`float64_on_host.py`). So a label depends on nothing but the point
and the centroids: not on the block, the offset or the companions, and what `fit` says of a point
`predict` says too. On an accelerator labels and distances stay where they are (`_assign_there`):
the host reads how many points are in doubt, and these.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.float64_on_host import (
    is_float64,
    nearest_in_float64,
    squares_in_float64,
)
from scratchclust.cluster.kmeans_parts.least_score import least_score
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, rows_on_host
from scratchclust.distances import centre_of, product, squared_norms
from scratchclust.rows import AnyArray

SQUARE_ERROR_ULPS = 16  # units in the last place by which an expanded square can be off
# Sums over some points each, in float32 on an accelerator, that the host adds in float64.
PARTIAL_SUMS = 1024
LEAST_UNIT = 2.0**-1000  # of weights, which are divided by their largest


def assign_by_definition(
    X: Real[AnyArray, "n d"], points: KMeansPoints, centroids: Float[AnyArray, "k d"]
) -> tuple[Int[AnyArray, " n"], Float[AnyArray, " n"]]:
    """Labels and squared distances: on the host, or on an accelerator where that computes them.

    Args:
        X: the points as they came.
        points: the same, in blocks.
        centroids: as they will be handed out, not centred.

    Returns:
        labels [n] int32 by the definition in float64, and the squared distances by the definition:
        in float64 where X is, else in the precision of the blocks.
    """
    if rows.platform() != "cpu" and not rows.is_shared() and not is_float64(X):
        return _assign_there(X, points, np.asarray(centroids))
    amid = SeenFromAmid.of(points, centroids)
    found = rows.finished(_assign_surely(points.rows, points.centred(centroids), amid))
    labels, squares = (np.asarray(rows.join(blocks, points.n)) for blocks in found)
    centroids = np.asarray(centroids)
    doubtful = np.flatnonzero(labels < 0)
    if len(doubtful):
        labels = labels.copy()
        squares = squares.copy()
        few = rows_on_host(X, doubtful)
        labels[doubtful] = nearest_in_float64(few, centroids)
        squares[doubtful] = squares_in_float64(few, centroids, labels[doubtful])
    if is_float64(X):
        squares = squares_in_float64(np.asarray(X), centroids, labels)
    return labels, squares


def _assign_there(
    X: Real[AnyArray, "n d"], points: KMeansPoints, centroids: Float[np.ndarray, "k d"]
) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """`assign_by_definition` on an accelerator: of n points only those in doubt come to the host.

    That are tens of them in 10^5, where all labels and distances are 8 n bytes down, and up again.
    """
    amid = SeenFromAmid.of(points, centroids)
    found = _assign_surely(points.rows, points.centred(centroids), amid)
    labels, squares = (rows.join(blocks, points.n) for blocks in found)
    n_doubtful = int(_n_doubtful(labels))
    if n_doubtful:
        size = min(1 << (n_doubtful - 1).bit_length(), points.n)  # few sizes, and so few programs
        index = np.asarray(_doubtful(labels, size=size))
        few = rows_on_host(X, index)  # the filling repeats the last one
        decided = nearest_in_float64(few, centroids)
        exact = squares_in_float64(few, centroids, decided).astype(squares.dtype)
        labels, squares = _with_decided(labels, squares, index, decided, exact)
    return labels, squares


@jax.jit
def _n_doubtful(labels: Array) -> Array:
    return (labels < 0).sum(dtype=jnp.int32)


@partial(jax.jit, static_argnames="size")
def _doubtful(labels: Array, *, size: int) -> Array:
    """The indices of the points in doubt, and the last of them again where they are fewer."""
    index = jnp.nonzero(labels < 0, size=size, fill_value=-1)[0]
    return jnp.where(index < 0, index.max(), index)


@partial(jax.jit, donate_argnums=(0, 1))
def _with_decided(
    labels: Array, squares: Array, index: Array, decided: Array, exact: Array
) -> tuple[Array, Array]:
    return labels.at[index].set(decided), squares.at[index].set(exact)


def inertia_of(squares: AnyArray, weights: Float[np.ndarray, " n"] | None) -> float:
    """sum w |x - c|^2 in float64 from the squared distances [n]; weights None means 1 for each.

    Of squares that an accelerator has come `PARTIAL_SUMS` numbers, each a sum in float32.
    """
    if not rows.is_on_host(squares):
        unit = 1.0 if weights is None else max(float(weights.max()), LEAST_UNIT)
        in_unit = None if weights is None else (weights / unit).astype(squares.dtype)
        return unit * float(np.asarray(_partial_sums(squares, in_unit), np.float64).sum())
    squares = np.asarray(squares, np.float64)
    return float(squares.sum() if weights is None else weights @ squares)


@jax.jit
def _partial_sums(squares: Array, weights: Array | None) -> Array:
    """sum w |x - c|^2 over some points each, which loses fewer digits than over all."""
    weighted = squares if weights is None else weights * squares
    filling = -len(weighted) % PARTIAL_SUMS
    return jnp.pad(weighted, (0, filling)).reshape(PARTIAL_SUMS, -1).sum(axis=1)


@jax.jit
def _assign_surely(data: rows.Rows, centroids: Array, amid: "SeenFromAmid") -> tuple[Array, Array]:
    """The nearest centroid of each point, or -1 where rounding leaves it in doubt, and the squared
    distance to it.
    """

    def block(
        x: Array, x_norms: Array, weights: Array, centroids: Array, amid: SeenFromAmid
    ) -> tuple[None, tuple[Array, Array]]:
        labels, sure = surely_nearest(x, x_norms, amid)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return None, (jnp.where(sure, labels, -1), distances)

    return rows.map_sum(block, data, centroids, amid)[1]


@jax.jit
def assign_in_blocks(data: rows.Rows, centroids: Array) -> tuple[Array, Array, Array]:
    """Labels, squared distances by their definition, inertia: in the precision of the blocks."""

    def block(
        x: Array, x_norms: Array, weights: Array, centroids: Array
    ) -> tuple[Array, tuple[Array, Array]]:
        labels, _ = nearest(x, x_norms, centroids)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return (weights * distances).sum(), (labels, distances)

    inertia, (labels, distances) = rows.map_sum(block, data, centroids)
    return labels, distances, inertia


def nearest(
    x: Float[Array, "block d"], x_norms: Float[Array, " block"], centroids: Float[Array, "k d"]
) -> tuple[Int[Array, " block"], Float[Array, " block"]]:
    """argmin_j and min_j of |x - c_j|^2 for one block.

    |x|^2 is the same for every j, so the minimum is taken over |c_j|^2 / 2 - x.c_j.
    """
    norms = squared_norms(centroids)
    scores = norms[:, None] / 2 - product(centroids, x)
    labels, least = least_score(scores, x, square_error(x_norms, norms), centroids)
    return labels, jnp.maximum(x_norms + 2 * least, 0)


class SeenFromAmid(NamedTuple):
    """Centroids as seen from a point m amid them, for `surely_nearest`; NumPy, JAX under `jit`."""

    differences: Any  # [k d], c_j - m
    halves: Any  # [k], (|c_j|^2 - |m|^2) / 2
    error_by_length: Any  # [k], by which a score can be off, for each unit of |x|
    error: Any  # [k], by which besides

    @classmethod
    def of(cls, points: KMeansPoints, centroids: Float[AnyArray, "k d"]) -> "SeenFromAmid":
        """Those of centroids that are not centred. On the host, whence they can go to any mesh.
        Cost O(k d).
        """
        dtype = points.rows.arrays[0].dtype
        limits = np.finfo(dtype)
        terms = centroids.shape[1] + SQUARE_ERROR_ULPS
        c = np.asarray(centroids, np.float64) - points.offset
        middle = centre_of(c)
        differences = c - middle
        with np.errstate(over="ignore"):  # what is infinite here is in doubt
            lengths = np.sqrt((differences**2).sum(axis=1))
            halves = (differences * (c + middle)).sum(axis=1) / 2
            of_definition = (
                terms * np.finfo(np.float64).eps * ((c**2).sum(axis=1) + (middle**2).sum())
            )
            tiny = terms * float(limits.tiny)
            error = 2 * float(limits.eps) * abs(halves) + of_definition + tiny * (1 + lengths)
            entries = differences, halves, terms * float(limits.eps) * lengths + tiny, error
            return cls(*(entry.astype(dtype) for entry in entries))


def surely_nearest(
    x: Float[Array, "block d"], x_norms: Float[Array, " block"], amid: SeenFromAmid
) -> tuple[Int[Array, " block"], Bool[Array, " block"]]:
    """The nearest centroid of each point of a block, and whether the rounding of what is computed
    leaves no other.

    The scores are (|x - c_j|^2 - |x - m|^2) / 2 = (|c_j|^2 - |m|^2) / 2 - x.(c_j - m): what is
    common to all centroids is in none of them. They are off by at most gamma |x| |c_j - m|, where
    gamma = (d + 16) eps bounds the rounding of x and c_j - m to this precision as well as that of
    the product (Higham, section 3.1), by the rounding of the halves, by what numbers that are too
    small for this precision come to, and, so that the definition in float64 says the same, by its
    rounding.
    """
    limits = jnp.finfo(x.dtype)
    terms = x.shape[1] + SQUARE_ERROR_ULPS
    scores = amid.halves[:, None] - product(amid.differences, x)
    lengths = jnp.sqrt(x_norms + terms * limits.tiny)
    error = amid.error_by_length[:, None] * lengths[None, :] + amid.error[:, None]
    most = (scores + error).min(axis=0) + 2 * terms * float(np.finfo(np.float64).eps) * x_norms
    possible = scores - error <= most[None, :]
    index = jnp.arange(len(scores), dtype=jnp.int32)[:, None]
    first = jnp.where(possible, index, len(scores) - 1).min(axis=0)
    return first, possible.sum(axis=0, dtype=jnp.int32) == 1


def square_error(
    x_norms: Float[Array, " block"], norms: Float[Array, " k"]
) -> Float[Array, " block"]:
    """How far an expanded square |x - c|^2 of each point can be from the true one."""
    return SQUARE_ERROR_ULPS * jnp.finfo(x_norms.dtype).eps * (x_norms + norms.max())
