"""New points in a finished clustering that has no centres: their nearest neighbours vote."""

import numpy as np
from jaxtyping import Int, Real

from scratchclust.neighbors import nearest_neighbors
from scratchclust.results import Neighbors
from scratchclust.rows import AnyArray


def neighbor_vote(
    X: Real[AnyArray, "m d"],
    points: Real[AnyArray, "n d"],
    labels: Int[np.ndarray, " n"],
    n_neighbors: int,
) -> Int[np.ndarray, " m"]:
    """Let the nearest points vote, each with the weight 1 / distance.

        label(x) = argmax_c  sum_{i in N_k(x), label_i = c}  1 / |x - x_i|

    A point that is one of `points` keeps its label. Cost O(m n d) time.

    Args:
        X: new points.
        points: the clustered ones.
        labels: theirs, from 0.
        n_neighbors: how many vote.

    Returns:
        The label of largest weight for each new point.

    Raises:
        InputError: those of `nearest_neighbors`.
    """
    return vote(nearest_neighbors(points, n_neighbors, queries=X), labels)


def vote(near: Neighbors, labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Let neighbours that are known vote as in `neighbor_vote`; labels are those of all points."""
    away = near.distances > 0
    # relative to the nearest, so that no distance is too small or too large; at distance 0 nobody
    # else has a vote
    weights = np.divide(near.distances[:, :1], near.distances, out=np.ones(away.shape), where=away)
    of_neighbors = labels[near.indices]
    clusters = range(int(labels.max()) + 1)
    votes = [(weights * (of_neighbors == cluster)).sum(axis=1) for cluster in clusters]
    return np.stack(votes, axis=1).argmax(axis=1).astype(np.int32)
