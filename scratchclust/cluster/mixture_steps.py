"""The passes of EM over the points, compiled: what `gaussian_mixture.py` beside this file puts together.

A pass finds for each block of points the logarithms log p_j + log N(x; m_j, S_j), laid out [k block], and sums what the
next mixture is made of. All squares (x - m)^T S^-1 (x - m) of a block come from one matrix product:

    full        x P_j - m_j P_j for all j side by side, squared and summed
    others      |y|^2 / s_j - 2 y.c_j / s_j + |c_j|^2 / s_j, expanded: for tied covariances y = x P; with a diagonal the
                squares of the features stand beside them

and all sums of a block are products with the responsibilities. That loses digits where a component is far narrower than
the data. `gaussian_mixture.py` sees to that: it then takes the same passes in float64.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.distances import PRECISION
from scratchclust.results import Mixture


class Densities(NamedTuple):
    """A mixture as a pass takes it; on the host, in float64, of centred means."""

    axes: Any  # [d k d] full: every P_j side by side; [d d] tied: P; else [0 0]
    coefficients: Any  # [k d] full: m_j P_j; else [k f], by which the features are multiplied
    constants: Any  # [k], what does not depend on the point


class Sums(NamedTuple):
    """What the next mixture is made of."""

    counts: Any  # [k] sum r
    first: Any  # [k d] sum r x
    second: Any  # sum r x x^T [k d d] full, sum r x^2 [k d] diag, sum r |x|^2 [k] spherical; of tied nothing, [k 0]


def densities(mixture: Mixture, covariance_type: str) -> Densities:
    """What a pass needs, from a mixture of centred means; host, O(k d^2)."""
    P, means, d = mixture.precisions_cholesky, mixture.means, mixture.means.shape[1]
    with np.errstate(divide="ignore"):
        constants = np.log(mixture.weights) - d / 2 * np.log(2 * np.pi) + _log_determinant(P, d, covariance_type)
    if covariance_type == "full":
        centres = np.einsum("kd,kde->ke", means, P)
        return Densities(np.moveaxis(P, 0, 1).reshape(d, -1), centres, constants)
    axes, precisions, centres = np.empty((0, 0)), np.ones(len(means)), means
    if covariance_type == "tied":
        axes, centres = P, means @ P
    else:
        precisions = P**2
    per_feature = precisions if precisions.ndim == 2 else precisions[:, None]
    constants = constants - (per_feature * centres**2).sum(axis=1) / 2
    return Densities(axes, np.concatenate([-per_feature / 2, per_feature * centres], axis=1), constants)


def _log_determinant(P: np.ndarray, d: int, covariance_type: str) -> Any:
    """log |P| = -log |S| / 2 of each component."""
    if covariance_type == "spherical":
        return d * np.log(P)
    diagonals = P if covariance_type == "diag" else np.diagonal(P, axis1=-2, axis2=-1)
    return np.log(diagonals).sum(axis=-1)


@jax.jit
def spread(data: rows.Rows) -> tuple[Array, Array]:
    """sum x^2 [d] over the points, and the largest |x|^2."""
    total, largest = rows.map_sum(lambda x, _: ((x * x).sum(axis=0), (x * x).sum(axis=1).max()), data)
    return total, largest.max()


@jax.jit
def total_scatter(data: rows.Rows) -> Array:
    """sum x x^T [d d]."""
    return rows.map_sum(lambda x, _: (_product(x.T, x), None), data)[0]


@partial(jax.jit, static_argnames="covariance_type")
def expect_and_sum(data: rows.Rows, mixture: Densities, covariance_type: str) -> tuple[Sums, Array]:
    """Both steps of EM in one pass: the sums, and the log-likelihood of each block [n_blocks]."""

    def block(x: Array, valid: Array, mixture: Densities) -> tuple[Sums, Array]:
        log_likelihood, responsibilities = _expect(x, mixture, covariance_type)
        sums = _sums(x, responsibilities * valid[None, :], covariance_type)
        return sums, (log_likelihood * valid).sum()

    return rows.map_sum(block, data, mixture)


@partial(jax.jit, static_argnames=("n_components", "covariance_type"))
def sum_given(data: rows.Rows, given: Array, n_components: int, covariance_type: str) -> Sums:
    """The sums of given responsibilities [n_blocks block k], or of given labels [n_blocks block]."""

    def block(x: Array, valid: Array, given: Array) -> tuple[Sums, None]:
        one_hot = jnp.arange(n_components)[:, None] == given[None, :] if given.ndim == 1 else given.T
        return _sums(x, one_hot.astype(x.dtype) * valid[None, :], covariance_type), None

    return rows.map_sum(block, rows.Rows((*data.arrays, given), data.mesh))[0]


@partial(jax.jit, static_argnames=("covariance_type", "with_responsibilities"))
def expect(
    data: rows.Rows, mixture: Densities, covariance_type: str, with_responsibilities: bool
) -> tuple[Array, Array]:
    """Of each point the log-likelihood, and the responsibilities [k], or, without them, the most probable component."""

    def block(x: Array, valid: Array, mixture: Densities) -> tuple[None, tuple[Array, Array]]:
        log_likelihood, responsibilities = _expect(x, mixture, covariance_type)
        if with_responsibilities:
            return None, (log_likelihood, responsibilities.T)
        index = jnp.arange(len(responsibilities), dtype=jnp.int32)[:, None]
        most = responsibilities >= responsibilities.max(axis=0, keepdims=True)
        return None, (log_likelihood, jnp.where(most, index, len(responsibilities)).min(axis=0))

    return rows.map_sum(block, data, mixture)[1]


def _expect(
    x: Float[Array, "block d"], mixture: Densities, covariance_type: str
) -> tuple[Float[Array, " block"], Float[Array, "k block"]]:
    """log p(x) and the responsibilities of one block."""
    if covariance_type == "full":
        k, d = mixture.coefficients.shape
        whitened = _product(mixture.axes.T, x.T) - mixture.coefficients.reshape(k * d, 1)
        joint = -(whitened * whitened).reshape(k, d, len(x)).sum(axis=1) / 2
    else:
        joint = _product(mixture.coefficients, _features(x, mixture.axes, covariance_type).T)
    joint = joint + mixture.constants[:, None]
    largest = joint.max(axis=0)
    parts = jnp.exp(joint - largest[None, :])
    total = parts.sum(axis=0)
    return largest + jnp.log(total), parts / total[None, :]


def _features(x: Float[Array, "block d"], axes: Array, covariance_type: str) -> Float[Array, "block f"]:
    """What the square is linear in: squares beside the coordinates themselves."""
    if covariance_type == "tied":
        x = _product(x, axes)
    squares = x * x if covariance_type == "diag" else (x * x).sum(axis=1, keepdims=True)
    return jnp.concatenate([squares, x], axis=1)


def _sums(x: Float[Array, "block d"], responsibilities: Float[Array, "k block"], covariance_type: str) -> Sums:
    k, d = len(responsibilities), x.shape[1]
    counts = responsibilities.sum(axis=1)
    if covariance_type == "full":
        weighted = responsibilities[:, None, :] * x.T[None, :, :]
        return Sums(counts, weighted.sum(axis=2), _product(weighted.reshape(k * d, -1), x).reshape(k, d, d))
    if covariance_type == "tied":
        return Sums(counts, _product(responsibilities, x), jnp.zeros((k, 0), x.dtype))
    of_features = _product(responsibilities, _features(x, x, covariance_type))
    if covariance_type == "diag":
        return Sums(counts, of_features[:, d:], of_features[:, :d])
    return Sums(counts, of_features[:, 1:], of_features[:, 0])


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)
