"""The sums of PCA over rows that memory does not hold (`scratchclust/streams.py`), part by part.

The definition is `pca` in `scratchclust/reference/pca.py`. Two passes: the mean, then Z^T Z of the
rows less that, each part's on the devices as in memory, added up in float64 on the host.
"""

import numpy as np
from jaxtyping import Float

from scratchclust import rows, streams
from scratchclust.checks import finite
from scratchclust.errors import InputError
from scratchclust.reduce.pca_parts import sums
from scratchclust.reduce.precision import in_precision_of
from scratchclust.streams import Source


def mean_of_parts(X: Source) -> Float[np.ndarray, " d"]:
    """The mean row in float64.

    Raises:
        InputError: some number is none.
    """
    total = np.zeros(X.shape[1])
    for _, part in streams.parts(X):
        with np.errstate(invalid="ignore", over="ignore"):
            of_part = part.sum(axis=0, dtype=np.float64)
        if not np.isfinite(of_part).all():
            finite(part)
        total += of_part
    return total / len(X)


def scatter_of_parts(
    X: Source, mean: Float[np.ndarray, " d"]
) -> tuple[Float[np.ndarray, "d d"], float]:
    """Z^T Z and its trace, in float64. Cost O(n d^2), memory O(d^2) and two parts.

    Raises:
        InputError: fewer rows than features, which would need all of them at once.
    """
    n, d = X.shape
    if n < d:
        raise InputError(
            f"expected at least as many rows as features of a source read by parts, got {n} and "
            f"{d}: read it into memory, np.asarray(X)"
        )
    scatter = np.zeros((d, d))
    trace = 0.0
    for _, part in streams.parts(X):
        with in_precision_of(part):
            of_part, of_trace = rows.finished(sums.scatter(sums.in_blocks(part, mean)))
            scatter += np.asarray(of_part, np.float64)
            trace += float(of_trace)
    return scatter, trace
