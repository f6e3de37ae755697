"""The contrastive loss: of all pictures of a batch, find the other view of the same one.

    l_i = -log( exp(s_i,j(i) / t) / sum over k != i of exp(s_ik / t) )

with s the cosines of 2n views, and j(i) the other view of i's picture. The definition is in
`scratchclust/reference/contrastive.py`. On several devices the others are those of the whole batch:
a step is one program over all of them (`train/steps.py`).

Source: Chen, Kornblith, Norouzi and Hinton, A simple framework for contrastive learning of visual
representations, 2020.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust.errors import InputError
from scratchclust.train.losses import Batch, Number, Scalar, Terms
from scratchclust.train.objectives.sphere import inner_products, normalise
from scratchclust.train.objectives.views import POSITIVE, VIEWS, Views, draw, outputs_of_views


@jax.jit
def nt_xent(
    Z_first: Float[Array, "n d"], Z_second: Float[Array, "n d"], *, temperature: Number = 0.5
) -> Scalar:
    """Measure how badly views of one picture are found among those of others: the mean of l_i.

    Args:
        Z_first: projections of a view of each picture.
        Z_second: those of another view.
        temperature: t; the smaller, the more only the nearest others count.

    Returns:
        The mean cross-entropy in nats; log(2n - 1) where all are the same. Cost O(n^2 d), memory
        4 n^2 numbers.
    """
    n = len(Z_first)
    U = normalise(jnp.concatenate([Z_first, Z_second]))
    logits = inner_products(U, U) / temperature
    others = jnp.where(jnp.eye(2 * n, dtype=bool), -jnp.inf, logits)
    partners = (U * jnp.roll(U, n, axis=0)).sum(axis=1) / temperature
    return (jax.nn.logsumexp(others, axis=1) - partners).mean()


@dataclass(frozen=True)
class ContrastiveLoss:
    """`nt_xent` of a model whose output is the projections, `model(images) -> [n d]`.

    Its term is "view_cosine", the mean cosine of two views of a picture: 1 where they are the same.

    Attributes:
        views: `views(images, key)`, two of each image.
        temperature: as in `nt_xent`; the paper has 0.5 for CIFAR-10.

    Raises:
        InputError: a temperature that is not positive; when called, another number of views.
    """

    views: Views
    temperature: float | int = 0.5

    def __post_init__(self) -> None:
        VIEWS("views", self.views)
        POSITIVE("temperature", self.temperature)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        pictures = draw(self.views, batch.images, key)
        if len(pictures) != 2:
            raise InputError(
                f"expected two views of each image, got {len(pictures)}: "
                "EMPSSLLoss and LeJEPALoss take more"
            )
        first, second = outputs_of_views(model, pictures)
        cosine = (normalise(first) * normalise(second)).sum(axis=1).mean()
        return nt_xent(first, second, temperature=self.temperature), {"view_cosine": cosine}
