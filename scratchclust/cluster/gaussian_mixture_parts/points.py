"""The points of a Gaussian mixture: in blocks and parts, and in the arithmetic that their mixture
needs.

    "float32"        sums of products about one offset
    "float64"        the same, where float32 would lose too many digits
    "differences"    in float64 about a centre of each component, where even those sums lose digits

Points that came in float64 are computed with in float64 from the beginning where that takes little
time.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Real

from scratchclust import checks, rows
from scratchclust.cluster.gaussian_mixture_parts.families import CovarianceType
from scratchclust.cluster.gaussian_mixture_parts.steps import squares, total_scatter
from scratchclust.distances import check_range
from scratchclust.results import Mixture
from scratchclust.rows import AnyArray

FINER = {"float32": "float64", "float64": "differences"}
EPS = {
    "float32": float(np.finfo(np.float32).eps),
    "float64": float(np.finfo(np.float64).eps),
    "differences": float(np.finfo(np.float64).eps),
}
# Relative errors of a covariance from which on the finer arithmetic is taken.
TOO_WRONG = {"float32": 2.0**-9, "float64": 2.0**-33, "differences": 2.0**-33}
# Multiplications of a pass up to which float64 is as good as free.
MULTIPLICATIONS_IN_FLOAT64 = 2**26


@dataclass(frozen=True)
class MixturePoints:
    """Points less an offset, in blocks, in as many parts as keep every compiled call short."""

    X: Any  # as they came
    parts: tuple[rows.Rows, ...]  # (x [n_blocks block d], 1, or 0 in the filling [n_blocks block])
    offset: np.ndarray  # [d], what was subtracted from every point
    mean_squares: np.ndarray  # [d] of the centred points
    n_components: int
    kind: CovarianceType
    arithmetic: str
    room: int = 0  # components that the programs are made for; 0: as many as there are

    @property
    def by_differences(self) -> bool:
        """Whether their sums are taken about a centre of each component."""
        return self.arithmetic == "differences"

    @property
    def coarse(self) -> bool:
        """Whether they came in float64 and are in float32 here."""
        return self.arithmetic == "float32" and self.X.dtype == np.float64

    def precision(self) -> AbstractContextManager:
        """The context in which JAX computes with these points."""
        return nullcontext() if self.arithmetic == "float32" else jax.enable_x64(True)

    def finer(self) -> "MixturePoints":
        """The same points in the next finer arithmetic."""
        return _place(replace(self, arithmetic=FINER[self.arithmetic]))

    def fine_enough_for(self, mixture: Mixture) -> "MixturePoints":
        """The same points in an arithmetic that loses no digits of this centred mixture."""
        return self.finer().fine_enough_for(mixture) if self.lose_digits_of(mixture) else self

    @cached_property
    def scatter(self) -> np.ndarray:
        """sum x x^T [d d] about the offset, which the tied covariance is made of in every
        iteration.
        """
        with self.precision():
            found = [rows.finished(total_scatter(part)) for part in self.parts]
        return np.sum([np.asarray(of_part, np.float64) for of_part in found], axis=0)

    def centred(self, mixture: Mixture) -> Mixture:
        """The mixture on the host in float64, about the offset."""
        in_float64 = Mixture(*(np.asarray(array, np.float64) for array in mixture))
        return in_float64._replace(means=in_float64.means - self.offset)

    def uncentred(self, mixture: Mixture) -> Mixture:
        """The mixture of the points as they came, from that of the centred ones."""
        return mixture._replace(means=mixture.means + self.offset)

    def lose_digits_of(
        self, mixture: Mixture, subtracted: Float[np.ndarray, "k d"] | None = None
    ) -> bool:
        """Whether these sums know the covariances of this mixture too badly.

        Args:
            mixture: centred.
            subtracted: the squares that were subtracted from the sums by differences, which lose
                digits by that alone.
        """
        if self.by_differences and subtracted is None:
            return False
        terms = self.mean_squares if subtracted is None else subtracted
        return bool(are_lost(mixture, terms, self.kind, self.arithmetic))


def are_lost(
    mixture: Mixture, terms: Float[AnyArray, "..."], kind: CovarianceType, arithmetic: str
) -> Any:
    """Whether sums of such terms, in this arithmetic, know the covariances too badly."""
    S = mixture.covariances
    d = terms.shape[-1]
    variances = kind.variances(S)
    shares = terms.reshape(-1, d) / variances.reshape(-1, variances.shape[-1])
    error = EPS[arithmetic] * shares.max()
    return error > TOO_WRONG[arithmetic] * kind.rcond(S, mixture.precisions_cholesky)


def place(
    X: Real[AnyArray, "n d"],
    offset: Any,
    n_components: int,
    kind: CovarianceType,
    *,
    exact: bool = False,
    room: int = 0,
) -> MixturePoints:
    """X less the offset, on all devices.

    Args:
        X: points.
        offset: [d].
        n_components: k.
        kind: the type of the covariances.
        exact: whether float64 points are taken in float64 however many they are.
        room: components that the programs are made for, at least k; 0: k.

    Raises:
        InputError: X holds NaN or infinity, or numbers whose squares leave the range.
    """
    offset = np.asarray(offset)
    if not np.isfinite(offset).all():
        checks.finite(X)
        check_range(X, np.nan)
    offset = offset.astype(rows.offset_type(X)).astype(np.float64)
    n, d = X.shape
    cheap = n * kind.multiplications(n_components, d) <= MULTIPLICATIONS_IN_FLOAT64
    precise = rows.float_type(X) == np.float64 or (X.dtype == np.float64 and (exact or cheap))
    arithmetic = "float64" if precise else "float32"
    return _place(MixturePoints(X, (), offset, np.zeros(d), n_components, kind, arithmetic, room))


def _place(points: MixturePoints) -> MixturePoints:
    """The points with parts and mean squares in their arithmetic."""
    X = points.X
    n, d = X.shape
    k = points.room or points.n_components
    dtype = np.dtype(np.float32 if points.arithmetic == "float32" else np.float64)
    by_differences = points.by_differences
    columns = k * d if by_differences else points.kind.columns(k, d)
    cost = k * d * d if by_differences else points.kind.multiplications(k, d)
    block = rows.block_size(n, columns)
    parts = []
    total = np.zeros(d)
    largest = 0.0
    with points.precision():
        for span in rows.calls(n, cost, block):
            x = X[span] if dtype == np.float32 else X[span].astype(np.float64)
            valid = np.ones(len(x), np.float32)
            x = rows.split(x, block=block, offset=points.offset, dtype=dtype)
            part = rows.Rows((x, rows.split(valid, block=block, dtype=dtype)), rows.mesh())
            of_part, largest_of_part = rows.finished(squares(part))
            parts.append(part)
            total = total + np.asarray(of_part, np.float64)
            largest = max(largest, float(largest_of_part))
    if dtype == np.float32 or not np.isfinite(largest):
        check_range(X, largest)
    return replace(points, parts=tuple(parts), mean_squares=total / n)
