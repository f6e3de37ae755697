"""What the rows of one process are among those of all.

On a mesh of several processes (`rows.is_shared`) every process holds rows of its own; those of all,
in the order of the processes, are the X of the algorithm. Here is what it needs of them as a whole.
On any other mesh the rows of this process are all there are, and every function is the identity, or
nearly. All processes must call them alike: each is an exchange between them.
"""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from scratchclust import processes, rows
from scratchclust.errors import InputError


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this process computes on its own devices, whatever the others do."""
    if not rows.is_shared():
        yield
        return
    with rows.on(jax.local_devices()):
        yield


def total(n: int) -> int:
    """The number of rows of all processes, of which n are here."""
    return sum(processes.numbers_of_all(n)) if rows.is_shared() else n


def most(number: float) -> float:
    """The largest number that a process has."""
    return max(processes.numbers_of_all(float(number))) if rows.is_shared() else number


def summed(values: Any) -> Any:
    """The sum over the processes, in their order; the same bits on each."""
    return processes.summed(np.asarray(values)) if rows.is_shared() else values


def agreed(find: Callable[[], Any]) -> Any:
    """What process 0 finds: where other bits, on another kind of machine, would go another way."""
    if not rows.is_shared():
        return find()
    mine = b""
    if processes.is_first():
        try:
            mine = pickle.dumps(find())
        except InputError as error:
            mine = pickle.dumps(InputError(str(error)))
    found = pickle.loads(processes.of_all(mine)[0])
    if isinstance(found, InputError):
        raise found
    return found


def whole(values: Any) -> Any:
    """The rows of all processes, on each of them; values as they are where there is one."""
    return processes.gathered(np.asarray(values)) if rows.is_shared() else values


def own(values: Any, n: int) -> Any:
    """The n rows of this process, out of those of all."""
    if not rows.is_shared():
        return values
    first = sum(processes.numbers_of_all(n)[: processes.index()])
    return values[first : first + n]


def on_host(array: Any) -> Any:
    """An array that every device has whole, for a mesh of this process alone."""
    return np.asarray(array) if rows.is_shared() else array


def picked(X: Any, index: Any) -> Any:
    """X[index], by the numbers of the rows of all processes (an array, or a slice)."""
    return AllRows(X)[index] if rows.is_shared() else X[index]


def first_of(X: Any, number: Any) -> Any:
    """The number as process 0 has it, where X are the rows of several."""
    return processes.numbers_of_all(int(number))[0] if isinstance(X, AllRows) else number


def refuse(what: str) -> None:
    """Refuse on a mesh of several processes what needs all points in one.

    Raises:
        InputError: it is such a mesh.
    """
    if rows.is_shared():
        raise InputError(
            f"{what} needs all points in one process, and here they are shared out: gather them, "
            "and compute with rows.on(jax.local_devices())"
        )


class AllRows:
    """The rows of all processes as one array to look rows up in, though each has only its own.

    Attributes:
        shape: of all.
        dtype: as the rows'.
    """

    def __init__(self, X: Any) -> None:
        self._own = np.asarray(X)
        lengths = processes.numbers_of_all(len(X))
        self._first = sum(lengths[: processes.index()])
        self.shape = (sum(lengths), *self._own.shape[1:])
        self.dtype = self._own.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """The rows at an index (an array of any shape, or a slice), from where they are."""
        if isinstance(index, slice):
            index = np.arange(len(self))[index]
        wanted = np.asarray(index).ravel()
        place = wanted - self._first
        mine = (place >= 0) & (place < len(self._own))
        sent = np.ascontiguousarray(self._own[place[mine]]).tobytes()
        owners = processes.of_all(np.packbits(mine).tobytes())
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for bits, part in zip(owners, processes.of_all(sent), strict=True):
            theirs = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(wanted)).astype(bool)
            found[theirs] = np.frombuffer(part, self.dtype).reshape(-1, *self.shape[1:])
        return found.reshape(*np.shape(index), *self.shape[1:])


def places(index: Any, n: int, block: int) -> Any:
    """Where the rows of these numbers stand in the blocks: between those of two processes is
    filling.

    Args:
        index: numbers of rows among all.
        n: rows of this process.
        block: rows in a block.
    """
    if not rows.is_shared():
        return index
    lengths, room = _lengths(n, block)
    ends = np.cumsum(lengths)
    of_process = np.searchsorted(ends, index, side="right")
    return index - (ends - lengths)[of_process] + of_process * room


def numbers(place: Any, n: int, block: int) -> Any:
    """The way back of `places`."""
    if not rows.is_shared():
        return place
    lengths, room = _lengths(n, block)
    of_process, within = np.divmod(np.asarray(place), room)
    return (np.cumsum(lengths) - lengths)[of_process] + within


def _lengths(n: int, block: int) -> tuple[np.ndarray, int]:
    """The rows of each process, and for how many each has room in its blocks."""
    lengths = processes.numbers_of_all(n)
    step = block * len(rows.mesh().local_devices)
    return np.array(lengths), rows.ceil_div(max(*lengths, 1), step) * step
