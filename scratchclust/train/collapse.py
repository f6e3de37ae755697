"""What tells a code, or clusters, that have collapsed from those that have not. No labels.

    effective rank     = exp( -sum_j p_j log p_j )       p_j a singular value's share of their sum
    uniformity         = log of the mean over i != j of exp( -2 |u_i - u_j|^2 )
    alignment          = mean over i of |u_i - u_i'|^2
    effective clusters = exp( -sum_j p_j log p_j )       p_j the mean probability of cluster j

with directions u and those of other views u'. The definition is in
`scratchclust/reference/collapse.py`. `find_collapse` puts limits to them.

Sources: Roy and Vetterli, The effective rank, 2007. Wang and Isola, Understanding contrastive
representation learning through alignment and uniformity on the hypersphere, 2020 (with t = 2 and
alpha = 2).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from scratchclust.train.losses import Scalar, wide
from scratchclust.train.objectives.sphere import normalise

# Rows whose distances to all others are held at a time.
ROWS_AT_A_TIME = 256
# Limits of `find_collapse`. A strided network with a projector to 16 axes, without batch
# normalisation, after 64 steps on 500 pictures of CIFAR-10, three seeds: (rank, uniformity) of the
# projections were 9.1 to 10.5 and -2.4 to -2.7 with contrastive loss and LeJEPA's, 1.8 to 2.0 and
# -0.01 to 0 with cosines to the mean alone, 2.8 to 4.2 and -0.15 to -0.35 with distances to the
# mean alone; 7.6 to 8.3 and -0.44 to -0.49 before. So a point shows in the uniformity first, and
# the rank is what shows a line through zero, of which half of all pairs are opposite.
LEAST_RANK = 1.5
MOST_UNIFORMITY = -0.2
LEAST_CLUSTERS = 1.5


@jax.jit
def effective_rank(Z: Float[Array, "n d"]) -> Scalar:
    """Count the axes that a code takes, each by how long it is.

    Args:
        Z: the code, not centred.

    Returns:
        From 1 to the smaller of n and d; 0 if all is zero. Cost O(n d^2).
    """
    # Of Z itself: the eigenvalues of Z^T Z would lose all axes below 3e-4 of the longest.
    return _exp_of_entropy(jnp.linalg.svd(wide(Z), compute_uv=False))


@jax.jit
def uniformity(Z: Float[Array, "n d"]) -> Scalar:
    """Measure how evenly directions are spread over the sphere: less is more even, 0 is collapsed.

    Args:
        Z: the code of at least two pictures.

    Returns:
        The logarithm. Cost O(n^2 d), memory 256 n numbers: a few thousand pictures say enough.
    """
    U = normalise(Z)
    n = len(U)
    squares = (U**2).sum(axis=1)

    def nearness_of(pair: tuple[Array, Array]) -> Array:
        i, u = pair
        products = jnp.matmul(U, u, precision=jax.lax.Precision.HIGHEST)
        exponents = -2 * jnp.maximum(squares[i] - 2 * products + squares, 0)
        return jax.nn.logsumexp(jnp.where(jnp.arange(n) == i, -jnp.inf, exponents))

    of_rows = jax.lax.map(nearness_of, (jnp.arange(n), U), batch_size=ROWS_AT_A_TIME)
    return jax.nn.logsumexp(of_rows) - jnp.log(jnp.asarray(n, U.dtype) * (n - 1))


@jax.jit
def alignment(Z_first: Float[Array, "n d"], Z_second: Float[Array, "n d"]) -> Scalar:
    """Measure how far two views of each picture lie apart on the sphere, from 0 to 4.

    Args:
        Z_first: the code of a view of each picture.
        Z_second: that of another view.
    """
    return ((normalise(Z_first) - normalise(Z_second)) ** 2).sum(axis=1).mean()


@jax.jit
def effective_clusters(P: Float[Array, "n k"]) -> Scalar:
    """Count the clusters, each by how much it has.

    Args:
        P: the probabilities of the clusters of each picture.

    Returns:
        From 1 to k.
    """
    return _exp_of_entropy(wide(P).mean(axis=0))


class Collapse(NamedTuple):
    """Which measure says that something has collapsed."""

    measure: str
    value: float
    limit: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return (
                f"the {self.measure} is nan: the network says what is no number; "
                "lower the learning rate"
            )
        side = "above" if self.value > self.limit else "below"
        return (
            f"the {self.measure} is {self.value:.3g}, {side} {self.limit:g}: the network says the "
            "same of nearly all pictures; give the term that keeps them apart more weight, or "
            "lower the learning rate"
        )


def find_collapse(
    Z: Float[Array, "n d"],
    *,
    least_rank: float | int = LEAST_RANK,
    most_uniformity: float | int = MOST_UNIFORMITY,
) -> Collapse | None:
    """Say whether a code has collapsed to a point, to a line, or to hardly more.

    Both measures are of directions: a code that only shrinks has not collapsed, as its directions
    still tell pictures apart.

    Args:
        Z: what the loss compares, of some hundred pictures, on at least two axes, after some
            epochs: a network that has learnt nothing may say nearly the same of all. (Features
            before a projector stayed at a uniformity of -1 where the projections were a point.)
        least_rank: the effective rank that is still one.
        most_uniformity: likewise; a code is as uniform or more (less in number).

    Returns:
        The first measure that is beyond its limit, or None.
    """
    measured = float(effective_rank(Z)), float(uniformity(Z))
    return collapse_of(*measured, least_rank=least_rank, most_uniformity=most_uniformity)


def collapse_of(
    rank: float,
    uniform: float,
    *,
    least_rank: float | int = LEAST_RANK,
    most_uniformity: float | int = MOST_UNIFORMITY,
) -> Collapse | None:
    """`find_collapse` of a code whose effective rank and uniformity are known."""
    if not rank >= least_rank:  # NaN is no code either
        return Collapse("effective rank", rank, float(least_rank))
    if not uniform <= most_uniformity:
        return Collapse("uniformity", uniform, float(most_uniformity))
    return None


def find_collapsed_clusters(
    P: Float[Array, "n k"], *, least_clusters: float | int = LEAST_CLUSTERS
) -> Collapse | None:
    """Say whether one cluster has taken nearly all pictures.

    Args:
        P: the probabilities of the clusters of each picture.
        least_clusters: the effective number of clusters that is still one.
    """
    return collapse_to(float(effective_clusters(P)), least_clusters=least_clusters)


def collapse_to(count: float, *, least_clusters: float | int = LEAST_CLUSTERS) -> Collapse | None:
    """`find_collapsed_clusters` of probabilities whose effective number of clusters is known."""
    if not count >= least_clusters:
        return Collapse("effective number of clusters", count, float(least_clusters))
    return None


def _exp_of_entropy(weights: Float[Array, " m"]) -> Scalar:
    total = weights.sum()
    p = weights / jnp.where(total > 0, total, 1)
    return jnp.where(total > 0, jnp.exp(-xlogy(p, p).sum()), total)
