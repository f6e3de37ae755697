"""The covariances of a Gaussian mixture: what each of the four types makes of them.

    type        the covariance of component j                                             shape
    full        S_j, a matrix of its own                                                  [k d d]
    tied        S, one for all of them: the mean of the S_j, weighted by n_j              [d d]
    diag        the diagonal of S_j                                                       [k d]
    spherical   one variance in all directions: the mean of the diagonal of S_j           [k]

Densities need S^-1 = P P^T with P upper triangular, which a Cholesky factor gives from either side:

    of S        S = L L^T,           P = L^-T
    of S^-1     J S^-1 J = L L^T,    P = J L J          J turns the order of rows or columns round

Of a diagonal, or of a single variance, P is 1 / sqrt(S). To draw a point of a component is to
stretch and turn a standard normal z to the shape of its covariance: L z.

Each type is one object in the table `TYPES`; nothing else asks which type it is. The fast twin of
this file is `scratchclust/cluster/covariances.py`.
"""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Int

from scratchclust.checks import one_of
from scratchclust.constants import COVARIANCE_TYPES
from scratchclust.errors import InputError

Numbers = Float[np.ndarray, "..."]  # in the shape of the type


class CovarianceType(ABC):
    """What is asked of a type. S, and P of S^-1 = P P^T, are those of all components."""

    @abstractmethod
    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """The shape of S and of P."""

    @abstractmethod
    def unit(self, d: int) -> Numbers:
        """The covariance of a component of variance 1 in all directions."""

    @abstractmethod
    def covariances(self, full: Float[np.ndarray, "k d d"], counts: Numbers) -> Numbers:
        """S, from the covariance S_j of each component and its n_j [k]."""

    @abstractmethod
    def factors(self, P: Numbers, k: int, d: int) -> Float[np.ndarray, "k d d"]:
        """The P of each component as a matrix."""

    @abstractmethod
    def factor_covariances(self, S: Numbers) -> Numbers:
        """P, from S; an InputError if a covariance is not positive definite."""

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
    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        """L_j z of each row z, with j from the labels, which rise."""


class Matrices(CovarianceType):
    """Covariances that are matrices."""

    def unit(self, d: int) -> Numbers:
        return np.eye(d)

    def factor_covariances(self, S: Numbers) -> Numbers:
        try:
            return np.swapaxes(np.linalg.inv(np.linalg.cholesky(S)), -1, -2).copy()
        except np.linalg.LinAlgError:
            raise _not_definite() from None

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


class Variances(CovarianceType):
    """Covariances that are zero off the diagonal, where only variances are kept."""

    def unit(self, d: int) -> Numbers:
        return np.ones(())

    def factor_covariances(self, S: Numbers) -> Numbers:
        if not (S > 0).all():
            raise _not_definite()
        return 1 / np.sqrt(S)

    def factor_precisions(self, precisions: Numbers) -> Numbers:
        if not (precisions > 0).all():
            raise _no_precisions("positive numbers")
        return np.sqrt(precisions)

    def precisions_of(self, P: Numbers) -> Numbers:
        return P**2

    def covariances_of(self, P: Numbers) -> Numbers:
        return 1 / P**2


class Full(Matrices):
    """A matrix for each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d, d

    def covariances(self, full: Float[np.ndarray, "k d d"], counts: Numbers) -> Numbers:
        return full

    def factors(self, P: Numbers, k: int, d: int) -> Float[np.ndarray, "k d d"]:
        return P

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        L = np.linalg.cholesky(S)
        return np.concatenate([z[labels == j] @ L[j].T for j in range(len(L))])


class Tied(Matrices):
    """One matrix for all components."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return d, d

    def covariances(self, full: Float[np.ndarray, "k d d"], counts: Numbers) -> Numbers:
        return np.average(full, axis=0, weights=counts)

    def factors(self, P: Numbers, k: int, d: int) -> Float[np.ndarray, "k d d"]:
        return np.broadcast_to(P, (k, d, d))

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        return z @ np.linalg.cholesky(S).T


class Diag(Variances):
    """A variance for each feature of each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d

    def covariances(self, full: Float[np.ndarray, "k d d"], counts: Numbers) -> Numbers:
        return np.diagonal(full, axis1=1, axis2=2).copy()

    def factors(self, P: Numbers, k: int, d: int) -> Float[np.ndarray, "k d d"]:
        return P[:, None, :] * np.eye(d)

    def stretch(
        self, z: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], S: Numbers
    ) -> Float[np.ndarray, "n d"]:
        return z * np.sqrt(S)[labels]


class Spherical(Variances):
    """One variance for each component."""

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def covariances(self, full: Float[np.ndarray, "k d d"], counts: Numbers) -> Numbers:
        return np.diagonal(full, axis1=1, axis2=2).copy().mean(axis=1)

    def factors(self, P: Numbers, k: int, d: int) -> Float[np.ndarray, "k d d"]:
        return P[:, None, None] * np.eye(d)

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


def _not_definite() -> InputError:
    return InputError(
        "a covariance is not positive definite, as happens to a component with few or equal "
        "points: increase reg_covar, scale X, or take fewer components"
    )


def _no_precisions(expected: str) -> InputError:
    return InputError(
        f"expected precisions_init to be {expected}, got others: give the inverse of covariances"
    )
