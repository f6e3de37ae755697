"""Where decoded pixels are kept until all are there: in memory, or in a file that is then mapped.

The file grows as pictures come, and what is done to it afterwards (another order, grey) is done in
place, by a few images at a time: neither memory nor disk holds the images twice. It is written as a
file, never through a map: a full disk is an error then, and not the end of the process.
"""

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from numpy.lib import format as npy_format

from scratchclust.data.dataset import rows_at_once
from scratchclust.errors import InputError, writing

MAPPED_ABOVE = 1 << 30  # bytes of pixels that are kept in memory though a file is there for them
HEADER = 128  # bytes before the first pixel, whatever the shape


class MemoryStore:
    """Images in an array."""

    def __init__(self, n: int, shape: tuple[int, ...]) -> None:
        self._images = np.empty((n, *shape), np.uint8)

    def read(self, place: int, n: int = 1) -> UInt8[np.ndarray, "n h w c"]:
        """The images at a place and behind it."""
        return self._images[place : place + n]

    def write(self, place: int, images: UInt8[np.ndarray, "n h w c"]) -> None:
        """Put images at a place and behind it."""
        self._images[place : place + len(images)] = images

    def finish(self, order: Int[np.ndarray, " n"], *, is_grey: bool) -> np.ndarray:
        """The images from these places, in this order; of grey ones a single channel."""
        is_sorted = np.array_equal(order, np.arange(len(order)))
        images = self._images[: len(order)] if is_sorted else self._images[order]
        return images[..., :1] if is_grey else images

    def discard(self) -> None:
        """Let go of the images."""


class FileStore:
    """Images in a `.npy` file, as far as they are written under a draft's name beside it.

    Args:
        path: where the file is to be; an older one is replaced.
        n: how many images there will be at most.
        shape: of an image, [h, w, c].

    Raises:
        InputError: the disk has not as much room, or the file cannot be made.
    """

    def __init__(self, path: Path, n: int, shape: tuple[int, ...]) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.draft")
        self._shape = shape
        self._row = int(np.prod(shape))
        try:
            check_room(path, n, shape)
            self._stream = self._draft.open("w+b")
        except OSError as error:
            raise InputError(
                f"{path} cannot be made for the decoded images ({error.strerror}): give a place "
                "that can be written"
            ) from error

    def read(self, place: int, n: int = 1) -> UInt8[np.ndarray, "n h w c"]:
        """The images at a place and behind it."""
        self._stream.seek(HEADER + place * self._row)
        return np.frombuffer(self._stream.read(n * self._row), np.uint8).reshape(n, *self._shape)

    def write(self, place: int, images: UInt8[np.ndarray, "n h w c"]) -> None:
        """Put images at a place and behind it.

        Raises:
            OSError: the disk is full, or fails; `filename` is the path.
        """
        self._put(HEADER + place * self._row, np.ascontiguousarray(images).data)

    def finish(self, order: Int[np.ndarray, " n"], *, is_grey: bool) -> np.ndarray:
        """The images from these places, in this order, as a map that is only read.

        Raises:
            OSError: the disk is full, or fails; `filename` is the path.
        """
        self._sort(order)
        n = len(order)
        shape = (*self._shape[:2], 1) if is_grey else self._shape
        if shape != self._shape:
            self._keep_first_channel(n)
        self._put(0, _header((n, *shape)))
        with writing(self._path):
            self._stream.truncate(HEADER + n * int(np.prod(shape)))
            self._stream.close()
            os.replace(self._draft, self._path)
        return np.load(self._path, mmap_mode="r")

    def discard(self) -> None:
        """Remove the draft."""
        try:
            self._stream.close()
        except OSError:  # what waits to be written does not find room either
            pass
        finally:
            self._draft.unlink(missing_ok=True)

    def _put(self, offset: int, content: bytes | memoryview) -> None:
        with writing(self._path):
            if self._stream.tell() != offset:
                self._stream.seek(offset)
            self._stream.write(content)

    def _sort(self, order: Int[np.ndarray, " n"]) -> None:
        """Bring the image at order[i] to place i, along the circles of the permutation."""
        sources = order.tolist()
        is_done = [source == place for place, source in enumerate(sources)]
        for start in range(len(sources)):
            if is_done[start]:
                continue
            held = self.read(start)
            place = start
            while sources[place] != start:
                self.write(place, self.read(sources[place]))
                is_done[place] = True
                place = sources[place]
            self.write(place, held)
            is_done[place] = True

    def _keep_first_channel(self, n: int) -> None:
        """Grey images close up: what is written lies before what is still to be read."""
        pixels = self._row // self._shape[2]
        step = rows_at_once(self._row)
        for start in range(0, n, step):
            images = self.read(start, min(step, n - start))
            self._put(HEADER + start * pixels, np.ascontiguousarray(images[..., 0]).data)


Store = MemoryStore | FileStore


def write_mapped(
    path: Path, n: int, shape: tuple[int, ...], convert: Callable[[slice], np.ndarray]
) -> np.ndarray:
    """Images that are made a few at a time, as a map of a file.

    Args:
        path: of the file.
        n: how many images there are.
        shape: of an image, [h, w, c].
        convert: gives the images of a slice of them.

    Raises:
        InputError: the disk has not as much room, or the file cannot be made.
        OSError: the disk is full, or fails; `filename` is the path.
    """
    store = FileStore(path, n, shape)
    try:
        for part in slices(n, int(np.prod(shape))):
            store.write(part.start, convert(part))
        return store.finish(np.arange(n), is_grey=shape[2] == 1)
    except BaseException:
        store.discard()
        raise


def slices(n: int, n_bytes: int) -> Iterator[slice]:
    """All of n images of so many bytes, a few at a time."""
    step = rows_at_once(n_bytes)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def check_room(path: Path, n: int, shape: tuple[int, ...]) -> None:
    """Refuse to begin with images for which the disk has no room.

    Raises:
        InputError: it has not.
        OSError: there is no such folder.
    """
    n_bytes = HEADER + n * int(np.prod(shape))
    free = shutil.disk_usage(path.parent).free
    if n_bytes > free:
        raise InputError(
            f"{path}: {n} images of {shape[0]}x{shape[1]} pixels take {n_bytes / 2**30:.1f} GiB of "
            f"the disk, which has {free / 2**30:.1f} GiB left: make room, or give a smaller size, "
            "a limit or another place"
        )


def _header(shape: tuple[int, ...]) -> bytes:
    """The head of a `.npy` file of bytes, as long for any number of images."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    length = HEADER - len(npy_format.magic(1, 0)) - 2
    return npy_format.magic(1, 0) + struct.pack("<H", length) + f"{text:<{length - 1}}\n".encode()
