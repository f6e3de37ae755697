"""A folder of arrays that NumPy saved, one file a split: trainX.npy, trainY.npy, valX.npy, ..."""

from pathlib import Path

import numpy as np

from scratchclust.data.arrays import read_npy, read_vector
from scratchclust.data.dataset import Reading, Request, check_labels, choose_splits, join_labels
from scratchclust.errors import InputError

SPLITS = ("train", "test", "val")  # the names of the files begin with them


def find_folder(path: Path) -> Path | None:
    """The folder itself, if images of a split lie in it under their names; else None."""
    return path if _splits(path) else None


def read_folder(folder: Path, request: Request) -> Reading:
    """Images of `trainX.npy`, `testX.npy` and `valX.npy`, by split; labels of the same with a Y.

    Where there is no `testX.npy`, `valX.npy` is also the split "test". A split may be without
    labels; then "all" is refused, because it would have labels for some images only.

    Raises:
        InputError: no such split, a damaged file, not images as `as_pixels` wants them, or labels
            that do not fit.
    """
    found = _splits(folder)
    images = []
    labels = []
    is_val = request.split == "test" and "test" not in found and "val" in found
    wanted = choose_splits("val" if is_val else request.split, list(found), str(folder))
    words = [f"{split} ({found[split].name})" for split in wanted]
    for split in wanted:
        images.append(read_npy(found[split], Request()).images)
        place = found[split].with_name(found[split].name.replace("X", "Y"))
        n_images = len(np.load(found[split], mmap_mode="r"))
        labels.append(
            check_labels(read_vector(place), n_images, str(place)) if place.is_file() else None
        )
    if len({part.shape[1:] for part in images}) > 1:
        raise InputError(f"{folder}: its splits differ in shape: load one split at a time")
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    joined = join_labels(labels, str(folder))
    words.append("no labels" if joined is None else "labels from the files with Y")
    return Reading(
        pixels, joined, None, folder.name, taken=(f"splits {', '.join(words[:-1])}", words[-1])
    )


def _splits(folder: Path) -> dict[str, Path]:
    """The files with images, by split."""
    places = {split: folder / f"{split}X.npy" for split in SPLITS}
    return {split: place for split, place in places.items() if place.is_file()}
