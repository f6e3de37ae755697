"""Lloyd's algorithm: the same points, starts and number of iterations for scratchclust and
scikit-learn.

Both are timed as a whole fit: checks, centring, all iterations, final labels. "on device" starts
from a JAX array. "elkan" skips distances by bounds, which pays the longer the centroids have moved
little; so some problems run until no label changes. There the numbers of iterations can differ:
after a hundred, a rounding has decided some label.

With ten starts, both are given the same ones by a function; scratchclust runs them together.

The points are mixtures of Gaussian clouds; with many clusters also real ones, principal components
of patches of MNIST where it is at hand (TFDS_DATA_DIR).
"""

import itertools
import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.cluster

from benchmarks.harness import Contender, compare, mixture
from scratchclust import KMeans

SIZES = [
    (10_000, 1_024, 10),
    (60_000, 784, 10),
    (60_000, 128, 10),
    (262_144, 64, 100),
    (131_072, 32, 1_000),
]
QUICK = [(2_000, 64, 10)]
ITERATIONS = 20
UNTIL_STABLE = [(10_000, 1_024, 10), (20_000, 784, 10), (60_000, 784, 10), (60_000, 128, 10)]
N_STARTS = 10
STARTED_OFTEN = [(10_000, 1_024, 10), (20_000, 784, 10), (60_000, 128, 10)]
REAL = [(262_144, 64, 100), (131_072, 32, 1_000)]
PATCH = 14  # pixels on a side


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    short = [_compare(*size, ITERATIONS, repeats) for size in (QUICK if quick else SIZES)]
    long = [_compare(*size, 1000, repeats) for size in (QUICK if quick else UNTIL_STABLE)]
    often = [_compare_starts(*size, repeats) for size in (QUICK if quick else STARTED_OFTEN)]
    real = [_compare_real(*size, repeats) for size in ([] if quick else REAL)]
    return [*short, *long, *often, *filter(None, real)]


def _compare(
    n: int,
    d: int,
    k: int,
    max_iter: int,
    repeats: int,
    X: np.ndarray | None = None,
    what: str = "",
) -> dict[str, Any]:
    X = mixture(n, d, k) if X is None else X
    start = X[np.random.default_rng(1).choice(n, k, replace=False)].copy()
    settings: dict[str, Any] = {
        "init": start,
        "n_clusters": k,
        "n_init": 1,
        "max_iter": max_iter,
        "tol": 0,
    }
    contenders = [
        Contender("scratchclust", partial(_fit, KMeans(**settings), X)),
        Contender("scratchclust, on device", partial(_fit, KMeans(**settings), jnp.asarray(X))),
        Contender("scikit-learn", partial(_fit, sklearn.cluster.KMeans(**settings), X)),
    ]
    if max_iter > ITERATIONS:
        settings["algorithm"] = "elkan"
        contenders.insert(2, Contender("scratchclust, elkan", partial(_fit, KMeans(**settings), X)))
        contenders.insert(
            3,
            Contender("scikit-learn, elkan", partial(_fit, sklearn.cluster.KMeans(**settings), X)),
        )
    length = f"{max_iter} iterations" if max_iter == ITERATIONS else "until no label changes"
    problem = f"k-means, {what}{n:,} x {d:,}, k = {k:,}, {length}"
    return compare(problem, contenders, repeats=repeats)


def _compare_starts(n: int, d: int, k: int, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, k)
    rng = np.random.default_rng(1)
    starts = [X[rng.choice(n, k, replace=False)] for _ in range(N_STARTS)]
    settings: dict[str, Any] = {
        "n_clusters": k,
        "n_init": N_STARTS,
        "max_iter": 1000,
        "tol": 0,
    }
    ours = KMeans(**settings | {"init": InTurn(starts)})
    centre = X.mean(axis=0)  # scikit-learn asks for starts of the points that it has centred
    settings["init"] = InTurn([c - centre for c in starts])
    theirs = sklearn.cluster.KMeans(**settings)
    contenders = [
        Contender("scratchclust", partial(_fit, ours, X)),
        Contender("scikit-learn", partial(_fit, theirs, X)),
    ]
    problem = f"k-means, {n:,} x {d:,}, k = {k:,}, {N_STARTS} starts until no label changes"
    return compare(problem, contenders, repeats=repeats)


class InTurn:
    """A function for `init` that gives a copy of one start after the other, again and again:
    scikit-learn moves the array that it is given.
    """

    def __init__(self, starts: list[np.ndarray]) -> None:
        self.starts = itertools.cycle(starts)

    def __call__(self, X: Any, n_clusters: int, random_state: Any) -> np.ndarray:
        return next(self.starts).copy()


def _compare_real(n: int, d: int, k: int, repeats: int) -> dict[str, Any] | None:
    X = _patches(n, d)
    if X is None:
        return None
    return _compare(n, d, k, ITERATIONS, repeats, X, "patches of MNIST, ")


def _patches(n: int, d: int) -> np.ndarray | None:
    """The first d principal components of n patches of MNIST, or None without it."""
    try:
        from scratchclust.data import load

        images = load("mnist", split="train").images.reshape(-1, 28, 28)
    except (ImportError, OSError, ValueError) as error:
        print(f"\nk-means, patches of MNIST: left out ({error})")
        return None
    rng = np.random.default_rng(0)
    image, top, left = rng.integers([[len(images)], [29 - PATCH], [29 - PATCH]], size=(3, n))
    side = np.arange(PATCH)
    chosen = images[
        image[:, None, None],
        top[:, None, None] + side[None, :, None],
        left[:, None, None] + side[None, None, :],
    ]
    flat = chosen.reshape(n, -1).astype(np.float32)
    flat -= flat.mean(axis=0)
    _, axes = np.linalg.eigh(flat.T @ flat)
    return flat @ axes[:, ::-1][:, :d]


def _fit(model: Any, X: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # scikit-learn warns when max_iter ends it, which is meant here
        model.fit(X)
    jax.block_until_ready((model.labels_, model.cluster_centers_))
    return {"inertia": float(model.inertia_), "n_iter": int(model.n_iter_)}
