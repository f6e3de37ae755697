"""A first look at images, before they are read: how many, of which sizes, whether grey."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Int32

from scratchclust.data.dataset import MixedSizesError, Request, expand_home

N_OPENED = 256  # files of a folder that are opened for their sizes, spread over all
N_DECODED = 32  # of these, pictures in colour that are decoded, to see whether they are grey
LARGEST_DECODED = 1 << 26  # pixels of them all together, but for the last
SMALL = (64, 64)  # the size in which that is seen


class Look(NamedTuple):
    """What is known of images without having read them all."""

    kind: Literal["pictures", "arrays"]  # decoded from files of their own, or not
    n: int  # images; of a folder, the files that are named like pictures
    sizes: Int32[np.ndarray, "m 2"]  # height and width of some, upright, spread over all
    grey_share: float  # how many of some are grey, from 0 to 1
    readable_share: float = 1.0  # how many of some can be opened, from 0 to 1

    @property
    def is_of_one_size(self) -> bool:
        """Whether all that were looked at have one size: then `load` may do without `size`."""
        return len(np.unique(self.sizes, axis=0)) == 1

    @property
    def is_grey(self) -> bool:
        """Whether all that were looked at are grey."""
        return self.grey_share == 1

    @property
    def median_size(self) -> tuple[int, int]:
        """The median height and the median width; 0, 0 if nothing can be opened."""
        if not len(self.sizes):
            return 0, 0
        height, width = np.median(self.sizes, axis=0).astype(int).tolist()
        return height, width

    def n_bytes(self, size: tuple[int, int] | None = None) -> int:
        """Bytes of all images as uint8, n h w c.

        While pictures are read, they have three channels, grey ones too.

        Args:
            size: height and width; None: the median ones.
        """
        return self.n * math.prod(size or self.median_size) * (1 if self.is_grey else 3)


def look(
    name_or_path: str | os.PathLike[str],
    *,
    split: str = "all",
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Look:
    """Look at what `load` would read.

    Of a folder of pictures the names are listed, the headers of `N_OPENED` files are read and
    `N_DECODED` pictures are decoded: seconds, for 100,000 files too. All else is read, but neither
    copied nor hashed: arrays in a `.npy` are mapped, prepared data sets are decoded into the cache.

    Args:
        name_or_path: as in `load`.
        split: as in `load`.
        data_dir: as in `load`.
        cache_dir: as in `load`.

    Raises:
        InputError: as from `load`; but not for pictures of different sizes, nor where no file of a
            folder can be read.
    """
    from scratchclust.data.formats import is_of_pictures
    from scratchclust.data.loading import named_if_forbidden, read

    path = expand_home(name_or_path)
    with named_if_forbidden():
        if os.path.isdir(path) and is_of_pictures(path):
            return _look_at_folder(path, Request(split))
    try:
        reading = read(name_or_path, Request(split), data_dir, cache_dir)
    except MixedSizesError:
        return _look_at_prepared(os.fspath(name_or_path), split, data_dir)
    n, height, width, n_channels = reading.images.shape
    sizes = np.array([[height, width]], np.int32)
    kind = "arrays" if reading.original_sizes is None else "pictures"
    return Look(kind, n, sizes, float(n_channels == 1))


def _look_at_folder(folder: Path, request: Request) -> Look:
    from scratchclust.data.folders import listed
    from scratchclust.data.layout import suffix_of
    from scratchclust.data.pictures import endings, header_of, strict_pillow

    files = listed(folder, request).files
    likely = [path for path in files if suffix_of(path) in endings()] or files
    some = [folder / likely[i] for i in _spread(len(likely), N_OPENED)]
    with strict_pillow(), ThreadPoolExecutor(8) as pool:
        headers = list(pool.map(header_of, some))
        opened = [(path, found) for path, found in zip(some, headers, strict=True) if found]
        coloured = [(path, size) for path, (size, is_grey) in opened if not is_grey]
        share = _share_of_grey([coloured[i] for i in _spread(len(coloured), N_DECODED)])
    n_grey = len(opened) - len(coloured) + share * len(coloured)
    sizes = np.array([size for _, (size, _) in opened], np.int32).reshape(-1, 2)
    return Look(
        kind="pictures",
        n=len(likely),
        sizes=sizes,
        grey_share=n_grey / max(1, len(opened)),
        readable_share=len(opened) / max(1, len(some)),
    )


def _look_at_prepared(name: str, split: str, data_dir: str | os.PathLike[str] | None) -> Look:
    """Some images of a prepared set whose images have different sizes."""
    from scratchclust.data.pictures import is_grey
    from scratchclust.data.tfds import sample

    n, images = sample(name, split, data_dir, N_OPENED)
    sizes = np.array([image.shape[:2] for image in images], np.int32).reshape(-1, 2)
    are_grey = [image.shape[2] == 1 or is_grey(image) for image in images]
    return Look("arrays", n, sizes, float(np.mean(are_grey)))


def _share_of_grey(pictures: Sequence[tuple[Path, tuple[int, int]]]) -> float:
    """How many of some pictures, which may have colour, have none."""
    from scratchclust.data.pictures import decode, is_grey

    n_pixels = 0
    are_grey: list[Any] = []
    for path, size in pictures:
        if n_pixels > LARGEST_DECODED:
            break
        n_pixels += math.prod(size)
        try:
            are_grey.append(is_grey(decode(path, SMALL).pixels))
        except Exception:  # damaged behind its header: `load` will say how
            continue
    return float(np.mean(are_grey)) if are_grey else 0.0


def _spread(n: int, most: int) -> list[int]:
    """At most so many places of n, from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)).tolist()
