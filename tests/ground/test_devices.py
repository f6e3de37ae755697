"""What the command line sets for its own process: compiled programs are kept, or not where they
cannot be.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from scratchclust import devices
from scratchclust.data.cache import cache_root
from scratchclust.errors import InputError

PROGRAM = """
from scratchclust.devices import keep_compiled_programs
keep_compiled_programs()
import jax, jax.numpy as jnp
found = jax.jit(lambda x: jnp.cumsum(jnp.sort(x)))(jnp.arange(100.0)).sum()
print(found, jax.config.values["jax_compilation_cache_dir"])
"""


def computed(cache: Path, **environment: str) -> str:
    """What the program prints; it says nothing else."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JAX_", "XLA_", "XDG_", "PYTHONWARNINGS"))
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**inherited, "XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu", **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(
    sys.platform != "linux", reason="the cache folder of other systems is named otherwise"
)
def test_programs_are_kept_for_the_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "scratchclust" / "compiled"
    assert computed(tmp_path) == f"166650.0 {folder}\n"
    assert folder.stat().st_mode & 0o077 == 0
    programs = sorted(folder.glob("*-cache"))
    assert programs
    written = {path: path.stat().st_mtime_ns for path in programs}
    assert computed(tmp_path) == f"166650.0 {folder}\n"
    # on a busy machine one more program may take long enough to be kept; of those that were, none
    # is compiled again
    assert {path: path.stat().st_mtime_ns for path in programs} == written
    for path in programs:  # as a process that was killed, or a full disk, would leave them
        path.write_bytes(path.read_bytes()[:100])
    assert computed(tmp_path) == f"166650.0 {folder}\n"


def test_the_oldest_programs_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "KEPT_BYTES", 250)
    for age in range(5):
        (tmp_path / f"{age}-cache").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{age}-cache", (1e9 - age, 1e9 - age))
    devices._drop_the_oldest(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-cache", "1-cache"]


@pytest.mark.full
def test_without_a_folder_everything_works(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert computed(tmp_path / "file") == "166650.0 None\n"


@pytest.mark.full
def test_the_settings_of_jax_come_first(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert computed(tmp_path, JAX_COMPILATION_CACHE_DIR=str(elsewhere)) == f"166650.0 {elsewhere}\n"
    assert not (tmp_path / "scratchclust").exists()
    computed(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert not list(tmp_path.rglob("*-cache"))


@pytest.mark.full
def test_without_platformdirs_nothing_is_kept_and_everything_works(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['platformdirs'] = None"
    (tmp_path / "sitecustomize.py").write_text(blocked)
    paths = [
        str(tmp_path),
        *filter(None, [os.environ.get("PYTHONPATH"), str(Path(devices.__file__).parents[1])]),
    ]
    assert computed(tmp_path / "cache", PYTHONPATH=os.pathsep.join(paths)) == "166650.0 None\n"


def test_a_cache_folder_without_platformdirs_is_one_line_with_its_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    monkeypatch.delenv("SCRATCHCLUST_CACHE", raising=False)
    with pytest.raises(InputError, match="pip install platformdirs, or set SCRATCHCLUST_CACHE"):
        cache_root()
    assert cache_root("somewhere") == Path("somewhere")


def test_use_all_cores():
    program = """
import os, jax
from scratchclust import devices
devices.use_all_cores()
print(jax.local_device_count() - len(os.sched_getaffinity(0)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library keeps memory by its own rules"
)
@pytest.mark.full
def test_use_all_cores_keeps_memory():
    """Pages that the system had to clear, while large arrays come and go.

    XLA holds a dozen results before it frees the first, so the heap has its size only after some
    steps."""
    program = """
import resource, sys
from scratchclust import devices
if sys.argv[1] == "keep":
    devices.use_all_cores()
import jax, jax.numpy as jnp
step, x = jax.jit(lambda x: x + 1), jnp.zeros(12_000_000)
for i in range(40):
    if i == 30:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    freed, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", program, what], capture_output=True, text=True, check=True
            ).stdout
        )
        for what in ("free", "keep")
    )
    assert kept < freed / 2


def test_use_all_cores_comes_too_late(monkeypatch):
    assert jax.local_device_count() == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    with pytest.raises(RuntimeError, match="jax_num_cpu_devices"):
        devices.use_all_cores()
