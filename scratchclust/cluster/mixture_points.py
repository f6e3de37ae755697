"""The points of a Gaussian mixture: in blocks and parts, in float32, or in float64 where float32 loses too much."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Real

from scratchclust import rows
from scratchclust.cluster.mixture_steps import spread, total_scatter
from scratchclust.distances import check_range
from scratchclust.errors import InputError
from scratchclust.results import Mixture

AnyArray = Array | np.ndarray
LOST = 2.0**-9  # relative error of a covariance, in units of itself, from which on float64 is taken
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second


@dataclass(frozen=True)
class Points:
    """The points of a mixture: centred, in blocks, in as many parts as keep every compiled call short."""

    X: Any  # as they came
    parts: tuple[rows.Rows, ...]  # (x [n_blocks block d], 1, or 0 in the filling [n_blocks block])
    offset: np.ndarray  # [d], what was subtracted from every point
    mean_squares: np.ndarray  # [d] of the centred points
    n_components: int
    covariance_type: str
    precise: bool  # in float64

    def precision(self) -> AbstractContextManager:
        """The context in which JAX computes with these points."""
        return jax.enable_x64(True) if self.precise else nullcontext()

    def in_float64(self) -> "Points":
        return _in_blocks(self.X, self.offset, self.n_components, self.covariance_type, precise=True)

    @cached_property
    def scatter(self) -> np.ndarray:
        """sum x x^T [d d] about the offset, which the tied covariance is made of in every iteration."""
        with self.precision():
            return np.sum([np.asarray(rows.finished(total_scatter(part)), np.float64) for part in self.parts], axis=0)

    def centred(self, mixture: Mixture) -> Mixture:
        """The mixture on the host in float64, about the offset."""
        in_float64 = Mixture(*(np.asarray(array, np.float64) for array in mixture))
        return in_float64._replace(means=in_float64.means - self.offset)

    def uncentred(self, mixture: Mixture) -> Mixture:
        return mixture._replace(means=mixture.means + self.offset)

    def lose_digits_of(self, mixture: Mixture) -> bool:
        """Whether float32 sums about the offset know the covariances of this mixture too badly."""
        matrices = self.covariance_type in ("full", "tied")
        variances = np.diagonal(mixture.covariances, axis1=-2, axis2=-1) if matrices else mixture.covariances
        variances = variances[:, None] if self.covariance_type == "spherical" else variances
        widest = float((self.mean_squares / variances).max())
        lost = float(np.finfo(np.float32).eps) * widest > LOST * _rcond(mixture, self.covariance_type)
        return lost and not self.precise


def points_of_mixture(X: Real[AnyArray, "n d"], offset: Any, n_components: int, covariance_type: str) -> Points:
    """X less the offset, on all devices."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity, which is what we look for
        finite = np.isfinite(np.asarray(offset)).all()
    if not finite:
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    offset = np.asarray(offset).astype(rows.offset_type(X)).astype(np.float64)
    return _in_blocks(X, offset, n_components, covariance_type, precise=rows.float_type(X) == np.float64)


def _in_blocks(X: AnyArray, offset: np.ndarray, n_components: int, covariance_type: str, *, precise: bool) -> Points:
    n, d = X.shape
    widest = n_components * d if covariance_type == "full" else max(2 * d, n_components)
    cost = widest * d if covariance_type == "full" else d * d + 4 * n_components * d
    block, squares, largest, parts = rows.block_size(n, widest), np.zeros(d), 0.0, []
    unit = block * rows.mesh().size
    in_part = max(int(STRETCH / cost) // block, 1) * unit
    with jax.enable_x64(True) if precise else nullcontext():
        for begin in range(0, n, in_part):
            part = X[begin : begin + in_part]
            valid, whole = np.ones(len(part), np.float32), part.astype(np.float64) if precise else part
            dtype = np.dtype(np.float64 if precise else np.float32)
            x = rows.split(whole, block=block, offset=offset, dtype=dtype)
            parts.append(rows.Rows((x, rows.split(valid, block=block, dtype=dtype)), rows.mesh()))
            of_part, largest_of_part = rows.finished(spread(parts[-1]))
            squares, largest = squares + np.asarray(of_part, np.float64), max(largest, float(largest_of_part))
    check_range(X, largest)
    return Points(X, tuple(parts), offset, squares / n, n_components, covariance_type, precise)


def _rcond(mixture: Mixture, covariance_type: str) -> float:
    """The least reciprocal condition number of the correlations of any component; of a diagonal it is 1."""
    if covariance_type in ("diag", "spherical"):
        return 1.0
    P, deviations = mixture.precisions_cholesky, np.sqrt(np.diagonal(mixture.covariances, axis1=-2, axis2=-1))
    scales = deviations[..., :, None] * deviations[..., None, :]
    correlations, inverse = mixture.covariances / scales, P @ np.swapaxes(P, -1, -2) * scales
    norms = np.abs(correlations).sum(axis=-1).max(axis=-1) * np.abs(inverse).sum(axis=-1).max(axis=-1)
    return float(1 / np.max(norms))
