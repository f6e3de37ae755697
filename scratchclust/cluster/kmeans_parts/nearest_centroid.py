"""What every step of k-means stands on: points in centred blocks, and the nearest centroid of each
point of a block.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real, Shaped

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.label_sums import Chunk, chosen_first, n_chunks
from scratchclust.distances import centre_of, check_range, product, squared_norms

AnyArray = Array | np.ndarray
ROUNDING = 16  # units in the last place: the error of a squared distance between centred points


@dataclass(frozen=True)
class Points:
    """The points of a k-means problem: centred, in blocks, with their squared norms and weights."""

    rows: (
        rows.Rows
    )  # (x [n_blocks block d], |x|^2 [n_blocks block], w / unit [n_blocks block], 0 in the filling)
    offset: (
        np.ndarray
    )  # [d], what was subtracted from every point, in the precision in which it was
    n: int
    dtype: np.dtype  # of the points as they came, or float32 if they were integers
    # in which the weights are held, a power of two near the largest: tiny ones must not become 0
    unit: float

    @property
    def block(self) -> int:
        return self.rows.arrays[0].shape[1]

    def centred(self, centroids: Float[AnyArray, "k d"]) -> Float[np.ndarray, "k d"]:
        """centroids - offset, as the blocks hold the points. On the host, whence it can go to any
        mesh.
        """
        # As `rows.split` does it, in one precision and rounded once: a point on a centroid is at
        # distance 0 from it.
        return (np.asarray(centroids) - self.offset).astype(self.rows.arrays[0].dtype)

    def uncentred(self, centroids: Float[AnyArray, "k d"]) -> Float[AnyArray, "k d"]:
        """centroids + offset, in the type of the points."""
        return as_jax((np.asarray(centroids, np.float64) + self.offset).astype(self.dtype))

    @cached_property
    def mean_variance(self) -> float:
        """The mean over the features of their variance, by which `tol` is scaled."""
        sums, squares = map(np.asarray, rows.finished(_moments(self.rows)))
        n, d = self.n, len(sums)
        return max(float(squares) / n - float((sums / n) @ (sums / n)), 0.0) / d


def as_jax(values: Shaped[AnyArray, "..."]) -> Shaped[AnyArray, "..."]:
    """A JAX array; but float64 that JAX, without `jax_enable_x64`, would round stays a NumPy array."""
    rounded = values.dtype == np.float64 and rows.float_type(values) == np.float32
    return values if rounded else jnp.asarray(values)


def points_in_blocks(
    X: Real[AnyArray, "n d"],
    *,
    offset: Any,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Points:
    """Centre X, cut it into blocks, spread it over the devices; an InputError if X cannot be
    computed with.
    """
    n, d = X.shape
    block = rows.block_size(n, max(d, n_clusters))
    # The offset as `split` subtracts it: the points and the centroids must move by the same bits.
    offset = np.asarray(offset).astype(rows.offset_type(X))
    x = rows.split(X, block=block, offset=offset)
    norms = _squared_norms(x)
    check_range(X, float(np.asarray(norms).max()))
    heaviest = 1.0 if sample_weight is None else float(np.asarray(sample_weight).max())
    unit = float(2 ** np.floor(np.log2(heaviest))) if heaviest > 0 else 1.0
    weights = np.ones(n, np.float32) if sample_weight is None else np.asarray(sample_weight) / unit
    weights = rows.split(weights, block=block, dtype=x.dtype)
    dtype = np.dtype(X.dtype) if X.dtype in (np.float32, np.float64) else x.dtype
    return Points(rows.Rows((x, norms, weights), rows.mesh()), offset, n, dtype, unit)


def nearest(
    x: Float[Array, "block d"], x_norms: Float[Array, " block"], centroids: Float[Array, "k d"]
) -> tuple[Int[Array, " block"], Float[Array, " block"]]:
    """argmin_j and min_j of |x - c_j|^2 for one block.

    |x|^2 is the same for every j, so the minimum is taken over |c_j|^2 / 2 - x.c_j.
    """
    norms = squared_norms(centroids)
    labels, least = least_score(
        norms[:, None] / 2 - product(centroids, x), x, rounding(x_norms, norms), centroids
    )
    return labels, jnp.maximum(x_norms + 2 * least, 0)


class Apart(NamedTuple):
    """Centroids as seen from a point m amid them, for `surely_nearest`; NumPy, and JAX under `jit`."""

    differences: Any  # [k d], c_j - m
    halves: Any  # [k], (|c_j|^2 - |m|^2) / 2
    error_by_length: Any  # [k], by which a score can be off, for each unit of |x|
    error: Any  # [k], by which besides

    @classmethod
    def of(cls, points: Points, centroids: Float[AnyArray, "k d"]) -> "Apart":
        """Those of centroids that are not centred. On the host, whence they can go to any mesh.
        Cost O(k d).
        """
        dtype, d = points.rows.arrays[0].dtype, centroids.shape[1]
        limits, terms = np.finfo(dtype), d + ROUNDING
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
    x: Float[Array, "block d"], x_norms: Float[Array, " block"], apart: Apart
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
    limits, terms = jnp.finfo(x.dtype), x.shape[1] + ROUNDING
    scores = apart.halves[:, None] - product(apart.differences, x)
    lengths = jnp.sqrt(x_norms + terms * limits.tiny)
    error = apart.error_by_length[:, None] * lengths[None, :] + apart.error[:, None]
    most = (scores + error).min(axis=0) + 2 * terms * float(np.finfo(np.float64).eps) * x_norms
    possible = scores - error <= most[None, :]
    index = jnp.arange(len(scores), dtype=jnp.int32)[:, None]
    first = jnp.where(possible, index, len(scores) - 1).min(axis=0)
    return first, possible.sum(axis=0, dtype=jnp.int32) == 1


def rounding(x_norms: Float[Array, " block"], norms: Float[Array, " k"]) -> Float[Array, " block"]:
    """How far an expanded square |x - c|^2 of each point can be from the true one."""
    return ROUNDING * jnp.finfo(x_norms.dtype).eps * (x_norms + norms.max())


def least_score(
    scores: Float[Array, "k block"],
    x: Float[Array, "block d"],
    error: Float[Array, " block"],
    centroids: Array,
) -> tuple[Int[Array, " block"], Float[Array, " block"]]:
    """argmin_j and min_j of the scores |c_j|^2 / 2 - x.c_j of each point.

    They are laid out [k block], where the minimum runs along the vector units, and the label is
    looked up by comparison: XLA's argmin is slow on CPU. It is the sum of k + j over the scores
    that are least but for the error, less k. Where that is no label, there are two of them: then
    the distances of the point are computed by the definition, and decide.
    """
    n_clusters, least = len(centroids), scores.min(axis=0)
    index = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
    labels = jnp.where(scores <= (least + error)[None, :], n_clusters + index, 0).sum(
        axis=0, dtype=jnp.int32
    )
    labels = labels - n_clusters
    doubtful = (labels < 0) | (labels >= n_clusters)

    def decided() -> Array:
        order = chosen_first(doubtful)

        def decide(i: Array, labels: Array) -> Array:
            chunk = Chunk.of(order, i)
            return chunk.put(labels, _nearest_by_definition(chunk.take(x), centroids))

        return jax.lax.fori_loop(0, n_chunks(doubtful), decide, labels)

    return jax.lax.cond(doubtful.any(), decided, lambda: labels), least


def _nearest_by_definition(
    x: Float[Array, "m d"], centroids: Float[Array, "k d"]
) -> Int[Array, " m"]:
    def compare(j: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        squared = ((x - centroids[j][None]) ** 2).sum(axis=1)
        nearer = squared < best[1]
        return jnp.where(nearer, j, best[0]), jnp.where(nearer, squared, best[1])

    start = jnp.zeros(len(x), jnp.int32), jnp.full(len(x), jnp.inf, x.dtype)
    return jax.lax.fori_loop(0, len(centroids), compare, start)[0]


@jax.jit
def _squared_norms(x: Array) -> Array:
    return (x * x).sum(axis=-1)


@jax.jit
def _moments(data: rows.Rows) -> tuple[Array, Array]:
    sums, _ = rows.map_sum(lambda x, x_norms, w: ((x.sum(axis=0), x_norms.sum()), None), data)
    return sums
