"""Sets JAX up for a program that is ours alone, as the command line is: the device, all cores,
compiled programs kept.

These are settings of the whole process that come before the first use of JAX, so the library itself
never makes them.
"""

import os
import warnings
from pathlib import Path

from scratchclust.errors import InputError

KEPT_BYTES = 2**27  # of compiled programs on the disk, some 25 kB each
WORTH_KEEPING = 0.05  # seconds that a program took to compile


def use_device(device: str | None) -> None:
    """Computes on "cpu", "gpu" or "tpu" (None: what JAX prefers), with one XLA device for each CPU
    core.

    Raises:
        InputError: if there is no such device here.
    """
    import jax

    from scratchclust import rows

    rows.use_all_cores()
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
        raise InputError(f"JAX finds no {device} here: {cure}, or leave --device out")


def keep_compiled_programs() -> None:
    """Keeps what XLA compiles in the user's own cache folder: the next run of the same shapes need
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
    """Deletes the oldest files beyond KEPT_BYTES.

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
