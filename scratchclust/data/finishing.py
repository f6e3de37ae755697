"""From what a reader found to a `Dataset`: what is the same for all readers."""

import math

import numpy as np
from jaxtyping import UInt8

from scratchclust.data import stores
from scratchclust.data.dataset import (
    Dataset,
    Fit,
    Reading,
    Request,
    drawn_order,
    is_class_by_class,
    pixels_sha256,
)
from scratchclust.errors import InputError

BLOCK = 1024  # images converted at once
FITTED = {"crop": "cut to the centre", "pad": "whole on a black ground", "squeeze": "squeezed"}


def finish(reading: Reading, request: Request, channels: int | None, source: str) -> Dataset:
    """Cut, resize, convert, hash: what is the same for every source.

    Args:
        reading: what a reader found.
        request: what `load` was asked for.
        channels: 1, 3, or None for what there is.
        source: the name or path, for messages.

    Raises:
        InputError: no pixels, or no room for them.
        OSError: the disk is full, while they are written.
    """
    labels = reading.labels
    n_before, *shape_before = reading.images.shape[:3]
    n = min(request.limit or n_before, n_before)
    chosen = np.arange(n)
    if n < n_before and labels is not None and is_class_by_class(labels):
        chosen = np.sort(drawn_order(labels, request.seed)[:n])
    if not reading.images.size:
        raise InputError(
            f"{source} holds no pixels, its images have shape {reading.images.shape}: give other "
            "images"
        )
    images = _converted(reading.images, chosen, request, channels)
    sizes = reading.original_sizes
    return Dataset(
        images=images,
        labels=None if labels is None else labels[chosen],
        label_names=reading.label_names,
        name=reading.name,
        sha256=pixels_sha256(images),
        split=request.split,
        paths=None if reading.paths is None else reading.paths[:n],
        skipped=reading.skipped,
        taken="; ".join([*reading.taken, *_words(images, n_before, tuple(shape_before), request)]),
        original_sizes=None if sizes is None else sizes[chosen],
        notes=reading.notes,
    )


def _converted(
    images: UInt8[np.ndarray, "n h w c"], chosen: np.ndarray, request: Request, channels: int | None
) -> UInt8[np.ndarray, "m height width d"]:
    """The chosen images in their size and with their channels: a new array, or a map."""
    height, width = request.size or images.shape[1:3]
    shape = (height, width, channels or images.shape[3])
    is_all = len(chosen) == len(images)

    def convert(places: np.ndarray | slice) -> np.ndarray:
        part = images[places]
        if part.shape[1:3] != shape[:2]:
            part = _resize(part, (height, width), request.fit)
        return _with_channels(part, channels)

    if request.memory_map is not None:
        is_as_wanted = is_all and images.shape[1:] == shape and images.flags.c_contiguous
        if is_as_wanted and not images.flags.writeable:  # a map already
            return images
        if len(chosen) * math.prod(shape) > stores.MAPPED_ABOVE:
            path = request.memory_map
            return stores.write_mapped(path, len(chosen), shape, lambda part: convert(chosen[part]))
    converted = convert(slice(None) if is_all else chosen)
    # not so is the map of a file, or one value many times
    if not (converted.flags.writeable and converted.flags.c_contiguous):
        converted = np.array(converted, order="C")
    return converted


def _words(
    images: np.ndarray, n_before: int, shape_before: tuple[int, ...], request: Request
) -> list[str]:
    """What was done to the images, for people."""
    n, height, width, n_channels = images.shape
    words = [f"{n} of {n_before} images" if n < n_before else f"{n} images"]
    words.append(
        f"{height}x{width} {'grey' if n_channels == 1 else 'RGB'}, values {images.min()} to "
        f"{images.max()}"
    )
    if request.size is not None:
        whole = shape_before[0] * width == shape_before[1] * height and shape_before != (
            height,
            width,
        )
        words.append(
            "resampled whole" if whole else f"{FITTED[request.fit]} where the proportions differ"
        )
    return words


def _resize(
    images: UInt8[np.ndarray, "n h w c"], size: tuple[int, int], fit: Fit = "crop"
) -> UInt8[np.ndarray, "n height width c"]:
    from scratchclust.data.pictures import fit_array

    resized = np.empty((len(images), *size, images.shape[3]), np.uint8)
    for i, image in enumerate(images):
        resized[i] = fit_array(image, size, fit)
    return resized


def _with_channels(
    images: UInt8[np.ndarray, "n h w c"], channels: int | None
) -> UInt8[np.ndarray, "n h w d"]:
    if channels == 3 and images.shape[3] == 1:
        return np.broadcast_to(images, (*images.shape[:3], 3))
    if channels == 1 and images.shape[3] == 3:
        from scratchclust.data.preprocessing import luma_grey

        grey = np.empty((*images.shape[:3], 1), np.uint8)
        for start in range(0, len(images), BLOCK):
            block = slice(start, start + BLOCK)
            grey[block] = np.rint(luma_grey(images[block]))
        return grey
    return images
