"""What the tests of k-means share: both twins behind one face, and data of one shape, so that
little is compiled.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.cluster import kmeans as fast
from scratchclust.reference import kmeans as reference

N, D, K = 237, 5, 4  # 237 is no multiple of anything: the last block has a filling
STARTS = ("random_points", "plus_plus", "scalable_plus_plus")


class Twin(NamedTuple):
    """One of the two implementations; `random(seed)` is its argument of randomness."""

    module: ModuleType
    name: str

    def random(self, seed: int) -> dict[str, Any]:
        return (
            {"key": jax.random.key(seed)}
            if self.module is fast
            else {"rng": np.random.default_rng(seed)}
        )

    def __getattr__(self, function: str) -> Any:
        return getattr(self.module, function)


TWINS = (Twin(reference, "numpy"), Twin(fast, "jax"))
each_twin = pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)


def one_device() -> Iterator[None]:
    """A fixture for tests of hundreds of small runs, which four simulated devices slow down."""
    with rows.on(jax.local_devices()[:1]):
        yield


def blobs(seed: int, spread: float = 1.5, n_blobs: int = K) -> np.ndarray:
    """Overlapping Gaussian blobs [N D] in float32."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-4, 4, size=(n_blobs, D))
    return (centers[rng.integers(n_blobs, size=N)] + spread * rng.normal(size=(N, D))).astype(
        np.float32
    )


def blobs_and_start(seed: int, n_clusters: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Blobs, and some of their points to start from."""
    X = blobs(seed)
    return X, X[np.random.default_rng(seed + 1000).choice(N, n_clusters, replace=False)]


def inertia_of(X: np.ndarray, centroids: Any) -> float:
    return float(reference.assign(X.astype(np.float64), np.asarray(centroids, np.float64))[1].sum())
