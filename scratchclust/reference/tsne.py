"""t-SNE: a map in which points that are neighbours in the data are neighbours again.

Each point chooses neighbours with probabilities that fall with the distance, as wide as makes its
choice about as uncertain as one among `perplexity` equal neighbours:

    p_j|i = exp(-b_i |x_i - x_j|^2) / sum_k!=i exp(-b_i |x_i - x_k|^2)
                                                             with 2^(entropy of p_.|i) = perplexity
    p_ij  = (p_j|i + p_i|j) / 2n                             one table for all pairs; its sum is 1

Pairs of points of the map have affinities of their own, with the long tail of Student's t, which
leaves room for what is only moderately near:

    w_ij = 1 / (1 + |y_i - y_j|^2)          q_ij = w_ij / Z          Z = sum_k!=l w_kl

The map is moved downhill on the divergence between the two:

    KL = sum_ij p_ij log(p_ij / q_ij)       dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)

For the first 250 iterations p is multiplied by an exaggeration a, so that clusters find together
while the map is small and they can still pass each other. Each step has momentum and, for each
coordinate, a gain that grows while the gradient keeps its direction and shrinks where it turns
(Jacobs, 1988):

    gain <- gain + 0.2 where step and gradient disagree in sign, else 0.8 gain       (at least 0.01)
    step <- momentum step - learning_rate gain (gradient / 4)                         y <- y + step

Both begin anew at the end of the exaggeration: what they have learned of a gradient 12 times as
steep throws few points apart, from where they do not come back. The learning rate, n / a,
multiplies a quarter of the gradient, as in FIt-SNE and openTSNE; scikit-learn's multiplies the
whole, so that 200 there is 800 here. The divergence is always told without exaggeration.

An exaggeration of 12 is made for thousands of points, of which each cluster has hundreds and
becomes a small disk. Among dozens, where a point's neighbours are a good part of all, it draws
everything into knots that leave each other in the wrong order. So n points take a = n / 200, but no
less than 4 and no more than 12: 4 up to 800 points, 12 from 2,400 on.
`benchmarks/tsne_few_points.py` shows what that gains.

The affinities of the data stand in `tsne_parts/affinities.py`. The fast twin of this file is
`scratchclust/reduce/tsne.py`.

Sources: van der Maaten & Hinton, Visualizing data using t-SNE, 2008. Belkina et al., Automated
optimized parameters for t-SNE, 2019 (learning rate n / exaggeration). Kobak & Berens, The art of
using t-SNE, 2019 (start from PCA). Poličar, Stražar & Zupan, Embedding to reference t-SNE space
addresses batch effects, 2021 (new points).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from scratchclust.checks import whole
from scratchclust.constants import (
    EXAGGERATED_ITERATIONS,
    GAIN_DECAY,
    GAIN_GROWTH,
    JITTER,
    LEAST_EXAGGERATION,
    LEAST_GAIN,
    LEAST_LEARNING_RATE,
    MOMENTA,
    NEIGHBORS_PER_PERPLEXITY,
    NEW_ITERATIONS,
    NEW_PERPLEXITY,
    NEW_STEP,
    POINTS_PER_EXAGGERATION,
    RECORD_EVERY,
    START_SCALE,
)
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances
from scratchclust.reference.pca import pca
from scratchclust.reference.pca import transform as coordinates
from scratchclust.reference.tsne_parts.affinities import (
    check,
    conditional_affinities,
    joint_affinities,
    nearest,
)
from scratchclust.results import TSNEHistory, TSNEResult

__all__ = [
    "conditional_affinities",
    "exaggeration",
    "gradient",
    "jitter",
    "joint_affinities",
    "kl_divergence",
    "pca_start",
    "random_start",
    "transform",
    "tsne",
]


def kl_divergence(Y: Float[np.ndarray, "n q"], P: Float[np.ndarray, "n n"]) -> float:
    """KL(P || Q) of the map Y; pairs with p = 0 count nothing."""
    w = _student(Y)
    some = P > 0
    return float((P[some] * np.log(P[some] / (w[some] / w.sum()))).sum())


def gradient(Y: Float[np.ndarray, "n q"], P: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n q"]:
    """dKL/dY by its definition. Cost O(n^2 q) time and memory."""
    w = _student(Y)
    f = (P - w / w.sum()) * w
    return 4 * (f[:, :, None] * (Y[:, None] - Y[None])).sum(axis=1)


def pca_start(X: Real[np.ndarray, "n d"], n_components: int = 2) -> Float[np.ndarray, "n q"]:
    """The leading principal coordinates, scaled so that the first has standard deviation 1e-4.

    Raises:
        InputError: as for `pca`.
    """
    Y = coordinates(X, pca(X, n_components))
    deviation = Y[:, 0].std()
    return Y * (START_SCALE / deviation) if deviation > 0 else np.zeros_like(Y)


def random_start(
    n: int, n_components: int = 2, *, rng: np.random.Generator
) -> Float[np.ndarray, "n q"]:
    """Normally distributed coordinates of standard deviation 1e-4."""
    return START_SCALE * rng.normal(size=(n, n_components))


def jitter(Y: Float[np.ndarray, "n q"], *, rng: np.random.Generator) -> Float[np.ndarray, "n q"]:
    """A start with a little spread of its own along each axis, normal of standard deviation 1e-6.

    Without it points that have no spread along a principal axis never leave the line, or the point,
    that they start in: no gradient leads out of it. Equal points stay in one place, which is their
    best map.
    """
    return Y + JITTER * rng.normal(size=Y.shape) if np.ptp(Y, axis=0).any() else Y


def exaggeration(n: int, early_exaggeration: float = 12.0) -> float:
    """The factor of p in the first iterations: min(early_exaggeration, max(4, n / 200))."""
    return min(early_exaggeration, max(LEAST_EXAGGERATION, n / POINTS_PER_EXAGGERATION))


def tsne(
    X: Real[np.ndarray, "n d"],
    n_components: int = 2,
    *,
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    learning_rate: float | None = None,
    max_iter: int = 1000,
    n_iter_without_progress: int = 300,
    min_grad_norm: float = 1e-7,
    metric: str = "euclidean",
    start: Float[np.ndarray, "n q"] | None = None,
    progress: Callable[[int, float], None] | None = None,
    rng: np.random.Generator | None = None,
) -> TSNEResult:
    """The map of X.

    Args:
        X: points, or with metric="precomputed" their distances [n n].
        n_components: q, the dimension of the map.
        perplexity: about how many neighbours each point has.
        early_exaggeration: factor of p in the first 250 iterations, at most: few points take less,
            see `exaggeration`.
        learning_rate: multiplies a quarter of the gradient; None: n / exaggeration, at least 10.
        max_iter: number of iterations, at most.
        n_iter_without_progress: after the exaggeration, so many iterations without a smaller
            divergence are the end.
        min_grad_norm: after the exaggeration, a gradient no longer than that is the end. Both are
            looked at every 50 iterations.
        metric: "euclidean", "cosine" or "precomputed".
        start: the first map; None: `pca_start` with a `jitter`.
        progress: called every 50 iterations with their number and the divergence.
        rng: of the jitter; None: a fixed one.

    Returns:
        The map, its divergence, and the divergence every 50 iterations. Cost O(n^2 (d + q
        max_iter)) time.

    Raises:
        InputError: as for `joint_affinities` and `pca_start`, distances without a start, a start of
            another shape, or no iteration.
    """
    n = len(X)
    check(X, perplexity, metric)
    whole(1)("max_iter", max_iter)
    _check_start(start, n, n_components, metric)
    if start is None:
        rng = np.random.default_rng(0) if rng is None else rng
        start = jitter(pca_start(X, n_components), rng=rng)
    factor = exaggeration(n, early_exaggeration)
    rate = max(n / factor, LEAST_LEARNING_RATE) if learning_rate is None else learning_rate
    P = joint_affinities(X, perplexity, metric=metric)
    Y = start.astype(np.float64)
    step = np.zeros_like(Y)
    gains = np.ones_like(Y)
    history = []
    for i in range(max_iter):
        early = i < EXAGGERATED_ITERATIONS
        if i == EXAGGERATED_ITERATIONS:
            step = np.zeros_like(Y)
            gains = np.ones_like(Y)
        slope = gradient(Y, P * factor if early else P)
        Y, step, gains = _move(Y, step, gains, slope, MOMENTA[not early], rate)
        if (i + 1) % RECORD_EVERY == 0 or i + 1 == max_iter:
            history.append((i + 1, kl_divergence(Y, P)))
            if progress is not None:
                progress(*history[-1])
            norm = float(np.linalg.norm(gradient(Y, P)))
            if _stale(history, n_iter_without_progress) or _flat(i + 1, norm, min_grad_norm):
                break
    iterations, divergences = np.array(history).T
    told = TSNEHistory(iterations.astype(np.int32), divergences)
    return TSNEResult(Y, float(divergences[-1]), history[-1][0], rate, told)


def transform(
    X_new: Real[np.ndarray, "m d"],
    X: Real[np.ndarray, "n d"],
    embedding: Float[np.ndarray, "n q"],
    *,
    perplexity: float = NEW_PERPLEXITY,
    metric: str = "euclidean",
) -> Float[np.ndarray, "m q"]:
    """Places for new points in a finished map, none of which moves anything else.

    A new point x has affinities p_j to its 3 perplexity nearest points of the fit. It starts at
    their weighted mean sum_j p_j y_j and goes down on its own divergence for 100 iterations of
    plain gradient descent:

        KL(y) = sum_j p_j log(p_j / q_j)    q_j = w_j / sum_k w_k    (k: all points of the fit)
        dKL/dy = 2 sum_j (p_j - q_j) w_j (y - y_j)

    A point that equals one of the fit gets that one's place.

    Args:
        X_new: new points, or with metric="precomputed" their distances [m n] to those of the fit.
        X: the points of the fit, or their distances.
        embedding: their map.
        perplexity: of the affinities of a new point. A few neighbours say on which island it
            belongs; thirty are of several islands, and draw it into the sea between them.
        metric: "euclidean", "cosine" or "precomputed".

    Raises:
        InputError: as for `joint_affinities`, or new points of another length.
    """
    check(X, perplexity, metric)
    k = min(int(NEIGHBORS_PER_PERPLEXITY * perplexity) + 1, len(X))
    near = nearest(X, k, X_new, metric)
    p = conditional_affinities(near.distances**2, perplexity)
    attracting = embedding[near.indices]
    Y = (p[:, :, None] * attracting).sum(axis=1)
    everywhere = np.broadcast_to(embedding, (len(Y), *embedding.shape))
    for _ in range(NEW_ITERATIONS):
        w = 1 / (1 + ((Y[:, None] - embedding[None]) ** 2).sum(axis=2))
        attraction = _pull(Y, attracting, p)
        repulsion = _pull(Y, everywhere, w / w.sum(axis=1, keepdims=True))
        Y = Y - NEW_STEP * 2 * (attraction - repulsion)
    return np.where(near.distances[:, :1] == 0, attracting[:, 0], Y)


def _move(
    Y: Float[np.ndarray, "n q"],
    step: Float[np.ndarray, "n q"],
    gains: Float[np.ndarray, "n q"],
    slope: Float[np.ndarray, "n q"],
    momentum: float,
    rate: float,
) -> tuple[Float[np.ndarray, "n q"], Float[np.ndarray, "n q"], Float[np.ndarray, "n q"]]:
    """The map after one step, that step, and the gains that allowed it."""
    gains = np.where(step * slope < 0, gains + GAIN_GROWTH, gains * GAIN_DECAY)
    gains = np.maximum(gains, LEAST_GAIN)
    step = momentum * step - rate * gains * (slope / 4)
    return Y + step, step, gains


def _stale(history: list[tuple[int, float]], n_iter_without_progress: int) -> bool:
    """Whether the smallest divergence since the exaggeration is so many iterations old."""
    late = [entry[::-1] for entry in history if entry[0] > EXAGGERATED_ITERATIONS]
    return bool(late) and late[-1][1] - min(late)[1] > max(n_iter_without_progress, 0)


def _flat(iteration: int, norm: float, min_grad_norm: float) -> bool:
    """Whether, after the exaggeration, a gradient is no longer than that."""
    return iteration > EXAGGERATED_ITERATIONS and norm <= min_grad_norm


def _student(Y: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n n"]:
    """w_ij, zero on the diagonal."""
    w = 1 / (1 + squared_distances(Y, Y))
    np.fill_diagonal(w, 0)
    return w


def _pull(
    Y: Float[np.ndarray, "m q"], targets: Float[np.ndarray, "m k q"], p: Float[np.ndarray, "m k"]
) -> Float[np.ndarray, "m q"]:
    """sum_j p_j w_j (y - y_j)."""
    difference = Y[:, None] - targets
    w = 1 / (1 + (difference**2).sum(axis=2))
    return ((p * w)[:, :, None] * difference).sum(axis=1)


def _check_start(start: Any, n: int, n_components: int, metric: str) -> None:
    if start is None and metric == "precomputed":
        raise InputError(
            "distances have no principal axes to start from: give a start, as `random_start` makes "
            "one"
        )
    if start is not None and start.shape != (n, n_components):
        raise InputError(
            f"expected start to be of shape {[n, n_components]}, got {list(start.shape)}"
        )
