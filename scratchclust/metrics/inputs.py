"""Points and labels as the internal scores take them: checked, and the clusters counted from 0."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array

from scratchclust.distances import centre_of, mean_of
from scratchclust.errors import InputError
from scratchclust.metrics.agreement import NOISE, Labels, as_labels

AnyArray = Array | np.ndarray


class Labeling(NamedTuple):
    """A clustering with its clusters counted from 0."""

    codes: np.ndarray  # [n] int32, -1 for noise
    n_clusters: int


def encode(labels: Labels, name: str = "labels") -> Labeling:
    """Any integer or string labels as codes from 0 to k - 1 in sorted order; the integer -1 stays -1, for noise.

    Raises:
        InputError: no labels, or labels that are neither integers nor strings; the message calls them `name`.
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
            f"expected one label for each of the {len(X)} points in {name}, got {len(labeling.codes)}: "
            "pass the labels of the same points in the same order"
        )
    return labeling


def encode_clusters(X: Any, labels: Labels) -> Labeling:
    """`encode_for`, and an InputError if there are fewer than two clusters."""
    labeling = encode_for(X, labels)
    if labeling.n_clusters < 2:
        raise InputError(
            f"expected at least two clusters besides noise, found {labeling.n_clusters}: with fewer there is "
            "nothing to compare; check the labels, or ask for more clusters"
        )
    return labeling


def as_points(X: Any) -> AnyArray:
    """Lists, tables and the like as a NumPy array; an InputError if they hold no numbers."""
    if isinstance(X, np.ndarray | Array):
        return X
    try:
        points = np.asarray(X)
    except ValueError as error:
        raise InputError("expected points [n d], got rows of different lengths: give all the same features") from error
    if points.dtype.kind not in "biuf":
        raise InputError(f"expected points [n d] of numbers, got {points.dtype}: leave other columns out")
    return points


def finite_centre(X: AnyArray) -> Any:
    """A point [d] amid the rows of X, to be subtracted before distances are taken; noise cannot drag it away.

    Raises:
        InputError: X is not [n d], or holds NaN or infinity.
    """
    if X.ndim != 2:
        raise InputError(f"expected points [n d], got shape {list(X.shape)}: flatten images with X.reshape(len(X), -1)")
    with np.errstate(invalid="ignore"):  # infinity minus infinity, which is what we look for
        mean = mean_of(X)
    if not np.isfinite(np.asarray(mean)).all():
        raise InputError("X holds NaN or infinity: leave those points out, with their labels")
    return centre_of(X)
