"""What mini-batch k-means reads of the data: the sample from which it starts, the batches, and the
parts that are labelled at the end. Nothing here holds all of X.

The definition is `scratchclust/reference/minibatch_kmeans.py`: `_best_start` there, `X[index]` in
its loop, and the labels at its end.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.nearest_centroid import inertia_of
from scratchclust.cluster.kmeans_parts.points import (
    KMeansPoints,
    points_in_blocks,
    rows_on_host,
    unit_of_weights,
)
from scratchclust.cluster.kmeans_starts import STARTS, draw_start
from scratchclust.distances import FEW_ROWS, centre_of
from scratchclust.rows import AnyArray
from scratchclust.streams import AnyRows

# Of X, that are there at a time for the labels at the end; on a GPU a block, which is more.
NUMBERS_IN_MEMORY = 2**24


def best_start(
    X: Any,
    n_clusters: int,
    *,
    rng: np.random.Generator,
    key: Array,
    init: str | AnyArray,
    n_init: int,
    weights: np.ndarray | None,
    size: int,
) -> tuple[KMeansPoints, AnyArray]:
    """A random sample of `size` points, and the start (centred as they are) of least inertia on
    another sample.
    """
    size = min(size, len(X))
    offset = centre_of(X[:: rows.ceil_div(len(X), FEW_ROWS)])
    trial = np.sort(rng.integers(len(X), size=size))
    found: list[tuple[float, KMeansPoints, AnyArray]] = []
    for start_key in jax.random.split(key, n_init):
        index = np.sort(rng.choice(len(X), size=size, replace=False))
        sample = points_in_blocks(
            X[index],
            offset=offset,
            n_clusters=n_clusters,
            sample_weight=_some_positive(weights, index),
        )
        if not isinstance(init, str):
            found = [(0.0, sample, sample.centred(init))]
            break
        start = draw_start(STARTS[init], sample, n_clusters, start_key)
        inertia = 0.0
        if n_init > 1:
            of_trial = None if weights is None else weights[trial]
            inertia = inertia_of(assign(X[trial], sample.uncentred(start))[1], of_trial)
        found.append((inertia, sample, start))
    _, sample, best = min(found, key=lambda candidate: candidate[0])
    # from here on the weights of all points are held in the unit of the sample
    return replace(sample, unit=unit_of_weights(weights)), best


def _some_positive(weights: np.ndarray | None, index: np.ndarray) -> np.ndarray | None:
    """The weights of a sample, or None, equal ones, where all of it are 0."""
    return None if weights is None or not weights[index].any() else weights[index]


def gather_batches(
    X: Any, index: np.ndarray, weights: np.ndarray | None, sample: KMeansPoints
) -> rows.Rows:
    """The points at `index` [steps b] as blocks [n_blocks steps block d] on all devices, and their
    weights.
    """
    steps, b = index.shape
    d = len(sample.offset)
    dtype = sample.rows.arrays[0].dtype
    block = rows.block_size(b, d)
    n_devices = rows.mesh().size
    n_blocks = rows.ceil_div(b, block * n_devices) * n_devices
    # The filling repeats the last point, without weight. Points are gathered where they are to lie,
    # in one pass.
    index = np.pad(index, ((0, 0), (0, n_blocks * block - b)), mode="edge")
    given = np.ones(index.shape, dtype)
    if weights is not None:
        given = (weights[index] / sample.unit).astype(dtype)
    given[:, b:] = 0
    index, given = (
        array.reshape(steps, n_blocks, block).swapaxes(0, 1) for array in (index, given)
    )
    if not rows.is_on_host(X):
        x = _gather_on_device(X, index, sample.offset.astype(dtype))
        return rows.Rows(jax.device_put((x, given), rows.by_blocks()), rows.mesh())
    x = rows.aligned((*index.shape, d), dtype)
    if isinstance(X, np.ndarray) and X.dtype == dtype == sample.offset.dtype:
        # in place, and so without another copy: no index is outside
        np.take(X, index, axis=0, out=x, mode="clip")
        np.subtract(x, sample.offset, out=x)
    else:
        np.subtract(rows_on_host(X, index), sample.offset, out=x, casting="same_kind")
    return rows.Rows(
        jax.device_put((x, np.ascontiguousarray(given)), rows.by_blocks()), rows.mesh()
    )


@jax.jit
def _gather_on_device(X: Array, index: Array, offset: Array) -> Array:
    """X[index] - offset where X is: of data on a GPU only the indices come from the host."""
    return X[index].astype(offset.dtype) - offset[None, None, None]


def assign_in_parts(
    X: AnyRows, centroids: AnyArray, weights: np.ndarray | None
) -> tuple[Array, float]:
    """The nearest centroid of each point, a part of X at a time, and the inertia."""
    on_host = rows.platform() == "cpu"
    most = NUMBERS_IN_MEMORY if on_host else max(NUMBERS_IN_MEMORY, rows.limits().block_elements)
    in_part = max(most // X.shape[1], 1)
    centroids = np.asarray(centroids)
    labels = np.empty(len(X) if on_host else 0, np.int32)
    found = []
    inertia = 0.0
    for begin in range(0, len(X), in_part):
        part = slice(begin, begin + in_part)
        of_part, squares = assign(X[part], centroids)
        if len(labels):
            labels[part] = np.asarray(of_part)
        else:  # they stay there
            found.append(of_part)
        inertia += inertia_of(squares, None if weights is None else weights[part])
    return jnp.concatenate(found) if found else jnp.asarray(labels), inertia
