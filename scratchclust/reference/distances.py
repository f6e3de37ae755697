"""Squared Euclidean distances by their definition; the fast twin of this file is `scratchclust/distances.py`."""

import numpy as np
from jaxtyping import Float, Real


def squared_distances(x: Real[np.ndarray, "a d"], y: Real[np.ndarray, "b d"]) -> Float[np.ndarray, "a b"]:
    """|x_i - y_j|^2 = sum_f (x_if - y_jf)^2. Cost O(a b d); the intermediate of one y_j is as large as x."""
    x, y = x.astype(np.float64), y.astype(np.float64)  # differences of uint8 would begin anew below 0
    return np.stack([((x - y_j) ** 2).sum(axis=1) for y_j in y], axis=1)
