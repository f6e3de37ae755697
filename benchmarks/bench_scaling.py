"""Time and peak memory against n, d, k and the number of devices, one at a time.

Each line of the table is one algorithm along one axis, the others as at its base: the exponent is
the slope of a straight line through the logarithms. The floor is the longer of products over the
measured rate of products and bytes over the measured rate of copies, on the same devices. The time
is the median of a few calls after one that compiles; memory is the peak of one more.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from benchmarks import memory, works
from scratchclust import rows
from scratchclust.estimates import estimate, floor_of, work_of
from scratchclust.rates import device_rates

MEGA = 1e6
SHORT = 0.3  # seconds below which a call is repeated
REPEATS = 3


class Size(NamedTuple):
    """Where an algorithm is measured."""

    n: int
    d: int
    k: int
    devices: int


class Axes(NamedTuple):
    """The size from which one number at a time is changed, and to what."""

    base: tuple[int, int, int]  # n, d, k
    n: tuple[int, ...]
    d: tuple[int, ...] = ()
    k: tuple[int, ...] = ()
    over_devices: bool = True


AXES = {
    "kmeans": Axes(
        (65_536, 64, 16),
        n=(4_096, 16_384, 65_536, 262_144),
        d=(16, 64, 256, 1_024),
        k=(4, 16, 64, 256, 1_024),
    ),
    "silhouette": Axes(
        (8_192, 64, 10), n=(2_048, 4_096, 8_192, 16_384), d=(16, 64, 256, 1_024), k=(2, 10, 100)
    ),
    "pca": Axes(
        (65_536, 128, 16), n=(4_096, 16_384, 65_536, 262_144), d=(32, 128, 512), k=(4, 16, 64)
    ),
    "gmm": Axes((16_384, 16, 8), n=(4_096, 16_384, 65_536), d=(8, 16, 32, 64), k=(4, 8, 16, 32)),
    "neighbors": Axes((8_192, 64, 10), n=(2_048, 4_096, 8_192, 16_384), d=(16, 64, 256)),
    "dbscan": Axes((8_192, 32, 10), n=(2_048, 4_096, 8_192, 16_384), over_devices=False),
    "agglomerative": Axes((4_096, 32, 10), n=(1_024, 2_048, 4_096, 8_192), over_devices=False),
    "tsne": Axes((4_096, 50, 2), n=(2_048, 4_096, 8_192), over_devices=False),
}
QUICK = {"kmeans": Axes((2_048, 16, 4), n=(1_024, 2_048), k=(4, 8))}
# An accelerator has room for more, and does little with less.
LARGER = 8


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One table of all algorithms and axes."""
    found = []
    for algorithm, axes in (QUICK if quick else AXES).items():
        found += [_line(algorithm, along, sizes) for along, sizes in _lines(axes, quick)]
    return [{"problem": "time and memory against size", "scaling": found}]


def _lines(axes: Axes, quick: bool) -> list[tuple[str, list[Size]]]:
    """Each axis with the sizes along it."""
    n, d, k = axes.base
    larger = LARGER if rows.platform() != "cpu" and not quick else 1
    all_here = len(rows.all_devices())
    base = Size(n * larger, d, k, all_here)
    lines = [
        ("n", [base._replace(n=n * larger) for n in axes.n]),
        ("d", [base._replace(d=d) for d in axes.d]),
        ("k", [base._replace(k=k) for k in axes.k]),
    ]
    if axes.over_devices and all_here > 1:
        numbers = sorted({2**i for i in range(all_here.bit_length())} | {all_here})
        lines.append(("devices", [base._replace(devices=m) for m in numbers]))
    return [(along, sizes) for along, sizes in lines if len(sizes) > 1]


def _line(algorithm: str, along: str, sizes: list[Size]) -> dict[str, Any]:
    points = [_point(algorithm, size) for size in sizes]
    at = [getattr(size, along) for size in sizes]
    times = _exponent(at, [point["median"] for point in points])
    peaks = [point["peak"] for point in points]
    held = None if None in peaks else _exponent(at, [max(peak, 1) for peak in peaks])
    last = points[-1]
    ratio = last["median"] / last["floor"]
    memory_of = "" if held is None else f", memory ~ {along}^{held:.2f}"
    print(
        f"  {algorithm:<14} time ~ {along}^{times:.2f}{memory_of}; "
        f"{_said(sizes[-1])}: {last['median']:.3f} s, {ratio:.1f} times the floor",
        flush=True,
    )
    return {
        "algorithm": algorithm,
        "along": along,
        "from": _said(sizes[0]),
        "to": _said(sizes[-1]),
        "points": points,
        "time's exponent": times,
        "memory's exponent": held,
        "seconds at the end": last["median"],
        "floor, seconds": last["floor"],
        "time over floor": ratio,
        "memory at the end, MB": None if last["peak"] is None else last["peak"] / MEGA,
    }


def _said(size: Size) -> str:
    devices = f", {size.devices} device{'' if size.devices == 1 else 's'}"
    return f"{size.n:,} x {size.d:,}, k = {size.k:,}{devices}"


def _point(algorithm: str, size: Size) -> dict[str, Any]:
    """Time, peak memory, floor and estimate at one size, on so many devices."""
    X = works.data(size.n, size.d)
    with rows.on(rows.all_devices()[: size.devices]):
        result = works.run(algorithm, X, size.k)
        settings = works.WORKS[algorithm].settings(result)
        del result
        seconds = _timed(algorithm, X, size.k)
        peak = memory.peak(lambda points: works.run(algorithm, points, size.k), X)
        rates = device_rates()
        work = work_of(algorithm, size.n, size.d, size.k, **settings)
        said = estimate(algorithm, size.n, size.d, size.k, **settings)
    return {
        **size._asdict(),
        "seconds": seconds,
        "median": float(np.median(seconds)),
        "peak": peak,
        "floor": floor_of(work, rates),
        "estimate": said._asdict(),
    }


def _timed(algorithm: str, X: np.ndarray, k: int) -> list[float]:
    seconds: list[float] = []
    while not seconds or (seconds[0] < SHORT and len(seconds) < REPEATS):
        began = time.perf_counter()
        works.run(algorithm, X, k)
        seconds.append(time.perf_counter() - began)
    return seconds


def _exponent(at: list[int], values: list[float]) -> float:
    """The slope of the values' logarithms over those of the sizes."""
    slope, _ = np.polyfit(np.log(at), np.log(values), 1)
    return float(slope)
