"""The passes of EM over the points, compiled, for one block of points at a time.

A pass finds for each block the logarithms log p_j + log N(x_i; m_j, S_j), laid out [k block], and
sums what the next mixture is made of. How, the type of the covariances says, in
`cluster/covariances.py`: the squares (x - m)^T S^-1 (x - m) of a block come from one matrix
product, and so do its sums, with the responsibilities.

That loses digits where a component is far narrower than the data. `sums.py` beside this file sees
to that: it then takes the same passes in float64, and where even that is too little, passes by
differences, which keep x - m_j [k d block] and so take more memory and time:

    (x - m_j) P_j, squared and summed
    sum r (x - c_j)     sum r (x - c_j)(x - c_j)^T     about a centre c_j
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.families import (
    CovarianceType,
    Densities,
    Sums,
    module_of,
)
from scratchclust.distances import PRECISION
from scratchclust.results import Mixture


def densities(mixture: Mixture, kind: CovarianceType, *, by_differences: bool = False) -> Densities:
    """What a pass needs, from a mixture of centred means; O(k d^2)."""
    P = mixture.precisions_cholesky
    means = mixture.means
    d = means.shape[1]
    with np.errstate(divide="ignore"):  # a weight of 0
        log_weights = module_of(mixture.weights).log(mixture.weights)
    constants = log_weights - d / 2 * np.log(2 * np.pi) + kind.log_determinants(P, d)
    if by_differences:
        return Densities(P, means, constants, True)
    return kind.densities(means, P, constants)


@jax.jit
def squares(data: rows.Rows) -> tuple[Array, Array]:
    """sum x^2 [d] over the points, and the largest |x|^2."""
    total, largest = rows.map_sum(
        lambda x, _: ((x * x).sum(axis=0), (x * x).sum(axis=1).max()), data
    )
    return total, largest.max()


@jax.jit
def total_scatter(data: rows.Rows) -> Array:
    """sum x x^T [d d]."""
    return rows.map_sum(lambda x, _: (jnp.matmul(x.T, x, precision=PRECISION), None), data)[0]


@partial(jax.jit, static_argnames=("kind", "with_responsibilities"))
def expect(
    data: rows.Rows, mixture: Densities, kind: CovarianceType, with_responsibilities: bool
) -> tuple[Array, Array]:
    """Of each point the log-likelihood, and the responsibilities [k], or, without them, the most
    probable component.
    """

    def block(x: Array, valid: Array, mixture: Densities) -> tuple[None, tuple[Array, Array]]:
        joint = _log_joint(x, mixture, kind)
        log_likelihood, responsibilities = _expect(joint)
        if with_responsibilities:
            return None, (log_likelihood, responsibilities.T)
        index = jnp.arange(len(joint), dtype=jnp.int32)[:, None]
        most = joint >= joint.max(axis=0, keepdims=True)
        return None, (log_likelihood, jnp.where(most, index, len(joint)).min(axis=0))

    return rows.map_sum(block, data, mixture)[1]


@partial(jax.jit, static_argnames="kind")
def expect_and_sum(
    data: rows.Rows, mixture: Densities, centres: Any, kind: CovarianceType
) -> tuple[Sums, Array]:
    """The expectation and the sums in one pass, with the log-likelihood of each block [n_blocks].

    `centres` [k d] are those of sums by differences, else None.
    """

    def block(x: Array, valid: Array, mixture: Densities, centres: Any) -> tuple[Sums, Array]:
        log_likelihood, responsibilities = _expect(_log_joint(x, mixture, kind))
        sums = _sums(x, responsibilities * valid[None, :], centres, kind)
        return sums, (log_likelihood * valid).sum()

    return rows.map_sum(block, data, mixture, centres)


@partial(jax.jit, static_argnames=("n_components", "kind"))
def sum_given(
    data: rows.Rows, given: Array, centres: Any, n_components: int, kind: CovarianceType
) -> Sums:
    """The sums of given responsibilities [n_blocks block k], or of labels [n_blocks block]."""

    def block(x: Array, valid: Array, given: Array, centres: Any) -> tuple[Sums, None]:
        one_hot = (
            jnp.arange(n_components)[:, None] == given[None, :] if given.ndim == 1 else given.T
        )
        return _sums(x, one_hot.astype(x.dtype) * valid[None, :], centres, kind), None

    return rows.map_sum(block, data.beside(given), centres)[0]


def _log_joint(
    x: Float[Array, "block d"], mixture: Densities, kind: CovarianceType
) -> Float[Array, "k block"]:
    """log p_j + log N(x; m_j, S_j)."""
    if mixture.by_differences:
        differences = x.T[None, :, :] - mixture.coefficients[:, :, None]
        whitened = kind.whiten(differences, mixture.axes)
        exponents = -(whitened * whitened).sum(axis=1) / 2
    else:
        exponents = kind.exponents(x, mixture)
    return exponents + mixture.constants[:, None]


def _expect(
    joint: Float[Array, "k block"],
) -> tuple[Float[Array, " block"], Float[Array, "k block"]]:
    """log p(x) and the responsibilities."""
    largest = joint.max(axis=0)
    parts = jnp.exp(joint - largest[None, :])
    total = parts.sum(axis=0)
    return largest + jnp.log(total), parts / total[None, :]


def _sums(
    x: Float[Array, "block d"],
    responsibilities: Float[Array, "k block"],
    centres: Any,
    kind: CovarianceType,
) -> Sums:
    """The sums by products about the offset, or by differences about centres [k d]."""
    if centres is None:
        return kind.sums(x, responsibilities)
    differences = x.T[None, :, :] - centres[:, :, None]
    weighted = responsibilities[:, None, :] * differences
    scatter = kind.scatter(weighted, differences)
    return Sums(responsibilities.sum(axis=1), weighted.sum(axis=2), scatter)
