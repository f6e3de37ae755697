"""Nearest neighbours of all points, exactly: scratchclust, faiss and scikit-learn's brute force.

Quality is the share of neighbours that scikit-learn finds, too, in float64; ties may differ.
"""

from functools import partial
from typing import Any

import numpy as np
import sklearn.neighbors

from benchmarks.harness import Contender, compare, mixture
from scratchclust.neighbors import nearest_neighbors

SIZES = [(20_000, 50, 90), (20_000, 50, 5), (10_000, 784, 30)]
QUICK = [(1_000, 16, 10)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, k, min(repeats, 3)) for n, d, k in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, n_neighbors: int, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, 10)
    of_sklearn = partial(_of_sklearn, X, n_neighbors)
    expected = np.sort(of_sklearn(), axis=1)
    contenders = [
        Contender(name, partial(_timed, found, expected))
        for name, found in (
            ("scratchclust", partial(_of_ours, X, n_neighbors)),
            *_of_faiss(X, n_neighbors),
            ("scikit-learn", of_sklearn),
        )
    ]
    problem = f"nearest neighbours, {n:,} x {d}, {n_neighbors} of each"
    return compare(problem, contenders, repeats=repeats)


def _timed(find: Any, expected: np.ndarray) -> dict[str, Any]:
    found = find()
    same = [np.isin(a, b).mean() for a, b in zip(found[::50], expected[::50], strict=True)]
    return {"same": float(np.mean(same))}


def _of_ours(X: np.ndarray, n_neighbors: int) -> np.ndarray:
    return np.asarray(nearest_neighbors(X, n_neighbors).indices)


def _of_sklearn(X: np.ndarray, n_neighbors: int) -> np.ndarray:
    model = sklearn.neighbors.NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")
    return model.fit(X).kneighbors(return_distance=False)


def _of_faiss(X: np.ndarray, n_neighbors: int) -> list[tuple[str, Any]]:
    try:
        import faiss  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("faiss is not installed: left out")
        return []

    def find() -> np.ndarray:
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(X)
        return index.search(X, n_neighbors + 1)[1][:, 1:]  # the first is the point itself

    return [("faiss, exact", find)]
