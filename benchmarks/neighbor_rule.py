"""How well spectral clustering's rule for the number of neighbours does: `python -m
benchmarks.neighbor_rule`.

k = ln n, rounded up, beside half and twice as many, on subsets of MNIST's test digits (features of
gradients; several draws each), on the embedded digits (pixels) and on three small tables of
scikit-learn. The accuracies are shown, they choose nothing. The rule was fixed after a first one,
log2 n, had put two of the embedded digits into one cluster, so on these it is not tested blind.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.datasets

from benchmarks.harness import environment, write
from scratchclust import GradientFeatures, PixelFeatures, SpectralClustering, data, devices, metrics

DRAWS = {500: 5, 2_000: 3, 10_000: 1}


def problems() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, vectors and labels of each."""
    test = data.load("mnist", split="test")
    X, labels = GradientFeatures().fit_transform(test.images), np.asarray(test.labels)
    for n, n_draws in DRAWS.items():
        for draw in range(n_draws):
            chosen = np.random.default_rng(draw).permutation(len(X))[:n]
            yield f"MNIST, {n:,}", X[chosen], labels[chosen]
    digits = data.load("digits")
    yield "digits, pixels", PixelFeatures().fit_transform(digits.images), np.asarray(digits.labels)
    for name in ("iris", "wine", "breast_cancer"):
        X, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        yield (
            name.replace("_", " "),
            ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32),
            labels,
        )


def main() -> None:
    """Print the table, and write it among the results."""
    devices.use_all_cores()
    found: dict[str, dict[str, Any]] = {}
    for name, X, labels in problems():
        rule = math.ceil(math.log(len(X)))
        record = found.setdefault(
            name, {"rule": rule, "accuracy": {k: [] for k in (rule // 2, rule, 2 * rule)}}
        )
        for k, accuracies in record["accuracy"].items():
            model = SpectralClustering(
                len(np.unique(labels)),
                n_neighbors=None if k == rule else k,
                coordinates="eigenvectors",  # which of the others are taken is another question
                random_state=0,
            )
            accuracies.append(metrics.clustering_accuracy(labels, np.asarray(model.fit_predict(X))))
    print(
        f"{'data':<16} {'half as many':>18} {'ln n, rounded up':>18} {'twice as many':>18}"
        "    (mean accuracy)"
    )
    for name, record in found.items():
        cells = [f"{np.mean(values):.3f} (k = {k})" for k, values in record["accuracy"].items()]
        print(f"{name:<16} " + " ".join(f"{cell:>18}" for cell in cells))
    results = {"environment": environment(), "accuracy": found}
    print(write("neighbor-rule", results, Path(__file__).parent / "results"))


if __name__ == "__main__":
    main()
