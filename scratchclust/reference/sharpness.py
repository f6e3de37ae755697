"""How sharp a picture is: the variance of its Laplacian over that of its brightness.

With the luma y in [0, 1] of a picture, and the picture going on beyond its border as in a mirror,

    L[i, j] = y[i-1, j] + y[i+1, j] + y[i, j-1] + y[i, j+1] - 4 y[i, j]
    sharpness = var(L) / max(var(y), v_0^2)

Edges make L large, blurring takes it away. Divided by the variance of y it is the same for a
picture in strong and in weak contrast; below the contrast v_0, which is two levels of 255, it
falls to 0. It is 20 for noise, about 1 for a sharp photograph at 32x32, 0 for a flat picture.

The fast twin of this file is `scratchclust/curation/sharpness.py`.

Sources: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000 (the variance of
the Laplacian); Pertuz, Puig and Garcia, Analysis of focus measure operators, 2013. Dividing by the
contrast is ours.
"""

import numpy as np
from jaxtyping import Float, UInt8

from scratchclust.constants import LEAST_CONTRAST, LUMA


def sharpness(images: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Give var(L) / max(var(y), v_0^2) of each picture, of 1 or 3 channels."""
    y = luma(images)
    L = laplacian(y)
    return L.var(axis=(1, 2)) / np.maximum(y.var(axis=(1, 2)), LEAST_CONTRAST**2)


def luma(images: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n h w"]:
    """Grey as bright as the eye sees it, in [0, 1]: y = 0.299 r + 0.587 g + 0.114 b."""
    unit = images / 255
    return unit[..., 0] if images.shape[3] == 1 else unit @ np.array(LUMA)


def laplacian(y: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """Sum the differences of each pixel's four neighbours to it."""
    p = np.pad(y, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    return p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:] - 4 * y
