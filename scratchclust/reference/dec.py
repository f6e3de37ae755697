"""Deep embedded clustering: soft clusters of a code become those that are sharper and evener.

How much point z_i belongs to centroid c_j is told by Student's t-distribution with one degree of
freedom,

    q_ij = 1 / (1 + |z_i - c_j|^2)  /  sum over j' of 1 / (1 + |z_i - c_j'|^2)

and the target sharpens it, with less weight for a cluster that has much:

    p_ij = (q_ij^2 / f_j)  /  sum over j' of (q_ij'^2 / f_j')          f_j = sum_i q_ij

DEC makes the divergence of the two small, IDEC that of the reconstruction beside it:

    L_c = 1/n sum_i sum_j p_ij log( p_ij / q_ij )              L = L_r + gamma L_c

Three things are easily done otherwise, and are then no longer the method:

- f_j sums over the **whole** data set. The target is computed of all points, and held for as many
  steps as one likes; computed of a mini-batch, it would even out the clusters of each batch.
- the target is computed again, and **training stops where fewer labels than `tol` have changed**
  since it was last computed.
- gamma weighs the **clustering**, not the reconstruction.

Where all points have the same code, p = q: L_c is 0, and so is its slope. Near it, f_j makes small
differences grow; a target that was only sharper would give all to the cluster that has most.

And where the inputs are changed at random ("DEC-DA"), the target is that of unchanged ones.

The fast twin of this file is `scratchclust/train/objectives/dec.py`.

Sources: Xie, Girshick and Farhadi, Unsupervised deep embedding for clustering analysis, 2016 (DEC).
Guo, Gao, Liu and Yin, Improved deep embedded clustering with local structure preservation, 2017
(IDEC: gamma = 0.1, tol = 0.001). Guo, Zhu, Liu and Yin, Deep embedded clustering with data
augmentation, 2018.
"""

import numpy as np
from jaxtyping import Float, Int


def soft_assignments(
    Z: Float[np.ndarray, "n d"], centroids: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "n k"]:
    """Share every point out among the centroids: q.

    Args:
        Z: the code.
        centroids: of the clusters.
    """
    Z = np.asarray(Z, np.float64)
    Q = np.empty((len(Z), len(centroids)))
    for i, z in enumerate(Z):
        nearness = 1 / (1 + ((z - centroids) ** 2).sum(axis=1))
        Q[i] = nearness / nearness.sum()
    return Q


def target_distribution(Q: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """Sharpen assignments, and even the clusters out: p.

    Args:
        Q: of the whole, unchanged data set, not of a batch.
    """
    Q = np.asarray(Q, np.float64)
    f = Q.sum(axis=0)
    weights = Q**2 / np.where(f > 0, f, 1)
    return weights / weights.sum(axis=1, keepdims=True)


def clustering_loss(
    Z: Float[np.ndarray, "n d"],
    centroids: Float[np.ndarray, "k d"],
    targets: Float[np.ndarray, "n k"],
) -> float:
    """Measure how far assignments are from their targets: L_c, in nats for each point.

    Args:
        Z: the code of a batch.
        centroids: of the clusters.
        targets: p of these points, as it was computed of all.
    """
    Q = soft_assignments(Z, centroids)
    divergences = [
        sum(p * np.log(p / q) for p, q in zip(*rows, strict=True) if p > 0)
        for rows in zip(targets, Q, strict=True)
    ]
    return float(np.mean(divergences))


def idec(reconstruction: float, clustering: float, *, gamma: float = 0.1) -> float:
    """Add the two terms of IDEC: L = L_r + gamma L_c.

    Args:
        reconstruction: L_r, the mean square over all pixels in the authors' program.
        clustering: L_c.
        gamma: weight of the clustering.
    """
    return reconstruction + gamma * clustering


def changed_share(labels: Int[np.ndarray, " n"], previous: Int[np.ndarray, " n"]) -> float:
    """Count the points whose label has changed, as a share of all.

    Args:
        labels: of all points.
        previous: those when the target was last computed.
    """
    return float((labels != previous).mean())
