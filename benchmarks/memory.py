"""Peak memory of clusterings that store no matrix of all pairs: `python -m benchmarks.memory
[--sizes N ...]`.

What a fit needs beyond its data and what the process held before, in MB, at each size: the first
one, with what XLA's compiler takes, and another one; for comparison, one byte for each pair. With
--peers also scikit-learn's, and of both the Gaussian mixture and kernel PCA. Linux tells the
highest memory of a process, and forgets it on demand.
"""

import argparse
import ctypes
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET_PEAK = "5"  # proc(5)
N_FEATURES, BATCH = 64, 1024


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description="Peak memory of clusterings."
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[10_000, 40_000],
        metavar="N",
        help="numbers of points",
    )
    parser.add_argument("--peers", action="store_true", help="scikit-learn's, too")
    parser.add_argument("--json", action="store_true", help="one object, in bytes")
    options = parser.parse_args(arguments)

    peaks = {}
    for name, work in _works(options.peers).items():
        work(
            _clouds(BATCH)
        )  # what is loaded once for all, the compiler itself for one, does not count
        each = [(_peak(work, _clouds(n)), _peak(work, _clouds(n))) for n in options.sizes]
        peaks[name] = dict(zip(("first", "again"), map(list, zip(*each, strict=True)), strict=True))
    if options.json:
        print(json.dumps({"sizes": options.sizes, "features": N_FEATURES, "peaks": peaks}))
        return 0
    print(
        f"{'points x ' + str(N_FEATURES):<34}"
        + "".join(f"{n:>10,} {'again':>9}" for n in options.sizes)
    )
    for name, found in peaks.items():
        pairs = zip(found["first"], found["again"], strict=True)
        print(
            f"{name:<34}"
            + "".join(f"{first / 1e6:>7,.0f} MB {again / 1e6:>6,.0f} MB" for first, again in pairs)
        )
    return 0


def _works(peers: bool) -> dict[str, Callable[[np.ndarray], Any]]:
    import sklearn.cluster
    import sklearn.decomposition
    import sklearn.mixture

    import scratchclust
    from scratchclust.cluster.dbscan import k_distances

    eps = float(np.median(k_distances(_clouds(2_000), 20)))
    clusterings = {
        "DBSCAN": ("DBSCAN", {"eps": eps}),
        "single linkage": ("AgglomerativeClustering", {"n_clusters": 10, "linkage": "single"}),
        "Ward": ("AgglomerativeClustering", {"n_clusters": 10, "linkage": "ward"}),
        "mini-batch k-means": ("MiniBatchKMeans", {"n_clusters": 10, "random_state": 0}),
    }
    others = {
        "Gaussian mixture, full": (
            "GaussianMixture",
            {"n_components": 10, "random_state": 0, "max_iter": 20},
        ),
        "kernel PCA, rbf": (
            "KernelPCA",
            {"n_components": 10, "kernel": "rbf", "gamma": 1 / N_FEATURES},
        ),
    }

    def work(
        package: Any, estimator: str, parameters: dict[str, Any]
    ) -> Callable[[np.ndarray], Any]:
        return lambda X: getattr(package, estimator)(**parameters).fit(X)

    works = {
        name: work(scratchclust, *given)
        for name, given in (clusterings | (others if peers else {})).items()
    }
    works["mini-batch k-means, a stream"] = lambda X: _stream(
        scratchclust.MiniBatchKMeans(10, random_state=0), len(X)
    )
    works["all pairs, a byte each"] = lambda X: np.ones((len(X), len(X)), np.int8)
    if peers:
        for name, given in clusterings.items():
            works[f"{name}, scikit-learn"] = work(sklearn.cluster, *given)
        works["Gaussian mixture, full, scikit-learn"] = work(
            sklearn.mixture, *others["Gaussian mixture, full"]
        )
        works["kernel PCA, rbf, scikit-learn"] = work(
            sklearn.decomposition, *others["kernel PCA, rbf"]
        )
    return works


def _stream(model: Any, n: int) -> None:
    """n points, of which one batch is there at a time."""
    for i in range(n // BATCH):
        model.partial_fit(_clouds(BATCH, seed=i))


def _clouds(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).uniform(-4, 4, (10, N_FEATURES))
    return (centres[rng.integers(10, size=n)] + 0.5 * rng.normal(size=(n, N_FEATURES))).astype(
        np.float32
    )


def peak(work: Callable[[np.ndarray], Any], X: np.ndarray) -> int | None:
    """Bytes that the work takes at most at a time, beyond those before it: of this process, or of
    the accelerator that JAX computes on; None where nobody tells.

    An accelerator's peak is that of the whole process, so of several pieces of work the larger must
    come later.
    """
    import jax

    device = jax.local_devices()[0]
    if device.platform != "cpu":
        before = (device.memory_stats() or {}).get("bytes_in_use", 0)
        work(X)
        found = (device.memory_stats() or {}).get("peak_bytes_in_use")
        return None if found is None else found - before
    return _peak(work, X) if CLEAR.exists() else None


def _peak(work: Callable[[np.ndarray], Any], X: np.ndarray) -> int:
    """Bytes that the process holds at most during the work, beyond those before it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text(FORGET_PEAK)
    before = _bytes("VmRSS")
    kept = work(X)
    found = _bytes("VmHWM") - before
    del kept
    return found


def _bytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    sys.exit(main())
