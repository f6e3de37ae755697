"""The points of a Gaussian mixture: in blocks and parts, and in the arithmetic that their mixture
needs.

    "float32"        sums of products about one offset
    "float64"        the same, where float32 would lose too many digits
    "differences"    in float64 about a centre of each component, where even those sums lose digits

Points that came in float64 are computed with in float64 from the beginning where that takes little
time.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.steps import spread, total_scatter
from scratchclust.distances import check_range
from scratchclust.errors import InputError
from scratchclust.results import Mixture

AnyArray = Array | np.ndarray
FINER = {"float32": "float64", "float64": "differences"}
LOST = {
    "float32": 2.0**-9,
    "float64": 2.0**-33,
}  # relative error of a covariance from which on the finer one is taken
AT_ONCE = 2**26  # multiplications of a pass, up to which float64 is as good as free
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second


@dataclass(frozen=True)
class Points:
    """The points of a mixture: centred, in blocks, in as many parts as keep every compiled call
    short.
    """

    X: Any  # as they came
    parts: tuple[rows.Rows, ...]  # (x [n_blocks block d], 1, or 0 in the filling [n_blocks block])
    offset: np.ndarray  # [d], what was subtracted from every point
    mean_squares: np.ndarray  # [d] of the centred points
    n_components: int
    covariance_type: str
    arithmetic: str

    @property
    def by_differences(self) -> bool:
        return self.arithmetic == "differences"

    @property
    def coarse(self) -> bool:
        """Whether they came in float64 and are in float32 here."""
        return self.arithmetic == "float32" and self.X.dtype == np.float64

    def precision(self) -> AbstractContextManager:
        """The context in which JAX computes with these points."""
        return nullcontext() if self.arithmetic == "float32" else jax.enable_x64(True)

    def finer(self) -> "Points":
        """The same points in the next finer arithmetic."""
        return _in_blocks(
            self.X, self.offset, self.n_components, self.covariance_type, FINER[self.arithmetic]
        )

    def fine_enough_for(self, mixture: Mixture) -> "Points":
        """The same points in an arithmetic that loses no digits of this centred mixture."""
        return self.finer().fine_enough_for(mixture) if self.lose_digits_of(mixture) else self

    @cached_property
    def scatter(self) -> np.ndarray:
        """sum x x^T [d d] about the offset, which the tied covariance is made of in every
        iteration.
        """
        with self.precision():
            return np.sum(
                [np.asarray(rows.finished(total_scatter(part)), np.float64) for part in self.parts],
                axis=0,
            )

    def centred(self, mixture: Mixture) -> Mixture:
        """The mixture on the host in float64, about the offset."""
        in_float64 = Mixture(*(np.asarray(array, np.float64) for array in mixture))
        return in_float64._replace(means=in_float64.means - self.offset)

    def uncentred(self, mixture: Mixture) -> Mixture:
        return mixture._replace(means=mixture.means + self.offset)

    def lose_digits_of(
        self, mixture: Mixture, squares: Float[np.ndarray, "k d"] | None = None
    ) -> bool:
        """Whether these sums know the covariances of this mixture too badly.

        Args:
            mixture: centred.
            squares: the size of what was subtracted from the sums by differences, which lose digits
                by that alone.
        """
        if self.by_differences and squares is None:
            return False
        terms = self.mean_squares if squares is None else squares
        matrices = self.covariance_type in ("full", "tied")
        variances = (
            np.diagonal(mixture.covariances, axis1=-2, axis2=-1)
            if matrices
            else mixture.covariances
        )
        variances = variances[:, None] if self.covariance_type == "spherical" else variances
        coarse = self.arithmetic == "float32"
        eps, lost = (
            (np.finfo(np.float32).eps, LOST["float32"])
            if coarse
            else (np.finfo(float).eps, LOST["float64"])
        )
        return float(eps) * float((terms / variances).max()) > lost * _rcond(
            mixture, self.covariance_type
        )


def points_of_mixture(
    X: Real[AnyArray, "n d"],
    offset: Any,
    n_components: int,
    covariance_type: str,
    *,
    exact: bool = False,
) -> Points:
    """X less the offset, on all devices.

    Args:
        X: points.
        offset: [d].
        n_components: k.
        covariance_type: "full", "tied", "diag" or "spherical".
        exact: whether float64 points are taken in float64 however many they are.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity, which is what we look for
        finite = np.isfinite(np.asarray(offset)).all()
    if not finite:
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    offset = np.asarray(offset).astype(rows.offset_type(X)).astype(np.float64)
    cheap = exact or len(X) * _cost(X.shape[1], n_components, covariance_type) <= AT_ONCE
    precise = rows.float_type(X) == np.float64 or (X.dtype == np.float64 and cheap)
    return _in_blocks(X, offset, n_components, covariance_type, "float64" if precise else "float32")


def _cost(d: int, n_components: int, covariance_type: str) -> int:
    """Multiplications for each point."""
    return n_components * d * d if covariance_type == "full" else d * d + 4 * n_components * d


def _in_blocks(
    X: AnyArray, offset: np.ndarray, n_components: int, covariance_type: str, arithmetic: str
) -> Points:
    (n, d), by_differences = X.shape, arithmetic == "differences"
    dtype = np.dtype(np.float32 if arithmetic == "float32" else np.float64)
    widest = (
        n_components * d
        if covariance_type == "full" or by_differences
        else max(2 * d, n_components)
    )
    cost = n_components * d * d if by_differences else _cost(d, n_components, covariance_type)
    block, squares, largest, parts = rows.block_size(n, widest), np.zeros(d), 0.0, []
    unit = block * rows.mesh().size
    in_part = max(int(STRETCH / cost) // block, 1) * unit
    with nullcontext() if dtype == np.float32 else jax.enable_x64(True):
        for begin in range(0, n, in_part):
            part = X[begin : begin + in_part]
            valid, whole = (
                np.ones(len(part), np.float32),
                part if dtype == np.float32 else part.astype(np.float64),
            )
            x = rows.split(whole, block=block, offset=offset, dtype=dtype)
            parts.append(rows.Rows((x, rows.split(valid, block=block, dtype=dtype)), rows.mesh()))
            of_part, largest_of_part = rows.finished(spread(parts[-1]))
            squares, largest = (
                squares + np.asarray(of_part, np.float64),
                max(largest, float(largest_of_part)),
            )
    if dtype == np.float32 or not np.isfinite(largest):
        check_range(X, largest)
    return Points(X, tuple(parts), offset, squares / n, n_components, covariance_type, arithmetic)


def _rcond(mixture: Mixture, covariance_type: str) -> float:
    """The least reciprocal condition number of the correlations of any component; of a diagonal it
    is 1.
    """
    if covariance_type in ("diag", "spherical"):
        return 1.0
    P, deviations = (
        mixture.precisions_cholesky,
        np.sqrt(np.diagonal(mixture.covariances, axis1=-2, axis2=-1)),
    )
    scales = deviations[..., :, None] * deviations[..., None, :]
    correlations, inverse = mixture.covariances / scales, P @ np.swapaxes(P, -1, -2) * scales
    norms = np.abs(correlations).sum(axis=-1).max(axis=-1) * np.abs(inverse).sum(axis=-1).max(
        axis=-1
    )
    return float(1 / np.max(norms))
