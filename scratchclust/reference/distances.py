"""Squared Euclidean distances by their definition; the fast twin of this file is
`scratchclust/distances.py`.
"""

import numpy as np
from jaxtyping import Float, Real

from scratchclust.errors import InputError


def squared_distances(
    x: Real[np.ndarray, "a d"], y: Real[np.ndarray, "b d"]
) -> Float[np.ndarray, "a b"]:
    """|x_i - y_j|^2 = sum_f (x_if - y_jf)^2.

    Cost O(a b d); the intermediate of one y_j is as large as x.
    """
    x = x.astype(np.float64)  # differences of uint8 would begin anew below 0
    y = y.astype(np.float64)
    return np.stack([((x - y_j) ** 2).sum(axis=1) for y_j in y], axis=1)


def unit_rows(X: Real[np.ndarray, "n d"], what: str = "row") -> Float[np.ndarray, "n d"]:
    """Every row scaled to length 1.

    Raises:
        InputError: a row is all zero; it is named by `what` and its number.
    """
    largest = np.abs(X).max(axis=1, keepdims=True)
    if (largest == 0).any():
        raise InputError(
            f"{what} {int((largest == 0).argmax())} is all zero and has no direction: "
            'metric="cosine" needs non-zero rows; drop it, or use metric="euclidean"'
        )
    X = X / largest  # squares of very large or small numbers leave the range of floats
    return X / np.linalg.norm(X, axis=1, keepdims=True)
