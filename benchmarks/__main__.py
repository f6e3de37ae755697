"""Run the benchmarks: all of them, or some.

python -m benchmarks [--only NAME ...] [--quick] [--device cpu|gpu] [--budget MINUTES]

Each part runs in a process of its own, one after the other, so that none inherits another's memory,
threads or programs, and one that fails loses no other. It writes its section of
benchmarks/results/<device>.json; `python -m benchmarks.report` makes the tables and plots of it.
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FOUND = {path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py")}
FIRST = ("rates", "kmeans", "silhouette", "pca", "autoencoder")  # what a budget is for
LAST = ("scaling", "estimate", "tsne")  # what takes longest
NAMES = (
    *(name for name in FIRST if name in FOUND),
    *sorted(FOUND - {*FIRST, *LAST}),
    *(name for name in LAST if name in FOUND),
)
MINUTES = 25.0  # that a whole run may take on two cores, with the rounds that then fit
ROUNDS = 6.0  # seconds for the rounds of one comparison then
# A shell's settings for other work must not take a contender's threads away.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, and run the parts; 1 where one of them failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    names = [*options.names, *options.only]
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    names = names or list(NAMES)
    if options.output is None and not options.quick:
        options.output = FOLDER / "results"
    if options.here:
        return max(_run_here(name, options) for name in names)
    began = time.monotonic()
    failed = [name for name in names if not _run_in_process(name, names, options, began)]
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(names) - len(failed)} of {len(names)} parts done in {minutes:.1f} minutes")
    if failed:
        again = f"python -m benchmarks --only {' '.join(failed)}"
        print(f"failed: {', '.join(failed)}; all others are kept. Again: {again}")
    elif options.output is not None:
        print("tables and plots: python -m benchmarks.report")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Side by side with scikit-learn, faiss, openTSNE, PyTorch and others.",
    )
    of_names = f"one or more of {', '.join(NAMES)}; all by default"
    parser.add_argument("names", nargs="*", metavar="NAME", help=of_names)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="the same")
    parser.add_argument("--quick", action="store_true", help="small sizes, and no result file")
    parser.add_argument("--device", choices=("cpu", "gpu", "tpu"), help="JAX's choice by default")
    parser.add_argument(
        "--repeats", type=int, default=7, help="rounds at most, the median is taken (7)"
    )
    of_budget = f"what a whole run may take ({MINUTES:g}); fewer rounds where one is long"
    parser.add_argument("--budget", type=float, default=MINUTES, metavar="MINUTES", help=of_budget)
    parser.add_argument("--output", type=Path, help="folder of result files")
    parser.add_argument("--here", action="store_true", help="in this process: no other is started")
    return parser


# --- a process for each part


def _run_in_process(name: str, names: list[str], options: Any, began: float) -> bool:
    """Run a part in a process of its own; whether it ended well."""
    minutes = (time.monotonic() - began) / 60
    place = f"{names.index(name) + 1}/{len(names)}"
    print(f"\n=== {place} {name}, after {minutes:.1f} minutes", flush=True)
    given = ["--repeats", str(options.repeats), "--budget", str(options.budget)]
    for option in ("device", "output"):
        value = getattr(options, option)
        given += [] if value is None else [f"--{option}", str(value)]
    given += ["--quick"] if options.quick else []
    command = [sys.executable, "-m", "benchmarks", name, "--here", *given]
    return subprocess.run(command, env=_environment(), check=False).returncode == 0


def _environment() -> dict[str, str]:
    """This one, less what takes cores from contenders, and with memory of a GPU left to others."""
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    kept.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # torch shares the device
    kept.setdefault("PYTHONUNBUFFERED", "1")
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER.parent), kept.get("PYTHONPATH"))))
    return kept


def _run_here(name: str, options: Any) -> int:
    """Run a part, print, and write its section; 1 where it failed."""
    from benchmarks import bare

    bare.stand_in()
    from scratchclust import devices, errors

    try:
        devices.use_device(options.device)  # before the first use of JAX
    except errors.InputError as reason:
        print(f"benchmarks: {reason}", file=sys.stderr)
        return 2
    from benchmarks import environment, harness, result_file

    here = environment.device()
    print(f"{here['n_devices']} x {here['kind']}, {here['cores']} cores")
    harness.PACE.rounds = ROUNDS * options.budget / MINUTES
    harness.PACE.long = harness.PACE.rounds
    began = time.perf_counter()
    try:
        script = importlib.import_module(f"benchmarks.bench_{name}")
        comparisons = script.main(quick=options.quick, repeats=options.repeats)
    except Exception:
        traceback.print_exc()
        return 1
    if options.output is not None:
        section = {
            "command": f"python -m benchmarks --only {name}",
            "environment": environment.environment(),
            "repeats": options.repeats,
            "duration": time.perf_counter() - began,
            "comparisons": comparisons,
        }
        print(f"\n{result_file.write_section(name, section, options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
