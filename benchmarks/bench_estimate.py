"""What `scratchclust.estimate` says, beside what is then measured: time and peak memory.

The second of two calls is timed, or their fastest, the first compiles. Memory is the peak of a
third one, beyond what the process held before, its result included.
"""

import time
from typing import Any

from benchmarks import memory, works
from scratchclust.estimates import estimate

MEGA = 1e6
SIZES = {  # n, d, k
    "kmeans": [(60_000, 784, 10), (131_072, 32, 1_000)],
    "minibatch_kmeans": [(60_000, 128, 10), (10_000, 64, 100)],
    "gmm": [(20_000, 64, 10), (50_000, 16, 20)],
    "dbscan": [(10_000, 64, 10), (20_000, 16, 10)],
    "agglomerative": [(5_000, 64, 10), (10_000, 32, 10)],
    "spectral": [(5_000, 64, 10), (10_000, 32, 10)],
    "pca": [(60_000, 784, 50), (60_000, 128, 16)],
    "kernel_pca": [(5_000, 64, 8), (10_000, 64, 8)],
    "tsne": [(5_000, 50, 2), (10_000, 50, 2)],
    "silhouette": [(10_000, 64, 10), (10_000, 1_024, 10)],
    "dunn": [(10_000, 64, 10), (10_000, 1_024, 10)],
    "neighbors": [(10_000, 64, 10), (20_000, 128, 30)],
    "autoencoder": [(5_120, 784, 64), (2_560, 1_024, 64)],
}
QUICK = {"kmeans": [(2_000, 32, 5)], "pca": [(2_000, 32, 5)]}
LONG = 4.0  # seconds beyond which the second call is not repeated


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One table of all algorithms."""
    sizes = QUICK if quick else SIZES
    rows = [_row(name, *size) for name, each in sizes.items() for size in each]
    return [{"problem": "estimates beside measurements", "estimates": rows}]


def _row(algorithm: str, n: int, d: int, k: int) -> dict[str, Any]:
    X = works.data(n, d)
    result = works.run(algorithm, X, k)
    said = estimate(algorithm, n, d, k, **works.WORKS[algorithm].settings(result))
    del result
    seconds = fastest(algorithm, X, k)
    peak = memory.peak(lambda points: works.run(algorithm, points, k), X)
    print(
        f"  {algorithm:<18} {n:>8,} x {d:>5,}, {k:>5,}  estimated {said.seconds:8.3f} s, measured "
        f"{seconds:8.3f} s ({seconds / said.seconds:5.2f})  {said.memory / MEGA:8,.0f} MB, "
        f"{'unknown' if peak is None else f'{peak / MEGA:8,.0f} MB'}",
        flush=True,
    )
    return {
        "algorithm": algorithm,
        "sizes": f"{n:,} x {d:,}, {k:,}",
        "estimated, s": said.seconds,
        "measured, s": seconds,
        "time: measured over estimated": seconds / said.seconds,
        "estimated, MB": said.memory / MEGA,
        "measured, MB": None if peak is None else peak / MEGA,
    }


def fastest(algorithm: str, X: Any, k: int) -> float:
    """Seconds of the work, compiled before: the fastest of three calls, unless one is long."""
    taken: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        works.run(algorithm, X, k)
        taken.append(time.perf_counter() - began)
        if taken[0] > LONG:
            break
    return min(taken)
