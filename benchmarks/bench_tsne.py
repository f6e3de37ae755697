"""t-SNE: scratchclust against openTSNE (where it is installed) and scikit-learn, 1,000 iterations from PCA.

The 10,000 test digits of MNIST (or made-up clouds, where MNIST is not prepared), PCA to 50 axes, perplexity 30. Quality
is the divergence, each library's own figure, and trustworthiness with 12 neighbours on the same 2,000 points for all.
openTSNE is told one thread a core and its FFT; it then takes n as learning rate after the exaggeration, as it would.
"""

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sklearn.manifold

from benchmarks.harness import Contender, compare, mixture
from scratchclust import PCA, TSNE

SIZES, QUICK = (2_500, 5_000, 10_000), (200, 300)
TESTED = 2_000  # points of trustworthiness
PERPLEXITY = 30.0


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """All contenders at the largest size; then ours alone, with all iterations and with one, at each size."""
    sizes, max_iter, repeats = QUICK if quick else SIZES, 50 if quick else 1000, min(repeats, 3)
    X, maps = _digits(sizes[-1], quick), {}
    runs = {"scratchclust": _ours, "openTSNE": _open, "scikit-learn": _sklearn}
    if importlib.util.find_spec("openTSNE") is None:
        print("openTSNE is not installed: pip install openTSNE")
        del runs["openTSNE"]
    contenders = [Contender(name, partial(_kept, run, X, max_iter, maps, name)) for name, run in runs.items()]
    whole = compare(f"t-SNE, {len(X):,} x {X.shape[1]}, {max_iter} iterations", contenders, repeats=repeats)
    for row in whole["contenders"]:
        trust = sklearn.manifold.trustworthiness(X[:TESTED], maps[row["name"]][:TESTED], n_neighbors=12)
        row["quality"]["trustworthiness"] = float(trust)
        print(f"  {row['name']:<28} trustworthiness {trust:.4f}")
    per_size = [
        Contender(f"n = {n:,}, {i} iterations", partial(_kept, _ours, X[:n], i, maps, ""))
        for n in sizes
        for i in (1, max_iter)
    ]
    return [whole, compare("t-SNE, time against n", per_size, repeats=repeats)]


def _kept(run: Callable[..., Any], X: np.ndarray, max_iter: int, maps: dict[str, Any], name: str) -> dict[str, Any]:
    """One run; the map is kept, to be judged outside of the time that is taken."""
    maps[name], divergence = run(X, max_iter)
    return {"kl": float(divergence)}


def _digits(n: int, quick: bool) -> np.ndarray:
    try:
        from scratchclust.data import load

        images = None if quick else load("mnist", split="test").images[:n]
    except Exception as reason:
        print(f"without MNIST ({reason}): made-up clouds")
        images = None
    X = mixture(n, 64, 20) if images is None else images.reshape(n, -1).astype(np.float32)
    return np.asarray(PCA(50, random_state=0).fit_transform(X))


def _ours(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    model = TSNE(perplexity=PERPLEXITY, method="fft", max_iter=max_iter)
    return model.fit_transform(X), model.kl_divergence_


def _sklearn(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    iterations: dict[str, Any] = {"max_iter": max(max_iter, 250), "n_iter_without_progress": max(max_iter, 250)}
    model = sklearn.manifold.TSNE(perplexity=PERPLEXITY, init="pca", random_state=0, n_jobs=-1, **iterations)
    return model.fit_transform(X), model.kl_divergence_


def _open(X: np.ndarray, max_iter: int) -> tuple[Any, float]:
    early = min(250, max_iter)
    iterations: dict[str, Any] = {"early_exaggeration_iter": early, "n_iter": max_iter - early}
    settings: dict[str, Any] = {"negative_gradient_method": "fft", "n_jobs": os.cpu_count(), "random_state": 0}
    model = importlib.import_module("openTSNE").TSNE(
        perplexity=PERPLEXITY, initialization="pca", **settings, **iterations
    )
    embedding = model.fit(X)
    return np.asarray(embedding), float(embedding.kl_divergence)
