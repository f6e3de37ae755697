"""Two optimisers that look at the weights of a layer as a whole: at their length (LARS), or at the
directions of their matrix (Muon).

Both are `optax.GradientTransformation`s, as those of `optimizers.py`, and treat matrices and
kernels one way, vectors (biases, scales and shifts of a normalisation) another. A kernel [h w c_in
c_out] is taken as the matrix [h w c_in, c_out]. The definitions are in
`scratchclust/reference/layer_optimizers.py`.

Sources: You, Gitman and Ginsburg, Large batch training of convolutional networks, 2017, as Chen et
al. use it (SimCLR, 2020: no rate of its own and no decay for biases and batch normalisation).
Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from scratchclust.constants import NEWTON_SCHULZ, NEWTON_SCHULZ_STEPS
from scratchclust.train.optimizers import adam
from scratchclust.train.schedules import Schedule, constant


class LARSState(NamedTuple):
    """The steps taken, and the velocity v."""

    count: Array  # [] int32
    velocity: Any


class MuonState(NamedTuple):
    """The steps taken, the velocity v, and the state of Adam for the vectors."""

    count: Array  # [] int32
    velocity: Any
    adam: Any  # AdamState; in the place of each matrix stands one number, which nobody reads


def lars(
    learning_rate: float | Schedule,
    decay: float = 0.9,
    *,
    weight_decay: float = 0.0,
    trust: float = 0.001,
) -> optax.GradientTransformation:
    """LARS: momentum, with a rate for each layer by which all layers turn alike.

        h_t = g_t + weight_decay p_t
        r_t = trust |p_t| / |h_t|                 (1 where either is 0)
        v_t = decay v_(t-1) + eta_t r_t h_t
        u_t = -v_t

    For vectors h_t = g_t and r_t = 1.

    Args:
        learning_rate: eta, a number or a schedule.
        decay: the share of the velocity that is left after a step.
        weight_decay: pulls the matrices p to zero, through the gradient.
        trust: the share of its length by which a layer moves at a rate of 1.
    """
    eta = _schedule(learning_rate)

    def stretched(g: Array, p: Array) -> Array:
        if p.ndim < 2:
            return g
        h = g + weight_decay * p
        length = jnp.sqrt((p**2).sum())
        slope = jnp.sqrt((h**2).sum())
        ratio = trust * length / jnp.where(slope > 0, slope, 1)
        return h * jnp.where((length > 0) & (slope > 0), ratio, 1)

    def init(params: Any) -> LARSState:
        return LARSState(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, params))

    def update(gradients: Any, state: LARSState, params: Any = None) -> tuple[Any, LARSState]:
        rate = eta(state.count)
        velocity = jax.tree.map(
            lambda v, g, p: decay * v + rate * stretched(g, p), state.velocity, gradients, params
        )
        return jax.tree.map(jnp.negative, velocity), LARSState(state.count + 1, velocity)

    return _pair(init, update)


def muon(
    learning_rate: float | Schedule,
    decay: float = 0.95,
    *,
    weight_decay: float = 0.0,
    nesterov: bool = True,
    adam_share: float = 0.015,
) -> optax.GradientTransformation:
    """Muon: momentum whose directions all count alike; vectors go by Adam.

        v_t = decay v_(t-1) + g_t
        h_t = v_t,    with Nesterov's look ahead    h_t = g_t + decay v_t
        u_t = -eta_t ( sqrt(max(1, columns / rows)) orthogonalise(h_t) + weight_decay p_t )

    Args:
        learning_rate: eta, a number or a schedule; 0.02 is usual.
        decay: the share of the velocity that is left after a step.
        weight_decay: the share of the matrices p that a step of rate 1 takes away.
        nesterov: look ahead.
        adam_share: Adam's rate over eta.
    """
    eta = _schedule(learning_rate)
    of_vectors = adam(lambda t: adam_share * eta(t))

    def step_of_matrix(h: Array, p: Array) -> Array:
        matrix = h.reshape(-1, h.shape[-1])
        widened = max(1.0, matrix.shape[1] / matrix.shape[0]) ** 0.5
        return widened * orthogonalise(matrix).reshape(h.shape) + weight_decay * p

    def init(params: Any) -> MuonState:
        velocity = jax.tree.map(jnp.zeros_like, params)
        return MuonState(jnp.zeros((), jnp.int32), velocity, of_vectors.init(_vectors(params)))

    def update(gradients: Any, state: MuonState, params: Any = None) -> tuple[Any, MuonState]:
        by_adam, adam_state = of_vectors.update(_vectors(gradients), state.adam)
        velocity = jax.tree.map(lambda v, g: decay * v + g, state.velocity, gradients)
        ahead = (
            jax.tree.map(lambda v, g: g + decay * v, velocity, gradients) if nesterov else velocity
        )
        rate = eta(state.count)
        updates = jax.tree.map(
            lambda h, u, p: u if p.ndim < 2 else -rate * step_of_matrix(h, p),
            ahead,
            by_adam,
            params,
        )
        return updates, MuonState(state.count + 1, velocity, adam_state)

    return _pair(init, update)


def orthogonalise(G: Float[Array, "a b"]) -> Float[Array, "a b"]:
    """Bring all singular values of a matrix near to 1, by five steps of Newton and Schulz's
    iteration.

        X_0 = G / |G|        X_(s+1) = 3.4445 X - 4.7750 (X X^T) X + 2.0315 (X X^T)^2 X

    G = U diag(s) V^T becomes U diag(s') V^T with s' between 0.7 and 1.2 for all s that are no less
    than a hundredth of |G|. The coefficients make small ones grow fast, rather than converge to 1.

    Args:
        G: a matrix; zero stays zero.

    Returns:
        U diag(s') V^T. Cost O(a b m) with m the smaller of a and b.
    """
    if len(G) > G.shape[1]:
        return orthogonalise(G.T).T  # X X^T is then the smaller of the two products
    a, b, c = NEWTON_SCHULZ
    X = G / (jnp.sqrt((G**2).sum()) + 1e-8)
    for _ in range(NEWTON_SCHULZ_STEPS):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X


def _pair(
    init: Callable[..., Any], update: Callable[..., tuple[Any, Any]]
) -> optax.GradientTransformation:
    # Callable[...]: optax's types want its own names of the arguments
    return optax.GradientTransformation(init, update)


def _vectors(tree: Any) -> Any:
    return jax.tree.map(lambda x: x if x.ndim < 2 else jnp.zeros((), x.dtype), tree)


def _schedule(learning_rate: float | Schedule) -> Schedule:
    return learning_rate if callable(learning_rate) else constant(learning_rate)
