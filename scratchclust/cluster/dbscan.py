"""DBSCAN, fast: the twin of `scratchclust/reference/dbscan.py`, where the definition is explained.

No neighbourhood is ever stored: the memory is O(n d) and a block. The distances are computed again in every pass,
by blocked products on all devices:

    one pass counts the neighbours of each point, which tells the core points, and keeps a few neighbours of each;
    core points joined by those few get the smallest index among them as their label;
    another pass finds for each point the smallest and the largest label among its core neighbours, and the host
    joins labels that meet (connected components). Points that see two labels look again, until no more are joined.

A border point so gets the cluster of lowest number that reaches it, which is the one that growing cluster after cluster
gives it to.

Products in float32 leave some pairs in doubt, near to eps by less than rounding. So pairs are counted that are
neighbours for sure, and those that may be; rows on which the difference could tell are decided in float64 on the host.

In one, two or three dimensions a grid is faster, and is taken instead: `scratchclust/cluster/dbscan_grid.py`.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scratchclust import rows
from scratchclust.cluster.dbscan_grid import fits_a_grid, grid_labels
from scratchclust.cluster.exact_pairs import near_rows
from scratchclust.distances import AnyArray, centre_of, check_range, error_bound, product
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.results import DBSCANResult

TILE = 512  # points that a block meets at a time, on a CPU
TILE_ELSEWHERE = 16384
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second
ON_HOST = 1e9  # multiplications below which the host is done before another shape is compiled
SAMPLES = 8  # neighbours of each point that the first pass keeps
NONE = np.int32(2**31 - 1)  # the label of what is no core point


def dbscan(X: Real[AnyArray, "n d"], eps: float | int = 0.5, *, min_samples: int = 5) -> DBSCANResult:
    """Clusters of density, without storing the neighbourhoods.

    Args:
        X: points.
        eps: the largest distance of neighbours.
        min_samples: neighbours that make a point a core point, itself included.

    Returns:
        Labels and core points (NumPy arrays), those of the definition. Cost O(n^2 d) time a pass, in three passes as a
        rule, and O(n d) memory; on a grid about O(n) times the points around one.

    Raises:
        InputError: no points, eps not above 0, min_samples below 1, NaN or infinity in X, or numbers whose squares
            leave the range of float32.
    """
    _check(X, eps, min_samples)
    if fits_a_grid(X, float(eps)):
        labels, core = grid_labels(np.asarray(X), float(eps), min_samples)
    else:
        labels, core = _blocked_labels(X, float(eps), min_samples)
    return _numbered(labels, core)


def k_distances(X: Real[AnyArray, "n d"], min_samples: int = 5) -> Float[np.ndarray, " n"]:
    """The eps from which on each point is a core point, rising: the curve by which to choose eps.

    Args:
        X: points.
        min_samples: as for `dbscan`; the value of a point is its distance to neighbour min_samples - 1.

    Returns:
        The sorted distances, in the precision of `nearest_neighbors`. Cost O(n^2 d) time and O(n (d + min_samples))
        memory.

    Raises:
        InputError: no points, min_samples not within 1 and n, NaN or infinity in X, or numbers whose squares leave the
            range of float32.
    """
    _check(X, 1, min_samples)
    if min_samples > len(X):
        raise InputError(f"expected min_samples of at most {len(X)}, the number of points, got {min_samples}")
    if min_samples == 1:
        return np.zeros(len(X))  # a point is its own first neighbour
    return np.sort(nearest_neighbors(X, min_samples - 1).distances[:, -1]).astype(np.float64)


def knee(distances: Float[np.ndarray, " n"]) -> float:
    """The bend of a rising curve: its value where it lies farthest below the straight line between its ends.

        m = argmax_i  d_1 + (d_n - d_1) (i - 1) / (n - 1) - d_i

    An eps to begin with, for lack of a better one: the label of no point takes part in it.

    Args:
        distances: from `k_distances`.

    Returns:
        d_m, or the smallest value above 0 if that is 0.

    Raises:
        InputError: no distance is above 0: all points have equal ones in plenty, and any eps will do.

    Source: Satopää et al., Finding a "kneedle" in a haystack, 2011 (without their smoothing).
    """
    if not distances[-1] > 0:
        raise InputError("every point has as many equal ones as it needs: give eps, any number above 0 will do")
    line = np.linspace(distances[0], distances[-1], len(distances))
    found = distances[(line - distances).argmax()]
    return float(found if found > 0 else distances[distances > 0][0])


def _check(X: Real[AnyArray, "n d"], eps: float | int, min_samples: int) -> None:
    if not len(X):
        raise InputError("expected at least one point, got none")
    if not eps > 0:
        raise InputError(f"expected eps > 0, the largest distance of neighbours, got {eps}")
    if min_samples < 1:
        raise InputError(f"expected min_samples of at least 1 (a point counts itself), got {min_samples}")
    if not np.isfinite(np.asarray(X)).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")


def _numbered(labels: Int[np.ndarray, " n"], core: Bool[np.ndarray, " n"]) -> DBSCANResult:
    """Labels that name a cluster by its first core point (NONE: noise) as numbers 0, 1, ..."""
    firsts = np.unique(labels[core])
    numbers = np.where(labels < NONE, np.searchsorted(firsts, labels), -1)
    return DBSCANResult(numbers.astype(np.int32), np.flatnonzero(core).astype(np.int32), len(firsts))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Points:
    """All points, centred, whole on every device.

    With g above any relative rounding error, i and j are neighbours for sure where x_i . y_j >= sure_i + sure_j, and
    may be where x_i . y_j >= possible_i + possible_j: that is |x_i|^2 - 2 x_i . y_j + |y_j|^2 <= eps^2 with
    g (|x_i|^2 + |y_j|^2) more or less.
    """

    x: Array  # [T tile d]
    sure: Array  # [T tile], (1 + g) |x|^2 / 2 - eps^2 / 4; infinite in the filling
    possible: Array  # [T tile], (1 - g) |x|^2 / 2 - eps^2 / 4, likewise


class _Counts(NamedTuple):
    """What the first pass finds."""

    core: Bool[np.ndarray, " n"]
    doubtful: Bool[np.ndarray, " n"]  # rows with pairs that rounding leaves undecided
    pairs: tuple[np.ndarray, np.ndarray, int]  # (i, j, n): core points that are neighbours, a few for each


def _blocked_labels(X: AnyArray, eps: float, min_samples: int) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """For each point the first core point of its cluster (NONE: noise), and whether it is a core point.

    `labels` name a cluster by its first core point known so far, `reached` the cluster of each point. A row that
    sees one label alone is settled, whatever is joined later; the others are looked at again.
    """
    points, offset = _in_tiles(X, eps)
    core, doubtful, pairs = _core_points(X, points, offset, eps, min_samples)
    labels = np.where(core, _components(pairs), NONE).astype(np.int32)
    reached, asking = labels.copy(), np.arange(len(X))
    while len(asking):
        low, high = _labels_seen(X, points, offset, labels, asking, doubtful & ~core, doubtful, eps)
        reached[asking] = low
        mixed = low != high
        meets = mixed & core[asking]
        if not meets.any():
            break
        ours = labels[asking[meets]]
        pairs = np.concatenate([ours, ours]), np.concatenate([low[meets], high[meets]]), len(X)
        roots = _components(pairs)
        labels, reached = (np.where(a < NONE, roots[np.minimum(a, len(X) - 1)], NONE) for a in (labels, reached))
        asking = asking[mixed]
    return reached, core


def _in_tiles(X: AnyArray, eps: float) -> tuple[_Points, Any]:
    """The points in tiles, and what centred them; an InputError if X cannot be computed with."""
    most = TILE if rows.mesh().devices.flat[0].platform == "cpu" else TILE_ELSEWHERE
    tile = min(most, 1 << max(len(X) - 1, SAMPLES - 1).bit_length())
    offset = centre_of(X)
    x = rows.split(X, block=tile, offset=offset)[: -(-len(X) // tile)]  # no tile of nothing but filling
    norms = (x * x).sum(axis=2)
    largest = float(norms.max())
    check_range(X, largest)
    # No square of a distance is above 4 of the largest norm, so that a larger eps need not leave the range of float32.
    quarter = min(eps * eps, 8 * largest) / 4
    # gamma (|x| + |y|)^2 <= 2 gamma (|x|^2 + |y|^2); twelve more roundings than those of a product
    g, rounding = 2 * error_bound(0.5, X.shape[1] + 12, x.dtype), 8 * float(jnp.finfo(x.dtype).eps)
    sure = (1 + g) * norms / 2 - quarter * (1 - rounding)
    possible = (1 - g) * norms / 2 - quarter * (1 + rounding)
    filling = (jnp.arange(norms.size) >= len(X)).reshape(norms.shape)
    arrays = (x, jnp.where(filling, jnp.inf, sure), jnp.where(filling, jnp.inf, possible))
    return _Points(*(rows.on_every_device(array, rows.mesh()) for array in arrays)), offset


def _core_points(X: AnyArray, points: _Points, offset: Any, eps: float, min_samples: int) -> _Counts:
    """The first pass; a count in doubt that matters is made in float64."""
    sure, possible, samples = _in_stretches(_count, X, np.arange(len(X)), points, offset)
    core = sure >= min_samples
    for part, near in near_rows(np.asarray(X), np.flatnonzero(~core & (possible >= min_samples)), eps):
        core[part] = near.sum(axis=1) >= min_samples
    i, place = np.nonzero(samples < NONE)
    j = samples[i, place]
    both = core[i] & core[j]
    return _Counts(core, sure != possible, (i[both], j[both], len(X)))


def _labels_seen(
    X: AnyArray,
    points: _Points,
    offset: Any,
    labels: Int[np.ndarray, " n"],
    asking: Int[np.ndarray, " m"],
    unsure: Bool[np.ndarray, " n"],
    doubtful: Bool[np.ndarray, " n"],
    eps: float,
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The smallest and the largest label among the core neighbours of some rows (both NONE without one).

    Among those that may be neighbours, first. That answer holds for rows without a pair in doubt, and for core points
    that see only their own label; the others are decided in float64, and so are a few rows from the beginning.
    """
    low, high = np.full(len(asking), -1, np.int32), np.full(len(asking), NONE)  # what is not known
    if len(asking) * len(X) * X.shape[1] > ON_HOST:
        filled = np.full(points.sure.shape, NONE, np.int32)
        filled.ravel()[: len(X)] = labels
        shared = rows.on_every_device(filled, rows.mesh())
        low, high = _in_stretches(_extremes, X, asking, points, offset, shared)
        known = (low == NONE) | ~(doubtful[asking] & (low != high)) & ~unsure[asking]
    else:
        known = np.zeros(len(asking), bool)
    again = np.flatnonzero(~known)
    for part, near in near_rows(np.asarray(X), asking[again], eps):
        place = again[np.searchsorted(asking[again], part)]
        near &= (labels < NONE)[None, :]
        low[place] = np.where(near, labels[None, :], NONE).min(axis=1)
        high[place] = np.where(near, labels[None, :], -1).max(axis=1)
    return low, np.where(low == NONE, NONE, high)


def _components(pairs: tuple[np.ndarray, np.ndarray, int]) -> Int[np.ndarray, " n"]:
    """For each of n nodes the smallest one that is connected to it by the pairs (i, j)."""
    i, j, n = pairs
    _, component = connected_components(coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n)), directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component].astype(np.int32)


def _in_stretches(
    f: Any, X: AnyArray, asking: Int[np.ndarray, " m"], points: _Points, offset: Any, *shared: Any
) -> list[np.ndarray]:
    """f of some rows of X, in calls that are short enough to interrupt; its results [m ...] on the host."""
    block = rows.block_size(len(X), max(points.x.shape[1:]))
    least, most = block * rows.mesh().size, max(1, round(STRETCH / points.x.size / block))
    needed = -(-len(asking) // least)
    per_call = least * min(most, needed if len(asking) == len(X) else 1 << (needed - 1).bit_length())
    found = []
    for begin in range(0, len(asking), per_call):
        # One shape for all calls: the filling repeats the last row.
        part = asking[np.minimum(np.arange(begin, begin + per_call), len(asking) - 1)]
        arrays = (rows.split(X[part], block=block, offset=offset), rows.split(part, block=block, dtype=np.int32))
        found.append(jax.tree.map(np.asarray, rows.finished(f(rows.Rows(arrays, rows.mesh()), points, *shared))))
    columns = zip(*found, strict=True)
    return [np.concatenate([a.reshape(-1, *a.shape[2:]) for a in column])[: len(asking)] for column in columns]


@jax.jit
def _count(data: rows.Rows, points: _Points) -> tuple[Array, Array, Array]:
    """The number of sure neighbours of each row, of possible ones, and a few of the sure ones (or NONE)."""

    def block(q: Array, own: Array, points: _Points) -> tuple[None, tuple[Array, Array, Array]]:
        def meet(found: tuple[Array, Array, Array], tile: tuple[_Points, Array]) -> tuple[Any, None]:
            there, index = tile
            products = product(there.x, q)
            sure = products >= there.sure[:, None] + points.sure.reshape(-1)[own][None, :]
            possible = products >= there.possible[:, None] + points.possible.reshape(-1)[own][None, :]
            # Both counts in one sum: a tile has fewer than 2^15 points.
            both = (sure.astype(jnp.int32) + possible.astype(jnp.int32) * 2**15).sum(axis=0, dtype=jnp.int32)
            samples = jnp.where(sure, index[:, None], NONE).reshape(SAMPLES, -1, len(q)).min(axis=1)
            return (found[0] + both % 2**15, found[1] + both // 2**15, jnp.minimum(found[2], samples)), None

        nothing = jnp.zeros(len(q), jnp.int32), jnp.zeros(len(q), jnp.int32), jnp.full((SAMPLES, len(q)), NONE)
        index = jnp.arange(points.sure.size, dtype=jnp.int32).reshape(points.sure.shape)
        (sure, possible, samples), _ = jax.lax.scan(meet, nothing, (points, index))
        return None, (sure, possible, samples.T)

    return rows.map_sum(block, data, points)[1]


@jax.jit
def _extremes(data: rows.Rows, points: _Points, labels: Int[Array, "T tile"]) -> tuple[Array, Array]:
    """The smallest and the largest label among the possible core neighbours of each row; NONE and -1 without one."""

    def block(q: Array, own: Array, points: _Points, labels: Array) -> tuple[None, tuple[Array, Array]]:
        def meet(found: tuple[Array, Array], tile: tuple[_Points, Array]) -> tuple[Any, None]:
            there, theirs = tile
            bound = there.possible[:, None] + points.possible.reshape(-1)[own][None, :]
            near = (product(there.x, q) >= bound) & (theirs < NONE)[:, None]
            low, high = jnp.where(near, theirs[:, None], NONE), jnp.where(near, theirs[:, None], -1)
            return (jnp.minimum(found[0], low.min(axis=0)), jnp.maximum(found[1], high.max(axis=0))), None

        nothing = jnp.full(len(q), NONE), jnp.full(len(q), -1, jnp.int32)
        return None, jax.lax.scan(meet, nothing, (points, labels))[0]

    return rows.map_sum(block, data, points, labels)[1]
