"""Runs of t-SNE in processes of their own.

`python -m tests.reduce.tsne_process killed FILE MAX_ITER`: three forked processes, one after
another, make the same map with FILE as their checkpoint, and each kills itself with SIGKILL: after
the first checkpoint was written, while another one is being written, and when one is written but
not yet renamed. How each ended is printed.

`python -m tests.reduce.tsne_process memory N M`: the most memory that the process has had after a
map of N points, and then of M.
"""

import os
import signal
import sys
from pathlib import Path

import jax
import numpy as np

from scratchclust import rows
from scratchclust.reduce.tsne import tsne
from scratchclust.reduce.tsne_parts import checkpoint as tsne_checkpoint

DEATHS = (
    ("told", 1),
    ("fsync", 1),
    ("replace", 2),
)  # what is called for which time, counted in each process


def points(n, seed=0):
    """Four clouds in six dimensions."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(4, 6))
    return (centres[np.arange(n) % 4] + rng.normal(size=(n, 6))).astype(np.float32)


def one_map(file, max_iter, told=None):
    """What is killed: 240 points through the grid."""
    return tsne(
        points(240),
        perplexity=10.0,
        max_iter=max_iter,
        algorithm="fft",
        checkpoint=file,
        progress=told,
    )


def attempt(file, max_iter, death):
    """Go on with the map up to the death."""
    calls = {"told": 0, "fsync": 0, "replace": 0}

    def deadly(name, function):
        def call(*arguments):
            calls[name] += 1
            if (name, calls[name]) == death:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments)

        return call

    os.fsync, os.replace = deadly("fsync", os.fsync), deadly("replace", os.replace)
    tsne_checkpoint.PAUSE_SECONDS = 0.0
    with rows.on(jax.local_devices()[:1]):
        one_map(file, max_iter, deadly("told", lambda *_: None))


def killed(file, max_iter):
    jax.config.update(
        "jax_compilation_cache_dir", f"{Path(file).parent}-compiled"
    )  # once for all three
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    for death in DEATHS:
        child = os.fork()
        if child == 0:
            try:
                attempt(file, max_iter, death)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else "finished")


def peak():
    """The most memory of this process in bytes; `ru_maxrss` would begin with that of the process
    which started it.
    """
    status = Path("/proc/self/status").read_text().split()
    return 1024 * int(status[status.index("VmHWM:") + 1])


def memory(n, m):
    for size in (n, m):
        X = np.random.default_rng(0).normal(size=(size, 10)).astype(np.float32)
        tsne(X, perplexity=5.0, max_iter=3, algorithm="fft")
        print(peak())


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    # as many as in the tests' own process, whose map must be the same to the bit
    jax.config.update("jax_num_cpu_devices", 4 if sys.argv[1] == "killed" else 1)
    if sys.argv[1] == "killed":
        killed(sys.argv[2], int(sys.argv[3]))
    else:
        memory(int(sys.argv[2]), int(sys.argv[3]))
