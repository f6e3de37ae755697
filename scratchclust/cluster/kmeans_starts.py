"""Where k-means starts: the twins of the starts in `scratchclust/reference/kmeans_starts.py`,
explained there.

Inside, a start is the indices of the points it chose (`random_indices`, `plus_plus_indices`,
`scalable_plus_plus_indices`); only the public functions look the points up. Of the reference,

    the draw with probability w_i D_i^2    is `_draw` by `_mass`, on all devices
    a step of `plus_plus`                  is `choose_next` in `_choose`, where `_left_by_each`
                                           tells what each candidate would leave
    a round of `scalable_plus_plus`        is `_oversample`
    `weight_nearest`                       is `_weight_nearest`

Points come in blocks, as for the iterations (`kmeans_parts/points.py`).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real, ScalarLike

from scratchclust import checks, rows
from scratchclust.cluster.kmeans_parts.nearest_centroid import nearest
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, as_jax, points_in_blocks
from scratchclust.constants import OVERSAMPLING_ROUNDS
from scratchclust.distances import NEAR, PRECISION, centre_of, product, squared_norms
from scratchclust.rows import AnyArray

LEAST_LOOKED_AT = 64  # rows at first, to find distinct ones among random points
MULTIPLICATIONS_PER_READ = 16  # as fast as it takes to read a number from memory


def random_points(
    X: Real[AnyArray, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Real[AnyArray, "k d"]:
    """k points drawn at random, with probability as their weight.

    They are distinct in value as long as there are distinct ones.

    Args:
        X: points.
        n_clusters: k.
        key: source of randomness.
        sample_weight: relative probability of each point; None means equal. Points of weight 0 come
            last of all.
    """
    return _points(random_indices, X, n_clusters, key, sample_weight)


def plus_plus(
    X: Real[AnyArray, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Real[AnyArray, "k d"]:
    """Greedy k-means++: each next centroid is a point drawn far from those chosen before.

    It is the best of a few.

    Args:
        X: points.
        n_clusters: k.
        key: source of randomness.
        sample_weight: w; None means 1 for every point.

    Returns:
        The chosen points. Cost O(n d k log k) time, n floats of memory for each of the 2 + log k
        candidates.
    """
    return _points(plus_plus_indices, X, n_clusters, key, sample_weight)


def scalable_plus_plus(
    X: Real[AnyArray, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Real[AnyArray, "k d"]:
    """k-means||: five rounds of 2 k draws at once instead of k rounds of one, for large k.

    Args:
        X: points.
        n_clusters: k.
        key: source of randomness.
        sample_weight: w; None means 1 for every point.

    Returns:
        The chosen points. Cost O(n d k) time, but in passes over the data that use whole matrix
        products.
    """
    return _points(scalable_plus_plus_indices, X, n_clusters, key, sample_weight)


def check_n_clusters(n_clusters: int, n: int) -> None:
    """Refuse more clusters than points, or none."""
    among = checks.between(1, n, "the number of points")
    among("n_clusters", n_clusters, "choose among these")


def _points(
    start: Callable, X: AnyArray, n_clusters: int, key: Array, sample_weight: AnyArray | None
) -> AnyArray:
    """The points [k d] of X that a start chooses."""
    check_n_clusters(n_clusters, len(X))
    points = points_in_blocks(
        X, offset=centre_of(X), n_clusters=n_clusters, sample_weight=sample_weight
    )
    return as_jax(X[np.asarray(start(points, n_clusters, key))])


def draw_start(start: Callable, points: KMeansPoints, n_clusters: int, key: Array) -> Array:
    """The starting centroids [k d] of `points`, centred as they are."""
    return rows.finished(_take(points.rows, start(points, n_clusters, key)))


def random_indices(points: KMeansPoints, n_clusters: int, key: Array) -> Int[np.ndarray, " k"]:
    """Indices of k random points, distinct in value as far as possible."""
    weights = rows.join(points.rows.arrays[2], points.n)
    on_host = rows.is_on_host(weights)
    order: Any = _race(key, weights)
    order = np.asarray(order) if on_host else order  # of a GPU's only the first come, as a rule
    n_with_weight = int((np if on_host else jnp).count_nonzero(weights))
    found: dict[bytes, int] = {}
    begin = 0
    end = max(n_clusters, LEAST_LOOKED_AT)
    while len(found) < n_clusters and begin < n_with_weight:
        index = np.asarray(order[begin : min(end, n_with_weight)])
        values = np.asarray(_take(points.rows, index)) + 0.0  # -0.0 is 0.0
        for i, row in zip(index, values, strict=True):
            found.setdefault(row.tobytes(), i)
        begin = end
        end = 2 * end
    distinct = np.array(list(found.values()))
    if len(distinct) < n_clusters:
        order = np.asarray(order)
        distinct = np.concatenate([distinct, order[~np.isin(order, distinct)]])
    return distinct[:n_clusters]


def plus_plus_indices(points: KMeansPoints, n_clusters: int, key: Array) -> Int[Array, " k"]:
    """Indices of the points that greedy k-means++ chooses."""
    keys = jax.random.split(key)
    n_candidates = 2 + int(math.log(n_clusters))
    chosen = _nothing_chosen(points.rows, n_clusters)
    # for each centroid all points are read, and multiplied by few candidates
    cost = points.rows.arrays[0].size * max(n_candidates, MULTIPLICATIONS_PER_READ)
    for call in rows.calls(n_clusters, cost, block=1):
        span = {"begin": call.start, "end": call.stop}
        chosen = rows.finished(
            _choose(points.rows, chosen, keys, **span, n_candidates=n_candidates)
        )
    return chosen.index


def scalable_plus_plus_indices(
    points: KMeansPoints, n_clusters: int, key: Array
) -> Int[np.ndarray, " k"]:
    """Indices of the points that k-means|| chooses."""
    keys = jax.random.split(key, OVERSAMPLING_ROUNDS + 2)
    nothing = _nothing_chosen(points.rows, 1)
    candidates, remaining = rows.finished(
        _choose(points.rows, nothing, keys, begin=0, end=1, n_candidates=1)
    )
    for round_key in keys[1:-1]:
        drawn, remaining = rows.finished(
            _oversample(points.rows, remaining, round_key, 2 * n_clusters)
        )
        candidates = jnp.concatenate([candidates, drawn])
    centroids = rows.finished(_take(points.rows, candidates))
    few = points_in_blocks(
        centroids,
        offset=centre_of(centroids),
        n_clusters=n_clusters,
        sample_weight=rows.finished(_weight_nearest(points.rows, centroids, n_clusters)),
    )
    return np.asarray(candidates)[np.asarray(plus_plus_indices(few, n_clusters, keys[-1]))]


class _Chosen(NamedTuple):
    """What k-means++ has chosen, and what that leaves."""

    index: Any  # [k] int32, of the points that are centroids; the rest is still to be chosen
    remaining: Any  # [n_blocks block], D^2 of each point to the nearest of them


@jax.jit
def _race(key: Array, weights: Array) -> Array:
    """The exponential race: ordering by E_i / w_i draws without replacement, each time in
    proportion to w.
    """
    return jnp.argsort(jax.random.exponential(key, weights.shape) / weights)


@jax.jit
def _take(data: rows.Rows, index: Array) -> Array:
    """The points at `index`."""
    x = data.arrays[0]
    block, within = jnp.divmod(jnp.asarray(index), x.shape[1])
    return rows.take(x, (block, within), data.mesh)


def _draw(mass: Array, uniform: Array, mesh: rows.Mesh) -> Array:
    """Indices drawn in proportion to `mass` [n_blocks block], one for each number of `uniform` [m]
    in [0, 1).

    The first index at which the running sum of the mass exceeds u times the total: first the block,
    then the row.
    """
    of_blocks = mass.sum(axis=1)
    ends = jnp.cumsum(of_blocks)
    target = uniform * ends[-1]
    block = _first_beyond(of_blocks[None], ends[None], target)
    rest = target - jnp.where(block > 0, ends[block - 1], 0)
    rows_of_block = rows.take(mass, (block,), mesh)
    within = _first_beyond(rows_of_block, jnp.cumsum(rows_of_block, axis=1), rest)
    return (block * mass.shape[1] + within).astype(jnp.int32)


def _first_beyond(mass: Array, running: Array, target: Array) -> Array:
    """In each row of `mass` [m b], or in its only one, the first index with mass at which the
    running sum exceeds `target` [m].

    The sums are rounded, and need not even rise from index to index; an index without mass is never
    returned.
    """
    beyond = (running > target[:, None]) & (mass > 0)
    last = mass.shape[1] - 1 - jnp.argmax(mass[:, ::-1] > 0, axis=1)
    return jnp.where(beyond.any(axis=1), jnp.argmax(beyond, axis=1), last)


def _nothing_chosen(data: rows.Rows, n_clusters: int) -> _Chosen:
    """No index yet, and every point infinitely far from the centroids."""
    weights = data.arrays[2]
    infinite = np.full(weights.shape, np.inf, weights.dtype)
    nothing = _Chosen(np.zeros(n_clusters, np.int32), infinite)
    return jax.device_put(nothing, _Chosen(rows.whole(), weights.sharding))


def _mass(data: rows.Rows, remaining: Array) -> Array:
    """w D^2, by which the next point is drawn; the first one, and the next when all coincide with
    one, by w alone.
    """
    mass = data.arrays[2] * remaining
    total = mass.sum()
    return jnp.where((total > 0) & (total < jnp.inf), mass, data.arrays[2])


@partial(jax.jit, static_argnames="n_candidates")
def _choose(
    data: rows.Rows,
    chosen: _Chosen,
    keys: Array,
    *,
    begin: ScalarLike,
    end: ScalarLike,
    n_candidates: int,
) -> _Chosen:
    """Fill index[begin:end], each with the best of `n_candidates`, but the first with the first one
    that is drawn.

    The first key is for the first draw, the second for all others.
    """
    first = jax.random.uniform(keys[0], (1,))
    _, marks = rows.map_sum(lambda x, *_: (None, _marks(x)), data)

    def choose_next(j: Array, chosen: _Chosen) -> _Chosen:
        uniform = jax.random.uniform(jax.random.fold_in(keys[1], j), (n_candidates,))
        uniform = jnp.where(j == 0, first, uniform)  # the same candidate again and again
        index = _draw(_mass(data, chosen.remaining), uniform, data.mesh)
        potentials, left = rows.map_sum(
            _left_by_each, data.beside(marks, chosen.remaining), _take(data, index)
        )
        best = potentials.argmin()
        return _Chosen(chosen.index.at[j].set(index[best]), left[:, best])

    return jax.lax.fori_loop(begin, end, choose_next, chosen)


@partial(jax.jit, static_argnames="n_draws")
def _oversample(data: rows.Rows, remaining: Array, key: Array, n_draws: int) -> tuple[Array, Array]:
    """One round of k-means||: many draws at once, and the squared distances that they leave."""
    index = _draw(_mass(data, remaining), jax.random.uniform(key, (n_draws,)), data.mesh)
    _, to_drawn = rows.map_sum(
        lambda x, x_norms, weights, drawn: (None, nearest(x, x_norms, drawn)[1]),
        data,
        _take(data, index),
    )
    return index, jnp.minimum(remaining, to_drawn)


@partial(jax.jit, static_argnames="n_at_once")
def _weight_nearest(data: rows.Rows, centroids: Array, n_at_once: int) -> Array:
    """The weight of the points nearest to each centroid; a block meets so many at once, as its size
    allows for.
    """
    m, d = centroids.shape
    parts = jnp.pad(centroids, ((0, -m % n_at_once), (0, 0)), mode="edge").reshape(-1, n_at_once, d)

    def block(x: Array, x_norms: Array, weights: Array, parts: Array) -> tuple[Array, None]:
        def meet(
            best: tuple[Array, Array], part: tuple[Array, Array]
        ) -> tuple[tuple[Array, Array], None]:
            labels, distances = nearest(x, x_norms, part[1])
            nearer = distances < best[1]
            return (
                jnp.where(nearer, part[0] + labels, best[0]),
                jnp.where(nearer, distances, best[1]),
            ), None

        start = jnp.zeros(len(x), jnp.int32), jnp.full(len(x), jnp.inf, x.dtype)
        begins = jnp.arange(len(parts), dtype=jnp.int32) * n_at_once
        (labels, _), _ = jax.lax.scan(meet, start, (begins, parts))
        return jnp.zeros(m, x.dtype).at[labels].add(weights, mode="drop"), None

    return rows.map_sum(block, data, parts)[0]


def _marks(x: Array) -> Array:
    """A number for each row [m d], the same for equal rows and for others as good as never.

    It is sum_j mix(x_j) r_j.

    Integers wrap around, so that the sum is exact in whatever order; r holds random odd numbers.
    The bits of each x_j are mixed first (two steps of MurmurHash3), because those of small whole
    numbers differ in the highest alone.
    """
    positive_zero = jnp.where(x == 0, 0, x)  # -0.0 is 0.0
    bits = jax.lax.bitcast_convert_type(positive_zero, jnp.uint32).reshape(len(x), -1)
    bits = (bits ^ (bits >> 16)) * np.uint32(0x85EBCA6B)
    bits = bits ^ (bits >> 13)
    odd = 2 * np.random.default_rng(0).integers(2**31, size=bits.shape[1], dtype=np.uint32) + 1
    return (bits * odd[None]).sum(axis=1, dtype=jnp.uint32)


def _left_by_each(
    x: Array, x_norms: Array, weights: Array, marks: Array, remaining: Array, candidates: Array
) -> tuple[Array, Array]:
    """The inertia of one block, and D^2 [candidates block], that each candidate would leave.

    D^2 is exactly 0 for the points that equal the candidate: what coincides with a centroid must
    not be drawn again.
    """
    norms = squared_norms(candidates)[:, None] + x_norms[None, :]
    distances = jnp.maximum(norms - 2 * product(candidates, x), 0)
    same = (_marks(candidates)[:, None] == marks[None, :]) & (distances <= NEAR * norms)
    left = jnp.minimum(remaining[None, :], jnp.where(same, 0, distances))
    return jnp.matmul(left, weights, precision=PRECISION), left


STARTS = {
    "random": random_indices,
    "k-means++": plus_plus_indices,
    "k-means||": scalable_plus_plus_indices,
}
