"""A first look at images, before they are read: how many, of which sizes, whether grey."""

import os
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32


class Look(NamedTuple):
    """What is known of images without having read them all."""

    kind: str  # "pictures": files that are decoded; "arrays": images of one size in few files
    # images, by the files' number alone: of pictures at most so many, as some may be unreadable
    n: int
    sizes: Int32[np.ndarray, "m 2"]  # height and width of some, spread over all; upright
    grey_share: float  # how many of some are grey, from 0 to 1

    @property
    def are_of_one_size(self) -> bool:
        """Whether all in the sample have one size: then `load` may well do without `size`."""
        return len(np.unique(self.sizes, axis=0)) == 1

    @property
    def is_grey(self) -> bool:
        """Whether all in the sample are grey."""
        return self.grey_share == 1

    def n_bytes(self, size: tuple[int, int] | None = None) -> int:
        """Bytes of all images as uint8 at a size (height, width); None: at their median size."""
        height, width = np.median(self.sizes, axis=0) if size is None else size
        return int(self.n * height * width) * (1 if self.is_grey else 3)


def look(
    name_or_path: str | os.PathLike[str],
    *,
    split: str = "all",
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Look:
    """Look at what `load` would read."""
    raise NotImplementedError
