"""What PCA does with the n rows where the host reads them: the products by BLAS.

XLA's products take as long for each multiplication, but BLAS knows the product of a matrix with
itself: Z^T Z is symmetric, and half of it is computed (measured, 60,000 x 784 on two cores: 146 ms,
XLA 256 ms, and 212 ms by tiles of which those below the diagonal are left out; SciPy's BLAS, an
older one, 196 ms).
"""

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from jaxtyping import Float, Real

from scratchclust import rows

# Numbers in a part of X that is worth a thread of its own; how many parts there are does not depend
# on the machine, so that the mean does not
NUMBERS_IN_PART = 2**22
MOST_PARTS = 8


def are_on_host(data: rows.Rows) -> bool:
    """Whether NumPy can read all blocks: those of CPU devices of this process."""
    return rows.platform() == "cpu" and data.arrays[0].is_fully_addressable


def mean_of(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """The mean row in float64, some parts of X at once: NumPy itself takes one core."""
    n_parts = min(max(X.size // NUMBERS_IN_PART, 1), MOST_PARTS, len(X))
    if n_parts == 1:
        return X.mean(axis=0, dtype=np.float64)
    ends = [len(X) * i // n_parts for i in range(n_parts + 1)]
    with ThreadPoolExecutor(n_parts) as pool:
        sums = pool.map(
            lambda i: X[ends[i] : ends[i + 1]].sum(axis=0, dtype=np.float64), range(n_parts)
        )
        return np.sum(list(sums), axis=0) / len(X)


def scatter(data: rows.Rows) -> tuple[Float[np.ndarray, "d d"], float]:
    """Z^T Z, and its trace. Cost O(n d^2 / 2)."""
    with np.errstate(over="ignore", invalid="ignore"):  # the callers look for it
        total = np.sum([z.T @ z for z in _matrices(data.arrays[0])], axis=0)
        return total, float(np.trace(total, dtype=np.float64))


def project(data: rows.Rows, axes: Float[np.ndarray, "d q"], n: int) -> Float[jax.Array, "n q"]:
    """Z V, for axes in the columns of V."""
    found = rows.aligned((n, axes.shape[1]), axes.dtype)
    begin = 0
    for z in _matrices(data.arrays[0]):
        part = found[begin : begin + len(z)]  # without the filling
        np.matmul(z[: len(part)], axes, out=part)
        begin += len(z)
    return jax.device_put(found, rows.first_device())


def _matrices(blocks: jax.Array) -> list[np.ndarray]:
    """The blocks of each device as one matrix, where they are, in the order of the rows."""
    shards = sorted(blocks.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return [np.asarray(shard.data).reshape(-1, blocks.shape[-1]) for shard in shards]
