"""Affinities of t-SNE: the bisection for all rows at once, and the sparse table of near neighbours.

Beyond some thousand points each one's affinities to all but its 3 perplexity nearest neighbours are neglected, as in
van der Maaten, Accelerating t-SNE using tree-based algorithms, 2014. They end in `Edges`, made for the sum

    sum_j p_ij w_ij (y_i - y_j)

over the neighbours of each point: the table's rows differ in length (few points are neighbours of hundreds), so each is
cut into pieces of equal length, the last filled up with p = 0. Sums over pieces are dense; the few pieces of a point
are added afterwards.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.distances import AnyArray, check_range
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors

PIECE = 32  # neighbours in a piece of a row
LOG_RANGE, HALVINGS = (-20.0, 40.0), 40  # of the bisection for log b, in units of the mean squared distance


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Edges:
    """The affinities p_ij > 0, in pieces of rows."""

    pieces: rows.Rows  # of (i [.], j [. PIECE], p [. PIECE]) for each piece
    negative_entropy: Array  # sum p log p
    n: int = field(metadata={"static": True})


def check(X: Any, perplexity: float) -> None:
    """An InputError if there are fewer than two points or the perplexity is not within 1 and their number."""
    n = len(X)
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one has no neighbour")
    if not 1 <= perplexity < n:
        raise InputError(f"expected a perplexity of at least 1 and below the number of points {n}, got {perplexity:g}")


def conditional_affinities(squared_distances: Float[AnyArray, "n m"], perplexity: float) -> Float[Array, "n m"]:
    """p_j|i of each row, whose entropy is log(perplexity): bisection for log b_i, in float32, on all devices.

    Args:
        squared_distances: from each point to m others; infinity leaves one out (the point itself).
        perplexity: a row of fewer than so many others, or with as many equally near ones, chooses evenly among these.
    """
    u, finite = _scaled(np.asarray(squared_distances))
    block = rows.block_size(*u.shape)
    data = rows.Rows((rows.split(u, block=block), rows.split(finite, block=block, dtype=np.bool_)), rows.mesh())
    return rows.join(_bisected(data, np.log(perplexity)), len(u))


def joint_affinities(X: Real[AnyArray, "n d"], perplexity: float) -> Float[Array, "n n"]:
    """p_ij of all pairs, zero on the diagonal. Cost O(n^2 d) time, O(n^2) memory.

    Raises:
        InputError: fewer than two points, NaN or infinity among them, or not 1 <= perplexity < n.
    """
    check(X, perplexity)
    n = len(X)
    conditional = np.asarray(conditional_affinities(_all_squares(X), perplexity))
    return jnp.asarray((conditional + conditional.T) / (2 * n))


def _all_squares(X: Real[AnyArray, "n d"]) -> Float[np.ndarray, "n n"]:
    """|x_i - x_j|^2 on the host in float64, where the centred expansion loses nothing that float32 would keep."""
    X = np.asarray(X, np.float64)
    X = X - X.mean(axis=0)
    norms = (X * X).sum(axis=1)
    check_range(X, float(norms.max()))
    squares = np.maximum(norms[:, None] - 2 * (X @ X.T) + norms[None, :], 0)
    np.fill_diagonal(squares, np.inf)
    return squares


def sparse_affinities(X: Real[AnyArray, "n d"], perplexity: float) -> Edges:
    """p_ij of neighbours, on the first device. Cost O(n^2 d) time (the neighbours), O(n perplexity) memory.

    Raises:
        InputError: as for `joint_affinities`.
    """
    check(X, perplexity)
    n = len(X)
    k = min(int(3 * perplexity), n - 1)
    near = nearest_neighbors(X, k)
    p = np.asarray(conditional_affinities(near.distances**2, perplexity)) / (2 * n)
    table = scipy.sparse.csr_array((p.ravel(), near.indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    table = (table + table.T).tocsr()
    table.eliminate_zeros()
    with rows.on([rows.mesh().devices.flat[0]]):
        return edges_of(table)


def edges_of(table: Any) -> Edges:
    """A symmetric CSR matrix of affinities in pieces of rows."""
    n = table.shape[0]
    counts = np.diff(table.indptr)
    first = np.concatenate([[0], np.cumsum(-(-counts // PIECE))])  # the first piece of each row
    m = _few_sizes(int(first[-1]))
    owner = np.full(m, n - 1, np.int32)
    owner[: first[-1]] = np.repeat(np.arange(n), np.diff(first))
    place = np.repeat(first[:-1] * PIECE - table.indptr[:-1], counts) + np.arange(table.nnz)
    j, p = np.zeros(m * PIECE, np.int32), np.zeros(m * PIECE, np.float32)
    j[place], p[place] = table.indices, table.data
    block = rows.block_size(m, PIECE)
    parts = (owner, j.reshape(m, PIECE), p.reshape(m, PIECE))
    kinds = (np.int32, np.int32, np.float32)
    split = (rows.split(part, block=block, dtype=kind) for part, kind in zip(parts, kinds, strict=True))
    entropy = float((table.data * np.log(table.data)).sum(dtype=np.float64))
    return Edges(rows.Rows(tuple(split), rows.mesh()), jnp.float32(entropy), n)


def _few_sizes(m: int) -> int:
    """m rounded up by less than an eighth, so that data of the same shape find a compiled program."""
    step = 1 << max(m.bit_length() - 4, 0)
    return -(-m // step) * step


def _scaled(squares: Float[np.ndarray, "n m"]) -> tuple[Float[np.ndarray, "n m"], Any]:
    """Squared distances less the smallest of their row, in units of the mean; and where they are finite."""
    finite = np.isfinite(squares)
    excess = np.where(finite, squares - squares.min(axis=1, keepdims=True), 0)
    mean = excess.sum(axis=1, keepdims=True) / finite.sum(axis=1, keepdims=True)
    return (excess / np.where(mean > 0, mean, 1)).astype(np.float32), finite


@jax.jit
def _bisected(data: rows.Rows, entropy: Any) -> Array:
    """p of every row [n_blocks block m]."""

    def block(u: Array, finite: Array, entropy: Array) -> tuple[None, Array]:
        def softmax(log_b: Array) -> Array:
            e = jnp.where(finite, jnp.exp(-jnp.exp(log_b) * u), 0)
            return e / jnp.maximum(e.sum(axis=1, keepdims=True), 1e-30)  # a row of the filling has none

        def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = (ends[0] + ends[1]) / 2
            p = softmax(middle)
            too_even = -(p * jnp.log(jnp.where(p > 0, p, 1))).sum(axis=1, keepdims=True) > entropy
            return jnp.where(too_even, middle, ends[0]), jnp.where(too_even, ends[1], middle)

        ends = jnp.full((len(u), 1), LOG_RANGE[0], u.dtype), jnp.full((len(u), 1), LOG_RANGE[1], u.dtype)
        low, high = jax.lax.fori_loop(0, HALVINGS, halve, ends)
        return None, softmax((low + high) / 2)

    return rows.map_sum(block, data, entropy)[1]
