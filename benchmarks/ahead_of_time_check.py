"""What can be told of each hot program without any plugin.

python -m benchmarks.ahead_of_time_check [--only REGEX] [--networks]

Each program of `ahead_of_time_cases.py`, at small size, must be called by the package, and have a
form on CUDA, ROCm and TPU (JAX lowers for a platform that is not there); every product outside
the networks must be asked for in full precision; and a step in bfloat16 must compute in that.
"""

import argparse
import os
import re
import sys
from typing import Any

PLATFORMS = ("cuda", "rocm", "tpu")
# the networks' products are float32 or bfloat16 as the user says, and TF32 where the chip likes
OF_NETWORKS = ("scratchclust.train.", "scratchclust.features.networks.")


def wrong_with(program: Any, *, is_network: bool) -> list[str]:
    """What is wrong with a `Program` on some platform, in words."""
    found = []
    for platform in PLATFORMS:
        try:
            text = program.lowered(platform).as_text()
        except Exception as error:  # whatever a missing rule raises
            reason = str(error).splitlines()[0]
            found.append(f"{program.name} has no form on {platform}: {reason}")
            continue
        if not is_network:
            found += [f"{program.name} on {platform}: {line}" for line in rounded_products(text)]
    return found


def rounded_products(text: str) -> list[str]:
    """The lines of a program's StableHLO with a product of floats that a chip may round."""
    products = re.findall(r".*stablehlo\.(?:dot_general|convolution).*", text)
    return [
        line.strip()
        for line in products
        if "HIGHEST, HIGHEST" not in line and "algorithm" not in line and "xf" in line
    ]


def left_in_float32(program: Any) -> list[str]:
    """What a step in bfloat16 multiplies in float32 that nobody asked for, in words."""
    from benchmarks.ahead_of_time_products import ROUNDED, operations

    counts = operations(program.traced(), "cuda")
    share = counts[ROUNDED] / counts.total()
    return [f"{share:.0%} of the operations are of float32, not bfloat16"] if share > 0.01 else []


def main() -> int:
    """Look at all of them, and say which are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ahead_of_time_check")
    parser.add_argument("--only", default="", metavar="REGEX", help="programs by their names")
    parser.add_argument("--networks", action="store_true", help="those of networks, no others")
    options = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = "cpu"
    from benchmarks.ahead_of_time_cases import CASES

    n_wrong = 0
    for case in CASES:
        if case.is_network != options.networks or not re.search(options.only, case.name):
            continue
        try:
            program = case.find(small=True)
            wrong = wrong_with(program, is_network=case.is_network)
            wrong += left_in_float32(program) if "bfloat16" in case.name else []
        except LookupError as error:
            wrong = [str(error)]
        n_wrong += bool(wrong)
        print(f"{case.title}: {'; '.join(wrong) or 'CUDA, ROCm, TPU'}", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
