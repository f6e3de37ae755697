"""The step of k-means that gives empty clusters a point; it is rare, and not in the compiled loop.

The definition is `refill_empty` in `scratchclust/reference/kmeans.py`, and how `lloyd` calls it
there: a point that lies on its centroid, but for rounding, is never moved.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, ScalarLike

from scratchclust import rows, shares
from scratchclust.cluster.kmeans_parts.cluster_means import update_in_blocks
from scratchclust.cluster.kmeans_parts.lloyd_steps import LloydState
from scratchclust.cluster.kmeans_parts.nearest_centroid import assign_in_blocks
from scratchclust.cluster.kmeans_parts.points import KMeansPoints
from scratchclust.constants import ON_CENTROID_ULPS
from scratchclust.rows import AnyArray


@partial(jax.jit, static_argnames="n_clusters")
def refill_empty(
    labels: Int[Array | np.ndarray, " n"],
    squared_distances: Float[Array | np.ndarray, " n"],
    n_clusters: int,
    *,
    sample_weight: Float[Array | np.ndarray, " n"] | None = None,
) -> Int[Array, " n"]:
    """Give every empty cluster the point farthest from its own centroid that can be spared.

    The rule of the reference. Of the farthest points at most one a cluster is passed over as its
    last, so the 2 k farthest are enough to look at.

    Args:
        labels: label of each point; one below 0 is in no cluster, and stays there.
        squared_distances: squared distance of each point to the centroid of its cluster.
        n_clusters: k.
        sample_weight: points of weight 0 neither fill a cluster nor count as its members.

    Returns:
        The new labels. Clusters stay empty when no point can be spared. Cost O(n log k).
    """
    labels = jnp.asarray(labels, jnp.int32)
    members = labels >= 0
    if sample_weight is not None:
        members = members & (jnp.asarray(sample_weight) > 0)
    counts = jnp.zeros(n_clusters, jnp.int32).at[jnp.maximum(labels, 0)].add(members)
    of_members = jnp.where(members, jnp.asarray(squared_distances), 0)
    farthest, candidates = jax.lax.top_k(of_members, min(len(labels), 2 * n_clusters))

    new_labels = _spared(counts, farthest, labels[candidates])
    return labels.at[candidates].set(new_labels.astype(jnp.int32))


@jax.jit
def _spared(counts: Array, farthest: Array, labels: Array) -> Int[Array, " m"]:
    """The new labels of candidates, the farthest first: that of an empty cluster where one can be
    spared.
    """

    def offer(counts: Array, candidate: tuple[Array, Array]) -> tuple[Array, Array]:
        distance, label = candidate
        spare = (counts.min() == 0) & (distance > 0) & (counts[label] > 1)
        new_label = jnp.where(spare, counts.argmin(), label)  # argmin: the first empty cluster
        return counts.at[label].add(-1).at[new_label].add(1), new_label

    return jax.lax.scan(offer, counts, (farthest, labels))[1]


def refill_in_blocks(
    points: KMeansPoints, state: LloydState, *, threshold: ScalarLike, unit: Array | None
) -> tuple[LloydState, Array]:
    """Repeat the last update of the compiled iterations after `refill_empty`; what the history says
    of the shift changes too.

    Returns:
        The state, and the labels [n_blocks block] of which its centroids are now the means.
    """
    labels, squares, _ = rows.finished(assign_in_blocks(points.rows, state.before))
    _, norms, weights = points.rows.arrays
    on_centroid = (ON_CENTROID_ULPS * jnp.finfo(norms.dtype).eps) ** 2 * norms
    apart = jnp.where(squares > on_centroid, squares, 0)
    labels, apart, weights = (rows.join(blocks, points.n) for blocks in (labels, apart, weights))
    refilled = _refilled(labels, apart, weights, len(state.before))
    in_blocks = rows.split(refilled, block=points.block, dtype=np.int32)
    centroids = rows.finished(update_in_blocks(points.rows, in_blocks, state.before, unit))
    last = state.n_iter - 1
    shift = ((centroids - state.before) ** 2).sum()
    # as Python's: one is on all devices, the other on the first
    n_changed = int(shares.summed((refilled != labels).sum()))
    nothing_changed = bool(state.history.n_moved[last] == 0) and n_changed == 0
    refilled_state = state._replace(
        centroids=centroids,
        n_empty=jnp.zeros_like(state.n_empty),
        stable=jnp.asarray(nothing_changed | (shift <= threshold)),
        history=state.history._replace(shift=state.history.shift.at[last].set(shift)),
    )
    return refilled_state, in_blocks


def refill_in_float64(
    X: np.ndarray,
    labels: Int[np.ndarray, " n"],
    squares: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    n_clusters: int,
) -> Int[np.ndarray, " n"]:
    """`refill_empty` on the host, where a cluster is empty."""
    if shares.summed(np.bincount(labels, weights > 0, n_clusters)).min() > 0:
        return labels
    on_centroid = (ON_CENTROID_ULPS * np.finfo(np.float64).eps) ** 2 * (X**2).sum(axis=1)
    apart = np.where(squares > on_centroid, squares, 0)
    return np.asarray(_refilled(labels, apart, weights, n_clusters))


def _refilled(labels: AnyArray, apart: AnyArray, weights: AnyArray, n_clusters: int) -> AnyArray:
    """`refill_empty`; of several processes each offers its 2 k farthest points, and takes back its
    own.
    """
    if not rows.is_shared():
        return refill_empty(labels, apart, n_clusters, sample_weight=weights)
    labels = np.array(labels)
    members = (labels >= 0) & (np.asarray(weights) > 0)
    counts = shares.summed(np.bincount(labels[members], minlength=n_clusters))
    of_members = np.where(members, apart, 0)
    offered = np.argsort(-of_members, kind="stable")[: 2 * n_clusters]
    distances = shares.whole(of_members[offered])
    new_labels = shares.whole(labels[offered])
    # among equally far ones the first of all, as `top_k` has them
    farthest = np.argsort(-distances, kind="stable")[: 2 * n_clusters]
    new_labels[farthest] = shares.agreed(
        lambda: np.asarray(
            _spared(counts.astype(np.int32), distances[farthest], new_labels[farthest])
        )
    )
    labels[offered] = shares.own(new_labels, len(offered))
    return labels
