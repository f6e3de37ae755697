"""Run contenders in turn on the same problem; print times, ratios and quality side by side."""

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PAUSE = 0.2  # seconds between runs, so that one contender's spinning threads do not slow the next


@dataclass
class Contender:
    """One way to solve a problem. `run` returns the quality of its result, by name, and must wait
    until it is there.
    """

    name: str
    run: Callable[[], dict[str, Any]]
    first: float = 0.0  # seconds of the first call, compilation included
    seconds: list[float] = field(default_factory=list)
    quality: dict[str, Any] = field(default_factory=dict)


def compare(
    problem: str, contenders: list[Contender], *, repeats: int, warm_ups: int = 1
) -> dict[str, Any]:
    """Time the contenders in turn; the last one is the peer that the ratios refer to.

    Args:
        problem: what is solved, for people.
        contenders: at least two; each is run `warm_ups` times more than `repeats`, first to warm
            up.
        repeats: rounds, in each of which every contender runs once; 0: the first run counts,
            compilation and all.
        warm_ups: runs before the rounds, for a contender that still compiles in its second.

    Returns:
        A record of everything, for the result file.
    """
    for contender in contenders:
        contender.first, contender.quality = _timed(contender.run)
        if repeats == 0:
            contender.seconds.append(contender.first)
    for _ in range(warm_ups - 1 if repeats else 0):
        for contender in contenders:
            contender.run()
    for _ in range(repeats):
        for contender in contenders:
            time.sleep(PAUSE)
            seconds, contender.quality = _timed(contender.run)
            contender.seconds.append(seconds)
    print(f"\n{problem}")
    rows = [_row(contender, contenders[-1]) for contender in contenders]
    for row in rows:
        quality = "  ".join(f"{name} {_short(value)}" for name, value in row["quality"].items())
        low, high = row["ratio_range"]
        print(
            f"  {row['name']:<28} median {row['median']:8.4f} s  first {row['first']:7.3f} s  "
            f"faster than peer {row['ratio']:6.2f} x ({low:.2f} to {high:.2f})  {quality}"
        )
    return {"problem": problem, "contenders": rows}


def _timed(run: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    quality = run()
    return time.perf_counter() - began, quality


def _row(contender: Contender, peer: Contender) -> dict[str, Any]:
    ratios = [theirs / ours for ours, theirs in zip(contender.seconds, peer.seconds, strict=True)]
    record = {key: value for key, value in asdict(contender).items() if key != "run"}
    median, ratio = statistics.median(contender.seconds), statistics.median(ratios)
    return record | {"median": median, "ratio": ratio, "ratio_range": [min(ratios), max(ratios)]}


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def environment() -> dict[str, Any]:
    """Device, cores and versions, for the record."""
    import jax

    names = ("scratchclust", "jax", "jaxlib", "numpy", "scipy", "scikit-learn", "openTSNE", "torch")
    devices = jax.local_devices()
    return {
        "device": devices[0].device_kind,
        "platform": devices[0].platform,
        "n_devices": len(devices),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None  # run from a checkout that is not installed


def write(name: str, results: dict[str, Any], folder: Path) -> Path:
    """Write the results of one benchmark to a file named after it and the device, and return its
    path.
    """
    device = results["environment"]["device"].lower().replace(" ", "-")
    path = folder / f"{name}-{device}-{results['environment']['cores']}-cores.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    return path


def mixture(n: int, d: int, n_clusters: int, seed: int = 0) -> np.ndarray:
    """Overlapping Gaussian clouds, float32 [n d], on which k-means does not settle within the
    measured iterations.
    """
    rng = np.random.default_rng(seed)
    centres = (rng.normal(size=(2 * n_clusters, d)) * 3 / np.sqrt(d)).astype(np.float32)
    X = rng.standard_normal(size=(n, d), dtype=np.float32)
    X += centres[rng.integers(2 * n_clusters, size=n)]
    return X
