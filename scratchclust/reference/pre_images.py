"""The way back from the coordinates of kernel PCA to points.

It is learned, since few images of the kernel have a point: by ridge regression of the points X on
their coordinates y, under the same kernel:

    D = (K_y + alpha I)^-1 X,    (K_y)_ij = k(y_i, y_j)          x(y) = sum_i k(y, y_i) D_i

with gamma, degree and coef0 as for the points. The coordinates know nothing of the mean of the
points: with the linear kernel the way back is one to the centred points (there PCA is the better
choice). The fast twin of this file is `scratchclust/reduce/pre_images.py`.

Source: Bakir, Weston & Schoelkopf, Learning to find pre-images, 2004.
"""

import numpy as np
from jaxtyping import Float, Real

from scratchclust.reference.kernel_pca import Kernel
from scratchclust.results import KernelPCAResult


def fit_inverse(
    Y: Real[np.ndarray, "n q"],
    X: Real[np.ndarray, "n d"],
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
        D. Cost O(n^2 (q + d) + n^3) time.

    Raises:
        InputError: the kernel overflows.
    """
    K = Kernel.in_result(result).of(Y, Y)
    return np.linalg.solve(K + alpha * np.eye(len(K)), X)


def inverse_transform(
    Y: Real[np.ndarray, "m q"],
    coordinates: Real[np.ndarray, "n q"],
    dual_coef: Float[np.ndarray, "n d"],
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
    return Kernel.in_result(result).of(Y, coordinates) @ dual_coef
