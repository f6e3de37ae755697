"""The covariances of a Gaussian mixture: the twin of `scratchclust/reference/covariances.py`, where
the mathematics is explained.

Each type is one object in the table `TYPES`; nothing else asks which type it is. The steps of the
definition stand here under the same names, in the same order; beside `covariances`, which is made
of sums over the points, a type says how a pass over a block of points finds densities and sums
(`gaussian_mixture_parts/steps.py`):

    factors      `densities` puts them into the form in which a pass takes them, and `exponents`
                 makes -|(x - m_j) P_j|^2 / 2 of a block of points; by differences `whiten` does
    _scatter     `sums` by products, `scatter` by differences

What follows from the shape of the covariances alone, matrices or variances, is in
`gaussian_mixture_parts/families.py`. All squares of a block come from one matrix product:

    full        x P_j - m_j P_j for all j side by side, squared and summed
    others      |y|^2 / s_j - 2 y.c_j / s_j + |c_j|^2 / s_j, expanded: for tied covariances y = x P;
                with a diagonal the squares of the features stand beside them
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust.checks import one_of
from scratchclust.cluster.gaussian_mixture_parts.families import (
    CovarianceType,
    Densities,
    Matrices,
    Numbers,
    Sums,
    Variances,
    module_of,
)
from scratchclust.constants import COVARIANCE_TYPES
from scratchclust.distances import PRECISION


class Full(Matrices):
    """A matrix for each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d, d

    def n_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def multiplications(self, k: int, d: int) -> int:
        return k * d * d

    def columns(self, k: int, d: int) -> int:
        return k * d

    def densities(self, means: Numbers, P: Numbers, constants: Numbers) -> Densities:
        side_by_side = P.swapaxes(0, 1).reshape(means.shape[1], -1)
        return Densities(side_by_side, _einsum("kd,kde->ke", means, P), constants)

    def exponents(
        self, x: Float[Array, "block d"], densities: Densities
    ) -> Float[Array, "k block"]:
        k, d = densities.coefficients.shape
        whitened = _product(densities.axes.T, x.T) - densities.coefficients.reshape(k * d, 1)
        return -(whitened * whitened).reshape(k, d, len(x)).sum(axis=1) / 2

    def whiten(self, differences: Float[Array, "k d block"], P: Array) -> Float[Array, "k d block"]:
        return _einsum("kde,kdb->keb", P, differences)

    def sums(self, x: Float[Array, "block d"], responsibilities: Float[Array, "k block"]) -> Sums:
        k = len(responsibilities)
        d = x.shape[1]
        weighted = responsibilities[:, None, :] * x.T[None, :, :]
        second = _product(weighted.reshape(k * d, -1), x).reshape(k, d, d)
        return Sums(responsibilities.sum(axis=1), weighted.sum(axis=2), second)

    def scatter(
        self, weighted: Float[Array, "k d block"], differences: Float[Array, "k d block"]
    ) -> Array:
        return _einsum("kdb,keb->kde", weighted, differences)

    def covariances(self, sums: Sums, shift: Numbers, counts: Numbers) -> Numbers:
        cross = shift[:, :, None] * sums.first[:, None, :]
        outer = sums.counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
        centred = sums.second - cross - cross.swapaxes(1, 2) + outer
        return centred / counts[:, None, None]

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        L = np.linalg.cholesky(S)
        return np.concatenate([z[labels == j] @ L[j].T for j in range(len(L))])


class Tied(Matrices):
    """One matrix for all components.

    sum_j sum_i r_ij x x^T is sum_i x x^T, whatever the responsibilities: the passes leave `second`
    out.
    """

    needs_scatter = True

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return d, d

    def n_parameters(self, k: int, d: int) -> int:
        return d * (d + 1) // 2

    def densities(self, means: Numbers, P: Numbers, constants: Numbers) -> Densities:
        return _expand(P, np.ones((len(means), 1)), _product(means, P), constants)

    def exponents(
        self, x: Float[Array, "block d"], densities: Densities
    ) -> Float[Array, "k block"]:
        return _product(densities.coefficients, _beside_norms(_product(x, densities.axes)).T)

    def whiten(self, differences: Float[Array, "k d block"], P: Array) -> Float[Array, "k d block"]:
        return _einsum("de,kdb->keb", P, differences)

    def sums(self, x: Float[Array, "block d"], responsibilities: Float[Array, "k block"]) -> Sums:
        return Sums(responsibilities.sum(axis=1), _product(responsibilities, x), None)

    def scatter(
        self, weighted: Float[Array, "k d block"], differences: Float[Array, "k d block"]
    ) -> Array:
        return _einsum("kdb,keb->de", weighted, differences)

    def covariances(self, sums: Sums, shift: Numbers, counts: Numbers) -> Numbers:
        return (sums.second - _product((counts[:, None] * shift).T, shift)) / counts.sum()

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        return z @ np.linalg.cholesky(S).T


class Diag(Variances):
    """A variance for each feature of each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d

    def n_parameters(self, k: int, d: int) -> int:
        return k * d

    def densities(self, means: Numbers, P: Numbers, constants: Numbers) -> Densities:
        return _expand(None, P**2, means, constants)

    def exponents(
        self, x: Float[Array, "block d"], densities: Densities
    ) -> Float[Array, "k block"]:
        return _product(densities.coefficients, _beside_squares(x).T)

    def whiten(self, differences: Float[Array, "k d block"], P: Array) -> Float[Array, "k d block"]:
        return differences * P[:, :, None]

    def sums(self, x: Float[Array, "block d"], responsibilities: Float[Array, "k block"]) -> Sums:
        counts = responsibilities.sum(axis=1)
        of_features = _product(responsibilities, _beside_squares(x))
        d = x.shape[1]
        return Sums(counts, of_features[:, d:], of_features[:, :d])

    def scatter(
        self, weighted: Float[Array, "k d block"], differences: Float[Array, "k d block"]
    ) -> Array:
        return (weighted * differences).sum(axis=2)

    def covariances(self, sums: Sums, shift: Numbers, counts: Numbers) -> Numbers:
        return module_of(shift).maximum(sums.second / counts[:, None] - shift**2, 0)

    def log_determinants(self, P: Numbers, d: int) -> Any:
        return module_of(P).log(P).sum(axis=-1)

    def variances(self, S: Numbers) -> Numbers:
        return S

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        return z * np.sqrt(S)[labels]


class Spherical(Variances):
    """One variance for each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_parameters(self, k: int, d: int) -> int:
        return k

    def densities(self, means: Numbers, P: Numbers, constants: Numbers) -> Densities:
        return _expand(None, (P**2)[:, None], means, constants)

    def exponents(
        self, x: Float[Array, "block d"], densities: Densities
    ) -> Float[Array, "k block"]:
        return _product(densities.coefficients, _beside_norms(x).T)

    def whiten(self, differences: Float[Array, "k d block"], P: Array) -> Float[Array, "k d block"]:
        return differences * P[:, None, None]

    def sums(self, x: Float[Array, "block d"], responsibilities: Float[Array, "k block"]) -> Sums:
        counts = responsibilities.sum(axis=1)
        of_features = _product(responsibilities, _beside_norms(x))
        return Sums(counts, of_features[:, 1:], of_features[:, 0])

    def scatter(
        self, weighted: Float[Array, "k d block"], differences: Float[Array, "k d block"]
    ) -> Array:
        return (weighted * differences).sum(axis=2).sum(axis=1)

    def covariances(self, sums: Sums, shift: Numbers, counts: Numbers) -> Numbers:
        squares = sums.second / counts - (shift**2).sum(axis=1)
        return module_of(shift).maximum(squares, 0) / shift.shape[1]

    def log_determinants(self, P: Numbers, d: int) -> Any:
        return d * module_of(P).log(P)

    def variances(self, S: Numbers) -> Numbers:
        return S[:, None]

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        return z * np.sqrt(S)[labels, None]


TYPES: dict[str, CovarianceType] = {
    "full": Full(),
    "tied": Tied(),
    "diag": Diag(),
    "spherical": Spherical(),
}


def type_of(covariance_type: str) -> CovarianceType:
    """The object of this name; an InputError if there is none."""
    return TYPES[one_of(*COVARIANCE_TYPES)("covariance_type", covariance_type)]


def _expand(axes: Any, precisions: Numbers, centres: Numbers, constants: Numbers) -> Densities:
    """The square as a linear function of squares and coordinates: -s |y - c|^2 / 2, with precisions
    s [k d] or [k 1].
    """
    constants = constants - (precisions * centres**2).sum(axis=1) / 2
    linear = precisions * centres
    coefficients = module_of(linear).concatenate([-precisions / 2, linear], axis=1)
    return Densities(axes, coefficients, constants)


def _beside_norms(x: Float[Array, "block d"]) -> Float[Array, "block f"]:
    """|x|^2, and behind it x."""
    return jnp.concatenate([(x * x).sum(axis=1, keepdims=True), x], axis=1)


def _beside_squares(x: Float[Array, "block d"]) -> Float[Array, "block f"]:
    """The square of each feature, and behind them x."""
    return jnp.concatenate([x * x, x], axis=1)


def _product(a: Numbers, b: Numbers) -> Any:
    if isinstance(a, np.ndarray):
        return a @ b
    return jnp.matmul(a, b, precision=PRECISION)


def _einsum(equation: str, a: Numbers, b: Numbers) -> Any:
    if isinstance(a, np.ndarray):
        return np.einsum(equation, a, b)
    return jnp.einsum(equation, a, b, precision=PRECISION)
