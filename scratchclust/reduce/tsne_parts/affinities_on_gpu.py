"""The affinities of neighbours on a GPU, from the neighbours to the `Edges` of the descent.

The definition is that of `affinities.py` beside this file, where SciPy adds the table and its
transpose. That takes a core two seconds for 70,000 points with 90 neighbours each, and an H100 a
quarter of a second for the 1,000 iterations after it, by `benchmarks/ahead_of_time.py`. Here each
p_j|i makes two edges,

    (i, j, p_j|i)    and    (j, i, p_j|i)

which are sorted by both ends: of neighbours that know each other two stand side by side, and are
added. The host reads how many pieces there are, and nothing else.

(A TPU gathers and scatters one number after the other: there the host stays.)
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows

NOWHERE = np.int32(2**31 - 1)


class SortedEdges(NamedTuple):
    """All edges by row and column; of two of the same ends the first has both affinities."""

    row: Array  # [2 n k]
    column: Array  # [2 n k]
    p: Array  # [2 n k]
    place: Array  # [2 n k] among the entries of all pieces; NOWHERE of what is no edge
    n_pieces: Array  # [n] of each row
    negative_entropy: Array  # sum p log p


@partial(jax.jit, static_argnames="length")
def sort_edges(
    indices: Int[Array, "n k"], conditional: Float[Array, "n k"], *, length: int
) -> SortedEdges:
    """The symmetric table p_ij = (p_j|i + p_i|j) / 2n, and where its entries go.

    Args:
        indices: the neighbours of each point, each of them once.
        conditional: p_j|i of these.
        length: of a piece.
    """
    n, k = indices.shape
    ours = jnp.repeat(jnp.arange(n, dtype=jnp.int32), k)
    theirs = indices.reshape(-1)
    half = conditional.reshape(-1) / (2 * n)
    ends = jnp.concatenate([ours, theirs]), jnp.concatenate([theirs, ours])
    row, column, p = jax.lax.sort((*ends, jnp.concatenate([half, half])), num_keys=2)
    is_as_next = jnp.append((row[1:] == row[:-1]) & (column[1:] == column[:-1]), False)
    p = p + jnp.where(is_as_next, jnp.roll(p, -1), 0)
    is_edge = ~jnp.roll(is_as_next, 1) & (p > 0)
    of_row = (
        jnp.zeros(n, jnp.int32)
        .at[row]
        .add(is_edge.astype(jnp.int32), mode="promise_in_bounds", indices_are_sorted=True)
    )
    n_pieces = -(-of_row // length)
    first = (jnp.cumsum(n_pieces) - n_pieces) * length - (jnp.cumsum(of_row) - of_row)
    place = first[row] + jnp.cumsum(is_edge, dtype=jnp.int32) - 1
    entropy = jnp.where(is_edge, p * jnp.log(jnp.where(is_edge, p, 1)), 0).sum()
    return SortedEdges(row, column, p, jnp.where(is_edge, place, NOWHERE), n_pieces, entropy)


@partial(jax.jit, static_argnames=("m", "length"))
def cut_into_pieces(edges: SortedEdges, *, m: int, length: int) -> tuple[Array, Array, Array]:
    """Row [m], columns [m length] and affinities [m length] of m pieces, some of them filling."""
    n = len(edges.n_pieces)
    owner = jnp.repeat(jnp.arange(n, dtype=jnp.int32), edges.n_pieces, total_repeat_length=m)

    def put(values: Array) -> Array:
        empty = jnp.zeros(m * length, values.dtype)
        return empty.at[edges.place].set(values, mode="drop").reshape(m, length)

    return owner, put(edges.column), put(edges.p)


def on_gpu() -> bool:
    """Whether affinities go this way: a GPU of this process alone."""
    return rows.platform() == "gpu" and not rows.is_shared()


def scaled(squares: Any, scale: Any) -> Any:
    """`scale` of squared distances on the first device, in float64 as on the host: in both they
    are compared to 1e-13.
    """
    with jax.enable_x64(True):
        return scale(jax.device_put(np.asarray(squares), rows.first_device()))
