"""The passes of EM over the points, compiled: what `gaussian_mixture.py` beside this file puts
together.

A pass finds for each block of points the logarithms log p_j + log N(x; m_j, S_j), laid out [k
block], and sums what the next mixture is made of. All squares (x - m)^T S^-1 (x - m) of a block
come from one matrix product:

    full        x P_j - m_j P_j for all j side by side, squared and summed
    others      |y|^2 / s_j - 2 y.c_j / s_j + |c_j|^2 / s_j, expanded: for tied covariances y = x P; with a diagonal the
                squares of the features stand beside them

and all sums of a block are products with the responsibilities. That loses digits where a component
is far narrower than the data. `mixture_sums.py` sees to that: it then takes the same passes in
float64, and where even that is too little, passes by differences, which keep x - m_j [k d block]
and so take more memory and time:

    (x - m_j) P_j, squared and summed          sum r (x - c_j)      sum r (x - c_j)(x - c_j)^T, about a centre c_j
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.distances import PRECISION
from scratchclust.results import Mixture


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["axes", "coefficients", "constants"],
    meta_fields=["by_differences"],
)
@dataclass(frozen=True)
class Densities:
    """A mixture as a pass takes it; on the host, in float64, of centred means."""

    # [d k d] full: every P_j side by side; [d d] tied: P; else None. By differences: P [k d d], [d
    # d], [k f]
    axes: Any
    # [k d] full: m_j P_j; else [k f], by which the features are multiplied. By differences: m_j
    coefficients: Any
    constants: Any  # [k], what does not depend on the point
    by_differences: bool = False


class Sums(NamedTuple):
    """What the next mixture is made of; by differences x - c_j stands for x."""

    counts: Any  # [k] sum r
    first: Any  # [k d] sum r x
    # sum r x x^T [k d d] full, sum r x^2 [k d] diag, sum r |x|^2 [k] spherical; of tied None, but
    # by differences the sum over all components [d d]
    second: Any


def densities(mixture: Mixture, covariance_type: str, *, by_differences: bool = False) -> Densities:
    """What a pass needs, from a mixture of centred means; host, O(k d^2)."""
    P, means, d = mixture.precisions_cholesky, mixture.means, mixture.means.shape[1]
    with np.errstate(divide="ignore"):
        constants = (
            np.log(mixture.weights)
            - d / 2 * np.log(2 * np.pi)
            + _log_determinant(P, d, covariance_type)
        )
    if by_differences:
        return Densities(
            P[:, None] if covariance_type == "spherical" else P, means, constants, True
        )
    if covariance_type == "full":
        centres = np.einsum("kd,kde->ke", means, P)
        return Densities(np.moveaxis(P, 0, 1).reshape(d, -1), centres, constants)
    axes, precisions, centres = None, np.ones(len(means)), means
    if covariance_type == "tied":
        axes, centres = P, means @ P
    else:
        precisions = P**2
    per_feature = precisions if precisions.ndim == 2 else precisions[:, None]
    constants = constants - (per_feature * centres**2).sum(axis=1) / 2
    return Densities(
        axes, np.concatenate([-per_feature / 2, per_feature * centres], axis=1), constants
    )


def _log_determinant(P: np.ndarray, d: int, covariance_type: str) -> Any:
    """log |P| = -log |S| / 2 of each component."""
    if covariance_type == "spherical":
        return d * np.log(P)
    diagonals = P if covariance_type == "diag" else np.diagonal(P, axis1=-2, axis2=-1)
    return np.log(diagonals).sum(axis=-1)


@jax.jit
def spread(data: rows.Rows) -> tuple[Array, Array]:
    """sum x^2 [d] over the points, and the largest |x|^2."""
    total, largest = rows.map_sum(
        lambda x, _: ((x * x).sum(axis=0), (x * x).sum(axis=1).max()), data
    )
    return total, largest.max()


@jax.jit
def total_scatter(data: rows.Rows) -> Array:
    """sum x x^T [d d]."""
    return rows.map_sum(lambda x, _: (_product(x.T, x), None), data)[0]


@partial(jax.jit, static_argnames="covariance_type")
def expect_and_sum(
    data: rows.Rows, mixture: Densities, centres: Any, covariance_type: str
) -> tuple[Sums, Array]:
    """Both steps of EM in one pass: the sums, and the log-likelihood of each block [n_blocks].

    `centres` [k d] are those of sums by differences, else None.
    """

    def block(x: Array, valid: Array, mixture: Densities, centres: Any) -> tuple[Sums, Array]:
        log_likelihood, _, responsibilities = _expect(x, mixture, covariance_type)
        sums = _sums(x, responsibilities * valid[None, :], centres, covariance_type)
        return sums, (log_likelihood * valid).sum()

    return rows.map_sum(block, data, mixture, centres)


@partial(jax.jit, static_argnames=("n_components", "covariance_type"))
def sum_given(
    data: rows.Rows, given: Array, centres: Any, n_components: int, covariance_type: str
) -> Sums:
    """The sums of given responsibilities [n_blocks block k], or of given labels [n_blocks block]."""

    def block(x: Array, valid: Array, given: Array, centres: Any) -> tuple[Sums, None]:
        one_hot = (
            jnp.arange(n_components)[:, None] == given[None, :] if given.ndim == 1 else given.T
        )
        return _sums(x, one_hot.astype(x.dtype) * valid[None, :], centres, covariance_type), None

    return rows.map_sum(block, rows.Rows((*data.arrays, given), data.mesh), centres)[0]


@partial(jax.jit, static_argnames=("covariance_type", "with_responsibilities"))
def expect(
    data: rows.Rows, mixture: Densities, covariance_type: str, with_responsibilities: bool
) -> tuple[Array, Array]:
    """Of each point the log-likelihood, and the responsibilities [k], or, without them, the most
    probable component.
    """

    def block(x: Array, valid: Array, mixture: Densities) -> tuple[None, tuple[Array, Array]]:
        log_likelihood, joint, responsibilities = _expect(x, mixture, covariance_type)
        if with_responsibilities:
            return None, (log_likelihood, responsibilities.T)
        index = jnp.arange(len(joint), dtype=jnp.int32)[:, None]
        most = joint >= joint.max(axis=0, keepdims=True)
        return None, (log_likelihood, jnp.where(most, index, len(joint)).min(axis=0))

    return rows.map_sum(block, data, mixture)[1]


def _expect(
    x: Float[Array, "block d"], mixture: Densities, covariance_type: str
) -> tuple[Float[Array, " block"], Float[Array, "k block"], Float[Array, "k block"]]:
    """log p(x), log p_j + log N(x; m_j, S_j) and the responsibilities of one block."""
    if mixture.by_differences:
        joint = -_squares_by_differences(x, mixture, covariance_type) / 2
    elif covariance_type == "full":
        k, d = mixture.coefficients.shape
        whitened = _product(mixture.axes.T, x.T) - mixture.coefficients.reshape(k * d, 1)
        joint = -(whitened * whitened).reshape(k, d, len(x)).sum(axis=1) / 2
    else:
        joint = _product(mixture.coefficients, _features(x, mixture.axes, covariance_type).T)
    joint = joint + mixture.constants[:, None]
    largest = joint.max(axis=0)
    parts = jnp.exp(joint - largest[None, :])
    total = parts.sum(axis=0)
    return largest + jnp.log(total), joint, parts / total[None, :]


def _squares_by_differences(
    x: Float[Array, "block d"], mixture: Densities, covariance_type: str
) -> Float[Array, "k block"]:
    """|(x - m_j) P_j|^2."""
    differences = x.T[None, :, :] - mixture.coefficients[:, :, None]
    if covariance_type == "full":
        whitened = _einsum("kde,kdb->keb", mixture.axes, differences)
    elif covariance_type == "tied":
        whitened = _einsum("de,kdb->keb", mixture.axes, differences)
    else:
        whitened = differences * mixture.axes[:, :, None]
    return (whitened * whitened).sum(axis=1)


def _features(
    x: Float[Array, "block d"], axes: Any, covariance_type: str
) -> Float[Array, "block f"]:
    """What the square is linear in: squares beside the coordinates themselves."""
    if covariance_type == "tied":
        x = _product(x, axes)
    squares = x * x if covariance_type == "diag" else (x * x).sum(axis=1, keepdims=True)
    return jnp.concatenate([squares, x], axis=1)


def _sums(
    x: Float[Array, "block d"],
    responsibilities: Float[Array, "k block"],
    centres: Any,
    covariance_type: str,
) -> Sums:
    k, d = len(responsibilities), x.shape[1]
    counts = responsibilities.sum(axis=1)
    if centres is not None:
        return _sums_by_differences(x, responsibilities, centres, covariance_type)
    if covariance_type == "full":
        weighted = responsibilities[:, None, :] * x.T[None, :, :]
        return Sums(
            counts, weighted.sum(axis=2), _product(weighted.reshape(k * d, -1), x).reshape(k, d, d)
        )
    if covariance_type == "tied":
        return Sums(counts, _product(responsibilities, x), None)
    of_features = _product(responsibilities, _features(x, None, covariance_type))
    if covariance_type == "diag":
        return Sums(counts, of_features[:, d:], of_features[:, :d])
    return Sums(counts, of_features[:, 1:], of_features[:, 0])


def _sums_by_differences(
    x: Float[Array, "block d"],
    responsibilities: Float[Array, "k block"],
    centres: Float[Array, "k d"],
    covariance_type: str,
) -> Sums:
    differences = x.T[None, :, :] - centres[:, :, None]
    weighted = responsibilities[:, None, :] * differences
    counts, first = responsibilities.sum(axis=1), weighted.sum(axis=2)
    if covariance_type == "full":
        return Sums(counts, first, _einsum("kdb,keb->kde", weighted, differences))
    if covariance_type == "tied":
        return Sums(counts, first, _einsum("kdb,keb->de", weighted, differences))
    squares = (weighted * differences).sum(axis=2)
    return Sums(counts, first, squares if covariance_type == "diag" else squares.sum(axis=1))


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)


def _einsum(equation: str, a: Array, b: Array) -> Array:
    return jnp.einsum(equation, a, b, precision=PRECISION)
