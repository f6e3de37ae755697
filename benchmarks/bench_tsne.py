"""t-SNE: scratchclust against openTSNE (where it is installed) and scikit-learn, 1,000 iterations
from PCA.

The 10,000 test digits of MNIST (or made-up clouds, where MNIST is not prepared), PCA to 50 axes,
perplexity 30. Quality is the divergence, each library's own figure, and trustworthiness with 12
neighbours on the same 2,000 points for all. openTSNE is told one thread a core and its FFT; it then
takes n as learning rate after the exaggeration, as it would. Then all 70,000 digits once, ours and
openTSNE's; and the time of an iteration of ours against n, which `python -m benchmarks.plot_tsne`
draws.
"""

import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sklearn.manifold

from benchmarks.harness import Contender, compare, mixture
from scratchclust import PCA, TSNE
from scratchclust.constants import RECORD_EVERY
from scratchclust.reduce.tsne import tsne

SIZES, QUICK = (2_500, 5_000, 10_000, 20_000, 40_000, 70_000), (250, 300)
COMPARED = 10_000  # points of the map that all libraries make
TESTED = 2_000  # points of trustworthiness
ITERATIONS = 600  # of which the last count, in the time of one
LAST = 4  # stretches of 50
PERPLEXITY = 30.0


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """All contenders on 10,000 digits; ours and openTSNE once on all; ours alone at each size."""
    max_iter, repeats = 50 if quick else 1000, min(repeats, 3)
    found = [_compared(_digits(QUICK[-1] if quick else COMPARED, quick), max_iter, repeats)]
    whole = _digits(QUICK[-1] if quick else SIZES[-1], quick)
    if not quick:
        found.append(_compared(whole, max_iter, 0, without="scikit-learn"))
    iterations, sizes = (100, QUICK) if quick else (ITERATIONS, SIZES)
    return [*found, _per_iteration(whole, sizes, iterations)]


def _compared(X: np.ndarray, max_iter: int, repeats: int, without: str = "") -> dict[str, Any]:
    runs = {"scratchclust": _ours, "openTSNE": _open, "scikit-learn": _sklearn}
    if importlib.util.find_spec("openTSNE") is None:
        print("openTSNE is not installed: pip install openTSNE")
        del runs["openTSNE"]
    runs.pop(without, None)
    maps: dict[str, Any] = {}
    contenders = [
        Contender(name, partial(_kept, run, X, max_iter, maps, name)) for name, run in runs.items()
    ]
    whole = compare(
        f"t-SNE, {len(X):,} x {X.shape[1]}, {max_iter} iterations", contenders, repeats=repeats
    )
    for row in whole["contenders"]:
        trust = sklearn.manifold.trustworthiness(
            X[:TESTED], maps[row["name"]][:TESTED], n_neighbors=12
        )
        row["quality"]["trustworthiness"] = float(trust)
        print(f"  {row['name']:<28} trustworthiness {trust:.4f}")
    return whole


def _per_iteration(X: np.ndarray, sizes: tuple[int, ...], iterations: int) -> dict[str, Any]:
    """The median time of an iteration at each size, over the last ones: none is compiled."""
    print("\nt-SNE, time of an iteration against n")
    rows = []
    for n in sizes:
        at: list[float] = []
        tsne(
            X[:n],
            perplexity=PERPLEXITY,
            max_iter=iterations,
            algorithm="fft",
            progress=partial(_note, at),
        )
        seconds = float(np.median(np.diff(at)[-LAST:]) / RECORD_EVERY)
        rows.append({"n": n, "seconds": seconds})
        print(
            f"  {n:>7,} points  {1e3 * seconds:8.2f} ms an iteration  "
            f"{1e6 * seconds / n:6.2f} us a point"
        )
    return {"problem": "t-SNE, time of an iteration against n", "per_iteration": rows}


def _note(at: list[float], iteration: int, divergence: float) -> None:
    at.append(time.perf_counter())


def _kept(
    run: Callable[..., Any], X: np.ndarray, max_iter: int, maps: dict[str, Any], name: str
) -> dict[str, Any]:
    """One run; the map is kept, to be judged outside of the time that is taken."""
    maps[name], divergence = run(X, max_iter)
    return {"kl": float(divergence)}


def _digits(n: int, quick: bool) -> np.ndarray:
    try:
        from scratchclust.data import load

        images = (
            None if quick else load("mnist", split="test" if n <= COMPARED else "all").images[:n]
        )
    except Exception as reason:
        print(f"without MNIST ({reason}): made-up clouds")
        images = None
    X = mixture(n, 64, 20) if images is None else images.reshape(n, -1).astype(np.float32)
    return np.asarray(PCA(50, random_state=0).fit_transform(X))


def _ours(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    model = TSNE(perplexity=PERPLEXITY, method="fft", max_iter=max_iter)
    return model.fit_transform(X), model.kl_divergence_


def _sklearn(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    iterations: dict[str, Any] = {
        "max_iter": max(max_iter, 250),
        "n_iter_without_progress": max(max_iter, 250),
    }
    model = sklearn.manifold.TSNE(
        perplexity=PERPLEXITY, init="pca", random_state=0, n_jobs=-1, **iterations
    )
    return model.fit_transform(X), model.kl_divergence_


def _open(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    early = min(250, max_iter)
    iterations: dict[str, Any] = {"early_exaggeration_iter": early, "n_iter": max_iter - early}
    settings: dict[str, Any] = {
        "negative_gradient_method": "fft",
        "n_jobs": os.cpu_count(),
        "random_state": 0,
    }
    model = importlib.import_module("openTSNE").TSNE(
        perplexity=PERPLEXITY, initialization="pca", **settings, **iterations
    )
    embedding = model.fit(X)
    return np.asarray(embedding), float(embedding.kl_divergence)
