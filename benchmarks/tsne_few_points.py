"""How good maps of few points are, against scikit-learn's exact method: `python -m
benchmarks.tsne_few_points`.

Twelve draws of n of the embedded digits for each n, perplexity n / 6 (at most 30), both from their
PCA start and with their defaults. Both maps are judged by the same divergence, the reference's in
float64: scikit-learn's own figure is of the map before its last step. Where it stops early, after
300 iterations without progress, it is run again with all 1,000, and the better of the two counts;
ours stops by the same rule. Below 1 ours is the better map.

The rule for the exaggeration (`scratchclust.reference.tsne.exaggeration`) was chosen on these
draws, by divergences alone, no labels: on them it is not tested blind.
"""

from pathlib import Path
from typing import Any

import numpy as np
import sklearn.manifold

from benchmarks.harness import environment, write
from scratchclust import TSNE, data, devices
from scratchclust.reference.tsne import joint_affinities, kl_divergence

SIZES, DRAWS = (40, 60, 100, 200, 500, 1000), 12
MAX_ITER = 1000


def compared(n: int, draw: int) -> dict[str, Any]:
    """The divergences of both maps of n digits."""
    digits = data.load("digits").images
    X = digits.reshape(len(digits), -1)[
        np.random.default_rng(draw).permutation(len(digits))[:n]
    ].astype(np.float32)
    perplexity = min(30.0, n / 6)
    P = joint_affinities(X, perplexity)
    ours = TSNE(perplexity=perplexity, method="exact", max_iter=MAX_ITER).fit(X)
    peer = sklearn.manifold.TSNE(
        perplexity=perplexity, method="exact", max_iter=MAX_ITER, random_state=draw
    ).fit(X)
    theirs = kl_divergence(peer.embedding_.astype(np.float64), P)
    if peer.n_iter_ + 1 < MAX_ITER:
        peer.set_params(n_iter_without_progress=MAX_ITER).fit(X)
        theirs = min(theirs, kl_divergence(peer.embedding_.astype(np.float64), P))
    found = kl_divergence(np.asarray(ours.embedding_, np.float64), P)
    return {
        "ours": found,
        "n_iter": ours.n_iter_,
        "scikit-learn": theirs,
        "n_iter of scikit-learn": peer.n_iter_ + 1,
    }


def ratios(found: list[dict[str, Any]]) -> np.ndarray:
    """Our divergence over scikit-learn's, draw by draw."""
    return np.array([entry["ours"] / entry["scikit-learn"] for entry in found])


def main() -> None:
    """Print the table, and write it among the results."""
    devices.use_all_cores()
    results: dict[str, Any] = {"environment": environment(), "divergence": {}}
    print("ours / scikit-learn   median    worst     best        median KL: ours, scikit-learn")
    for n in SIZES:
        found = [compared(n, draw) for draw in range(DRAWS)]
        r = ratios(found)
        results["divergence"][n] = {
            "median": np.median(r),
            "worst": r.max(),
            "best": r.min(),
            "draws": found,
        }
        kl = [np.median([entry[name] for entry in found]) for name in ("ours", "scikit-learn")]
        print(
            f"{n:>7,} points      {np.median(r):8.3f} {r.max():8.3f} {r.min():8.3f} "
            f"{kl[0]:20.3f} {kl[1]:8.3f}"
        )
        path = write(
            "tsne-few-points", results, Path(__file__).parent / "results"
        )  # what there is, after each size
    print(path)


if __name__ == "__main__":
    main()
