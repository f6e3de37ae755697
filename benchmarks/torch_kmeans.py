"""Lloyd's algorithm in PyTorch, as fast as it goes there: the rival that no library brings.

    labels_i = argmin_j |c_j|^2 - 2 x_i c_j        one product a block of points, and its minimum
    c_j = mean of the x_i with labels_i = j        a product with one-hot labels where k is small,
                                                   a scatter where it is large

On a GPU the step is compiled (`torch.compile`), where minimum and scatter then join what precedes
them. On a CPU it runs as it is: there a product and a minimum are each one call of a library, and a
compiled step, which takes 4 to 18 s to compile, was 0.7, 0.4 and 1.5 times as fast (60,000 x 128,
k = 10; 131,072 x 32, k = 1,000; 262,144 x 64, k = 100).
"""

import time
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import Tensor  # pyright: ignore[reportMissingImports]

# Entries of a block's distances: on a CPU of a size that stays in its cache, and is long enough
# for a product; measured from 2^18 to 2^22. On a GPU a part of its memory.
BLOCK = {"cpu": 2**20, "cuda": 2**28}
# Clusters up to which a product with one-hot labels is faster than a scatter.
FEW = {"cpu": 31, "cuda": 128}


def device() -> str:
    """ "cuda" where PyTorch has a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def is_compiled() -> bool:
    """Whether `lloyd` runs compiled."""
    return device() != "cpu"


def moved(X: np.ndarray) -> tuple[Tensor, float]:
    """X on PyTorch's device, and the seconds of moving it there, the second time."""
    for _ in range(2):
        began = time.perf_counter()
        on_device = torch.from_numpy(X).to(device())
        finish()
        seconds = time.perf_counter() - began
    return on_device, seconds


def finish() -> None:
    """Wait for what a GPU has yet to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _assigned(X: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest centroid of each point [n], and its squared distance less |x|^2 [n]."""
    norms = (centroids * centroids).sum(dim=1)
    rows = max(1, BLOCK[X.device.type] // len(centroids))
    # min and not argmin, which takes 1.5 times as long on a CPU for many centroids
    found = [torch.addmm(norms, x, centroids.T, alpha=-2).min(dim=1) for x in X.split(rows)]
    labels = torch.cat([block.indices for block in found])
    return labels, torch.cat([block.values for block in found])


def _step(X: Tensor, centroids: Tensor) -> Tensor:
    """The centroids after an iteration; one without points stays where it is."""
    k = len(centroids)
    labels, _ = _assigned(X, centroids)
    if k <= FEW[X.device.type]:
        is_in = torch.nn.functional.one_hot(labels, k).to(X.dtype)
        sums = is_in.T @ X
        counts = is_in.sum(dim=0)
    else:
        sums = torch.zeros_like(centroids).index_add_(0, labels, X)
        counts = torch.bincount(labels, minlength=k).to(X.dtype)
    means = sums / counts.clamp(min=1)[:, None]
    return torch.where(counts[:, None] > 0, means, centroids)


_compiled: Any = torch.compile(_step, dynamic=False)


@torch.no_grad()
def lloyd(X: Tensor, start: Tensor, n_iter: int) -> tuple[Tensor, Tensor, float]:
    """So many iterations from a start [k d]: the labels [n], the centroids and the inertia."""
    step = _compiled if is_compiled() else _step
    centroids = start
    for _ in range(n_iter):
        centroids = step(X, centroids)
    labels, partial = _assigned(X, centroids)
    norms = torch.linalg.vector_norm(
        X, dim=1
    ).double()  # X itself in float64 would be twice as much
    inertia = partial.double().sum() + (norms * norms).sum()
    finish()
    return labels, centroids, float(inertia)
