"""Run the benchmarks.

python -m benchmarks [NAME ...] [--quick] [--repeats N] [--output FOLDER]
"""

import argparse
import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py")))


def main() -> int:
    """Parse the command line, run, print, and write the result file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Side by side with scikit-learn and PyTorch."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one or more of {', '.join(NAMES)}; all by default",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, and no result file")
    parser.add_argument(
        "--repeats", type=int, default=7, help="rounds, of which the median is taken (7)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=FOLDER / "results",
        help="folder of result files",
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")

    from scratchclust import devices

    devices.use_all_cores()  # before the first use of JAX
    from benchmarks.harness import environment, write

    found = environment()
    print(f"{found['n_devices']} x {found['device']}, {found['cores']} cores, {found['versions']}")
    for name in options.names or NAMES:
        script = importlib.import_module(f"benchmarks.bench_{name}")
        comparisons = script.main(quick=options.quick, repeats=options.repeats)
        if not options.quick:
            results = {"environment": found, "repeats": options.repeats, "comparisons": comparisons}
            print(f"\n{write(name, results, options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
