"""Peak memory of clusterings that store no matrix of all pairs: `python -m benchmarks.memory [--sizes N ...]`.

What a fit needs beyond its data and what the process held before, in MB, at each size; for comparison, one byte for
each pair. Linux tells the highest memory of a process, and forgets it on demand.
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
N_FEATURES, BATCH = 8, 1024


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="Peak memory of clusterings.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 40_000], metavar="N", help="numbers of points")
    parser.add_argument("--peers", action="store_true", help="scikit-learn's, too")
    parser.add_argument("--json", action="store_true", help="one object, in bytes")
    options = parser.parse_args(arguments)

    works = _works(options.peers)
    peaks = {}
    for name, work in works.items():
        work(_clouds(BATCH))  # what is loaded once for all, the compiler for one, does not count
        peaks[name] = [_peak(work, _clouds(n)) for n in options.sizes]
    if options.json:
        print(json.dumps(peaks))
        return 0
    print(f"{'points':<34}" + "".join(f"{n:>12,}" for n in options.sizes))
    for name, found in peaks.items():
        print(f"{name:<34}" + "".join(f"{peak / 1e6:>9,.0f} MB" for peak in found))
    return 0


def _works(peers: bool) -> dict[str, Callable[[np.ndarray], Any]]:
    import sklearn.cluster

    import scratchclust

    works = {
        "DBSCAN": lambda X: scratchclust.DBSCAN(1.0).fit(X),
        "single linkage": lambda X: scratchclust.AgglomerativeClustering(10, linkage="single").fit(X),
        "Ward": lambda X: scratchclust.AgglomerativeClustering(10, linkage="ward").fit(X),
        "mini-batch k-means": lambda X: scratchclust.MiniBatchKMeans(10, random_state=0).fit(X),
        "mini-batch k-means, a stream": lambda X: _stream(scratchclust.MiniBatchKMeans(10, random_state=0), len(X)),
        "all pairs, a byte each": lambda X: np.ones((len(X), len(X)), np.int8),
    }
    if peers:
        of_peers = {
            "DBSCAN": lambda X: sklearn.cluster.DBSCAN(eps=1.0).fit(X),
            "single linkage": lambda X: sklearn.cluster.AgglomerativeClustering(10, linkage="single").fit(X),
            "Ward": lambda X: sklearn.cluster.AgglomerativeClustering(10, linkage="ward").fit(X),
            "mini-batch k-means": lambda X: sklearn.cluster.MiniBatchKMeans(10, random_state=0).fit(X),
        }
        works |= {f"{name}, scikit-learn": work for name, work in of_peers.items()}
    return works


def _stream(model: Any, n: int) -> None:
    """n points, of which one batch is there at a time."""
    for i in range(n // BATCH):
        model.partial_fit(_clouds(BATCH, seed=i))


def _clouds(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).uniform(-4, 4, (10, N_FEATURES))
    return (centres[rng.integers(10, size=n)] + 0.5 * rng.normal(size=(n, N_FEATURES))).astype(np.float32)


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
