"""20 GB of rows through a process of 2 GiB: k-means, mini-batch k-means and PCA of rows that are
made as they are asked for.

    python -m benchmarks.larger_than_memory [--gigabytes 20] [--only kmeans pca minibatch_kmeans]

Each part runs in a process of its own, which tells its peak memory (the most anonymous memory that
it held, by the kernel's count) and the seconds of a pass over all rows, beside those of making the
rows alone. Before that the same is done on so many rows as memory holds, and there.
"""

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

D = 64
K = 10
TABLE = 2**16  # rows of noise that are used over and over
IN_MEMORY = 500_000  # rows on which both ways are compared
ITERATIONS = 3
WORK = ("kmeans", "minibatch_kmeans", "pca")


def rows_of(n: int) -> Any:
    """A source of n rows in K clouds: each is a row of a table of noise and a centre, both by a
    hash of its number.
    """
    from scratchclust import streams

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((TABLE, D), dtype=np.float32)
    centres = (3 * rng.standard_normal((K, D)) / np.sqrt(D) ** 0.5).astype(np.float32)

    def make(number: np.ndarray) -> np.ndarray:
        mixed = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        rows = noise[(mixed % np.uint64(TABLE)).astype(np.int64)]
        rows += centres[((mixed >> np.uint64(32)) % np.uint64(K)).astype(np.int64)]
        return rows

    return streams.Generated((n, D), make)


class Peak:
    """The most anonymous memory that this process holds while it is at work, in bytes."""

    def __enter__(self) -> "Peak":
        self.bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            found = re.search(r"RssAnon:\s+(\d+) kB", status)
            self.bytes = max(self.bytes, 1024 * int(found[1]) if found else 0)
            if self._is_over.wait(0.05):
                return

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def estimator_of(name: str, start: np.ndarray) -> Any:
    """The estimator of a part, and how many passes over all rows its fit takes."""
    from scratchclust import PCA, KMeans, MiniBatchKMeans

    return {
        "kmeans": (KMeans(K, init=start, max_iter=ITERATIONS, tol=0), ITERATIONS + 1),
        "minibatch_kmeans": (MiniBatchKMeans(K, init=start, random_state=0), 1),
        "pca": (PCA(10, svd_solver="covariance_eigh"), 2),
    }[name]


def differences(name: str, X: Any) -> dict[str, float]:
    """How a fit of the source differs from one of the same rows in memory."""
    here, there = (estimator_of(name, X[:K])[0].fit(rows) for rows in (np.asarray(X), X))
    if name == "pca":
        return {"axes": float(abs(here.components_ - there.components_).max())}
    return {
        "labels": int((here.labels_ != there.labels_).sum()),
        "centroids": float(abs(here.cluster_centers_ - there.cluster_centers_).max()),
    }


def measure(name: str, n: int) -> dict[str, Any]:
    """One part, in this process."""
    from scratchclust import devices, streams

    devices.use_all_cores()
    differs = differences(name, rows_of(min(IN_MEMORY, n)))
    X = rows_of(n)
    began = time.perf_counter()
    for _ in zip(range(20), streams.parts(X), strict=False):
        pass
    share = min(20 * streams.NUMBERS_IN_PART / X.size, 1.0)
    making = (time.perf_counter() - began) / share
    estimator, passes = estimator_of(name, X[:K])
    with Peak() as peak:
        began = time.perf_counter()
        cpu_began = time.process_time()
        estimator.fit(X)
        seconds = time.perf_counter() - began
        cpu_seconds = time.process_time() - cpu_began
    return {
        "work": name,
        "n": n,
        "d": D,
        "gigabytes": 4 * X.size / 1e9,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "seconds_of_a_pass": seconds / passes,
        "seconds_of_making_the_rows": making,
        "peak_GiB": peak.bytes / 2**30,
        "differs_from_memory": differs,
    }


def main() -> int:
    """Run the parts, each in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--gigabytes", type=float, default=20.0, help="of rows in float32 (20)")
    parser.add_argument("--only", nargs="+", choices=WORK, default=WORK)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="a JSON file")
    options = parser.parse_args()
    n = max(int(options.gigabytes * 1e9 / (4 * D)), K)
    if options.here:
        print(json.dumps(measure(options.only[0], n)))
        return 0
    found = []
    for name in options.only:
        command = [sys.executable, "-m", "benchmarks.larger_than_memory", "--here"]
        command += ["--gigabytes", str(options.gigabytes), "--only", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        one = found[-1]
        print(
            f"{name}: {one['gigabytes']:.1f} GB, {one['n']:,} rows: {one['seconds']:.0f} s "
            f"({one['cpu_seconds']:.0f} of CPU), "
            f"{one['seconds_of_a_pass']:.1f} s a pass, of which making the rows "
            f"{one['seconds_of_making_the_rows']:.1f}; peak {one['peak_GiB']:.2f} GiB; "
            f"differs from memory on {IN_MEMORY:,} rows by {one['differs_from_memory']}",
            flush=True,
        )
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
