"""JAX set up for a program that is ours alone, as the command line is: the device, all cores,
compiled programs kept.

These are settings of the whole process that come before the first use of JAX, so the library itself
never makes them.
"""

import ctypes
import os
import warnings
from pathlib import Path

from scratchclust.errors import InputError

KEPT_BYTES = 2**27  # of compiled programs on the disk, some 25 kB each
WORTH_KEEPING = 0.05  # seconds that a program took to compile
# malloc.h: options of mallopt(3)
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
M_ARENA_MAX = -8


def use_all_cores() -> None:
    """Make every CPU core an XLA device of its own, and keep memory that was freed for the next
    step.

    One device a core is faster here than one device with many threads. And glibc gives arrays
    beyond 32 MB back to the system at once, which then clears the pages of the next one: a sixth to
    two fifths of a training's time. The process then holds as much as it ever needed at a time.

    These are settings of the whole process, the first of which must come before the first use of
    JAX; so the library never makes them by itself: the command line and the benchmarks do.

    Raises:
        RuntimeError: JAX has been used before (the message is JAX's own).
    """
    import jax

    if hasattr(os, "sched_getaffinity"):
        n_cores = len(os.sched_getaffinity(0))  # a container may grant fewer than the machine has
    else:
        n_cores = os.cpu_count() or 1
    jax.config.update("jax_num_cpu_devices", n_cores)
    _keep_memory()


def _keep_memory() -> None:
    """Have glibc take all memory from one heap that never shrinks; elsewhere nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # not Linux, or another C library
        return
    for option, value in (
        (M_MMAP_MAX, 0),
        (M_TRIM_THRESHOLD, -1),
        (M_TOP_PAD, 1 << 26),
        (M_ARENA_MAX, 1),
    ):
        mallopt(option, value)


def use_device(device: str | None) -> None:
    """Compute on "cpu", "gpu" or "tpu" (None: what JAX prefers), with one XLA device for each CPU
    core.

    Raises:
        InputError: there is no such device here.
    """
    import jax

    use_all_cores()
    if device is None:
        return
    # "gpu" as a platform means CUDA and ROCm, both of them; without a platform JAX takes the GPU
    # that is there
    jax.config.update("jax_platforms", None if device == "gpu" else device)
    try:
        found = jax.default_backend()
    except (RuntimeError, AssertionError):
        found = None
    if found != device:
        nvidia = 'for an NVIDIA GPU, pip install -e ".[cuda]" in the checkout'
        cure = nvidia if device == "gpu" else "see JAX's installation guide"
        raise InputError(f"JAX finds no {device} here: {cure}, or leave device= out")


def keep_compiled_programs() -> None:
    """Keep what XLA compiles in the user's own cache folder: the next run of the same shapes need
    not compile again.

    Not in SCRATCHCLUST_CACHE, which people may share: these are programs. Whatever goes wrong with
    such files (a full disk, a process killed while it wrote) costs time and nothing else, so
    nothing is said. JAX's own settings come first: JAX_COMPILATION_CACHE_DIR for another folder, or
    JAX_ENABLE_COMPILATION_CACHE=false for none.
    """
    import jax

    warnings.filterwarnings(
        "ignore", message="Error (reading|writing) persistent compilation cache"
    )
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    try:
        import platformdirs
    except ImportError:  # a convenience is nothing to fail for
        return
    folder = platformdirs.user_cache_path("scratchclust") / "compiled"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _drop_the_oldest(folder)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)


def _drop_the_oldest(folder: Path) -> None:
    """Delete the oldest files beyond KEPT_BYTES.

    JAX can limit the folder itself, but then keeps nothing more once a process was killed between
    two of its writes.
    """
    files = [
        (entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(folder)
    ]
    kept = 0
    for _, size, path in sorted(files, reverse=True):
        kept += size
        if kept > KEPT_BYTES:
            os.unlink(path)
