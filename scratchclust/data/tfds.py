"""Images of prepared TensorFlow Datasets: decoded once, without TensorFlow, then from the cache."""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from scratchclust.data.bars import track
from scratchclust.data.cache import CachedSplit, cache_root, fetch, store
from scratchclust.data.dataset import (
    MixedSizesError,
    Reading,
    Request,
    check_labels,
    choose_splits,
    join_labels,
    one_line,
)
from scratchclust.data.pictures import fit_array
from scratchclust.data.prepared import (
    INSTALL_TO_READ,
    PreparedSet,
    data_root,
    find_prepared,
    fingerprint,
    missing,
    name_of,
    splits_of,
    why_no_tfds,
)
from scratchclust.errors import InputError

UNKNOWN = -1  # TensorFlow Datasets' label of images that have none
BLOCK = 256  # examples read at once, which is twice as fast as one by one


class _Source(NamedTuple):
    """A prepared set as TensorFlow Datasets sees it."""

    builder: Any
    image_key: str
    label_key: str | None
    label_names: tuple[str, ...] | None
    shape: tuple[int | None, ...]


def read_tfds(
    name: str,
    request: Request,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Reading:
    """The wanted splits of a prepared set, from the cache or decoded into it.

    The cache is keyed by name, version, split, size and fit, and knows the files it was decoded
    from by size and time.

    Raises:
        InputError: not prepared, no images in it, images of different sizes without `size`, or
            damaged.
    """
    root = data_root(data_dir)
    folder = find_prepared(name, root)
    if folder is None:
        raise missing(name, root)
    source = fingerprint(folder)
    cache = cache_root(cache_dir) / "tfds" / folder.relative_to(root)
    suffix = "" if request.size is None else f"-{request.size[0]}x{request.size[1]}"
    suffix += "" if request.fit == "crop" else f"-{request.fit}"
    parts = []
    for split in choose_splits(request.split, list(splits_of(folder)), name):
        cached = cache / f"{split}{suffix}"
        parts.append(
            fetch(cached, source) or _decode_into_cache(folder, split, request, cached, source)
        )
    if len({part.images.shape[1:] for part in parts}) > 1:
        raise MixedSizesError(
            f"{name} has images of different sizes in its splits: give a size, for example size=64"
        )
    images = parts[0].images if len(parts) == 1 else np.concatenate([part.images for part in parts])
    labels = join_labels([part.labels for part in parts], name)
    return Reading(images, labels, parts[0].label_names, name_of(folder, root))


def describe(folder: Path, name: str) -> PreparedSet:
    """Check a prepared set by decoding the first and the last image of each split.

    Raises:
        InputError: damaged, or no images in it.
    """
    lengths = splits_of(folder)
    source = _open(folder)
    for split, length in lengths.items():
        for _ in _examples(source, folder, split, [0, length - 1] if length else []):
            pass
    return PreparedSet(name, folder.name, folder, lengths, source.shape, source.label_names)


def sample(
    name: str, split: str, data_dir: str | os.PathLike[str] | None, most: int
) -> tuple[int, list[np.ndarray]]:
    """The number of images of a prepared set, and at most so many of them, spread over all.

    Raises:
        InputError: not prepared, damaged, or no images in it.
    """
    root = data_root(data_dir)
    folder = find_prepared(name, root)
    if folder is None:
        raise missing(name, root)
    lengths = splits_of(folder)
    wanted = choose_splits(split, list(lengths), name)
    n = sum(lengths[split] for split in wanted)
    source = _open(folder)
    images = []
    for split in wanted:
        n_some = -(-most * lengths[split] // max(1, n))
        places = np.unique(np.linspace(0, lengths[split] - 1, n_some).astype(int)).tolist()
        images += [
            example[source.image_key] for example in _examples(source, folder, split, places)
        ]
    return n, images


def _decode_into_cache(
    folder: Path, split: str, request: Request, cached: Path, source: str
) -> CachedSplit:
    decoded = _decode(folder, split, request)
    try:
        store(cached, decoded, source)
    except OSError as error:
        warnings.warn(
            f"cannot write the cache {cached} ({one_line(error)}), so the next load decodes again: "
            "set SCRATCHCLUST_CACHE to a folder that can be written",
            stacklevel=2,
        )
    return decoded


def _decode(folder: Path, split: str, request: Request) -> CachedSplit:
    """All examples of a split as one array."""
    source = _open(folder)
    n = splits_of(folder)[split]
    if not n:
        raise InputError(f"{folder}: its split {split!r} is empty: load another split")
    if request.size is None and None in source.shape:
        raise MixedSizesError(
            f"{folder} has images of different sizes: give one size for all, for example size=64"
        )
    height, width = request.size or source.shape[:2]
    images = np.empty(
        (n, cast(int, height), cast(int, width), cast(int, source.shape[2])), np.uint8
    )
    labels = np.empty(n, np.int64)
    examples = _examples(source, folder, split, range(n))
    for i, example in enumerate(
        track(examples, n, f"decoding {folder.parent.name} {split}", verbose=request.verbose)
    ):
        image = example[source.image_key]
        if request.size is not None:
            image = fit_array(image, request.size, request.fit)
        if image.shape != images.shape[1:]:
            raise InputError(
                f"{folder}: image {i} of {split} has shape {image.shape}, expected "
                f"{images.shape[1:]}: delete the folder and prepare the set again"
            )
        images[i] = image
        if source.label_key is not None:
            labels[i] = UNKNOWN if example[source.label_key] is None else example[source.label_key]
    if source.label_names is None or (labels == UNKNOWN).all():
        return CachedSplit(images, None, None)
    labels = check_labels(labels, n, f"{folder} ({split})", n_classes=len(source.label_names))
    return CachedSplit(images, labels, source.label_names)


def _open(folder: Path) -> _Source:
    """Open a prepared set and find its images and labels."""
    if problem := why_no_tfds():
        raise InputError(
            f"reading {folder} needs TensorFlow Datasets, which {problem}: {INSTALL_TO_READ}, or "
            "give a folder of IDX files or CIFAR-10's binary archive"
        )
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        features: dict[str, Any] = dict(cast(Any, builder.info.features))
    # What a damaged description leads to: errors of JSON, of protobuf, of TensorFlow Datasets.
    except Exception as error:
        raise InputError(
            f"{folder} is damaged ({one_line(error)}): delete it and prepare the set again"
        ) from error
    supervised = builder.info.supervised_keys or ()
    image_key = _only(features, supervised, tfds.features.Image)
    if (
        image_key is None
        or features[image_key].np_dtype != np.uint8
        or features[image_key].shape[-1] not in (1, 3)
    ):
        found = ", ".join(
            f"{key} ({type(feature).__name__})" for key, feature in sorted(features.items())
        )
        raise InputError(
            f"{folder} is no set of 8-bit grey or RGB images, it has {found}: give another set"
        )
    label_key = _only(features, supervised, tfds.features.ClassLabel)
    names = None if label_key is None else tuple(features[label_key].names)
    return _Source(builder, image_key, label_key, names, features[image_key].shape)


def _only(features: dict[str, Any], supervised: Sequence[Any], kind: type) -> str | None:
    """The one feature of this type, or of several the one that the set names as its key."""
    found = [key for key, feature in features.items() if type(feature) is kind]
    chosen = [key for key in found if key in supervised] or found
    return chosen[0] if len(chosen) == 1 else None


def _examples(
    source: _Source, folder: Path, split: str, indices: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Decoded examples, read in blocks."""
    try:
        records = source.builder.as_data_source(split=split)
        for start in range(0, len(indices), BLOCK):
            with _without_advice():
                block = records.__getitems__(list(indices[start : start + BLOCK]))
            yield from block
    # What damaged records lead to: errors of ArrayRecord, of protobuf, of Pillow.
    except Exception as error:
        raise InputError(
            f"{folder}: its split {split!r} is damaged ({one_line(error)}): prepare the set again"
        ) from error


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep one line of TensorFlow Datasets from the user: that OpenCV would decode faster."""

    def is_news(record: logging.LogRecord) -> bool:
        return "OpenCV is not installed" not in record.getMessage()

    logger = logging.getLogger("absl")
    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)
