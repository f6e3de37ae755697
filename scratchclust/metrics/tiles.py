"""Tiles of points, and what is taken from the distances of two: sums by cluster, and extremes.

Distances are laid out [columns rows]. Where clusters are small and far from the centre
(`has_far_clusters`), a point is held as the sum of two numbers of the device's precision, and
differences are taken of both.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.distances import NEAR, PRECISION, centre_of, product, squared_norms
from scratchclust.metrics.labels import Labeling
from scratchclust.rows import AnyArray

# clusters that make, beside half the features, one-hot products dearer than a second look at each
# distance
MANY = 64
# clusters up to which a tile's distances are summed apart, so that rounding does not pile up
FEW_SUMS = 512


class Tiles(NamedTuple):
    """All points, whole on every device."""

    x: Array  # [T tile d]
    # [T tile d], what rounding took from x; None where that is too little to be seen
    rest: Array | None
    codes: Array  # [T tile labelings], -1 for noise and in the filling

    def points(self, i: Any) -> tuple[Array, Array | None]:
        """Tile i, and the rest of it."""
        return self.x[i], None if self.rest is None else self.rest[i]


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
    codes = np.full((x.shape[0] * tile, len(labelings)), -1, np.int32)
    codes[: len(X)] = np.stack([labeling.codes for labeling in labelings], axis=1)
    codes = rows.on_every_device(codes.reshape(-1, tile, len(labelings)), mesh)
    return Tiles(rows.on_every_device(x, mesh), rest, codes)


def rows_in_block(n: int, n_features: int) -> int:
    """How many of n rows meet a tile at a time."""
    return min(rows.limits().tile, rows.block_size(n, n_features))


def add_to_clusters(
    sums: Float[Array, "k b"], codes: Int[Array, " a"], distances: Float[Array, "a b"]
) -> Float[Array, "k b"]:
    """The sums and these distances, each in the row of its cluster; noise is in none."""
    if len(sums) <= MANY:
        return sums + cluster_sums(codes[:, None], distances, (len(sums),), axis=0)
    rows_of = jnp.where(codes >= 0, codes, len(sums))  # beyond the end: dropped
    if len(sums) <= FEW_SUMS:
        return sums + jnp.zeros_like(sums).at[rows_of].add(distances, mode="drop")
    return sums.at[rows_of].add(distances, mode="drop")


def squared_distances(
    columns: tuple[Float[Array, "a d"], Float[Array, "a d"] | None],
    points: tuple[Float[Array, "b d"], Float[Array, "b d"] | None],
    same: Bool[Array, "a b"],
) -> Float[Array, "a b"]:
    """|y - x|^2, 0 for the `same` point; by the definition if any two points are very near.

    Points come with what rounding took from them, or None; only differences of near points can
    tell.
    """
    y, y_rest = columns
    x, x_rest = points
    norms = squared_norms(y)[:, None] + squared_norms(x)[None, :]
    squared = jnp.where(same, 0, jnp.maximum(norms - 2 * product(y, x), 0))
    near = ((squared < NEAR * norms) & ~same).any()

    def by_definition() -> Array:
        difference = y[:, None, :] - x[None, :, :]
        if y_rest is not None and x_rest is not None:
            difference = difference + (y_rest[:, None, :] - x_rest[None, :, :])
        return jnp.where(same, 0, (difference**2).sum(axis=2))

    return jax.lax.cond(near, by_definition, lambda: squared)


def cluster_sums(
    codes: Int[Array, "m labelings"],
    distances: Float[Array, "a b"],
    n_clusters: tuple[int, ...],
    *,
    axis: int,
) -> Float[Array, "sum_k other"]:
    """The sums of distances over the points of each cluster, of all labelings one below the other.

    Noise is in none.

    Args:
        codes: of the points along `axis`.
        distances: [columns rows].
        n_clusters: k of each labeling, 0 for one that needs no sums.
        axis: the one that is summed.
    """
    one_hot = [
        jax.nn.one_hot(codes[:, i], k, dtype=distances.dtype) for i, k in enumerate(n_clusters) if k
    ]
    return jax.lax.dot_general(
        jnp.concatenate(one_hot, axis=1),
        distances,
        (((0,), (axis,)), ((), ())),
        precision=PRECISION,
    )


def extremes(
    squared: Float[Array, "a b"],
    y_codes: Int[Array, "a labelings"],
    codes: Int[Array, "b labelings"],
) -> tuple[Float[Array, "labelings b"], Float[Array, "labelings b"]]:
    """The smallest squared distance of each row to another cluster, and the largest to its own."""
    nearest = []
    farthest = []
    for i in range(codes.shape[1]):
        own = y_codes[:, i, None] == codes[None, :, i]
        noise = (y_codes[:, i] < 0)[:, None]
        nearest.append(jnp.where(own | noise, jnp.inf, squared).min(axis=0))
        farthest.append(jnp.where(own & ~noise, squared, 0).max(axis=0))
    return jnp.stack(nearest), jnp.stack(farthest)
