"""Rows that memory does not hold: read a part at a time, the next one while the last is at work.

A `Source` looks like an array of rows [n d] that is somewhere else: in a file (`Mapped`), in many
(`Files`), or nowhere before it is asked for (`Generated`). What needs a pass over all rows takes
them from `parts`. KMeans, MiniBatchKMeans and PCA take a source, or a large memory map, as they
take an array; others that are given one read all of it.

    X = streams.open_rows("features")              # a .npy file, or a folder of them
    labels = KMeans(10).fit(X).labels_
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Real

from scratchclust import checks
from scratchclust.errors import InputError
from scratchclust.rows import AnyArray

# In a part: 64 MB in float32. Three are there at a time: read, shifted into blocks, computed with.
NUMBERS_IN_PART = 2**24
MAPPED_ABOVE = 2**30  # bytes in float32, above which a memory map is read by parts


class Source(ABC):
    """Rows [n d] that are read when they are asked for, by a slice or by their numbers.

    Attributes:
        shape: (n, d).
        dtype: of the rows that are read.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    ndim = 2

    @abstractmethod
    def read(self, which: slice | Int[np.ndarray, " m"]) -> np.ndarray:
        """The rows of a slice (its ends within 0..n), or of these numbers, [m d] in `dtype`."""

    @property
    def size(self) -> int:
        """How many numbers the rows have in all."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | Int[np.ndarray, "..."]) -> np.ndarray:
        if isinstance(which, slice):
            return self.read(slice(*which.indices(len(self))))
        index = np.asarray(which)
        return self.read(index.reshape(-1)).reshape(*index.shape, self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, for who has the memory."""
        rows = self.read(slice(0, len(self), 1))
        return rows if dtype is None else rows.astype(dtype)


AnyRows = AnyArray | Source


class Mapped(Source):
    """The rows of an array, a memory map above all, as floating-point numbers.

    Args:
        array: [n d] of real numbers; small integers (uint8 pixels) are read as float32, wide ones
            as float64.
    """

    def __init__(self, array: Real[np.ndarray, "n d"]) -> None:
        self._array = array
        self.shape = (array.shape[0], array.shape[1])
        self.dtype = float_type(array.dtype)

    def read(self, which: slice | Int[np.ndarray, " m"]) -> np.ndarray:
        return np.array(self._array[which], self.dtype)


class Files(Source):
    """The rows of several `.npy` files, one after the other.

    Args:
        paths: of arrays [m d] with the same d and type.

    Raises:
        InputError: no path, a file that is no array of rows, or one of another width or type.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        if not paths:
            raise InputError("expected .npy files of rows, got none")
        self._arrays = [_mapped(Path(path)) for path in paths]
        first = self._arrays[0]
        for path, array in zip(paths, self._arrays, strict=True):
            if array.shape[1] != first.shape[1] or array.dtype != first.dtype:
                raise InputError(
                    f"expected rows of {first.shape[1]} numbers of {first.dtype} as in {paths[0]}, "
                    f"got {array.shape[1]} of {array.dtype} in {path}: bring them to one form"
                )
        self._ends = np.cumsum([len(array) for array in self._arrays])
        self.shape = (int(self._ends[-1]), first.shape[1])
        self.dtype = float_type(first.dtype)

    def read(self, which: slice | Int[np.ndarray, " m"]) -> np.ndarray:
        index = np.arange(len(self))[which] if isinstance(which, slice) else which
        found = np.empty((len(index), self.shape[1]), self.dtype)
        of_file = np.searchsorted(self._ends, index, side="right")
        for number in np.unique(of_file):
            wanted = np.flatnonzero(of_file == number)
            within = index[wanted] - (self._ends[number] - len(self._arrays[number]))
            first, last = within[0], within[-1] + 1
            is_run = last - first == len(within) and (np.diff(within) == 1).all()
            rows = slice(first, last) if is_run else within
            found[wanted] = self._arrays[number][rows]
        return found


class Generated(Source):
    """Rows that are made from their numbers: the same number must give the same row.

    Args:
        shape: (n, d).
        make: gives the rows [m d] of the numbers [m] (int64).
        dtype: float32 or float64.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        make: Callable[[Int[np.ndarray, " m"]], np.ndarray],
        dtype: Any = np.float32,
    ) -> None:
        self.shape = shape
        self.dtype = float_type(np.dtype(dtype))
        self._make = make

    def read(self, which: slice | Int[np.ndarray, " m"]) -> np.ndarray:
        if isinstance(which, slice):
            which = np.arange(which.start, which.stop, which.step, dtype=np.int64)
        rows = np.asarray(self._make(which), self.dtype)
        if rows.shape != (len(which), self.shape[1]):
            raise InputError(
                f"expected make to give rows of shape {[len(which), self.shape[1]]}, "
                f"got {list(rows.shape)}"
            )
        return rows


class Changed(Source):
    """The rows of another source, each part changed by a function that keeps shape and type."""

    def __init__(self, source: Source, change: Callable[[Any], Any]) -> None:
        self._source = source
        self._change = change
        self.shape = source.shape
        self.dtype = source.dtype

    def read(self, which: slice | Int[np.ndarray, " m"]) -> np.ndarray:
        return np.asarray(self._change(self._source.read(which)), self.dtype)


def open_rows(path: str | Path) -> Source:
    """The rows of a `.npy` file, or of all those of a folder, in the order of their names.

    Raises:
        InputError: there is no such file, or what it holds is no array of rows.
    """
    path = Path(path)
    if path.is_dir():
        return Files(sorted(path.glob("*.npy")))
    return Mapped(_mapped(path))


def source_of(X: Any) -> Source | None:
    """X as a source: itself if it is one, or a memory map beyond `MAPPED_ABOVE`; else None.

    Raises:
        InputError: a memory map of what are no rows of real numbers.
    """
    if isinstance(X, Source):
        return X
    if not isinstance(X, np.memmap) or 4 * X.size <= MAPPED_ABOVE:
        return None
    return Mapped(_as_rows(X, "X"))


def parts(X: Source, columns: int = 0) -> Iterator[tuple[slice, np.ndarray]]:
    """All rows a part at a time, each with its place; a thread reads the next one meanwhile.

    Args:
        X: rows.
        columns: numbers that are made of each row beside its own, if more than these.
    """
    step = max(NUMBERS_IN_PART // max(X.shape[1], columns), 1)
    spans = [slice(begin, min(begin + step, len(X))) for begin in range(0, len(X), step)]
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(X.read, spans[0])
        for span, following in zip(spans, [*spans[1:], None], strict=True):
            rows = coming.result()
            if following is not None:
                coming = reader.submit(X.read, following)
            yield span, rows


def by_parts(f: Callable[[np.ndarray], Any], X: Source, columns: int = 0) -> np.ndarray:
    """f of each part, one below the other, for an f that gives a row for each row."""
    return np.concatenate([np.asarray(f(rows)) for _, rows in parts(X, columns)])


def float_type(dtype: np.dtype) -> np.dtype:
    """float32 for what it holds all values of, else float64."""
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)


def sample(X: Source, n: int, rng: np.random.Generator) -> tuple[Int[np.ndarray, " m"], np.ndarray]:
    """About n rows at random (fewer where two draws are the same), in their order, and which."""
    n = checks.whole(1)("n", n)
    drawn = np.arange(len(X)) if n >= len(X) else np.unique(rng.integers(len(X), size=n))
    return drawn, X[drawn]


def _mapped(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no .npy file that can be read ({error})") from error
    return _as_rows(array, str(path))


def _as_rows(array: Any, name: str) -> np.ndarray:
    is_matrix = isinstance(array, np.ndarray) and array.ndim == 2 and array.size > 0
    if not is_matrix or array.dtype.kind not in "fiub":
        raise InputError(
            f"expected {name} to be an array [n d] of real numbers, got shape "
            f"{list(getattr(array, 'shape', []))} of {getattr(array, 'dtype', type(array))}: "
            "reshape images by X.reshape(len(X), -1)"
        )
    return array
