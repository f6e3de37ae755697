"""The silhouette of a sample of points that are shared out among processes.

The sampled points go to every process; each sums their distances to its own points, cluster by
cluster, and the sums are added. So a process holds its own points, the labels of all, and
[sample k] sums; `reference/silhouette.py` explains what becomes of them.
"""

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import processes, rows, shares
from scratchclust.arrays import as_points
from scratchclust.distances import (
    centre_of,
    centre_of_all,
    exponent_of,
    scaled,
    squared_norms,
)
from scratchclust.metrics.inputs import has_far_clusters
from scratchclust.metrics.labels import (
    Labeling,
    as_labels,
    cluster_sizes,
    encode,
    encode_clusters,
)
from scratchclust.metrics.tiles import (
    Points,
    Tiles,
    add_to_clusters,
    rows_in_block,
    squared_distances,
    tiles_of,
)

LEAST_ROWS = 64  # of a sample in one compiled call on one device: fewer make poor matrix products
ELEMENTWISE = 64.0  # what else a distance costs, in multiplications: as in `pairs.py`

Compare = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def of_all_processes(X: Any, labels: Any) -> tuple[Compare, Labeling]:
    """How a sample is compared with the points of all processes, and the clusters of all.

    Args:
        X: the points of this process.
        labels: theirs.

    Returns:
        A function of the numbers of the sampled points, with what `pairs.own_and_nearest` gives of
        them; and the labels of the points of all processes.

    Raises:
        InputError: as from `silhouette_samples`.
    """
    X = _in_range(np.asarray(as_points(X)))
    of_each = processes.of_all(pickle.dumps(as_labels(labels, "labels")))
    all_labels = np.concatenate([pickle.loads(part) for part in of_each])
    labeling = encode_clusters(shares.AllRows(X), all_labels)
    return partial(_own_and_nearest, X, labeling), labeling


def _in_range(X: np.ndarray) -> np.ndarray:
    """X times the power of two that `points_in_range` would find for the points of all."""
    few = X[:: rows.ceil_div(len(X), 33)]
    alike = shares.whole(np.concatenate([X.min(axis=0)[None], X.max(axis=0)[None], few]))
    exponent = shares.agreed(lambda: _exponent_of(alike))
    return np.asarray(scaled(X, centre_of_all(X), exponent)) if exponent else X


def _exponent_of(X: np.ndarray) -> int:
    with shares.alone():
        return exponent_of(X)


def _own_and_nearest(
    X: Float[np.ndarray, "n d"], labeling: Labeling, sample: Int[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """`pairs.own_and_nearest` of the points of all processes."""
    points = shares.picked(X, sample)
    own_codes = shares.own(labeling.codes, len(X))
    first = sum(processes.numbers_of_all(len(X))[: processes.index()])
    is_far = bool(shares.most(float(_has_far_clusters(X, own_codes))))
    centre = np.asarray(centre_of_all(X))
    with shares.alone():
        here = _sums_here(
            X - centre,
            Labeling(own_codes, labeling.n_clusters),
            points - centre,
            sample - first,
            is_far,
        )
    sums = shares.summed(here)
    codes = labeling.codes[sample]
    each = np.arange(len(sample))
    means = sums / cluster_sizes(labeling)
    means[each, codes] = np.inf
    return sums[each, codes], means.min(axis=1)


def _has_far_clusters(X: np.ndarray, codes: np.ndarray) -> bool:
    """`inputs.has_far_clusters` of the clusters that have points here."""
    there = encode(codes)
    with shares.alone():
        return there.n_clusters > 0 and has_far_clusters(X, there)


def _sums_here(
    X: np.ndarray, labeling: Labeling, points: np.ndarray, places: np.ndarray, with_rest: bool
) -> Float[np.ndarray, "m k"]:
    """The sums of the distances of a sample to the points of this process, by cluster, in float64.

    Args:
        X: points of this process, centred.
        labeling: their clusters.
        points: the sample, centred.
        places: where in X each sampled point is, if it is here; another number otherwise.
        with_rest: whether to compute with what rounding takes from the points, too.
    """
    tiles = tiles_of(X, [labeling], with_rest)
    found = []
    for call in rows.calls(len(points), len(X) * (X.shape[1] + ELEMENTWISE), LEAST_ROWS):
        block = rows_in_block(len(points[call]), X.shape[1])
        sampled = _sampled(X, points[call], places[call], block, with_rest)
        sums = rows.finished(_sums_with_all(sampled, tiles, labeling.n_clusters))
        found.append(np.asarray(rows.join(sums, len(points[call])), np.float64))
    return np.concatenate(found)


def _sampled(
    X: np.ndarray, points: np.ndarray, places: np.ndarray, block: int, with_rest: bool
) -> rows.Rows:
    """The sampled points, as `tiles_of` holds X; what rounding took from them; their places."""
    offset = np.asarray(centre_of(X)).astype(rows.offset_type(X))
    x = rows.split(points, block=block, offset=offset)
    lost = np.zeros_like(points, np.float64)
    if with_rest:
        lost = np.asarray(points, np.float64) - offset - np.asarray(rows.join(x, len(points)))
    is_here = (places >= 0) & (places < len(X))
    here = rows.split(np.where(is_here, places, -1) + 1, block=block, dtype=np.int32)
    return rows.Rows((x, rows.split(lost, block=block, dtype=x.dtype), here), rows.mesh())


@partial(jax.jit, static_argnames="n_clusters")
def _sums_with_all(sampled: rows.Rows, tiles: Tiles, n_clusters: int) -> Array:
    """The sums of the distances of these points, which meet all tiles, to each cluster."""

    def block(x: Array, lost: Array, here: Array, tiles: Tiles) -> tuple[None, Array]:
        n_tiles, b, _ = tiles.x.shape
        norms = tiles.norms()
        sampled = Points(x, squared_norms(x), None if tiles.rest is None else lost)

        def meet(sums: Array, i: Array) -> tuple[Array, None]:
            same = (i * b + jnp.arange(b) + 1)[:, None] == here[None, :]
            squared = squared_distances(lambda: tiles.points(i, norms), lambda: sampled, same)
            return add_to_clusters(sums, tiles.codes[i, 0], jnp.sqrt(squared)), None

        start = jnp.zeros((n_clusters, len(x)), x.dtype)
        return None, jax.lax.scan(meet, start, jnp.arange(n_tiles))[0].T

    return rows.map_sum(block, sampled, tiles)[1]
