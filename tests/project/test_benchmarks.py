"""The benchmarks run, and on a bare machine: without what only the command line, the data and the
figures need.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ABSENT = (
    "tensorflow_datasets",
    "array_record",
    "PIL",
    "typer",
    "rich",
    "safetensors",
    "platformdirs",
    "filelock",
    "matplotlib",
    "beartype",
    "benchmarks.torch_autoencoder",  # stands for torch: scikit-learn looks it up in sys.modules
)
NAMES = sorted(
    path.stem.removeprefix("bench_") for path in (ROOT / "benchmarks").glob("bench_*.py")
)
BARE = f"""
import sys
needed = {{"rich"}} if "autoencoder" in sys.argv else set()  # by flax
for name in set({ABSENT!r}) - needed:
    sys.modules[name] = None  # importing it raises ImportError
sys.argv = ["benchmarks", "--quick", "--repeats", "1", *sys.argv[1:]]
import runpy
runpy.run_module("benchmarks", run_name="__main__", alter_sys=False)
"""


QUICKEST = {"dunn", "dbscan"}


@pytest.mark.parametrize(
    "name",
    [name if name in QUICKEST else pytest.param(name, marks=pytest.mark.full) for name in NAMES],
)
def test_quick_run_on_a_bare_machine(name):
    done = subprocess.run(
        [sys.executable, "-c", BARE, name], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "faster than peer" in done.stdout
    assert any(peer in done.stdout for peer in ("scikit-learn", "brute force", "products alone"))


def test_the_autoencoder_of_torch_is_the_same_network():
    """Same parameters, same images, same losses over ten steps: the two are comparable."""
    pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    from benchmarks.bench_autoencoder import _compare

    for shape in ((28, 28, 1), (16, 12, 3)):
        steps, _ = _compare(shape, 10, 1)
        losses = [row["quality"]["loss"] for row in steps["contenders"] if "loss" in row["quality"]]
        assert len(losses) == 3
        assert max(losses) - min(losses) < 1e-3 * min(losses)


def test_an_unknown_benchmark_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "umap"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"no benchmark umap: choose from {', '.join(NAMES)}" in done.stderr
