"""Total coding rate: how many nats it takes to tell directions apart, and so how much room they
take.

For n directions Z [n d] that may be told with a squared error of eps^2 each,

    R(Z) = 1/2 log det( I + d / (n eps^2) Z^T Z )

It is largest when the directions fill all axes alike, and 1/2 log(1 + d / eps^2) when all are the
same. EMP-SSL sees each picture in v patches, whose directions are Z_1..Z_v, draws each to the mean
of its picture's, and keeps R large:

    L = -1/v sum over a of ( R(Z_a) + pull 1/n sum over i of cos(z_ai, mean over b of z_bi) )

The cosines alone would be as large if all pictures became one point. There nothing can tell two
pictures apart, and their slopes are the same; but with R whatever small difference there is grows.

The fast twin of this file is `scratchclust/train/objectives/coding_rate.py`.

Sources: Yu, Chan, You, Song and Ma, Learning diverse and discriminative representations via the
principle of maximal coding rate reduction, 2020 (R). Tong, Chen, Ma and LeCun, EMP-SSL: towards
self-supervised learning in one training epoch, 2023 (L, with eps^2 = 0.2 and pull = 200).
"""

import numpy as np
from jaxtyping import Float

from scratchclust.reference.sphere import normalise


def coding_rate(Z: Float[np.ndarray, "n d"], *, eps_squared: float = 0.2) -> float:
    """Measure the room that points take: R(Z).

    Args:
        Z: points, of length 1 where the rate is to be compared with others'.
        eps_squared: the squared error of each that is allowed for.

    Returns:
        R in nats. Cost O(n d^2 + d^3).
    """
    n, d = Z.shape
    Z = np.asarray(Z, np.float64)
    return float(np.linalg.slogdet(np.eye(d) + d / (n * eps_squared) * Z.T @ Z)[1] / 2)


def cosine_to_mean(Z: Float[np.ndarray, "v n d"]) -> float:
    """Measure how near the v views of each picture are to their mean: the mean cosine.

    Args:
        Z: projections; their directions count.
    """
    U = normalise(Z)
    means = normalise(U.mean(axis=0))
    cosines = [U[a, i] @ means[i] for a in range(U.shape[0]) for i in range(U.shape[1])]
    return float(np.mean(cosines))


def emp_ssl(
    Z: Float[np.ndarray, "v n d"], *, pull: float = 200.0, eps_squared: float = 0.2
) -> float:
    """Measure how badly patches agree on their pictures and pictures fill the room: L.

    Args:
        Z: projections of v patches of each of n pictures.
        pull: weight of the patches' agreement.
        eps_squared: of the coding rate.
    """
    rates = [coding_rate(patches, eps_squared=eps_squared) for patches in normalise(Z)]
    return -float(np.mean(rates)) - pull * cosine_to_mean(Z)
