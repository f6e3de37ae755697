"""A folder of arrays that NumPy saved, one file a split: trainX.npy, trainY.npy, valX.npy, valY.npy."""

from pathlib import Path

import numpy as np

from scratchclust.data.arrays import read_npy, read_vector
from scratchclust.data.dataset import Reading, Request, check_labels, choose_splits, join_labels
from scratchclust.errors import InputError

NAMES = {"train": ("train",), "test": ("test", "val")}  # of the files, by split


def find_folder(path: Path) -> Path | None:
    """The folder itself, if images of a split lie in it under their names; else None."""
    return path if _splits(path) else None


def read_folder(folder: Path, request: Request) -> Reading:
    """Images of `trainX.npy` (split "train") and `valX.npy` or `testX.npy` ("test"), labels of the same with a Y.

    A split may be without labels; then "all" is refused, because it would have labels for some images only.

    Raises:
        InputError: no such split, a damaged file, not images as `as_pixels` wants them, or labels that do not fit.
    """
    found = _splits(folder)
    images, labels = [], []
    for split in choose_splits(request.split, list(found), str(folder)):
        images.append(read_npy(found[split], Request(limit=request.limit)).images)
        place = found[split].with_name(found[split].name.replace("X", "Y"))
        n_images = len(np.load(found[split], mmap_mode="r"))
        labels.append(check_labels(read_vector(place), n_images, str(place)) if place.is_file() else None)
    if len({part.shape[1:] for part in images}) > 1:
        raise InputError(f"{folder}: its splits differ in shape: load split='train' or split='test'")
    if len(images) == 1:
        return Reading(images[0], labels[0], None, folder.name)
    return Reading(np.concatenate(images), join_labels(labels, str(folder)), None, folder.name)


def _splits(folder: Path) -> dict[str, Path]:
    """The files with images, by split."""
    places = {split: [folder / f"{name}X.npy" for name in names] for split, names in NAMES.items()}
    found = {split: [place for place in tried if place.is_file()] for split, tried in places.items()}
    twice = [tried for tried in found.values() if len(tried) > 1]
    if twice:
        names = " and ".join(place.name for place in twice[0])
        raise InputError(f"{folder} has {names}, both of which are the test split: take one of them away")
    return {split: tried[0] for split, tried in found.items() if tried}
