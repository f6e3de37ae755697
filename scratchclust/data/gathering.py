"""Pictures of one size are put together as they come: pixels in a store, and what else is known."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from scratchclust.data import stores
from scratchclust.data.dataset import MixedSizesError, Request
from scratchclust.data.depth import tell_white, to_bytes, white_above
from scratchclust.data.pictures import Picture, is_grey
from scratchclust.data.stores import FileStore, MemoryStore, Store
from scratchclust.errors import InputError

LARGEST_UNASKED = 4 << 30  # bytes of pixels that are read without a size having been asked for


class Gathered:
    """Pictures, in the order in which they came.

    Those of 16 bits wait until all are there, for the white of them all: in the meantime the store
    has the upper byte of each number for red, the lower for green.

    Args:
        source: the folder or file, for messages.
        n: how many there will be at most.
        request: decides whether they go into memory or into a file.
    """

    def __init__(self, source: Path, n: int, request: Request) -> None:
        self.paths: list[str] = []
        self.words: list[str] = []  # what is to be told of their white
        self._source = source
        self._n = n
        self._request = request
        self._shape: tuple[int, ...] = ()
        self._store: Store = MemoryStore(0, (0, 0, 3))
        self._sizes: list[tuple[int, int]] = []
        self._is_grey = True  # all of them
        self._deep: list[int] = []  # places of 16-bit numbers
        self._largest = 0  # of these
        # the largest value of each picture that lost its lower eight bits
        self._upper_bytes: list[int] = []

    def add(self, path: str, picture: Picture) -> None:
        """Put a picture behind the others.

        Raises:
            MixedSizesError: it has another size than the first.
            InputError: it is the first, and there is no room for so many.
            OSError: the disk is full, or fails.
        """
        pixels = picture.pixels
        shape = (*pixels.shape[:2], 3)
        if not self.paths:
            self._shape = shape
            self._store = self._allocate(shape)
        if shape != self._shape:
            raise MixedSizesError(
                f"{self._source / path} has {shape[0]}x{shape[1]} pixels (height x width), but "
                f"{self.paths[0]} has {self._shape[0]}x{self._shape[1]}: give one size for all, "
                "for example size=64"
            )
        place = len(self.paths)
        if pixels.ndim == 2:
            self._deep.append(place)
            self._largest = max(self._largest, picture.largest)
            pixels = np.stack([pixels >> 8, pixels & 255, np.zeros_like(pixels)], axis=-1)
            pixels = pixels.astype(np.uint8)
        else:
            self._is_grey = self._is_grey and (picture.is_surely_grey or is_grey(pixels))
        if picture.is_upper_byte:
            self._upper_bytes.append(int(pixels.max()))
        self._store.write(place, pixels[None])
        self._sizes.append(picture.original_size)
        self.paths.append(path)

    def finish(
        self, order: Sequence[int] | None = None
    ) -> tuple[UInt8[np.ndarray, "n h w c"], Int32[np.ndarray, "n 2"]]:
        """The pictures' pixels and their sizes in their files; c is 1 if all are grey.

        Args:
            order: where the first, the second, ... of them is among those that came; `paths` has
                this order afterwards too. None: as they came.
        """
        self._whiten()
        places = np.arange(len(self.paths)) if order is None else np.asarray(order)
        self.paths = [self.paths[place] for place in places]
        sizes = np.array(self._sizes, np.int32)[places]
        return self._store.finish(places, is_grey=self._is_grey), sizes

    def discard(self) -> None:
        """Leave nothing half written."""
        self._store.discard()

    def _whiten(self) -> None:
        """Bring the 16-bit pictures to bytes, and tell of the white that was taken."""
        if self._deep:
            white = white_above(self._largest)
            self.words.append(f"white at {white} ({white.bit_length()} bits)")
            tell_white(str(self._source), self._largest, white)
            for place in self._deep:
                held = self._store.read(place).astype(np.uint16)
                values = to_bytes(held[..., 0] << 8 | held[..., 1], white)
                self._store.write(place, np.repeat(values[..., None], 3, axis=3))
        if self._upper_bytes and max(self._upper_bytes) < 64:  # 14 bits in 16, or fewer
            warnings.warn(
                f"{self._source}: {len(self._upper_bytes)} pictures of 16-bit colour reach "
                f"{max(self._upper_bytes)} of 255: if they hold fewer bits than 16, they are read "
                "too dark; save them with 8 bits a channel",
                stacklevel=2,
            )

    def _allocate(self, shape: tuple[int, ...]) -> Store:
        n_bytes = self._n * int(np.prod(shape))
        if self._request.memory_map is not None and n_bytes > stores.MAPPED_ABOVE:
            return FileStore(self._request.memory_map, self._n, shape)
        if self._request.size is None and n_bytes > LARGEST_UNASKED:
            raise InputError(
                f"{self._source}: {self._n} pictures of {shape[0]}x{shape[1]} pixels would take "
                f"{n_bytes / 2**30:.1f} GiB of memory: give a size, for example size=64"
            )
        return MemoryStore(self._n, shape)
