"""t-SNE: a map in which points that are neighbours in the data are neighbours again.

Each point chooses neighbours with probabilities that fall with the distance, as wide as makes its
choice about as uncertain as one among `perplexity` equal neighbours:

    p_j|i = exp(-b_i |x_i - x_j|^2) / sum_k!=i exp(-b_i |x_i - x_k|^2)       with 2^(entropy of p_.|i) = perplexity
    p_ij  = (p_j|i + p_i|j) / 2n                                             one table for all pairs; its sum is 1

Pairs of points of the map have affinities of their own, with the long tail of Student's t, which
leaves room for what is only moderately near:

    w_ij = 1 / (1 + |y_i - y_j|^2)          q_ij = w_ij / Z          Z = sum_k!=l w_kl

The map is moved downhill on the divergence between the two:

    KL = sum_ij p_ij log(p_ij / q_ij)       dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)

For the first 250 iterations p is multiplied by an exaggeration a, so that clusters find together
while the map is small and they can still pass each other. Each step has momentum and, for each
coordinate, a gain that grows while the gradient keeps its direction and shrinks where it turns
(Jacobs, 1988):

    gain <- gain + 0.2 where step and gradient disagree in sign, else 0.8 gain        (at least 0.01)
    step <- momentum step - learning_rate gain (gradient / 4)                          y <- y + step

Both begin anew at the end of the exaggeration: what they have learned of a gradient 12 times as
steep throws few points apart, from where they do not come back. The learning rate, n / a,
multiplies a quarter of the gradient, as in FIt-SNE and openTSNE; scikit-learn's multiplies the
whole, so that 200 there is 800 here. The divergence is always told without exaggeration.

An exaggeration of 12 is made for thousands of points, of which each cluster has hundreds and
becomes a small disk. Among dozens, where a point's neighbours are a good part of all, it draws
everything into knots that leave each other in the wrong order. So n points take a = n / 200, but no
less than 4 and no more than 12: 4 up to 800 points, 12 from 2,400 on.
`benchmarks/tsne_few_points.py` shows what that gains.

The fast twin of this file is `scratchclust/reduce/tsne.py`.

Sources: van der Maaten & Hinton, Visualizing data using t-SNE, 2008. Belkina et al., Automated
optimized parameters for t-SNE, 2019 (learning rate n / exaggeration). Kobak & Berens, The art of
using t-SNE, 2019 (start from PCA).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.reference.neighbors import nearest_neighbors
from scratchclust.reference.pca import pca
from scratchclust.reference.pca import transform as coordinates
from scratchclust.results import Neighbors, TSNEHistory, TSNEResult

EXAGGERATED = 250  # iterations with exaggeration and with the first momentum
MOMENTA = 0.5, 0.8
LEAST_GAIN = 0.01
LEAST_EXAGGERATION, POINTS_PER_EXAGGERATION = 4.0, 200  # see `exaggeration`
LEAST_LEARNING_RATE = 10.0  # a dozen points have as far to go as fifty
START_SCALE = 1e-4  # standard deviation of the start along its first axis
JITTER = 0.01 * START_SCALE  # as in openTSNE
RECORD_EVERY = 50  # iterations from one entry of the history to the next
LOG_RANGE, HALVINGS = (
    (-20.0, 40.0),
    40,
)  # of the bisection for log b, in units of the mean squared distance
NEW_STEP, NEW_ITERATIONS = 0.25, 100  # the descent of new points, see `transform`


def conditional_affinities(
    squared_distances: Float[np.ndarray, "n m"], perplexity: float
) -> Float[np.ndarray, "n m"]:
    """p_j|i of each row, whose entropy is log(perplexity): bisection for log b_i.

    The entropy falls as b grows. Subtracting the smallest squared distance of a row changes no p
    and avoids exponents that underflow all at once; dividing by the mean gives b a scale.

    Args:
        squared_distances: from each point to m others; infinity leaves one out (the point itself).
        perplexity: a row of fewer than so many others, or with as many equally near ones, chooses
            evenly among these.
    """
    finite = np.isfinite(squared_distances)
    smallest = squared_distances.min(axis=1, keepdims=True)
    excess = np.where(finite, squared_distances - smallest, 0)
    mean = excess.sum(axis=1, keepdims=True) / finite.sum(axis=1, keepdims=True)
    u = excess / np.where(mean > 0, mean, 1)
    low, high = (np.full((len(u), 1), end) for end in LOG_RANGE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_even = _entropy(_softmax(u, finite, middle)) > np.log(perplexity)
        low, high = np.where(too_even, middle, low), np.where(too_even, high, middle)
    return _softmax(u, finite, (low + high) / 2)


def joint_affinities(
    X: Real[np.ndarray, "n d"], perplexity: float, *, metric: str = "euclidean"
) -> Float[np.ndarray, "n n"]:
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
    _check(X, perplexity)
    squares = _squares(X, metric)
    np.fill_diagonal(squares, np.inf)
    p = conditional_affinities(squares, perplexity)
    return (p + p.T) / (2 * len(X))


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
    """The factor of p in the first iterations for n points: min(early_exaggeration, max(4, n /
    200)).
    """
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
    if max_iter < 1:
        raise InputError(f"expected at least one iteration, got max_iter={max_iter}")
    if metric == "precomputed" and start is None:
        raise InputError(
            "distances have no principal axes to start from: give a start, as `random_start` makes one"
        )
    P = joint_affinities(X, perplexity, metric=metric)
    if start is None:
        start = jitter(
            pca_start(X, n_components), rng=np.random.default_rng(0) if rng is None else rng
        )
    Y = start.astype(np.float64)
    if Y.shape != (len(X), n_components):
        raise InputError(f"expected a start of shape {[len(X), n_components]}, got {list(Y.shape)}")
    factor = exaggeration(len(X), early_exaggeration)
    rate = max(len(X) / factor, LEAST_LEARNING_RATE) if learning_rate is None else learning_rate
    step, gains, history = np.zeros_like(Y), np.ones_like(Y), []
    for i in range(max_iter):
        if i == EXAGGERATED:
            step, gains = np.zeros_like(Y), np.ones_like(Y)
        slope = gradient(Y, P * factor if i < EXAGGERATED else P)
        gains = np.maximum(np.where(step * slope < 0, gains + 0.2, gains * 0.8), LEAST_GAIN)
        step = MOMENTA[i >= EXAGGERATED] * step - rate * gains * (slope / 4)
        Y = Y + step
        if (i + 1) % RECORD_EVERY == 0 or i + 1 == max_iter:
            history.append((i + 1, kl_divergence(Y, P)))
            if progress is not None:
                progress(*history[-1])
            if _stale(history, n_iter_without_progress) or _flat(
                i + 1, gradient(Y, P), min_grad_norm
            ):
                break
    iterations, divergences = np.array(history).T
    told = TSNEHistory(iterations.astype(np.int32), divergences)
    return TSNEResult(Y, float(divergences[-1]), history[-1][0], rate, told)


def transform(
    X_new: Real[np.ndarray, "m d"],
    X: Real[np.ndarray, "n d"],
    embedding: Float[np.ndarray, "n q"],
    *,
    perplexity: float = 30.0,
    metric: str = "euclidean",
) -> Float[np.ndarray, "m q"]:
    """Places for new points in a finished map, none of which moves anything else.

    A new point x has affinities p_j to its 3 perplexity nearest points of the fit. It starts at
    their weighted mean sum_j p_j y_j and goes down on its own divergence for 100 iterations of
    plain gradient descent:

        KL(y) = sum_j p_j log(p_j / q_j)    q_j = w_j / sum_k w_k        (k runs over all points of the fit)
        dKL/dy = 2 sum_j (p_j - q_j) w_j (y - y_j)

    A point that equals one of the fit gets that one's place.

    Args:
        X_new: new points, or with metric="precomputed" their distances [m n] to those of the fit.
        X: the points of the fit, or their distances.
        embedding: their map.
        perplexity: of the affinities.
        metric: "euclidean", "cosine" or "precomputed".

    Raises:
        InputError: as for `joint_affinities`, or new points of another length.
    """
    _check(X, perplexity)
    near = _nearest(X, min(int(3 * perplexity) + 1, len(X)), X_new, metric)
    p = conditional_affinities(near.distances**2, perplexity)
    attracting = embedding[near.indices]
    Y = (p[:, :, None] * attracting).sum(axis=1)
    for _ in range(NEW_ITERATIONS):
        attraction = _pull(Y, attracting, p)
        w = 1 / (1 + ((Y[:, None] - embedding[None]) ** 2).sum(axis=2))
        repulsion = _pull(
            Y,
            np.broadcast_to(embedding, (len(Y), *embedding.shape)),
            w / w.sum(axis=1, keepdims=True),
        )
        Y = Y - NEW_STEP * 2 * (attraction - repulsion)
    return np.where(near.distances[:, :1] == 0, attracting[:, 0], Y)


def _check(X: Real[np.ndarray, "n d"], perplexity: float) -> None:
    n = len(X)
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one has no neighbour")
    if not 1 <= perplexity < n:
        raise InputError(
            f"expected a perplexity of at least 1 and below the number of points {n}, got {perplexity:g}"
        )
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")


def _squares(X: Real[np.ndarray, "n d"], metric: str) -> Float[np.ndarray, "n n"]:
    """The squared distances of all pairs; with "cosine" |u_i - u_j|^2 / 2 = 1 - cos is the
    distance.
    """
    if metric == "euclidean":
        return squared_distances(X, X)
    if metric == "cosine":
        u = unit_rows(X)
        return (squared_distances(u, u) / 2) ** 2
    if metric != "precomputed":
        raise InputError(f'expected metric "euclidean", "cosine" or "precomputed", got {metric!r}')
    if X.shape[0] != X.shape[1]:
        raise InputError(f"expected a square distance matrix, got shape {list(X.shape)}")
    if (X < 0).any():
        raise InputError("expected positive distances or zeros, got a negative one")
    return X.astype(np.float64) ** 2


def _nearest(
    X: Real[np.ndarray, "n d"], k: int, X_new: Real[np.ndarray, "m d"], metric: str
) -> Neighbors:
    if metric != "precomputed":
        return nearest_neighbors(X, k, queries=X_new, metric=metric)
    indices = X_new.argsort(axis=1, kind="stable")[:, :k].astype(np.int32)
    return Neighbors(indices, np.take_along_axis(X_new, indices, axis=1).astype(np.float64))


def _stale(history: list[tuple[int, float]], n_iter_without_progress: int) -> bool:
    """Whether the smallest divergence since the exaggeration is so many iterations old."""
    late = [(divergence, iteration) for iteration, divergence in history if iteration > EXAGGERATED]
    return bool(late) and late[-1][1] - min(late)[1] > max(n_iter_without_progress, 0)


def _flat(iteration: int, slope: Float[np.ndarray, "n q"], min_grad_norm: float) -> bool:
    return iteration > EXAGGERATED and float(np.linalg.norm(slope)) <= min_grad_norm


def _softmax(
    u: Float[np.ndarray, "n m"], finite: np.ndarray, log_b: Float[np.ndarray, "n 1"]
) -> Float[np.ndarray, "n m"]:
    e = np.where(finite, np.exp(-np.exp(log_b) * u), 0)
    return e / e.sum(axis=1, keepdims=True)


def _entropy(p: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n 1"]:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1, keepdims=True)


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
