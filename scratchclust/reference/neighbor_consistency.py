"""Neighbour consistency: pictures that are neighbours belong to the same cluster, and no cluster
takes them all.

A network says of each picture in which of k clusters it is, p_i = softmax(logits_i), and the same
of one of its nearest neighbours, p_i'. With p the mean of p_1..p_n,

    C = -1/n sum_i log( p_i . p_i' )        0 where all neighbours surely agree
    H = -sum_j p_j log p_j                  log k where the clusters are even
    L = C - weight H

C alone would be smallest if one cluster took all; there H is 0. H leads out of it as long as the
network is not sure: where the probabilities of all others are rounded to nothing, so is the slope.

The fast twin of this file is `scratchclust/train/objectives/neighbor_consistency.py`.

Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, SCAN: learning to classify
images without labels, 2020 (with weight = 5).
"""

import numpy as np
from jaxtyping import Float


def neighbor_consistency(
    logits: Float[np.ndarray, "n k"], neighbor_logits: Float[np.ndarray, "n k"]
) -> float:
    """Measure how often neighbours disagree on their cluster: C.

    Args:
        logits: of each picture.
        neighbor_logits: of a neighbour of each.
    """
    agreements = np.logaddexp.reduce(_log_softmax(logits) + _log_softmax(neighbor_logits), axis=1)
    return float(-agreements.mean())


def entropy_of_mean(logits: Float[np.ndarray, "n k"]) -> float:
    """Measure how even the clusters are: H, in nats.

    Args:
        logits: of each picture.
    """
    shares = np.exp(_log_softmax(logits)).mean(axis=0)
    return float(-sum(share * np.log(share) for share in shares if share > 0))


def scan_loss(
    logits: Float[np.ndarray, "n k"],
    neighbor_logits: Float[np.ndarray, "n k"],
    *,
    entropy_weight: float = 5.0,
) -> float:
    """Measure how badly neighbours agree on even clusters: L.

    Args:
        logits: of each picture.
        neighbor_logits: of a neighbour of each.
        entropy_weight: of H.
    """
    entropy = entropy_of_mean(logits)
    return neighbor_consistency(logits, neighbor_logits) - entropy_weight * entropy


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1)[:, None]
