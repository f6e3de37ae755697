"""The way back from the coordinates of kernel PCA to points, fast.

The twin of `scratchclust/reference/pre_images.py`, step by step; `inverse_transform` takes a part
of the coordinates at a time. On the host, in float64: the matrix of a ridge regression wants all
digits, and it is small (at most 16,384 points).
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float, Real

from scratchclust.reduce.kernel_pca_parts.kernels import Kernel
from scratchclust.results import KernelPCAResult
from scratchclust.rows import AnyArray

ENTRIES_AT_ONCE = 2**25  # of a kernel matrix


def fit_inverse(
    Y: Real[AnyArray, "n q"],
    X: Real[AnyArray, "n d"],
    result: KernelPCAResult,
    *,
    alpha: float = 1.0,
) -> Float[np.ndarray, "n d"]:
    """D, by which `inverse_transform` goes back from coordinates to points.

    Args:
        Y: the coordinates of the points.
        X: the points.
        result: whose kernel, gamma, degree and coef0 are used, of coordinates now.
        alpha: ridge; larger is smoother.

    Returns:
        D. Cost O(n^2 (q + d) + n^3) time, memory O(n^2).

    Raises:
        InputError: the kernel overflows.
    """
    K = Kernel.in_result(result).of(Y, Y)
    K.flat[:: len(K) + 1] += alpha
    points = np.asarray(X, np.float64)
    try:
        return scipy.linalg.solve(K, points, assume_a="pos")
    except np.linalg.LinAlgError:  # a kernel that is no inner product, or no ridge
        return scipy.linalg.lstsq(K, points)[0]  # pyright: ignore[reportOptionalSubscript]


def inverse_transform(
    Y: Real[AnyArray, "m q"],
    coordinates: Real[AnyArray, "n q"],
    dual_coef: Float[AnyArray, "n d"],
    result: KernelPCAResult,
) -> Float[np.ndarray, "m d"]:
    """The points of coordinates Y, approximately: sum_i k(y, y_i) D_i.

    Args:
        Y: coordinates.
        coordinates: those that `fit_inverse` learned from.
        dual_coef: what it gave, D.
        result: as there.

    Raises:
        InputError: the kernel overflows.
    """
    kernel = Kernel.in_result(result)
    dual_coef = np.asarray(dual_coef, np.float64)
    step = max(ENTRIES_AT_ONCE // len(coordinates), 1)
    parts = (Y[begin : begin + step] for begin in range(0, len(Y), step))
    return np.concatenate([kernel.of(part, coordinates) @ dual_coef for part in parts])
