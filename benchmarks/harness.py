"""Run contenders in turn on the same problem; print times, ratios and quality side by side.

One that is ours is called "scratchclust..."; "products alone" and the like are floors; all others
are rivals. A ratio says how many times faster a contender is than the last one, the peer; that to
the best rival is made from the same samples by `benchmarks.report`.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.environment import environment
from benchmarks.result_file import write_study

__all__ = ["PACE", "Contender", "compare", "environment", "mixture", "placed", "write"]

PAUSE = 0.2  # seconds between runs, so that one contender's spinning threads do not slow the next
SAME = 0.01  # qualities of two runs of one contender may differ by this part of them
OURS, FLOORS = "scratchclust", ("products alone", "copy alone")
write = write_study


@dataclass
class Pace:
    """How long comparisons may take; `python -m benchmarks --budget` sets it.

    Attributes:
        rounds: seconds that the rounds of one comparison may take, beyond the first round.
        long: seconds of a first call beyond which a rival, which compiles nothing, need not run
            again: that call is its sample.
    """

    rounds: float = 8.0
    long: float = 8.0


PACE = Pace()


@dataclass
class Contender:
    """One way to solve a problem. `run` returns the quality of its result, by name, and must wait
    until it is there.
    """

    name: str
    run: Callable[[], dict[str, Any]]
    transfer: float | None = None  # seconds that moving its data to the device took beforehand
    first: float = 0.0  # seconds of the first call, compilation included
    seconds: list[float] = field(default_factory=list)
    quality: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """ "ours", "floor" or "rival"."""
        if self.name.startswith(OURS):
            return "ours"
        return "floor" if self.name.startswith(FLOORS) else "rival"


def compare(
    problem: str, contenders: list[Contender], *, repeats: int, warm_ups: int = 1
) -> dict[str, Any]:
    """Time the contenders in turn; the last one is the peer that the ratios refer to.

    Args:
        problem: what is solved, for people; it names the sizes, as "60,000 x 784, k = 10".
        contenders: at least two; each is run `warm_ups` times more than it is timed, first to warm
            up. A rival whose first call is long is run once.
        repeats: rounds at most, in each of which every contender runs once, as far as `PACE`
            allows; 0: the first run counts, compilation and all.
        warm_ups: runs before the rounds, for a contender that still compiles in its second.

    Returns:
        A record of everything, for the result file.
    """
    print(f"\n{problem}", flush=True)
    for contender in contenders:
        contender.first, contender.quality = _timed(contender.run)
        print(f"  {contender.name:<28} first {contender.first:8.3f} s", flush=True)
    once = [each for each in contenders if repeats == 0 or _is_long(each)]
    for contender in once:
        contender.seconds.append(contender.first)
    repeated = [each for each in contenders if each not in once]
    for contender in repeated * (warm_ups - 1):
        contender.run()
    _run_rounds(repeated, repeats)
    rows = [_row(contender, contenders[-1]) for contender in contenders]
    for row in rows:
        print(_line(row), flush=True)
    return {"problem": problem, "contenders": rows}


def _is_long(contender: Contender) -> bool:
    return contender.kind != "ours" and contender.first > PACE.long


def _run_rounds(contenders: list[Contender], repeats: int) -> None:
    """Rounds, until there are enough or the next would take longer than is left."""
    began = time.perf_counter()
    for done in range(repeats):
        spent = time.perf_counter() - began
        if done and spent * (done + 1) / done > PACE.rounds:
            return
        for contender in contenders:
            time.sleep(PAUSE)
            seconds, quality = _timed(contender.run)
            _check_same(contender, quality)
            contender.seconds.append(seconds)


def _check_same(contender: Contender, quality: dict[str, Any]) -> None:
    """A later round that ends elsewhere did other work: its time would say nothing."""
    for name, first in contender.quality.items():
        if isinstance(first, int | float) and not math.isclose(
            first, quality[name], rel_tol=SAME, abs_tol=1e-6
        ):
            raise RuntimeError(
                f"{contender.name}: {name} was {first} in the first run, {quality[name]} in a later"
                f" one: something is kept from one run to the next"
            )


def _timed(run: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    quality = run()
    return time.perf_counter() - began, quality


def ratios_of(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """How many times faster ours is: the median of the ratios, the least and the greatest.

    Round by round; where one of them ran once, its time is that of every round.
    """
    n = max(len(ours), len(theirs))
    pairs = zip(_n_times(ours, n), _n_times(theirs, n), strict=True)
    ratios = [theirs / ours for ours, theirs in pairs]
    return statistics.median(ratios), min(ratios), max(ratios)


def _n_times(seconds: list[float], n: int) -> list[float]:
    return seconds if len(seconds) == n else [statistics.median(seconds)] * n


def _row(contender: Contender, peer: Contender) -> dict[str, Any]:
    ratio, low, high = ratios_of(contender.seconds, peer.seconds)
    return {
        "name": contender.name,
        "kind": contender.kind,
        "first": contender.first,
        "transfer": contender.transfer,
        "seconds": contender.seconds,
        "median": statistics.median(contender.seconds),
        "ratio": ratio,
        "ratio_range": [low, high],
        "quality": contender.quality,
    }


def _line(row: dict[str, Any]) -> str:
    quality = "  ".join(f"{name} {_short(value)}" for name, value in row["quality"].items())
    low, high = row["ratio_range"]
    moved = "" if row["transfer"] is None else f"moved {row['transfer']:6.3f} s  "
    return (
        f"  {row['name']:<28} median {row['median']:8.4f} s  {moved}"
        f"faster than peer {row['ratio']:6.2f} x ({low:.2f} to {high:.2f})  {quality}"
    )


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def placed(X: np.ndarray) -> tuple[Any, float]:
    """X on the first device, and the seconds of moving it there, the second time."""
    import jax

    for _ in range(2):
        began = time.perf_counter()
        moved = jax.block_until_ready(jax.device_put(X))
        seconds = time.perf_counter() - began
    return moved, seconds


def mixture(n: int, d: int, n_clusters: int, seed: int = 0) -> np.ndarray:
    """Overlapping Gaussian clouds, float32 [n d], on which k-means does not settle within the
    measured iterations.
    """
    rng = np.random.default_rng(seed)
    centres = (rng.normal(size=(2 * n_clusters, d)) * 3 / np.sqrt(d)).astype(np.float32)
    X = rng.standard_normal(size=(n, d), dtype=np.float32)
    X += centres[rng.integers(2 * n_clusters, size=n)]
    return X
