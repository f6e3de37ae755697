"""What tells a code, or clusters, that have collapsed from those that have not. No labels.

With s_1 >= s_2 >= ... the singular values of a code Z [n d], and p_j = s_j / sum of them all, its

    effective rank = exp( -sum_j p_j log p_j )

is d where all axes are as long, 1 where the code is a single point or a line through zero. With
directions u_i, two measures of learning by views are

    uniformity = log of the mean over i != j of exp( -2 |u_i - u_j|^2 )
    alignment  = mean over i of |u_i - u_i'|^2

of which the first is 0 where all directions are the same, and about -4 where they are evenly spread
over a sphere of many axes; u_i' is the other view of picture i. With p the mean of the clusters'
probabilities of all pictures,

    effective clusters = exp( -sum_j p_j log p_j )

is k where the clusters are even, 1 where one has all.

The fast twin of this file is `scratchclust/train/collapse.py`.

Sources: Roy and Vetterli, The effective rank, 2007. Wang and Isola, Understanding contrastive
representation learning through alignment and uniformity on the hypersphere, 2020 (with t = 2 and
alpha = 2).
"""

import numpy as np
from jaxtyping import Float

from scratchclust.reference.sphere import normalise


def effective_rank(Z: Float[np.ndarray, "n d"]) -> float:
    """Count the axes that a code takes, each by how long it is.

    Args:
        Z: the code, not centred.

    Returns:
        From 1 to the smaller of n and d; 0 if all is zero.
    """
    lengths = np.linalg.svd(np.asarray(Z, np.float64), compute_uv=False)
    return _exp_of_entropy(lengths)


def uniformity(Z: Float[np.ndarray, "n d"]) -> float:
    """Measure how evenly directions are spread over the sphere: less is more even, 0 is collapsed.

    Args:
        Z: the code of at least two pictures.
    """
    U = normalise(Z)
    n = len(U)
    nearness = [
        np.exp(-2 * ((U[i] - U[j]) ** 2).sum()) for i in range(n) for j in range(n) if i != j
    ]
    return float(np.log(np.mean(nearness)))


def alignment(Z_first: Float[np.ndarray, "n d"], Z_second: Float[np.ndarray, "n d"]) -> float:
    """Measure how far two views of each picture lie apart on the sphere, from 0 to 4.

    Args:
        Z_first: the code of a view of each picture.
        Z_second: that of another view.
    """
    apart = normalise(Z_first) - normalise(Z_second)
    return float((apart**2).sum(axis=1).mean())


def effective_clusters(P: Float[np.ndarray, "n k"]) -> float:
    """Count the clusters, each by how much it has.

    Args:
        P: the probabilities of the clusters of each picture.

    Returns:
        From 1 to k.
    """
    return _exp_of_entropy(np.asarray(P, np.float64).mean(axis=0))


def _exp_of_entropy(weights: np.ndarray) -> float:
    if not weights.sum() > 0:
        return 0.0
    p = weights / weights.sum()
    return float(np.exp(-sum(share * np.log(share) for share in p if share > 0)))
