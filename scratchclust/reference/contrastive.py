"""The contrastive loss: of all pictures of a batch, find the other view of the same one.

Each of n pictures is seen in two views, which gives 2n directions u_1..u_2n. With s_ij = u_i . u_j
their cosines, j(i) the other view of i's picture, and a temperature t,

    l_i = -log( exp(s_i,j(i) / t) / sum over k != i of exp(s_ik / t) )

is the cross-entropy of a classifier that must tell j(i) among the 2n - 1 others, and the loss is
its mean over the 2n views ("NT-Xent").

The numerator alone would be smallest if all pictures became one point. There every l_i is
log(2n - 1), and the slope is zero; but it is a ridge: whatever small difference there is grows.

The fast twin of this file is `scratchclust/train/objectives/contrastive.py`.

Source: Chen, Kornblith, Norouzi and Hinton, A simple framework for contrastive learning of visual
representations, 2020.
"""

import numpy as np
from jaxtyping import Float

from scratchclust.reference.sphere import normalise


def nt_xent(
    Z_first: Float[np.ndarray, "n d"],
    Z_second: Float[np.ndarray, "n d"],
    *,
    temperature: float = 0.5,
) -> float:
    """Measure how badly views of one picture are found among those of others: the mean of l_i.

    Args:
        Z_first: projections of a view of each picture.
        Z_second: those of another view.
        temperature: t; the smaller, the more only the nearest others count.

    Returns:
        The mean cross-entropy in nats; log(2n - 1) where all are the same. Cost O(n^2 d).
    """
    n = len(Z_first)
    U = normalise(np.concatenate([Z_first, Z_second]))
    losses = []
    for i in range(2 * n):
        others = [U[i] @ U[k] / temperature for k in range(2 * n) if k != i]
        partner = U[i] @ U[(i + n) % (2 * n)] / temperature
        losses.append(np.logaddexp.reduce(others) - partner)
    return float(np.mean(losses))
