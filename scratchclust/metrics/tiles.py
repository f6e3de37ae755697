"""Tiles of points, and what is taken from the distances of two: sums by cluster, and extremes.

Distances are laid out [columns rows]. Where clusters are small and far from the centre
(`has_far_clusters`), a point is held as the sum of two numbers of the device's precision, and
differences are taken of both.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.distances import NEAR, PRECISION, centre_of, product
from scratchclust.distances import squared_distances as squared_distances_of
from scratchclust.metrics.labels import Labeling
from scratchclust.rows import AnyArray

# clusters that make, beside half the features, one-hot products dearer than a second look at each
# distance
MANY = 64
# clusters up to which a tile's distances are summed apart, so that rounding does not pile up
FEW_SUMS = 512
ROWS_OF_SOME = 64  # that meet all points at a time, if their distances are not more than
ELEMENTS_OF_SOME = 2**24
COLUMNS_AT_A_TIME = 4  # whose extremes are taken in one step on a CPU (of 2, 4, 8, 16 the fastest)


class Points(NamedTuple):
    """Some points, as they meet others."""

    x: Array  # [m d]
    norms: Array  # [m] |x|^2
    rest: Array | None  # [m d], what rounding took from x; None where that is too little to be seen


class Tiles(NamedTuple):
    """All points, whole on every device."""

    x: Array  # [T tile d]
    rest: Array | None  # [T tile d], what rounding took from x, or None
    codes: Array  # [T labelings tile], -1 for noise and in the filling

    def norms(self) -> Array:
        """|x|^2 [T tile]: a pass over the points, to be made once a program."""
        return (self.x * self.x).sum(axis=2)

    @property
    def longest(self) -> float:
        """The largest |x|."""
        return math.sqrt(float(_largest(self.x)))

    def points(self, i: Any, norms: Array) -> Points:
        """Tile i; the last one for a larger number."""
        return jax.tree.map(lambda a: take(a, i), Points(self.x, norms, self.rest))


class Clusters(NamedTuple):
    """The clusters of which distances are summed: K of all labelings, one below the other."""

    labeling: np.ndarray  # [K], the number of its labeling
    code: np.ndarray  # [K], its own within that


def clusters_of(n_clusters: Sequence[int] | Int[np.ndarray, " labelings"]) -> Clusters:
    """All clusters of labelings of so many each."""
    labeling = np.repeat(np.arange(len(n_clusters)), n_clusters)
    code = np.concatenate([np.arange(k) for k in n_clusters])
    return Clusters(labeling.astype(np.int32), code.astype(np.int32))


def take(array: Array, i: Any) -> Array:
    """array[i], or the last entry for a larger i; no number is taken to count from the end."""
    return array.at[i].get(mode="clip")


def are_many(n_clusters: int, n_features: int) -> bool:
    """Whether sums of the distances to each cluster are not worth their products and memory."""
    return n_clusters > MANY + n_features / 2


def tiles_of(X: AnyArray, labelings: list[Labeling], with_rest: bool) -> Tiles:
    """X less its centre, and its labels, in few tiles, as many for each device, little filled."""
    mesh = rows.mesh()
    n_tiles = rows.ceil_div(len(X), rows.limits().tile * mesh.size) * mesh.size
    tile = rows.ceil_div(len(X), n_tiles * 8) * 8
    centre = centre_of(X)
    rest = None
    x = rows.split(X, block=tile, offset=centre)
    if with_rest:
        offset = np.asarray(centre).astype(rows.offset_type(X))
        lost = np.asarray(X, np.float64) - offset - np.asarray(rows.join(x, len(X)))
        rest = rows.on_every_device(rows.split(lost, block=tile, dtype=x.dtype), mesh)
    codes = np.full((len(labelings), x.shape[0] * tile), -1, np.int32)
    for i, labeling in enumerate(labelings):
        codes[i, : len(X)] = labeling.codes
    codes = rows.on_every_device(codes.reshape(len(labelings), -1, tile).swapaxes(0, 1), mesh)
    return Tiles(rows.on_every_device(x, mesh), rest, codes)


@jax.jit
def _largest(x: Array) -> Array:
    """The largest |x|^2."""
    return (x * x).sum(axis=2).max()


def squares_of_rows(
    tiles: Tiles, index: Int[np.ndarray, " m"]
) -> Iterator[tuple[Int[np.ndarray, " part"], Float[np.ndarray, "part filled"]]]:
    """Some of the rows, a part at a time, and their squared distances from all points.

    Those of the filling, too, at the end.
    """
    part = int(np.clip(ELEMENTS_OF_SOME // tiles.x[..., 0].size, 1, ROWS_OF_SOME))
    for first in range(0, len(index), part):
        some = index[first : first + part]
        padded = np.pad(some, (0, part - len(some)))  # one shape is compiled
        yield some, np.asarray(_squares_of_rows(tiles.x, padded))[: len(some)]


@jax.jit
def _squares_of_rows(x: Array, index: Array) -> Array:
    flat = x.reshape(-1, x.shape[2])
    return squared_distances_of(flat[index], flat)


def rows_in_block(n: int, n_features: int) -> int:
    """How many of n rows meet a tile at a time."""
    return min(rows.limits().tile, rows.block_size(n, n_features))


def add_to_clusters(
    sums: Float[Array, "k b"], codes: Int[Array, " a"], distances: Float[Array, "a b"]
) -> Float[Array, "k b"]:
    """The sums and these distances, each in the row of its cluster; noise is in none."""
    if len(sums) <= MANY:
        return sums + cluster_sums(members(codes[None], clusters_of([len(sums)])), distances)
    rows_of = jnp.where(codes >= 0, codes, len(sums))  # beyond the end: dropped
    if len(sums) <= FEW_SUMS:
        return sums + jnp.zeros_like(sums).at[rows_of].add(distances, mode="drop")
    return sums.at[rows_of].add(distances, mode="drop")


def squared_distances(
    columns: Callable[[], Points], points: Callable[[], Points], same: Bool[Array, "a b"]
) -> Float[Array, "a b"]:
    """|y - x|^2, 0 for the `same` point; by the definition if any two points are very near.

    Args:
        columns: gives the points y, with what rounding took from them: only differences of near
            ones can tell. It is a function, so that the rare branch takes them where they lie:
            those that come into a conditional are copied first, each time (0.4 ms of 3.2 for
            512 x 512 x 784 on a CPU).
        points: gives the points x.
        same: which of the pairs are of a point and itself.
    """
    y = columns()
    x = points()
    norms = y.norms[:, None] + x.norms[None, :]
    squared = jnp.where(same, 0, jnp.maximum(norms - 2 * product(y.x, x.x), 0))
    beyond_near = jnp.where(same, jnp.inf, squared - NEAR * norms)

    def by_definition() -> Array:
        y = columns()
        x = points()
        difference = y.x[:, None, :] - x.x[None, :, :]
        if y.rest is not None and x.rest is not None:
            difference = difference + (y.rest[:, None, :] - x.rest[None, :, :])
        return jnp.where(same, 0, (difference**2).sum(axis=2))

    is_near = beyond_near.min(axis=0).min() < 0
    return jax.lax.cond(is_near, by_definition, lambda: squared)


def members(codes: Int[Array, "labelings m"], clusters: Clusters) -> Bool[Array, "K m"]:
    """Which of the points are in which of the clusters; noise is in none."""
    return codes[clusters.labeling] == clusters.code[:, None]


def cluster_sums(
    members: Bool[Array, "K m"], distances: Float[Array, "..."], *, axis: int = 0
) -> Float[Array, "K other"]:
    """The sums of distances over the points of each cluster, which lie along this axis."""
    contracted = (((1,), (axis,)), ((), ()))
    return jax.lax.dot_general(
        members.astype(distances.dtype), distances, contracted, precision=PRECISION
    )


class Extremes(NamedTuple):
    """The smallest squared distance of each row to another cluster, and the largest to its own."""

    nearest_other: Array  # [labelings b]
    farthest_own: Array  # [labelings b]


def extremes(
    found: Extremes,
    squared: Float[Array, "a b"],
    y_codes: Int[Array, "labelings a"],
    codes: Int[Array, "labelings b"],
) -> Extremes:
    """What was found so far, and of these pairs. Of rows that are noise it means nothing.

    On a CPU a few columns at a time: then what was found stays in registers and the nearest cache,
    and no reduction has to go through the distances once for each labeling (19 labelings, 512 x
    512: 0.9 ms instead of 4.5).
    """
    return jax.lax.platform_dependent(
        found, squared, y_codes, codes, cpu=_by_columns, default=_at_once
    )


def _by_columns(found: Extremes, squared: Array, y_codes: Array, codes: Array) -> Extremes:
    a, b = squared.shape
    few = math.gcd(a, COLUMNS_AT_A_TIME)

    columns = squared.reshape(-1, few, b)
    their_codes = y_codes.reshape(len(y_codes), -1, few)

    def step(found: Extremes, i: Array) -> tuple[Extremes, None]:
        for j in range(few):
            found = _with_column(found, columns[i, j], their_codes[:, i, j], codes)
        return found, None

    # The scan is over numbers: given the columns themselves it takes three times as long.
    return jax.lax.scan(step, found, jnp.arange(len(columns)))[0]


def _with_column(found: Extremes, squared: Array, code: Array, codes: Array) -> Extremes:
    """One column [b] and its codes [labelings] meet the rows."""
    own = code[:, None] == codes
    noise = (code < 0)[:, None]
    return Extremes(
        jnp.minimum(found.nearest_other, jnp.where(own | noise, jnp.inf, squared[None])),
        jnp.maximum(found.farthest_own, jnp.where(own, squared[None], 0)),
    )


def _at_once(found: Extremes, squared: Array, y_codes: Array, codes: Array) -> Extremes:
    """One labeling after the other: all together, XLA would write the distances once for each."""

    def of_one(codes_of: tuple[Array, Array]) -> Extremes:
        y_code, code = codes_of
        own = y_code[:, None] == code[None, :]
        noise = (y_code < 0)[:, None]
        return Extremes(
            jnp.where(own | noise, jnp.inf, squared).min(axis=0),
            jnp.where(own, squared, 0).max(axis=0),
        )

    here = jax.lax.map(of_one, (y_codes, codes))
    return Extremes(
        jnp.minimum(found.nearest_other, here.nearest_other),
        jnp.maximum(found.farthest_own, here.farthest_own),
    )
