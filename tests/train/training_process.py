"""Trainings that end badly, in processes of their own.

`python -m tests.train.training_process killed FOLDER EPOCHS N_KILLS`: JAX is imported once; each
attempt is a forked process that trains with checkpoints and writes a byte for each event (a step, a
file flushed, a folder renamed or removed). After a random number of bytes it is killed with
SIGKILL.

`python -m tests.train.training_process full FOLDER EPOCHS N_BYTES`: no file can grow beyond so many
bytes, which fails every larger write, as a disk does that fills up while the arrays are being
written; the error is printed, and the number of losses that it carries. Not in the tests' own
process, because orbax's threads cry out when they fail.
"""

import os
import random
import resource
import shutil
import signal
import sys

import jax
import orbax.checkpoint  # noqa: F401  (imported once, before the forks)

from scratchclust.errors import TrainingError
from scratchclust.train import checkpoint, clock
from scratchclust.train.checkpoint import Checkpoints
from tests.train.training_cases import train_classifier


def use_one_core():
    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_platforms", "cpu")


def attempt(folder, epochs, pipe):
    use_one_core()
    jax.config.update("jax_compilation_cache_dir", f"{folder}-compiled")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

    def noted(function):
        def call(*arguments, **settings):
            os.write(pipe, b".")
            return function(*arguments, **settings)

        return call

    clock.SECONDS_BETWEEN_REPORTS = 0
    os.fsync, os.rename, shutil.rmtree = noted(os.fsync), noted(os.rename), noted(shutil.rmtree)
    train_classifier(
        epochs=epochs,
        checkpoints=Checkpoints(folder),
        resume=True,
        progress=lambda report: os.write(pipe, b"."),
    )


def run(folder, epochs, n_events):
    """Trains in a forked process, kills it after so many events, and says how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            attempt(folder, epochs, writer)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    while n_events > 0 and os.read(reader, 1):
        n_events -= 1
    if n_events == 0:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(reader)
    return "killed" if os.WIFSIGNALED(status) else "finished" if status == 0 else "failed"


def killed(folder, epochs, n_kills):
    draw, ends = random.Random(0), []
    while ends.count("killed") < n_kills and "finished" not in ends:
        ends.append(run(folder, epochs, draw.randint(1, 25)))
    if "finished" not in ends:
        ends.append(run(folder, epochs, -1))
    print(*ends)


def full(folder, epochs, n_bytes):
    use_one_core()
    checkpoint._reserve = lambda *arguments: None
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    try:
        train_classifier(epochs=epochs, checkpoints=Checkpoints(folder), resume=True)
    except TrainingError as error:
        print(error, len(error.history["loss"]), sep="\n")


if __name__ == "__main__":
    {"killed": killed, "full": full}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
