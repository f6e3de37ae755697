"""Total coding rate: how many nats it takes to tell directions apart, and so how much room they
take.

    R(Z) = 1/2 log det( I + d / (n eps^2) Z^T Z )  =  1/2 log det( I + d / (n eps^2) Z Z^T )

    L = -1/v sum over a of ( R(Z_a) + pull 1/n sum over i of cos(z_ai, mean over b of z_bi) )

The smaller of the two matrices is taken, and of its Cholesky factor C the logarithms of the
diagonal: log det = 2 sum log C_jj. Their eigenvalues are at least 1, so nothing is lost in float32.
The definition is in `scratchclust/reference/coding_rate.py`.

Sources: Yu, Chan, You, Song and Ma, Learning diverse and discriminative representations via the
principle of maximal coding rate reduction, 2020 (R). Tong, Chen, Ma and LeCun, EMP-SSL: towards
self-supervised learning in one training epoch, 2023 (L, with eps^2 = 0.2 and pull = 200).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust.train.losses import Batch, Number, Scalar, Terms, wide
from scratchclust.train.objectives.sphere import inner_products, normalise
from scratchclust.train.objectives.views import (
    NOT_NEGATIVE,
    POSITIVE,
    VIEWS,
    Views,
    draw,
    outputs_of_views,
)


@jax.jit
def coding_rate(Z: Float[Array, "n d"], *, eps_squared: Number = 0.2) -> Scalar:
    """Measure the room that points take: R(Z).

    Args:
        Z: points, of length 1 where the rate is to be compared with others'. (In float32 I is
            lost beside lengths of more than some 1000, and R with it where few axes are taken.)
        eps_squared: the squared error of each that is allowed for.

    Returns:
        R in nats. Cost O(n d m + m^3) with m the smaller of n and d.
    """
    n, d = Z.shape
    Z = wide(Z)
    gram = inner_products(Z, Z) if n < d else inner_products(Z.T, Z.T)
    matrix = jnp.eye(len(gram), dtype=Z.dtype) + d / (n * eps_squared) * gram
    return jnp.log(jnp.diagonal(jnp.linalg.cholesky(matrix))).sum()


@jax.jit
def cosine_to_mean(Z: Float[Array, "v n d"]) -> Scalar:
    """Measure how near the v views of each picture are to their mean: the mean cosine.

    Args:
        Z: projections; their directions count.
    """
    U = normalise(Z)
    means = normalise(U.mean(axis=0))
    return (U * means[None]).sum(axis=-1).mean()


@jax.jit
def emp_ssl(Z: Float[Array, "v n d"], *, pull: Number = 200.0, eps_squared: Number = 0.2) -> Scalar:
    """Measure how badly patches agree on their pictures and pictures fill the room: L.

    Args:
        Z: projections of v patches of each of n pictures.
        pull: weight of the patches' agreement.
        eps_squared: of the coding rate.
    """
    return -_mean_rate(Z, eps_squared) - pull * cosine_to_mean(Z)


@dataclass(frozen=True)
class EMPSSLLoss:
    """`emp_ssl` of a model whose output is the projections, `model(images) -> [n d]`.

    Its terms are "coding_rate", of which the largest possible is d/2 log(1 + 1 / eps^2), and
    "view_cosine".

    Attributes:
        views: `views(images, key)`, as many patches of each image as it likes.
        pull: as in `emp_ssl`.
        eps_squared: as in `emp_ssl`.

    Raises:
        InputError: a negative pull, or an eps_squared that is not positive.
    """

    views: Views
    pull: float | int = 200.0
    eps_squared: float | int = 0.2

    def __post_init__(self) -> None:
        VIEWS("views", self.views)
        NOT_NEGATIVE("pull", self.pull)
        POSITIVE("eps_squared", self.eps_squared)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        Z = outputs_of_views(model, draw(self.views, batch.images, key))
        rate = _mean_rate(Z, self.eps_squared)
        cosine = cosine_to_mean(Z)
        return -rate - self.pull * cosine, {"coding_rate": rate, "view_cosine": cosine}


def _mean_rate(Z: Float[Array, "v n d"], eps_squared: Number) -> Scalar:
    """Of the views at once; on a CPU one after the other: there jaxlib 0.10 solves a batch of
    triangular systems in tasks of the threads in which each device waits for them, and where there
    are as many devices as threads that is for ever.
    """
    rate = partial(coding_rate, eps_squared=eps_squared)
    of_views = jax.lax.platform_dependent(
        normalise(Z), cpu=partial(jax.lax.map, rate), default=jax.vmap(rate)
    )
    return of_views.mean()
