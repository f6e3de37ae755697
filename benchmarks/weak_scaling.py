"""Weak scaling of k-means: as many rows for each device, on more and more of them, in one process
and in several; and the bytes that an iteration sends, read from the compiled program.

python -m benchmarks.weak_scaling [--quick] [--output FOLDER]

Every device has one core, and with as many cores as devices the time of an iteration would stay the
same. Where there are fewer, devices share them; so beside the time stands the work that was done in
it: rows of an iteration a second, relative to one device. What is lost there against the number of
cores at work is what blocks, sums over devices and messages cost. Writes weak_scaling.json and
weak_scaling.png.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

FOLDER = Path(__file__).parent / "results"
DEVICES = (1, 2, 4)
FULL = {"rows": 65_536, "d": 64, "k": 100, "iterations": 10, "repeats": 5}
QUICK = {"rows": 4_096, "d": 16, "k": 10, "iterations": 5, "repeats": 2}
BYTES = {"f32": 4, "f64": 8, "s32": 4, "u32": 4, "pred": 1, "s8": 1, "s64": 8}
SHAPE = re.compile(r"(\w+)\[([\d,]*)\]")
REDUCED = re.compile(r"= (.*?) all-reduce(?:-start)?\(")


def main() -> int:
    """Measure each number of devices in processes of its own, and write the result and the plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weak_scaling")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the two files")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        _work(*options.worker)
        return 0
    size = QUICK if options.quick else FULL
    found = {
        "cores": len(os.sched_getaffinity(0)),
        **size,
        "devices": [_measured(1, n, size) for n in DEVICES],
        "processes": [_measured(n, 1, size) for n in DEVICES],
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "weak_scaling.json").write_text(json.dumps(found, indent=1) + "\n")
    _plot(found, options.output / "weak_scaling.png")
    _print(found)
    return 0


def _measured(n_processes: int, n_devices: int, size: dict[str, int]) -> dict[str, Any]:
    """One measurement: of so many processes with so many devices each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.weak_scaling", "--worker"]
    given = [str(n_processes), str(n_devices), str(port), json.dumps(size)]
    started = [
        subprocess.Popen([*command, str(i), *given], stdout=subprocess.PIPE, text=True)
        for i in range(n_processes)
    ]
    told = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{n_processes} processes of {n_devices} devices failed")
    return json.loads(told[0].splitlines()[-1])


def _work(index: str, n_processes: str, n_devices: str, port: str, size: str) -> None:
    """What one process does, on a core for each device; the first one prints what was found."""
    cores = sorted(os.sched_getaffinity(0))
    mine = {cores[(int(index) + i) % len(cores)] for i in range(int(n_devices))}
    os.sched_setaffinity(0, mine)  # before XLA starts a thread for each
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", int(n_devices))
    from scratchclust import processes, rows

    if int(n_processes) > 1:
        processes.start(f"127.0.0.1:{port}", int(n_processes), int(index))
    # otherwise few rows would be left to one device
    rows.LIMITS["cpu"] = rows.LIMITS["cpu"]._replace(alone=0)
    with rows.on(processes.devices()):
        found = _found(json.loads(size), int(index), int(n_devices))
    if processes.is_first():
        print(json.dumps({"n_devices": int(n_processes) * int(n_devices), **found}))


def _found(size: dict[str, int], index: int, n_devices: int) -> dict[str, Any]:
    """Seconds of an iteration, compilation apart, and the bytes that it sends."""
    import numpy as np

    from scratchclust.cluster.kmeans import lloyd

    rng = np.random.default_rng(index)
    X = rng.normal(size=(size["rows"] * n_devices, size["d"])).astype(np.float32)
    start = np.random.default_rng(99).normal(size=(size["k"], size["d"])).astype(np.float32)
    few = min(3, size["iterations"] - 1)
    samples = []
    for _ in range(size["repeats"] + 1):  # the first compiles
        times = [_seconds(lloyd, X, start, n) for n in (few, size["iterations"])]
        samples.append((times[1] - times[0]) / (size["iterations"] - few))
    return {"seconds": median(samples[1:]), "samples": samples[1:], "sent": _sent(X, start)}


def _seconds(lloyd: Any, X: Any, start: Any, n: int) -> float:
    """Of n iterations, with what a call does before and after them."""
    began = perf_counter()
    lloyd(X, start, tol=0.0, max_iter=n)
    return perf_counter() - began


def _sent(X: Any, start: Any) -> list[int]:
    """The bytes of each all-reduce in the program of the iterations, the largest first."""
    from scratchclust import rows
    from scratchclust.cluster.kmeans_parts.lloyd_steps import every_distance, first_state
    from scratchclust.cluster.kmeans_parts.lloyd_steps import run_iterations as iterations
    from scratchclust.cluster.kmeans_parts.points import points_in_blocks
    from scratchclust.distances import centre_of

    points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(start))
    state = rows.finished(first_state(points.rows, points.centred(start), None))
    given = {"most": 1, "threshold": 0.0, "unit": None, "one_pass": every_distance}
    text = iterations.lower(points.rows, state, **given).compile().as_text() or ""
    return sorted((_bytes_of(found) for found in REDUCED.findall(text)), reverse=True)


def _bytes_of(shapes: str) -> int:
    """Of an array, or of all arrays in a tuple, as XLA writes their shapes."""
    total = 0
    for kind, sides in SHAPE.findall(shapes):
        n = BYTES.get(kind, 0)
        for side in filter(None, sides.split(",")):
            n *= int(side)
        total += n
    return total


def _rates(found: dict[str, Any], kind: str) -> list[float]:
    """The rows of an iteration a second, relative to one device."""
    one, *_ = found[kind]
    return [entry["n_devices"] * one["seconds"] / entry["seconds"] for entry in found[kind]]


def _print(found: dict[str, Any]) -> None:
    print(f"k-means, {found['rows']:,} x {found['d']} a device, k = {found['k']}")
    print(f"{'':14}{'devices':>8}{'ms/iteration':>14}{'rate':>7}  bytes of the all-reduces")
    for kind in ("devices", "processes"):
        for entry, rate in zip(found[kind], _rates(found, kind), strict=True):
            sent = ", ".join(map(str, entry["sent"])) or "none"
            milliseconds = 1e3 * entry["seconds"]
            print(f"{kind:14}{entry['n_devices']:8}{milliseconds:14.1f}{rate:7.2f}  {sent}")


def _plot(found: dict[str, Any], path: Path) -> None:
    """The rate against the number of devices, beside that of the cores there are."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    n = [entry["n_devices"] for entry in found["devices"]]
    axes.plot(n, [min(x, found["cores"]) for x in n], "--", color="grey", label="cores at work")
    for kind, name in (("devices", "devices of one process"), ("processes", "processes")):
        axes.plot(n, _rates(found, kind), "o-", label=name)
    axes.set_xlabel("devices, as many rows for each")
    axes.set_ylabel("rows an iteration and second,\nrelative to one device")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(n, [str(x) for x in n])
    axes.set_yticks(n, [str(x) for x in n])
    axes.set_ylim(0.8, 1.25 * max(n))
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
