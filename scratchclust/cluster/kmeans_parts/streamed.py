"""k-means of rows that memory does not hold (`scratchclust/streams.py`): every pass reads them part
by part.

The definition is `lloyd` in `scratchclust/reference/kmeans.py`. From the same start the labels are
those that the same rows have in memory, but for ties: here the sums of a pass are added up anew in
float64 over the parts, and centroids are kept in float64, where in memory float32 sums are carried
from iteration to iteration.

    assign, update_centroids     `_pass`, over the compiled `_part_of_pass`
    refill_empty                 `_refill`, which reads the rows twice more
    the labels that are handed out    `assign_parts`, by the definition

Of all n rows there are only labels, 4 bytes each, and where a cluster is empty as many again.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from scratchclust import rows, streams
from scratchclust.cluster.kmeans_parts.cluster_means import (
    signed_sums,
    sums_by_label,
    unit_or_kept,
    weights_of_clusters,
)
from scratchclust.cluster.kmeans_parts.iterations import Settings
from scratchclust.cluster.kmeans_parts.nearest_centroid import (
    assign_by_definition,
    inertia_of,
    nearest,
)
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, as_jax, points_in_blocks
from scratchclust.cluster.kmeans_parts.refill import refill_empty
from scratchclust.cluster.kmeans_starts import STARTS, draw_start
from scratchclust.constants import ON_CENTROID_ULPS
from scratchclust.distances import centre_of, unit_rows
from scratchclust.results import KMeansHistory, KMeansResult
from scratchclust.rows import AnyArray
from scratchclust.streams import Changed, Source

SAMPLE = 2**17  # rows among which starts are drawn, at least 30 for each centroid
SAMPLED_PER_CLUSTER = 30

logger = logging.getLogger("scratchclust.cluster")


class _Problem(NamedTuple):
    """Rows, their weights, and how they are looked at."""

    X: Source
    weights: Float[np.ndarray, " n"] | None
    offset: np.ndarray  # [d], what is subtracted
    n_clusters: int

    def parts(self) -> Iterator[tuple[slice, np.ndarray, KMeansPoints]]:
        """Each part: its place, its rows, and the same in blocks."""
        for span, X in streams.parts(self.X, self.n_clusters):
            weights = None if self.weights is None else self.weights[span]
            points = points_in_blocks(
                X, offset=self.offset, n_clusters=self.n_clusters, sample_weight=weights
            )
            yield span, X, points


class _Pass(NamedTuple):
    """What one pass over all rows found."""

    sums: np.ndarray  # [k d] float64
    weights: np.ndarray  # [k]
    inertia: float
    n_moved: int


def run_from(
    X: Source,
    centroids: Float[AnyArray, "k d"],
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """Lloyd's algorithm from given centroids. Cost O(n k d) an iteration, and reading all rows."""
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    start = np.asarray(centroids, np.float64)
    if settings.metric == "cosine":
        X = Changed(X, unit_rows)
        start = np.asarray(unit_rows(start, "starting centroid"))
    problem = _Problem(X, weights, np.asarray(centre_of(X), X.dtype), len(start))
    unit = problem.offset.astype(np.float64) if settings.metric == "cosine" else None
    threshold = settings.tol * _mean_variance(problem) if settings.tol else 0.0
    centroids = start - problem.offset
    labels = np.full(len(X), -1, np.int32)
    told: list[tuple[float, float, int]] = []
    is_stable = False
    while not is_stable and len(told) < settings.max_iter:
        found = _pass(problem, centroids, labels)
        is_empty = bool((found.weights == 0).any())
        n_moved = found.n_moved
        if is_empty:
            found, n_refilled = _refill(problem, centroids, labels, found)
            n_moved += n_refilled
        before, centroids = centroids, _means(found, centroids, unit)
        shift = float(((centroids - before) ** 2).sum())
        is_stable = n_moved == 0 or shift <= threshold
        told.append((found.inertia, shift, found.n_moved))
        logger.info("k-means iteration %d: inertia %.6g", len(told), found.inertia)
    centroids = (centroids + problem.offset).astype(X.dtype)
    inertia = 0.0
    for span, part, points in problem.parts():
        labels[span], squares = assign_by_definition(part, points, centroids)
        inertia += inertia_of(squares, None if weights is None else weights[span])
    inertias, shifts, moved = zip(*told, strict=True)
    history = KMeansHistory(np.array(inertias), np.array(shifts), np.array(moved, np.int32))
    return KMeansResult(as_jax(centroids), labels, inertia, len(told), is_stable, history)


def best_run_from(
    X: Source,
    starts: Sequence[Float[AnyArray, "k d"]],
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """The best of Lloyd's algorithm from several given starts, one after the other."""
    results = (run_from(X, start, sample_weight, settings) for start in starts)
    return min(results, key=lambda result: result.inertia)


def best_run(
    X: Source,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
    *,
    key: PRNGKeyArray,
    init: str,
    n_init: int,
) -> KMeansResult:
    """The best of Lloyd's algorithm from random starts, each drawn among a sample of the rows."""
    draw = partial(
        draw_start_in_sample, X, n_clusters, sample_weight, init=init, metric=settings.metric
    )
    starts = [draw(key=start_key) for start_key in jax.random.split(key, n_init)]
    return best_run_from(X, starts, sample_weight, settings)


def draw_start_in_sample(
    X: Source,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None,
    *,
    key: PRNGKeyArray,
    init: str,
    metric: str,
) -> Float[AnyArray, "k d"]:
    """Starting centroids, drawn among `SAMPLE` rows at random: k-means++ alone would read all rows
    k times.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    index, some = streams.sample(X, max(SAMPLE, SAMPLED_PER_CLUSTER * n_clusters), rng)
    some = unit_rows(some) if metric == "cosine" else some
    weights = None if sample_weight is None else np.asarray(sample_weight)[index]
    points = points_in_blocks(
        some, offset=centre_of(some), n_clusters=n_clusters, sample_weight=weights
    )
    return points.uncentred(draw_start(STARTS[init], points, n_clusters, key))


def assign_parts(
    X: Source, centroids: Float[AnyArray, "k d"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """`assign` of `scratchclust/cluster/kmeans.py`, part by part; the bits are the same."""
    problem = _Problem(X, None, np.asarray(centre_of(centroids)), len(centroids))
    labels = np.empty(len(X), np.int32)
    squares = np.empty(len(X), X.dtype)
    for span, part, points in problem.parts():
        labels[span], squares[span] = assign_by_definition(part, points, centroids)
    return labels, squares


def _mean_variance(problem: _Problem) -> float:
    """The mean over the features of their variance, by which `tol` is scaled."""
    sums = np.zeros(problem.X.shape[1])
    squares = 0.0
    for _, _, points in problem.parts():
        centred = points.rows.arrays[0]
        of_part = np.asarray(rows.finished(_sums_of_rows(rows.Rows((centred,), points.rows.mesh))))
        sums += of_part
        squares += float(np.asarray(points.rows.arrays[1], np.float64).sum())
    n, d = problem.X.shape
    return max(squares / n - float((sums / n) @ (sums / n)), 0.0) / d


def _pass(problem: _Problem, centroids: np.ndarray, labels: Int[np.ndarray, " n"]) -> _Pass:
    """Assign all rows, which changes `labels` in place, and sum up what the update needs."""
    k, d = centroids.shape
    sums = np.zeros((k, d))
    weights = np.zeros(k)
    inertia = 0.0
    n_moved = 0
    for span, _, points in problem.parts():
        data = points.rows
        previous = rows.split(labels[span], block=points.block, dtype=np.int32)
        on_device = centroids.astype(data.arrays[0].dtype)
        totals, found = rows.finished(_part_of_pass(data.beside(previous), on_device))
        labels[span] = np.asarray(rows.join(found, points.n))
        # in float64, and in the unit of all: each part has weights in one of its own
        sums += np.asarray(totals[0], np.float64) * points.unit
        weights += np.asarray(totals[1], np.float64) * points.unit
        inertia += float(totals[2]) * points.unit
        n_moved += int(totals[3])
    return _Pass(sums, weights, inertia, n_moved)


def _means(found: _Pass, centroids: np.ndarray, unit: np.ndarray | None) -> np.ndarray:
    """`means_of_sums` in float64."""
    has_weight = found.weights > 0
    divisor = np.where(has_weight, found.weights, 1)[:, None]
    means = np.where(has_weight[:, None], found.sums / divisor, centroids)
    return means if unit is None else unit_or_kept(means + unit, centroids, unit)


def _refill(
    problem: _Problem, centroids: np.ndarray, labels: Int[np.ndarray, " n"], found: _Pass
) -> tuple[_Pass, int]:
    """The sums where empty clusters were given a point each, and how many points that took."""
    apart = np.zeros(len(labels), np.float32)
    for span, _, points in problem.parts():
        data = points.rows
        on_device = centroids.astype(data.arrays[0].dtype)
        blocks = rows.finished(_squares_of_part(data, on_device))
        apart[span] = np.asarray(rows.join(blocks, points.n))
    k = len(centroids)
    refilled = np.asarray(refill_empty(labels, apart, k, sample_weight=problem.weights))
    sums = np.zeros_like(found.sums)
    weights = np.zeros(k)
    for span, _, points in problem.parts():
        given = rows.split(refilled[span], block=points.block, dtype=np.int32)
        totals = rows.finished(_sums_of_part(points.rows, given, n_clusters=k))
        sums += np.asarray(totals[0], np.float64) * points.unit
        weights += np.asarray(totals[1], np.float64) * points.unit
    return found._replace(sums=sums, weights=weights), int((refilled != labels).sum())


@jax.jit
def _part_of_pass(
    data: rows.Rows, centroids: Array
) -> tuple[tuple[Array, Array, Array, Array], Array]:
    """Sums [k d], weights [k], inertia, labels that moved; and the labels [n_blocks block]."""

    def block(
        x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array
    ) -> tuple[tuple[Array, ...], Array]:
        k = len(centroids)
        labels, distances = nearest(x, x_norms, centroids)
        n_moved = ((labels != previous) & (weights > 0)).sum(dtype=jnp.int32)
        sums = signed_sums(x, weights, labels, jnp.full_like(labels, -1), k)
        of_clusters = weights_of_clusters(weights, labels, k)
        return (sums, of_clusters, (weights * distances).sum(), n_moved), labels

    return rows.map_sum(block, data, centroids)


@jax.jit
def _squares_of_part(data: rows.Rows, centroids: Array) -> Array:
    """|x - c|^2 to the nearest centroid [n_blocks block]; 0 where it is no more than rounding."""

    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[None, Array]:
        labels, _ = nearest(x, x_norms, centroids)
        squares = ((x - centroids[labels]) ** 2).sum(axis=1)
        on_centroid = (ON_CENTROID_ULPS * jnp.finfo(x.dtype).eps) ** 2 * x_norms
        return None, jnp.where(squares > on_centroid, squares, 0)

    return rows.map_sum(block, data, centroids)[1]


_sums_of_part = jax.jit(sums_by_label, static_argnames="n_clusters")


@jax.jit
def _sums_of_rows(data: rows.Rows) -> Array:
    """sum x [d] of centred rows; the filling is 0."""
    return rows.map_sum(lambda x: (x.sum(axis=0), None), data)[0]
