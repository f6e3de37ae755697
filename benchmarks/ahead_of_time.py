"""Compile the hot programs for a chip that is not there, and tell what it would do with them.

python -m benchmarks.ahead_of_time [--target h100|tpu] [--only REGEX] [--output FOLDER]
                                   [--missing] [--print]

For an H100 from its description (`ahead_of_time_h100.txt`) by JAX's CUDA plugin, for a TPU v5e by
libtpu; neither needs the device, and this runs on any machine. The programs are those that the
package calls (`ahead_of_time_cases.py`), at full size, on one device. Of each the table tells

    compile       seconds of wall clock, and of all cores together: on a machine that is busy, or
                  stops this program for another, only the second says anything
    arguments, temporaries   MB of the device's memory
    operations    10^9, of products of matrices and convolutions, in one turn: of a loop of unknown
                  length (an iteration of k-means) one turn counts, of a call without one all of it
    floor         ms: the operations at the chip's peak in the precision that was asked for, or all
                  arguments and results once through its memory, whichever takes longer
    estimate      ms: each kernel's traffic through memory or its launch, whichever takes longer,
                  plus what the host reads, or the operations if they take longer; from the cheapest
                  branches of all choices to the dearest
    launches      kernels started in one turn, likewise
    read          choices and ends of loops that the host decides in one turn: each waits for the
                  chip (CUDA; a TPU decides by itself)
    slow          what should not be there, or not at that size

No time in it was measured on a device; they are to be compared with each other.
"""

import argparse
import importlib.metadata
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
MILLION = 1e6


class Chip(NamedTuple):
    """What a target can do, by its data sheet."""

    name: str
    platform: str  # JAX's
    bandwidth: float  # bytes a second
    launch: float  # seconds to start a kernel
    read: float  # seconds that the chip waits where the host decides
    peak: dict[str, float]  # operations a second, by the precisions of `ahead_of_time_products.py`
    needs: str

    def topology(self) -> Any:
        """Raises whatever JAX raises where the plugin is missing."""
        from jax.experimental import topologies

        if self.platform == "tpu":
            return topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2")
        target = (FOLDER / "ahead_of_time_h100.txt").read_text()
        return topologies.get_topology_desc(platform="cuda", target_config=target, topology="1x1x1")


CHIPS = {
    # float32 on the ordinary units, TF32 and bfloat16 on the tensor cores, dense
    "h100": Chip(
        "h100",
        "cuda",
        3.35e12,
        2.0e-6,
        15e-6,
        {"float32": 51e12, "rounded": 494e12, "bfloat16": 989e12},
        "pip install 'jax[cuda13]>=0.11'",
    ),
    # float32 in six passes of bfloat16
    "tpu": Chip(
        "tpu-v5e",
        "tpu",
        0.82e12,
        1.0e-6,
        0.0,
        {"float32": 197e12 / 6, "rounded": 197e12, "bfloat16": 197e12},
        "pip install 'jax[tpu]'",
    ),
}


def main() -> int:
    """Parse the command line, compile, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ahead_of_time")
    parser.add_argument("--target", choices=CHIPS, default="h100")
    parser.add_argument("--only", default="", metavar="REGEX", help="programs by their names")
    parser.add_argument("--output", type=Path, default=FOLDER / "results", metavar="FOLDER")
    parser.add_argument("--missing", action="store_true", help="what the file has not yet")
    parser.add_argument("--print", action="store_true", help="the table of the file, no more")
    options = parser.parse_args()
    chip = CHIPS[options.target]
    path = options.output / f"ahead-of-time-{chip.name}.json"
    found = json.loads(path.read_text()) if path.exists() else {"programs": {}}
    if not options.print:
        with tempfile.TemporaryDirectory() as dump:
            _prepare(dump)
            try:
                topology = chip.topology()
            except Exception as error:  # whatever a missing plugin raises
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                print(f"cannot compile for {chip.name} here ({reason}): {chip.needs}")
                return 1
            _compile_all(chip, topology, found, path, Path(dump), options)
    print(table(found))
    return 0


def _prepare(dump: str) -> None:
    """JAX on the CPU alone, and XLA's lists of thunks in a folder: before JAX is imported."""
    assert "jax" not in sys.modules
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_dump_to={dump} --xla_dump_hlo_module_re=^jit_"


def _compile_all(
    chip: Chip, topology: Any, found: dict[str, Any], path: Path, dump: Path, options: Any
) -> None:
    """Each program that is asked for, and the file after each."""
    from benchmarks.ahead_of_time_cases import CASES
    from scratchclust import rows

    found["target"] = chip.name
    found["versions"] = {
        name: importlib.metadata.version(name)
        for name in ("jax", "jaxlib", "libtpu", "jax-cuda13-plugin")
        if _is_installed(name)
    }
    cases = [case for case in CASES if chip.platform in case.on]
    titles = [case.title for case in cases]
    kept = {title: r for title, r in found["programs"].items() if title in titles}
    with rows.on(list(topology.devices)[:1]):
        for case in cases:
            if options.missing and case.title in kept:
                continue
            if not re.search(options.only, case.title):
                continue
            print(case.title, end=" ... ", flush=True)
            for file in dump.glob("*thunk_sequence*"):
                file.unlink()
            kept[case.title] = _record(chip, case, dump)
            print(_cells(kept[case.title]), flush=True)
            found["programs"] = {title: kept[title] for title in titles if title in kept}
            path.write_text(json.dumps(found, indent=1) + "\n")


def _record(chip: Chip, case: Any, dump: Path) -> dict[str, Any]:
    """Compile one program, and read what came out."""
    from benchmarks.ahead_of_time_products import ROUNDED, operations
    from benchmarks.ahead_of_time_text import CompiledText, predicates_read

    try:
        program = case.find()
        traced = program.traced()
        began, used = time.perf_counter(), time.process_time()
        compiled = program.lowered(chip.platform).compile()
        seconds = time.perf_counter() - began, time.process_time() - used
    except Exception as error:  # that one does not compile is what the table is to tell
        return {"error": f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " ")}
    text = CompiledText(compiled.as_text(), bandwidth=chip.bandwidth, launch=chip.launch)
    memory = compiled.memory_analysis()
    products = operations(traced, chip.platform)
    cost = text.cost()
    thunks = list(dump.glob("*thunk_sequence_after_thunk_passes.txt"))
    of_graphs = predicates_read(max(thunks, key=os.path.getsize).read_text()) if thunks else 0
    read = of_graphs + text.loops_of_unknown_length() if chip.platform == "cuda" else 0
    computing = sum(count / chip.peak[kind] for kind, count in products.items())
    passing = memory.argument_size_in_bytes + memory.output_size_in_bytes
    passing -= memory.alias_size_in_bytes
    slow = text.slow(_largest(program))
    if products[ROUNDED]:
        share = products[ROUNDED] / products.total()
        slow.append(f"{share:.0%} of the operations may be rounded (TF32, one pass)")
    return {
        "program": program.name.removeprefix("scratchclust."),
        "compile_seconds": round(seconds[0], 1),
        "compile_cpu_seconds": round(seconds[1], 1),
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "operations": dict(products),
        "xla": {
            key: value
            for key, value in _cost_analysis(compiled).items()
            if key in ("flops", "bytes accessed")
        },
        "floor_ms": 1e3 * max(computing, passing / chip.bandwidth),
        "estimate_ms": [1e3 * (max(s, computing) + read * chip.read) for s in cost.seconds],
        "launches": [round(n) for n in cost.launches],
        "read_by_host": read,
        "slow": slow,
    }


def _cost_analysis(compiled: Any) -> dict[str, float]:
    try:
        return compiled.cost_analysis() or {}
    except NotImplementedError:
        return {}


def _largest(program: Any) -> int:
    """Bytes of the largest argument: X, as a rule."""
    import jax

    shapes = jax.tree.leaves((program.args, program.kwargs))
    return max(s.size * s.dtype.itemsize for s in shapes if isinstance(s, jax.ShapeDtypeStruct))


def _is_installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


COLUMNS = (
    "program", "compile (all cores), s", "arguments, MB", "temporaries, MB", "operations, 10^9",
    "floor, ms", "estimate, ms", "launches", "read", "slow",
)  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """The file as Markdown."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {title} | {_cells(record)} |" for title, record in found["programs"].items()),
    ]
    return "\n".join(lines)


def _cells(record: dict[str, Any]) -> str:
    if "error" in record:
        return record["error"]
    cells = [
        f"{record['compile_seconds']:.0f} ({record['compile_cpu_seconds']:.0f})",
        _short(record["argument_bytes"] / MILLION),
        _short(record["temporary_bytes"] / MILLION),
        _short(sum(record["operations"].values()) / 1e9),
        _short(record["floor_ms"]),
        _span(*record["estimate_ms"]),
        _span(*record["launches"]),
        str(record["read_by_host"]),
        "; ".join(record["slow"]),
    ]
    return " | ".join(cells)


def _span(low: float, high: float) -> str:
    low_cell, high_cell = _short(low), _short(high)
    return low_cell if low_cell == high_cell else f"{low_cell} to {high_cell}"


def _short(value: float) -> str:
    """Three digits, without an exponent."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
