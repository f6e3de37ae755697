"""Affinities of t-SNE: the bisection for all rows at once, and the sparse table of near neighbours.

Beyond some thousand points each one's affinities to all but its 3 perplexity nearest neighbours are
neglected, as in van der Maaten, Accelerating t-SNE using tree-based algorithms, 2014. They end in
`Edges`, made for the sum

    sum_j p_ij w_ij (y_i - y_j)

over the neighbours of each point: the table's rows differ in length (few points are neighbours of
hundreds), so each is cut into pieces of equal length, the last filled up with p = 0. Sums over
pieces are dense; the few pieces of a point are added afterwards. (On a GPU the table is made there,
`affinities_on_gpu.py`.)
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int, Real

from scratchclust import rows
from scratchclust.checks import one_of
from scratchclust.constants import HALVINGS, LOG_PRECISION_RANGE, NEIGHBORS_PER_PERPLEXITY
from scratchclust.distances import check_range, unit_rows
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.reduce.tsne_parts import affinities_on_gpu
from scratchclust.results import Neighbors
from scratchclust.rows import AnyArray

NEIGHBORS_PER_PIECE = 32  # of a row
EQUAL = 1e-13  # relative difference of two squared distances that only rounding makes
METRICS = ("euclidean", "cosine", "precomputed")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Edges:
    """The affinities p_ij > 0, in pieces of rows."""

    pieces: rows.Rows  # of (i [.], j [. 32], p [. 32]) for each piece
    negative_entropy: Any  # sum p log p
    n: int = field(metadata={"static": True})


def check(X: Any, perplexity: float, metric: str) -> None:
    """Refuse what no affinities can be computed of.

    Raises:
        InputError: fewer than two points, a perplexity that is not from 1 to below their number, an
            unknown metric, or what are no distances.
    """
    n = len(X)
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one has no neighbour")
    if not 1 <= perplexity < n:
        raise InputError(
            f"expected perplexity to be of at least 1 and below n_samples = {n}, got "
            f"{perplexity:g}: a third of the points is a lot"
        )
    one_of(*METRICS)("metric", metric)
    if metric == "precomputed" and X.shape[0] != X.shape[1]:
        raise InputError(f"expected X to be a square distance matrix, got shape {list(X.shape)}")
    if metric == "precomputed" and bool((X < 0).any()):
        raise InputError("expected X to be distances of at least 0, got a negative one")


def nearest(X: Real[AnyArray, "n d"], k: int, X_new: Any, metric: str) -> Neighbors:
    """`nearest_neighbors`, or the smallest of distances that are there: X [n n], X_new [m n].

    Without new points (None) those of each point among the others.
    """
    if metric != "precomputed":
        return nearest_neighbors(X, k, queries=X_new, metric=metric)
    distances = np.array(X if X_new is None else X_new, np.float64)
    if X_new is None:
        np.fill_diagonal(distances, np.inf)
    indices = distances.argsort(axis=1, kind="stable")[:, :k].astype(np.int32)
    return Neighbors(indices, np.take_along_axis(distances, indices, axis=1))


def conditional_affinities(
    squared_distances: Float[AnyArray, "n m"], perplexity: float
) -> Float[Array, "n m"]:
    """p_j|i of each row, whose entropy is log(perplexity): bisection for log b_i.

    In float32, on all devices.

    Args:
        squared_distances: from each point to m others; infinity leaves one out (the point itself).
        perplexity: a row of fewer than so many others, or with as many equally near ones, chooses
            evenly among these.
    """
    if affinities_on_gpu.on_gpu():
        u, finite = affinities_on_gpu.scaled(squared_distances, _scale_on_device)
    else:
        u, finite = _scale(np.asarray(squared_distances))
    block = rows.block_size(*u.shape)
    blocks = rows.split(u, block=block)
    are_finite = rows.split(finite, block=block, dtype=np.bool_)
    data = rows.Rows((blocks, are_finite), rows.mesh())
    return rows.join(_bisect(data, np.log(perplexity)), len(u))


def joint_affinities(
    X: Real[AnyArray, "n d"], perplexity: float, *, metric: str = "euclidean"
) -> Float[Array, "n n"]:
    """p_ij of all pairs, zero on the diagonal. Cost O(n^2 d) time, O(n^2) memory.

    Args:
        X: points, or with metric="precomputed" their distances [n n].
        perplexity: about how many neighbours each point has.
        metric: "euclidean", "cosine" (1 - cos in place of |x_i - x_j|, squared as that is) or
            "precomputed".

    Raises:
        InputError: fewer than two points, NaN or infinity among them, not 1 <= perplexity < n, an
            unknown metric, with "cosine" a row of zeros, or with "precomputed" no square matrix or
            a negative distance.
    """
    check(X, perplexity, metric)
    n = len(X)
    conditional = np.asarray(conditional_affinities(_squares(X, metric), perplexity))
    return jnp.asarray((conditional + conditional.T) / (2 * n))


def _squares(X: Real[AnyArray, "n d"], metric: str) -> Float[np.ndarray, "n n"]:
    """The squared distances of all pairs, infinite from each point to itself.

    On the host in float64, where the centred expansion loses nothing that float32 would keep. With
    "cosine" |u_i - u_j|^2 / 2 = 1 - cos is the distance.
    """
    X = np.asarray(X, np.float64)
    if metric == "precomputed":
        squares = X**2
    else:
        X = unit_rows(X) if metric == "cosine" else X - X.mean(axis=0)
        norms = (X * X).sum(axis=1)
        check_range(X, float(norms.max()))
        squares = np.maximum(norms[:, None] - 2 * (X @ X.T) + norms[None, :], 0)
        squares = (squares / 2) ** 2 if metric == "cosine" else squares
    np.fill_diagonal(squares, np.inf)
    return squares


def sparse_affinities(
    X: Real[AnyArray, "n d"], perplexity: float, *, metric: str = "euclidean"
) -> Edges:
    """p_ij of neighbours, on the first device.

    Cost O(n^2 d) time (the neighbours), O(n perplexity) memory.

    Raises:
        InputError: as for `joint_affinities`.
    """
    check(X, perplexity, metric)
    n = len(X)
    k = min(int(NEIGHBORS_PER_PERPLEXITY * perplexity), n - 1)
    near = nearest(X, k, None, metric)
    conditional = conditional_affinities(near.distances**2, perplexity)
    if affinities_on_gpu.on_gpu():
        return _edges_on_gpu(near.indices, conditional)
    p = np.asarray(conditional) / (2 * n)
    table = scipy.sparse.csr_array(
        (p.ravel(), near.indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n)
    )
    table = (table + table.T).tocsr()
    table.eliminate_zeros()
    with rows.on([rows.first_device()]):
        return edges_of(table)


def edges_of(table: Any) -> Edges:
    """A symmetric CSR matrix of affinities in pieces of rows."""
    n = table.shape[0]
    counts = np.diff(table.indptr)
    length = NEIGHBORS_PER_PIECE
    n_pieces = -(-counts // length)
    first = np.concatenate([[0], np.cumsum(n_pieces)])  # the first piece of each row
    m = _round_up(int(first[-1]))
    owner = np.full(m, n - 1, np.int32)
    owner[: first[-1]] = np.repeat(np.arange(n), n_pieces)
    place = np.repeat(first[:-1] * length - table.indptr[:-1], counts) + np.arange(table.nnz)
    j = np.zeros(m * length, np.int32)
    p = np.zeros(m * length, np.float32)
    j[place] = table.indices
    p[place] = table.data
    block = rows.block_size(m, length)
    pieces = tuple(
        rows.split(part, block=block, dtype=part.dtype)
        for part in (owner, j.reshape(m, length), p.reshape(m, length))
    )
    entropy = float((table.data * np.log(table.data)).sum(dtype=np.float64))
    return Edges(rows.Rows(pieces, rows.mesh()), jnp.float32(entropy), n)


def _edges_on_gpu(indices: Int[AnyArray, "n k"], conditional: Float[Array, "n k"]) -> Edges:
    """As `edges_of`, of conditional affinities that lie on a GPU."""
    length = NEIGHBORS_PER_PIECE
    with rows.on([rows.first_device()]):
        indices = jax.device_put(np.asarray(indices, np.int32), rows.first_device())
        edges = affinities_on_gpu.sort_edges(indices, conditional, length=length)
        m = _round_up(int(edges.n_pieces.sum()))
        found = affinities_on_gpu.cut_into_pieces(edges, m=m, length=length)
        block = rows.block_size(m, length)
        pieces = tuple(rows.split(part, block=block, dtype=part.dtype) for part in found)
        return Edges(rows.Rows(pieces, rows.mesh()), edges.negative_entropy, len(indices))


def _round_up(m: int) -> int:
    """m, and less than an eighth more, so that data of the same shape find a compiled program."""
    step = 1 << max(m.bit_length() - 4, 0)
    return rows.ceil_div(m, step) * step


def _scale(squares: Float[AnyArray, "n m"]) -> tuple[Float[AnyArray, "n m"], Any]:
    """Squared distances less the smallest of their row, over the mean; where they are finite."""
    xp = np if isinstance(squares, np.ndarray) else jnp
    finite = xp.isfinite(squares)
    smallest = squares.min(axis=1, keepdims=True)
    excess = xp.where(finite, squares - smallest, 0)
    # of equally far points: rounding is no neighbourhood
    excess = xp.where(excess < EQUAL * smallest, 0, excess)
    mean = excess.sum(axis=1, keepdims=True) / finite.sum(axis=1, keepdims=True)
    return (excess / xp.where(mean > 0, mean, 1)).astype(np.float32), finite


_scale_on_device = jax.jit(_scale)


@jax.jit
def _bisect(data: rows.Rows, entropy: Any) -> Array:
    """p of every row [n_blocks block m]."""

    def block(u: Array, finite: Array, entropy: Array) -> tuple[None, Array]:
        def softmax(log_b: Array) -> Array:
            e = jnp.where(finite, jnp.exp(-jnp.exp(log_b) * u), 0)
            # a row of the filling has none
            return e / jnp.maximum(e.sum(axis=1, keepdims=True), 1e-30)

        def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = (ends[0] + ends[1]) / 2
            p = softmax(middle)
            too_even = -(p * jnp.log(jnp.where(p > 0, p, 1))).sum(axis=1, keepdims=True) > entropy
            return jnp.where(too_even, middle, ends[0]), jnp.where(too_even, ends[1], middle)

        low, high = (jnp.full((len(u), 1), end, u.dtype) for end in LOG_PRECISION_RANGE)
        low, high = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
        return None, softmax((low + high) / 2)

    return rows.map_sum(block, data, entropy)[1]
