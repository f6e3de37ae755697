"""Labels as every score takes them: checked, and the clusters counted from 0."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from scratchclust.errors import InputError

NOISE = -1

# [n] integers or strings: an array of NumPy or JAX, a list, a tuple; anything else is refused
Labels = Any


class Labeling(NamedTuple):
    """A clustering with its clusters counted from 0."""

    codes: np.ndarray  # [n] int32, -1 for noise
    n_clusters: int


def encode(labels: Labels, name: str = "labels") -> Labeling:
    """Labels as codes from 0 to k - 1 in sorted order; the integer -1 stays -1, for noise.

    Raises:
        InputError: no labels, or labels that are neither integers nor strings; the message calls
            them `name`.
    """
    values, codes = np.unique(as_labels(labels, name), return_inverse=True)
    has_noise = int(values.dtype.kind == "i" and NOISE in values)
    if has_noise:
        noise = int((values == NOISE).argmax())
        codes = np.where(codes == noise, NOISE, codes - (codes > noise))
    return Labeling(codes.astype(np.int32), len(values) - has_noise)


def encode_for(X: Any, labels: Labels, name: str = "labels") -> Labeling:
    """`encode`, and an InputError if there is another number of labels than of points."""
    labeling = encode(labels, name)
    if len(labeling.codes) != len(X):
        raise InputError(
            f"expected one label for each of the {len(X)} points in {name}, "
            f"got {len(labeling.codes)}: pass the labels of the same points in the same order"
        )
    return labeling


def encode_clusters(X: Any, labels: Labels) -> Labeling:
    """`encode_for`, and an InputError if there are fewer than two clusters."""
    labeling = encode_for(X, labels)
    if labeling.n_clusters < 2:
        raise InputError(
            f"expected at least two clusters besides noise, got {labeling.n_clusters}: with "
            "fewer there is nothing to compare; check the labels, or ask for more clusters"
        )
    return labeling


def cluster_sizes(labeling: Labeling) -> np.ndarray:
    """The number of points of each cluster, [k]."""
    return np.bincount(labeling.codes[labeling.codes >= 0], minlength=labeling.n_clusters)


def as_labels(labels: Labels, name: str) -> Shaped[np.ndarray, " n"]:
    """The labels as an array of integers or strings.

    Raises:
        InputError: they are anything else; the message calls them `name`.
    """
    array = _as_array(labels, name)
    if array.ndim != 1:
        raise InputError(
            f"{name} must have one dimension, but has shape {array.shape}: pass one label per point"
        )
    if len(array) == 0:
        raise InputError(f"{name} is empty: a score needs at least one point")
    if array.dtype.kind == "T":  # NumPy's strings of any length, of which some may be missing
        array = array.astype(object)
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array):
        array = array.astype(str)
    if array.dtype.kind == "O" and all(_is_whole(label) for label in array):
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and _are_whole(array):
        array = array.astype(np.int64)
    if array.dtype.kind not in "biuUS":
        raise InputError(
            f"{name} must be integers or strings without gaps, but holds {_offender(array)!r}: "
            "leave points without a label out of both arrays"
        )
    return array


def _as_array(labels: Labels, name: str) -> np.ndarray:
    try:
        array = np.asarray(labels)
        if array.dtype.kind != "U" or not isinstance(labels, list | tuple):
            return array
        # NumPy would make strings of all that stands beside one
        strings = all(isinstance(label, str) for label in labels)
        return array if strings else np.asarray(labels, object)
    except ValueError as error:
        raise InputError(
            f"{name} must be a flat list of labels, but its rows have different lengths"
        ) from error


def _is_whole(label: Any) -> bool:
    """Whether it is a whole number that 64 bits hold; a table's column of numbers that may have
    gaps is an array of such objects.
    """
    if isinstance(label, float | np.floating):
        return bool(abs(label) < 2**53) and float(label).is_integer()
    return isinstance(label, int | np.integer | np.bool_) and -(2**63) <= int(label) < 2**63


def _are_whole(array: np.ndarray) -> bool:
    """Whether these floats are whole numbers, each of which is the only one near."""
    return bool((np.abs(array) < 2**53).all() and np.array_equal(array, np.round(array)))


def _offender(array: np.ndarray) -> Any:
    """The first label that is neither a whole number nor a string, for the message."""
    values = array.tolist()
    bad = (
        v
        for v in values
        if not isinstance(v, str | int) and not (isinstance(v, float) and v.is_integer())
    )
    return next(bad, next((v for v in values if not isinstance(v, str)), values[0]))
