"""The forces of t-SNE between all pairs of points, by blocks: exact, in O(n^2) each iteration."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.distances import PRECISION
from scratchclust.rows import AnyArray


class Forces(NamedTuple):
    """What the gradient and the divergence are made of; the normaliser is Z = sum_i!=j w_ij."""

    attraction: Array  # [n q] sum_j p_ij w_ij (y_i - y_j)
    repulsion: Array  # [n q] sum_j w_ij^2 (y_i - y_j)
    normaliser: Array
    log_student: Array  # sum_ij p_ij log w_ij

    def gradient(self, exaggeration: Any = 1.0) -> Float[Array, "n q"]:
        """dKL/dY, the affinities multiplied by the exaggeration."""
        return 4 * (exaggeration * self.attraction - self.repulsion / self.normaliser)

    def kl_divergence(self, negative_entropy: Any) -> Float[Array, ""]:
        """sum p log p - sum p log w + log Z."""
        return negative_entropy - self.log_student + jnp.log(self.normaliser)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AllPairs:
    """The affinities of all pairs, rows spread over the devices."""

    affinities: rows.Rows  # of (number of the point [.], p [. n])
    negative_entropy: Any  # sum p log p
    n: int = field(metadata={"static": True})
    has_transforms: bool = field(default=False, metadata={"static": True})

    def forces(self, Y: Float[Array, "n q"]) -> Forces:
        """The forces of a map. Cost O(n^2 q) time, one block of rows of memory."""

        def block(i: Array, p: Array, Y: Array) -> tuple[Any, Any]:
            y = Y[i]
            columns = zip(y.T, Y.T, strict=True)
            squares = sum(jnp.square(y_i[:, None] - y_j[None, :]) for y_i, y_j in columns)
            w = 1 / (1 + squares)
            logs = (p * jnp.log(w)).sum()
            w = jnp.where(i[:, None] == jnp.arange(self.n)[None, :], 0, w)
            # every point has a neighbour, rows of the filling have none
            real = (p.sum(axis=1) > 0).astype(w.dtype)
            total = jnp.matmul(real, w.sum(axis=1), precision=PRECISION)
            return (total, logs), (_pull(p * w, y, Y), _pull(jnp.square(w), y, Y))

        (normaliser, log_student), sums = rows.map_sum(block, self.affinities, Y)
        attraction, repulsion = (part.reshape(-1, Y.shape[1])[: self.n] for part in sums)
        return Forces(attraction, repulsion, normaliser, log_student)

    def holds(self, Y: Float[Array, "n q"]) -> Array:
        """Always: any map will do."""
        return jnp.bool_(True)


def _pull(
    f: Float[Array, "b n"], y: Float[Array, "b q"], Y: Float[Array, "n q"]
) -> Float[Array, "b q"]:
    """sum_j f_ij (y_i - y_j)."""
    return f.sum(axis=1, keepdims=True) * y - jnp.matmul(f, Y, precision=PRECISION)


def all_pairs(P: Float[AnyArray, "n n"]) -> AllPairs:
    """Affinities of all pairs on all devices."""
    P = np.asarray(P)
    block = rows.block_size(len(P), len(P))
    entropy = float((P[P > 0] * np.log(P[P > 0])).sum(dtype=np.float64))
    numbers = rows.split(np.arange(len(P)), block=block, dtype=np.int32)
    blocks = rows.split(P, block=block)
    affinities = rows.Rows((numbers, blocks), rows.mesh())
    return AllPairs(affinities, jnp.asarray(entropy, blocks.dtype), len(P))
