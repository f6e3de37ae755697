"""The forces of t-SNE by several CPU cores, each of which is a device: the first repels, all
attract.

The forces are those of `OnGrid` in `fft.py`, to the bit. An FFT takes one core at a time, so the
first device spreads, convolves and reads, while the others take blocks of neighbours; it takes as
many of these as let all end together. In each iteration the devices wait for each other once, for
the sums of all pieces.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.reduce.tsne_parts.affinities import NEIGHBORS_PER_PIECE, Edges
from scratchclust.reduce.tsne_parts.exact import Forces
from scratchclust.reduce.tsne_parts.fft import Grid, OnGrid, grid_for, pull_of_pieces, repulsion_of

# What the work of an iteration costs one core, in seconds of a machine of 2025: only their ratios
# matter, and only to the time that it takes.
PER_EDGE = 2.9e-9
PER_POINT = 1.2e-7  # spread and read
PER_NODE = 6e-10  # of the doubled grid, for each level of its three FFTs


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OnGridTogether:
    """As `OnGrid`, with all of it on every device of the edges' mesh."""

    edges: Edges
    grid: Grid
    ends: Any  # int32 [n_devices + 1], where the blocks of pieces of each device begin and end
    has_transforms: bool = field(default=True, metadata={"static": True})

    def forces(self, Y: Float[Array, "n 2"]) -> Forces:
        """The forces of a map that the grid holds."""
        pieces = self.edges.pieces
        owners = pieces.arrays[0]
        # As wide as the map outside of the branch: inside, XLA would multiply by its reciprocal.
        grid = replace(self.grid, spacing=jnp.broadcast_to(self.grid.spacing, Y.shape))

        def on_one_device(pieces: Any, grid: Grid, ends: Array, Y: Array) -> Any:
            me = jax.lax.axis_index(rows.AXIS)

            def take(b: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
                i, j, p = (array[b] for array in pieces)
                log_student, sums = pull_of_pieces(i, j, p, Y)
                return found[0] + log_student, found[1].at[b].set(sums)

            nothing = jnp.zeros((), Y.dtype), jnp.zeros((*owners.shape, 2), Y.dtype)
            attraction = jax.lax.fori_loop(ends[me], ends[me + 1], take, nothing)
            repulsion = jax.lax.cond(me == 0, repulsion_of, _no_repulsion, grid, Y)
            return jax.lax.psum((attraction, repulsion), rows.AXIS)

        whole = PartitionSpec()
        run = jax.shard_map(
            on_one_device,
            mesh=pieces.mesh,
            in_specs=(whole, whole, whole, whole),
            out_specs=whole,
            check_vma=False,
        )
        (log_student, sums), (repulsion, normaliser) = run(pieces.arrays, grid, self.ends, Y)
        at = jnp.zeros_like(Y).at[owners.reshape(-1)]
        attraction = at.add(sums.reshape(-1, 2), mode="promise_in_bounds")
        return Forces(attraction, repulsion, normaliser, log_student)

    def holds(self, Y: Float[Array, "n 2"]) -> Array:
        """Whether this is the grid for the map Y."""
        return OnGrid(self.edges, self.grid).holds(Y)

    @property
    def negative_entropy(self) -> Array:
        """sum p log p."""
        return self.edges.negative_entropy


def on_every_device(edges: Edges) -> Edges:
    """The edges whole on all devices of the mesh; CPU devices share one copy."""
    mesh = rows.mesh()
    arrays = tuple(rows.on_every_device(array, mesh) for array in edges.pieces.arrays)
    entropy = rows.on_every_device(edges.negative_entropy, mesh)
    return Edges(rows.Rows(arrays, mesh), entropy, edges.n)


def forces_for(edges: Edges, Y: Float[Array, "n 2"]) -> OnGridTogether:
    """The forces for a map, of edges that are on every device of the mesh."""
    mesh = edges.pieces.mesh
    grid = grid_for(Y)
    ends = ends_of(edges.pieces.arrays[0].shape, edges.n, grid.size, mesh.size)
    grid = jax.tree.map(lambda array: rows.on_every_device(array, mesh), grid)
    return OnGridTogether(edges, grid, rows.on_every_device(ends, mesh))


def ends_of(shape: tuple[int, int], n: int, size: int, n_devices: int) -> Int[np.ndarray, " _"]:
    """Where the blocks of each device begin and end, so that all devices work equally long.

    Args:
        shape: of the pieces, blocks and pieces in a block.
        n: points.
        size: nodes of a side of the grid.
        n_devices: at least two.
    """
    n_blocks, block = shape
    attraction = n_blocks * block * NEIGHBORS_PER_PIECE * PER_EDGE
    nodes = (2 * size) ** 2
    repulsion = n * PER_POINT + nodes * np.log2(nodes) * PER_NODE
    even = (attraction + repulsion) / n_devices
    of_first = max(even - repulsion, 0) / attraction * n_blocks
    ends = np.linspace(round(of_first), n_blocks, n_devices).round()
    return np.array([0, *ends], np.int32)


def _no_repulsion(grid: Grid, Y: Array) -> tuple[Array, Array]:
    return jnp.zeros_like(Y), jnp.zeros((), Y.dtype)
