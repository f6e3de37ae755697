"""How long a person waits: importing the package, `--help`, and the whole of `scratchclust run`.

Each is a process of its own. "cold" is a run that finds no compiled program from before, "warm" the
same once more: what lies between them is compilation. The scikit-learn that imports beside it says
what an import takes on this machine.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import peers

TIMES = 5
COMMAND = [sys.executable, "-m", "scratchclust"]
WAYS = {
    "import scratchclust": [sys.executable, "-c", "import scratchclust"],
    "import sklearn.cluster": [sys.executable, "-c", "import sklearn.cluster"],
    "scratchclust --help": [*COMMAND, "--help"],
}
RUN = "scratchclust run, digits"
COLD, WARM, COMPILATION = f"{RUN}, cold", f"{RUN}, warm", f"{RUN}, compilation"


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One table of seconds."""
    has_commands = peers.is_here("typer", "typer")
    rows = []
    for what, command in WAYS.items():
        if has_commands or command[:3] != COMMAND[:3]:
            times = [_seconds(command) for _ in range(min(TIMES, max(repeats, 1)))]
            rows.append(_row(what, statistics.median(times)))
    if has_commands and not quick:
        rows += _runs()
    return [{"problem": "seconds until it is done, process by process", "startup": rows}]


def _runs() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (
            _seconds([*COMMAND, "run", "--output", str(Path(folder, name))], folder)
            for name in ("cold", "warm")
        )
    return [_row(COLD, cold), _row(WARM, warm), _row(COMPILATION, cold - warm)]


def _seconds(command: list[str], cache: str | None = None) -> float:
    """Of a process; `cache` is a folder for what it keeps for the next one."""
    variables = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    if cache is not None:
        variables["XDG_CACHE_HOME"] = cache
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=variables)
    return time.perf_counter() - began


def _row(what: str, seconds: float) -> dict[str, Any]:
    print(f"  {what:<40} {seconds:8.3f} s", flush=True)
    return {"what": what, "seconds": seconds}
