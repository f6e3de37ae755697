"""What is asked of a type of covariances, and what follows from their shape alone.

The mathematics is that of `scratchclust/reference/covariances.py`, in float64: of NumPy arrays on
the host (on a GPU the factors of matrices are found there), of JAX arrays in a program that a GPU
runs (`on_gpu.py`). The passes over the points of each type are in `cluster/covariances.py`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.distances import PRECISION
from scratchclust.errors import InputError
from scratchclust.rows import AnyArray

Numbers = Float[AnyArray, "..."]  # in the shape of the type


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["axes", "coefficients", "constants"],
    meta_fields=["by_differences"],
)
@dataclass(frozen=True)
class Densities:
    """A mixture as a pass takes it: in float64, of centred means."""

    # [d k d] full: every P_j side by side; [d d] tied: P; else None. By differences: P
    axes: Any
    # [k d] full: m_j P_j; else [k f], by which the features are multiplied. By differences: m_j
    coefficients: Any
    constants: Any  # [k], what does not depend on the point
    by_differences: bool = False


class Sums(NamedTuple):
    """What the next mixture is made of; by differences x - c_j stands for x."""

    counts: Any  # [k] sum r
    first: Any  # [k d] sum r x
    # sum r x x^T [k d d] full, sum r x^2 [k d] diag, sum r |x|^2 [k] spherical; of tied the sum
    # over all components [d d], None where that does not depend on r
    second: Any


class CovarianceType(ABC):
    """What is asked of a type. S, and P of S^-1 = P P^T, are those of all components."""

    # whether `second` of its sums is that of all points, whatever the responsibilities
    needs_scatter = False

    @abstractmethod
    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """The shape of S and of P."""

    @abstractmethod
    def unit(self, d: int) -> Numbers:
        """The covariance of a component of variance 1 in all directions."""

    @abstractmethod
    def n_parameters(self, k: int, d: int) -> int:
        """The free numbers of S."""

    def multiplications(self, k: int, d: int) -> int:
        """What a point costs in a pass of products."""
        return d * d + 4 * k * d

    def columns(self, k: int, d: int) -> int:
        """The entries for a point in the widest intermediate of a pass of products."""
        return max(2 * d, k)

    @abstractmethod
    def densities(self, means: Numbers, P: Numbers, constants: Numbers) -> Densities:
        """What a pass of products takes."""

    def with_room(self, densities: Densities, room: int) -> Densities:
        """The densities with further components behind them, up to `room`, of weight 0: no point is
        theirs, and mixtures of fewer components take the same program.
        """
        more = room - len(densities.constants)
        axes = densities.axes
        if axes is not None and not self.needs_scatter:  # those of each component
            axis = 0 if densities.by_differences else 1
            axes = _zeros_behind(axes, more if axis == 0 else more * len(axes), axis)
        coefficients = _zeros_behind(densities.coefficients, more)
        constants = np.append(densities.constants, np.full(more, -np.inf))
        return Densities(axes, coefficients, constants, densities.by_differences)

    @abstractmethod
    def exponents(
        self, x: Float[Array, "block d"], densities: Densities
    ) -> Float[Array, "k block"]:
        """-|(x - m_j) P_j|^2 / 2, but for what the constants of these densities hold of it."""

    @abstractmethod
    def whiten(self, differences: Float[Array, "k d block"], P: Array) -> Float[Array, "k d block"]:
        """(x - m_j) P_j, of the differences x - m_j."""

    @abstractmethod
    def sums(self, x: Float[Array, "block d"], responsibilities: Float[Array, "k block"]) -> Sums:
        """The sums of one block by products."""

    @abstractmethod
    def scatter(
        self, weighted: Float[Array, "k d block"], differences: Float[Array, "k d block"]
    ) -> Array:
        """`second` of the sums by differences: sum r (x - c_j)(x - c_j)^T."""

    @abstractmethod
    def covariances(self, sums: Sums, shift: Numbers, counts: Numbers) -> Numbers:
        """S, from the sums about centres, m_j - c_j [k d] and n_j [k].

        sum r (x - m)(x - m)^T / n_j is expanded about the centres (or the offset).
        """

    @abstractmethod
    def factor_covariances(self, S: Numbers) -> Numbers:
        """P, from S; an InputError if a covariance is not positive definite."""

    @abstractmethod
    def factors_or_nan(self, S: Float[Array, "..."]) -> Float[Array, "..."]:
        """`factor_covariances` in a program: what is not finite where it would raise."""

    @abstractmethod
    def factor_precisions(self, precisions: Numbers) -> Numbers:
        """P, from S^-1; an InputError if a precision is not positive definite."""

    @abstractmethod
    def precisions_of(self, P: Numbers) -> Numbers:
        """S^-1 = P P^T."""

    @abstractmethod
    def covariances_of(self, P: Numbers) -> Numbers:
        """S = P^-T P^-1."""

    @abstractmethod
    def log_determinants(self, P: Numbers, d: int) -> Any:
        """log |P_j| = -log |S_j| / 2 of each component, or of all."""

    @abstractmethod
    def variances(self, S: Numbers) -> Numbers:
        """The diagonal of each covariance, in a shape that goes with [k d]."""

    @abstractmethod
    def rcond(self, S: Numbers, P: Numbers) -> Any:
        """The least reciprocal condition number of the correlations of any component."""

    @abstractmethod
    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        """L_j z of each row z, with j from the labels, which rise."""


class Matrices(CovarianceType):
    """Covariances that are matrices."""

    def unit(self, d: int) -> Numbers:
        return np.eye(d)

    def factor_covariances(self, S: Numbers) -> Numbers:
        if rows.platform() == "gpu":
            return _factor_on_device(S)
        try:
            return np.swapaxes(np.linalg.inv(np.linalg.cholesky(S)), -1, -2).copy()
        except np.linalg.LinAlgError:
            raise _not_definite() from None

    def factors_or_nan(self, S: Float[Array, "..."]) -> Float[Array, "..."]:
        return _inverse_factors(S)

    def factor_precisions(self, precisions: Numbers) -> Numbers:
        if not np.allclose(precisions, np.swapaxes(precisions, -1, -2)):
            raise _no_precisions("symmetric, positive-definite matrices")
        try:
            return np.linalg.cholesky(precisions[..., ::-1, ::-1])[..., ::-1, ::-1].copy()
        except np.linalg.LinAlgError:
            raise _no_precisions("symmetric, positive-definite matrices") from None

    def precisions_of(self, P: Numbers) -> Numbers:
        return P @ np.swapaxes(P, -1, -2)

    def covariances_of(self, P: Numbers) -> Numbers:
        inverse = np.linalg.inv(P)
        return np.swapaxes(inverse, -1, -2) @ inverse

    def log_determinants(self, P: Numbers, d: int) -> Any:
        return module_of(P).log(_diagonals(P)).sum(axis=-1)

    def variances(self, S: Numbers) -> Numbers:
        return _diagonals(S)

    def rcond(self, S: Numbers, P: Numbers) -> Any:
        deviations = module_of(S).sqrt(_diagonals(S))
        scales = deviations[..., :, None] * deviations[..., None, :]
        correlations = S / scales
        if isinstance(P, np.ndarray):
            there = rows.platform() == "gpu"
            inverse = (_precisions_on_device(P) if there else self.precisions_of(P)) * scales
        else:
            inverse = _times_transpose(P) * scales
        norms = _largest_row_sums(correlations) * _largest_row_sums(inverse)
        return 1 / norms.max()


class Variances(CovarianceType):
    """Covariances that are zero off the diagonal, where only variances are kept."""

    def unit(self, d: int) -> Numbers:
        return np.ones(())

    def factor_covariances(self, S: Numbers) -> Numbers:
        if not (S > 0).all():
            raise _not_definite()
        return 1 / np.sqrt(S)

    def factors_or_nan(self, S: Float[Array, "..."]) -> Float[Array, "..."]:
        return 1 / jnp.sqrt(S)

    def factor_precisions(self, precisions: Numbers) -> Numbers:
        if not (precisions > 0).all():
            raise _no_precisions("positive numbers")
        return np.sqrt(precisions)

    def precisions_of(self, P: Numbers) -> Numbers:
        return P**2

    def covariances_of(self, P: Numbers) -> Numbers:
        return 1 / P**2

    def rcond(self, S: Numbers, P: Numbers) -> Any:
        return 1.0


def module_of(array: AnyArray) -> Any:
    """NumPy or its twin, by which this array is computed with."""
    return np if isinstance(array, np.ndarray | np.generic) else jnp


def _factor_on_device(S: Numbers) -> Numbers:
    """P by the first device in float64, which a GPU for scientific work has: there k matrices of
    784 rows take milliseconds, on the host a second.
    """
    with jax.enable_x64(True), jax.default_device(rows.first_device()):
        P = np.array(_inverse_factors(S))
    if not np.isfinite(P).all():
        raise _not_definite()
    return P


@jax.jit
def _inverse_factors(S: Array) -> Array:
    """L^-T of S = L L^T; NaN where S is not positive definite."""
    L = jnp.linalg.cholesky(S)
    unit = jnp.broadcast_to(jnp.eye(S.shape[-1], dtype=S.dtype), S.shape)
    return jax.lax.linalg.triangular_solve(L, unit, left_side=True, lower=True).mT


def _precisions_on_device(P: Numbers) -> Numbers:
    with jax.enable_x64(True), jax.default_device(rows.first_device()):
        return np.asarray(_times_transpose(P))


@jax.jit
def _times_transpose(P: Array) -> Array:
    return jnp.matmul(P, P.mT, precision=PRECISION)


def _zeros_behind(values: Numbers, n: int, axis: int = 0) -> Numbers:
    return np.pad(values, [(0, n * (i == axis)) for i in range(values.ndim)])


def _diagonals(matrices: Numbers) -> Numbers:
    return matrices.diagonal(axis1=-2, axis2=-1)


def _largest_row_sums(matrices: Numbers) -> Any:
    return abs(matrices).sum(axis=-1).max(axis=-1)


def _not_definite() -> InputError:
    return InputError(
        "a covariance is not positive definite, as happens to a component with few or equal "
        "points: increase reg_covar, scale X, or take fewer components"
    )


def _no_precisions(expected: str) -> InputError:
    return InputError(
        f"expected precisions_init to be {expected}, got others: give the inverse of covariances"
    )
