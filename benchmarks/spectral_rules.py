"""Which eigenvectors spectral clustering should use: `python -m benchmarks.spectral_rules`,
or only some sets: `python -m benchmarks.spectral_rules shapes tables`.

`coordinates="eigenvectors"`, as many as clusters, beside `"commute-time"`, 8 more, weighed: on
digits (gradients and pixels, several draws, classes in equal and in unequal shares, other
resolutions), on small tables of scikit-learn and on made-up shapes; three seeds of k-means each.

Commute times, 8 more eigenvectors and the least eigenvalue of 1e-4 were chosen with labels in
sight, on other draws of the same digits and on the same tables and shapes: only the draws are new.
The shapes whose graphs fall into several parts showed that parts must stay in the same row as the
other coordinates.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import sklearn.datasets

from benchmarks.harness import environment
from scratchclust import GradientFeatures, PixelFeatures, SpectralClustering, data, devices, metrics
from scratchclust.constants import SPECTRAL_COORDINATES

Problem = tuple[str, np.ndarray, np.ndarray]
RESULTS = Path(__file__).parent / "results" / "spectral-rules.json"
SEEDS = range(3)  # of k-means
DRAWS = range(100, 103)
UNEQUAL = 0.75  # times as many images of each class as of the one before


def of_mnist() -> Iterator[Problem]:
    """Gradients of the test digits, in several shares."""
    test = data.load("mnist", split="test")
    y = np.asarray(test.labels)
    gradients = GradientFeatures().fit_transform(test.images)
    for draw in DRAWS:
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(y))
        for n in (500, 1_000, 2_000):
            yield f"MNIST, {n:,}", gradients[order[:n]], y[order[:n]]
        classes = rng.permutation(10)
        shares = [int(600 * UNEQUAL**place) for place in range(10)]
        rows = [order[y[order] == c][:m] for c, m in zip(classes, shares, strict=True)]
        chosen = np.concatenate(rows)
        yield "MNIST, unequal classes", gradients[chosen], y[chosen]
        five = order[np.isin(y[order], classes[:5])][:1_500]
        yield "MNIST, five classes", gradients[five], y[five]
    yield "MNIST, 10,000", gradients, y


def of_pixels() -> Iterator[Problem]:
    """Pixels of 2,000 test digits at three resolutions."""
    test = data.load("mnist", split="test")
    for draw in DRAWS:
        some = np.random.default_rng(draw).permutation(len(test.images))[:2_000]
        images = test.images[some].astype(np.float32) / 255
        for size in (8, 14, 28):
            small = np.asarray(jax.image.resize(images, (2_000, size, size, 1), "linear"))
            X = small.reshape(2_000, -1)
            yield f"MNIST, pixels, {size}x{size}", X, np.asarray(test.labels)[some]


def of_scikit_learn() -> Iterator[Problem]:
    """The embedded digits, and small tables, each whole and three times 80% of it."""
    digits = data.load("digits")
    y = np.asarray(digits.labels)
    sets = {
        "digits, pixels": (PixelFeatures().fit_transform(digits.images), y),
        "digits, gradients": (GradientFeatures().fit_transform(digits.images), y),
    }
    for name in ("iris", "wine", "breast_cancer"):
        X, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        sets[name.replace("_", " ")] = (X - X.mean(axis=0)) / X.std(axis=0), labels
    for name, (X, labels) in sets.items():
        yield name, X, labels
        for draw in DRAWS:
            some = np.random.default_rng(draw).permutation(len(X))[: int(0.8 * len(X))]
            yield f"{name}, 80%", X[some], labels[some]


def of_shapes() -> Iterator[Problem]:
    """Made-up points: chains, and clouds that may fall into several parts."""
    for draw in DRAWS:
        make = sklearn.datasets
        shapes = {
            "moons": make.make_moons(300, noise=0.05, random_state=draw),
            "moons that touch": make.make_moons(1_000, noise=0.1, random_state=draw),
            "rings": make.make_circles(400, noise=0.04, factor=0.5, random_state=draw),
            "3 clouds": make.make_blobs(300, centers=3, random_state=draw),
            "5 unequal clouds": make.make_blobs(
                (300, 100, 50, 50, 20),  # pyright: ignore[reportArgumentType]
                n_features=5,
                cluster_std=2,
                random_state=draw,
            ),
            "10 clouds": make.make_blobs(
                1_000, n_features=10, centers=10, cluster_std=2.5, random_state=draw
            ),
        }
        for name, (X, labels) in shapes.items():
            yield name, X, labels


def accuracies(X: np.ndarray, labels: np.ndarray, coordinates: str) -> list[float]:
    """One for each seed."""
    k = len(np.unique(labels))
    found = []
    for seed in SEEDS:
        model = SpectralClustering(k, coordinates=coordinates, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the graph of", UserWarning)
            predicted = np.asarray(model.fit_predict(X.astype(np.float32)))
        found.append(float(metrics.clustering_accuracy(labels, predicted)))
    return found


GROUPS = {
    "tables": of_scikit_learn,
    "shapes": of_shapes,
    "pixels": of_pixels,
    "gradients": of_mnist,
}


def main(groups: list[str]) -> None:
    """Print the table, and write it among the results, beside what other groups have there."""
    devices.use_all_cores()
    known = json.loads(RESULTS.read_text())["accuracy"] if RESULTS.exists() else {}
    found: dict[str, dict[str, list[list[float]]]] = {}
    for group in groups or GROUPS:
        for name, X, labels in GROUPS[group]():
            record = found.setdefault(name, {rule: [] for rule in SPECTRAL_COORDINATES})
            for rule in SPECTRAL_COORDINATES:
                record[rule].append(accuracies(X, labels, rule))
            write({**known, **found})
    print("mean (worst) over draws and seeds")
    print(f"{'data':<24} {'eigenvectors':>20} {'commute-time':>20}")
    for name, record in found.items():
        cells = [f"{np.mean(values):.3f} ({np.min(values):.3f})" for values in record.values()]
        print(f"{name:<24} " + " ".join(f"{cell:>20}" for cell in cells))


def write(found: dict[str, dict[str, list[list[float]]]]) -> None:
    """Put the table into its file: after each set, so that a run that is stopped keeps the rest."""
    results = {"environment": environment(), "accuracy": found}
    RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
