"""Rivals that are there only where they are installed, and how each rival is set.

A rival that is missing is told in a line, once, and left out.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Contender

# By the beginning of a contender's name: what `benchmarks.report` says on its first page.
SETTINGS = {
    "scikit-learn": "all cores (OpenMP and BLAS threads), on the host's CPU always; same start, "
    "`tol=0` where iterations are counted, `algorithm` as named",
    "faiss": "`Kmeans` from the same start, without its sample of 256 points for each centroid "
    "(`max_points_per_centroid = n`) and with as many iterations; labels by a search afterwards",
    "openTSNE": "FFT, a thread for each core, start by PCA; its learning rate is n after the "
    "exaggeration",
    "torch": "eager on a CPU, compiled on a GPU, float32 (its convolutions TF32 on a GPU), on the "
    "same device as ours, data moved there beforehand; the autoencoder in both layouts",
    "cuML": "its `KMeans` from the same start, on the GPU, data there beforehand",
    "flash-kmeans": "its Triton kernels, float32, from the same start, data on the GPU beforehand",
    "brute force": "the definition in NumPy and SciPy, block by block, float64: no library has it",
    "products alone": "no rival: NumPy's matrix products of the same sizes, a floor",
}
_told: set[str] = set()


def setting_of(name: str) -> str | None:
    """How the contender of this name is set; None of ours."""
    return next((text for start, text in SETTINGS.items() if name.startswith(start)), None)


def is_here(module: str, package: str) -> bool:
    """Whether a rival's module can be imported; a line is printed, once, where it cannot."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ValueError:  # None in sys.modules
        found = False
    if not found and module not in _told:
        _told.add(module)
        print(f"without {package}, which is not installed here")
    return found


def kmeans_rivals(X: np.ndarray, start: np.ndarray, n_iter: int) -> list[Contender]:
    """Those that run so many iterations of k-means from a start: torch, faiss, cuML, flash-kmeans.

    Args:
        X: the points, float32 [n d].
        start: the centroids, float32 [k d].
        n_iter: iterations, all of which are run.
    """
    here: list[tuple[str, str, Callable[..., Contender]]] = [
        ("torch", "torch", _torch),
        ("faiss", "faiss-cpu", _faiss),
    ]
    if _is_on_gpu():
        here += [("cuml", "cuML", _cuml), ("flash_kmeans", "flash-kmeans", _flash)]
    return [made(X, start, n_iter) for module, package, made in here if is_here(module, package)]


def _is_on_gpu() -> bool:
    import jax

    return jax.default_backend() == "gpu"


def _torch(X: np.ndarray, start: np.ndarray, n_iter: int) -> Contender:
    rival = importlib.import_module("benchmarks.torch_kmeans")
    on_device, seconds = rival.moved(X)
    centroids, _ = rival.moved(start)

    def run() -> dict[str, Any]:
        _, _, inertia = rival.lloyd(on_device, centroids, n_iter)
        return {"inertia": inertia, "n_iter": n_iter}

    name = "torch, compiled" if rival.is_compiled() else "torch"
    return Contender(name, run, transfer=seconds)


def _faiss(X: np.ndarray, start: np.ndarray, n_iter: int) -> Contender:
    faiss = importlib.import_module("faiss")
    n, d = X.shape
    has_gpu = _is_on_gpu() and getattr(faiss, "get_num_gpus", int)() > 0

    def run() -> dict[str, Any]:
        model = faiss.Kmeans(
            d,
            len(start),
            niter=n_iter,
            max_points_per_centroid=n,
            min_points_per_centroid=1,
            gpu=has_gpu,
        )
        model.train(X, init_centroids=start)
        squared_distances, _ = model.index.search(X, 1)
        return {"inertia": float(squared_distances.sum(dtype=np.float64)), "n_iter": n_iter}

    return Contender("faiss" if not has_gpu else "faiss, GPU", run)


def _cuml(X: np.ndarray, start: np.ndarray, n_iter: int) -> Contender:
    cluster = importlib.import_module("cuml.cluster")
    on_device = importlib.import_module("cupy").asarray(X)

    def run() -> dict[str, Any]:
        model = cluster.KMeans(
            n_clusters=len(start), init=start, n_init=1, max_iter=n_iter, tol=0.0
        ).fit(on_device)
        return {"inertia": float(model.inertia_), "n_iter": int(model.n_iter_)}

    return Contender("cuML", run)


def _flash(X: np.ndarray, start: np.ndarray, n_iter: int) -> Contender:
    kmeans = importlib.import_module("flash_kmeans").batch_kmeans_Euclid
    rival = importlib.import_module("benchmarks.torch_kmeans")
    on_device, seconds = rival.moved(X[None])
    centroids, _ = rival.moved(start[None])

    def run() -> dict[str, Any]:
        labels, found, _ = kmeans(
            on_device,
            n_clusters=len(start),
            max_iters=n_iter,
            tol=0.0,
            init_centroids=centroids,
        )
        rival.finish()
        differences = on_device[0] - found[0][labels[0].long()]
        return {"inertia": float((differences**2).sum()), "n_iter": n_iter}

    return Contender("flash-kmeans", run, transfer=seconds)
