"""Several processes, on one machine or many, as one program: `jax.distributed` is the engine.

Every process runs the same lines on rows of its own, and what they have in common is agreed here:

    processes.start("host0:1234", 8, process)      # or start(), where the cluster tells
    with rows.on(processes.devices()):
        kmeans = KMeans(10, init="k-means||", random_state=0).fit(own_rows)

Labels are then those of the own rows, centroids the same everywhere: those of one process with all
rows, but for the order of sums, and so labels but for ties. PCA, MiniBatchKMeans, the networks and
`metrics.silhouette_estimate` take rows in the same way; what needs all points in one process says
so. Each process has at least one row; numbers that are random come from a `random_state` that is
the same for all.

With `start` the processes find each other; then, in the order in which every process calls them,

    from_first      what process 0 found, or the error that it met
    of_all          bytes of each process, in their order
    gathered        the rows of all processes, in their order

Waiting for process 0 goes by JAX's coordination service, which has patience; data go the way of its
collectives (gloo on a CPU, NCCL on a GPU). Where no processes were started, there is one: 0 of 1.
"""

import ctypes
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from scratchclust.errors import InputError

# Seconds without a sign of life after which a process counts as dead: a busy machine may keep one
# from its heartbeat for some.
HEARTBEAT_SECONDS = 20
# Seconds that a process waits for the others to start, and for process 0 to have done its part.
START_SECONDS = 300
WAIT_SECONDS = 7 * 24 * 3600
PART_SECONDS = 10  # that processes wait for each other before they end with an error
# Bytes of each process that one exchange moves at most: of few sizes, so that few programs are
# compiled.
LEAST_AT_ONCE = 2**8
MOST_AT_ONCE = 2**24
LOST_CODE = 1

_n_waits = 0  # a name for each wait: all processes count alike


def start(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    seconds: int = START_SECONDS,
) -> None:
    """Join the other processes; call it before anything else of JAX is used.

    Args:
        coordinator: HOST:PORT, where process 0 listens; None: what the cluster's environment says
            (Slurm, Open MPI, Kubernetes, TPU pods: as `jax.distributed.initialize` knows them).
        processes: how many there are; None: as above.
        process: which of them this one is, from 0; None: as above.
        seconds: to wait for the others.

    Where the others do not come in time, or one of the same index has come, JAX aborts the process:
    `end_with_the_others` makes a line of it.

    Raises:
        InputError: no coordinator is given or found, or an index that cannot be.
    """
    _check(coordinator, processes, process)
    _meeting.append(_Meeting(coordinator, process, seconds))
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (ValueError, TypeError) as error:
        raise InputError(
            f"the cluster's environment tells not all of these "
            f"({error}): give coordinator=, processes= and process="
        ) from error
    _meeting.clear()
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # JAX only takes note of it


def _check(coordinator: str | None, processes: int | None, process: int | None) -> None:
    given = [coordinator, processes, process]
    if any(value is None for value in given) and any(value is not None for value in given):
        raise InputError(
            "expected coordinator=, processes= and process= together, or none of them where the "
            "cluster's environment tells: give all three"
        )
    if coordinator is not None and not coordinator.rpartition(":")[2].isdecimal():
        raise InputError(f"expected coordinator= to be HOST:PORT, got {coordinator!r}")
    if processes is not None and processes < 1:
        raise InputError(f"expected processes= to be 1 or more, got {processes}")
    if process is not None and processes is not None and not 0 <= process < processes:
        raise InputError(
            f"expected process= to be from 0 to {processes - 1}, since there are {processes} "
            f"processes, got {process}"
        )


def index() -> int:
    """Which process this is, from 0."""
    return jax.process_index()


def count() -> int:
    """How many processes there are."""
    return jax.process_count()


def is_first() -> bool:
    """Whether this is process 0, which alone writes, prints and decides."""
    return index() == 0


def devices() -> list[jax.Device]:  # pyright: ignore[reportInvalidTypeForm]
    """The devices of all processes, those of each together: `rows.on(processes.devices())`."""
    return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


# --- what process 0 found


def from_first(find: Callable[[], Any]) -> Any:
    """What `find` returns on process 0, where alone it is called; all others wait for it.

    Args:
        find: its result can be pickled; the processes of one program trust each other.

    Raises:
        InputError: `find` raised it on process 0: every process raises the same.
    """
    if count() == 1:
        return find()
    global _n_waits
    _n_waits += 1
    name = f"scratchclust/{_n_waits}"
    if not is_first():
        found = pickle.loads(_client().blocking_key_value_get_bytes(name, WAIT_SECONDS * 1000))
        if isinstance(found, InputError):
            raise found
        return found
    try:
        found = find()
    except InputError as error:
        _client().key_value_set_bytes(name, pickle.dumps(InputError(str(error))))
        raise
    _client().key_value_set_bytes(name, pickle.dumps(found))
    return found


def check_same(value: Any, what: str) -> None:
    """Refuse to go on where a process has another value than process 0.

    Raises:
        InputError: on every process; the message says which process differs in `what`.
    """
    all_values = [pickle.loads(found) for found in of_all(pickle.dumps(value))]
    differing = [i for i, other in enumerate(all_values) if other != all_values[0]]
    if differing:
        raise InputError(
            f"process {differing[0]} has other {what} than process 0: "
            f"{all_values[differing[0]]!r} for {all_values[0]!r}; give all processes the same"
        )


def wait_for_all(name: str) -> None:
    """Wait until every process has come here."""
    if count() > 1:
        _client().wait_at_barrier(f"scratchclust/{name}", WAIT_SECONDS * 1000)


def part() -> None:
    """Wait, some seconds at most, until every process has heard the last word of process 0, with
    which the place ends where words are left.
    """
    if count() > 1:
        with suppress(Exception):  # some other may have ended before
            _client().wait_at_barrier("scratchclust/part", PART_SECONDS * 1000)


def _client() -> Any:
    """The coordination service's; JAX has no public name for it."""
    from jax._src import distributed

    return distributed.global_state.client


# --- what all have


def of_all(payload: bytes) -> list[bytes]:
    """The bytes of each process, of any length, in the order of the processes."""
    if count() == 1:
        return [payload]
    of_each = _exchange(np.array([len(payload)], np.uint64).view(np.uint8))
    lengths = of_each.view(np.uint64).ravel().astype(int)
    parts: list[np.ndarray] = []
    n_moved = 0
    while n_moved < lengths.max():
        size = min(_power_of_two(int(lengths.max()) - n_moved), MOST_AT_ONCE)
        filled = np.zeros(size, np.uint8)
        part = np.frombuffer(payload, np.uint8)[n_moved : n_moved + size]
        filled[: len(part)] = part
        parts.append(_exchange(filled))
        n_moved += size
    joined = np.concatenate(parts, axis=1) if parts else np.empty((count(), 0), np.uint8)
    return [row[:n].tobytes() for row, n in zip(joined, lengths, strict=True)]


def array_from_first(array: np.ndarray | None) -> np.ndarray:
    """The array that process 0 gives; the others give None."""
    kind = from_first(lambda: None if array is None else (array.dtype.str, array.shape))
    payload = b"" if array is None else np.ascontiguousarray(array).tobytes()
    return np.frombuffer(of_all(payload if is_first() else b"")[0], kind[0]).reshape(kind[1])


def _exchange(values: np.ndarray) -> np.ndarray:
    """[n_processes ...]: those of each, which have the same shape."""
    return np.asarray(multihost_utils.process_allgather(values))


def _power_of_two(n: int) -> int:
    """The least power of two of at least n, and at least `LEAST_AT_ONCE`."""
    return max(1 << max(n - 1, 0).bit_length(), LEAST_AT_ONCE)


def numbers_of_all(number: int | float) -> list[Any]:
    """One number of each process, in the order of the processes."""
    kind = np.int64 if isinstance(number, int) else np.float64
    if count() == 1:
        return [number]
    of_each = _exchange(np.array([number], kind).view(np.uint8)).view(kind)
    return of_each.ravel().tolist()


def gathered(values: np.ndarray) -> np.ndarray:
    """The rows of all processes [n ...], in the order of the processes, on each of them.

    Memory: all of it on every process.
    """
    parts = of_all(values.tobytes())
    return np.concatenate(
        [np.frombuffer(part, values.dtype).reshape(-1, *values.shape[1:]) for part in parts]
    )


def summed(values: np.ndarray) -> np.ndarray:
    """The sum over the processes, in their order, in the type of the values: the same on each."""
    parts = [np.frombuffer(part, values.dtype) for part in of_all(values.tobytes())]
    return sum(parts[1:], parts[0]).reshape(values.shape)


def share(n: int, i: int | None = None) -> slice:
    """Which of n rows are those of process i (None: of this one): as many for each, in order."""
    i = index() if i is None else i
    return slice(n * i // count(), n * (i + 1) // count())


# --- a process that dies


class _Meeting(NamedTuple):
    """Where this process is about to meet the others."""

    coordinator: str | None
    index: int | None
    seconds: int

    def why_not(self, told: str) -> str:
        """Why they did not meet, by what JAX has written of it."""
        where = self.coordinator or "the coordinator"
        if "ALREADY_EXISTS" in told:
            return (
                f"another process {self.index} has come to {where}: give each a number of its own"
            )
        if "INVALID_ARGUMENT" in told:
            return f"{where} knows no process {self.index}: its number of processes is another"
        return (
            f"not all processes met at {where} in {self.seconds} seconds: start all of them, each "
            "with an index of its own, and see that they reach that address"
        )


def end_with_the_others(
    last_words: Callable[[str], None], told: Callable[[], str] = lambda: ""
) -> None:
    """Let the death of another process end this one, after it has said why. Call it before `start`.

    When a process sends no sign of life for `HEARTBEAT_SECONDS`, and at once where process 0 is
    gone or the processes cannot meet, JAX's coordination service aborts with a trace of C++. Here
    that signal is caught: what remains is one line, and exit code 1. For a program of our own only,
    since nothing is unwound.

    Args:
        last_words: writes the line; what it is given says what happened.
        told: what JAX has written to standard error, if someone has kept it.
    """

    def end(number: int) -> None:
        try:
            last_words(_meeting[0].why_not(told()) if _meeting else LOST)
        finally:
            os._exit(LOST_CODE)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    _kept.append(handler)
    try:
        ctypes.CDLL(None).signal(int(signal.SIGABRT), handler)
    except (OSError, TypeError, AttributeError):  # another C library: then the trace it is
        return


LOST = "another process has ended, or cannot be reached any more"
_meeting: list[_Meeting] = []  # while it lasts
_kept: list[Any] = []  # C holds the address of a handler that Python must not forget


def is_of_a_loss(error: BaseException) -> bool:
    """Whether the error is that of a collective whose other end is gone."""
    text = str(error)
    return any(word in text for word in ("Gloo", "NCCL", "coordination", "CoordinationService"))
