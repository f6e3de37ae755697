"""Projections as directions: points of the sphere of radius 1.

    u = z / max(|z|, 1e-4)

Most losses of learning without labels compare directions, so that no network makes them small by
making its numbers large. What is too short to have a direction keeps a finite one.

The fast twin of this file is `scratchclust/train/objectives/sphere.py`.
"""

import numpy as np
from jaxtyping import Float

from scratchclust.constants import LEAST_LENGTH


def normalise(Z: Float[np.ndarray, "*rows d"]) -> Float[np.ndarray, "*rows d"]:
    """Scale every row to length 1: u.

    Args:
        Z: projections; one that is shorter than 1e-4 comes out shorter than 1.
    """
    Z = np.asarray(Z, np.float64)
    return Z / np.maximum(np.linalg.norm(Z, axis=-1, keepdims=True), LEAST_LENGTH)
