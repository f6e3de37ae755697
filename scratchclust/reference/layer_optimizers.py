"""Two optimisers that look at the weights of a layer as a whole: at their length (LARS), or at the
directions of their matrix (Muon).

Both are pairs (init, update), as those of `optimizers.py`, of lists of arrays. They treat matrices
and kernels one way, vectors (biases, scales and shifts of a normalisation) another. A kernel [h w
c_in c_out] is taken as the matrix [h w c_in, c_out]. The fast twin of this file is
`scratchclust/train/layer_optimizers.py`.

Sources: You, Gitman and Ginsburg, Large batch training of convolutional networks, 2017, as Chen et
al. use it (SimCLR, 2020: no rate of its own and no decay for biases and batch normalisation).
Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from scratchclust.constants import NEWTON_SCHULZ, NEWTON_SCHULZ_STEPS
from scratchclust.reference.optimizers import GradientTransformation, adam
from scratchclust.reference.schedules import Schedule, constant


class LARSState(NamedTuple):
    """The steps taken, and the velocity v."""

    count: int
    velocity: Any


class MuonState(NamedTuple):
    """The steps taken, the velocity v, and the state of Adam for the vectors."""

    count: int
    velocity: Any
    adam: Any


def lars(
    learning_rate: float | Schedule,
    decay: float = 0.9,
    *,
    weight_decay: float = 0.0,
    trust: float = 0.001,
) -> GradientTransformation:
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

    def stretched(g: np.ndarray, p: np.ndarray) -> np.ndarray:
        if p.ndim < 2:
            return g
        h = g + weight_decay * p
        lengths = np.linalg.norm(p), np.linalg.norm(h)
        return h * (trust * lengths[0] / lengths[1]) if min(lengths) > 0 else h

    def init(params: Any) -> LARSState:
        return LARSState(0, [np.zeros_like(p) for p in params])

    def update(gradients: Any, state: LARSState, params: Any) -> tuple[Any, LARSState]:
        velocity = [
            decay * v + eta(state.count) * stretched(g, p)
            for v, g, p in zip(state.velocity, gradients, params, strict=True)
        ]
        return [-v for v in velocity], LARSState(state.count + 1, velocity)

    return GradientTransformation(init, update)


def muon(
    learning_rate: float | Schedule,
    decay: float = 0.95,
    *,
    weight_decay: float = 0.0,
    nesterov: bool = True,
    adam_share: float = 0.015,
) -> GradientTransformation:
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

    def step_of_matrix(h: np.ndarray, p: np.ndarray) -> np.ndarray:
        matrix = h.reshape(-1, h.shape[-1])
        widened = np.sqrt(max(1, matrix.shape[1] / matrix.shape[0]))
        return widened * orthogonalise(matrix).reshape(h.shape) + weight_decay * p

    def init(params: Any) -> MuonState:
        return MuonState(0, [np.zeros_like(p) for p in params], of_vectors.init(params))

    def update(gradients: Any, state: MuonState, params: Any) -> tuple[Any, MuonState]:
        by_adam, adam_state = of_vectors.update(gradients, state.adam)
        velocity = [decay * v + g for v, g in zip(state.velocity, gradients, strict=True)]
        updates = []
        for g, v, by_adam_, p in zip(gradients, velocity, by_adam, params, strict=True):
            ahead = g + decay * v if nesterov else v
            matrix_step = by_adam_ if p.ndim < 2 else -eta(state.count) * step_of_matrix(ahead, p)
            updates.append(matrix_step)
        return updates, MuonState(state.count + 1, velocity, adam_state)

    return GradientTransformation(init, update)


def orthogonalise(G: Float[np.ndarray, "a b"]) -> Float[np.ndarray, "a b"]:
    """Bring all singular values of a matrix near to 1, by five steps of Newton and Schulz's
    iteration.

        X_0 = G / |G|        X_(s+1) = 3.4445 X - 4.7750 (X X^T) X + 2.0315 (X X^T)^2 X

    G = U diag(s) V^T becomes U diag(s') V^T with s' between 0.7 and 1.2 for all s that are no less
    than a hundredth of |G|. The coefficients make small ones grow fast, rather than converge to 1.

    Args:
        G: a matrix; zero stays zero.
    """
    a, b, c = NEWTON_SCHULZ
    X = G / (np.linalg.norm(G) + 1e-8)
    for _ in range(NEWTON_SCHULZ_STEPS):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X


def _schedule(learning_rate: float | Schedule) -> Schedule:
    return learning_rate if callable(learning_rate) else constant(learning_rate)
