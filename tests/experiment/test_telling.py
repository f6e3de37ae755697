"""What estimators tell, and that nobody else asks them."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust.experiment.telling import (
    Nearness,
    ask_clustering,
    ask_drawing,
    ask_features,
    ask_nearness,
    ask_predict,
    ask_rule,
    calls_back,
    takes,
)
from scratchclust.runs.nearness import Rule

PACKAGE = Path(scratchclust.__file__).parent
INNER = ("__name__", "__class__", "__dict__")
ROOMS = ("experiment", "runs")  # recipes/ may not even know that there are estimators
FILES = sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))
X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1)).astype(np.uint8)


def probes_in(source: str) -> list[str]:
    """Every way to find out in code what an object has or is: hasattr, getattr, its class's name.

    `getattr(scratchclust, name)` builds by a public name, what is asked of a module of Python's own
    (os) is asked of the system, and an object may ask itself: none of these asks an estimator.
    """
    tree = ast.parse(source)
    free = {"self", "cls"} | {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        is_inner = isinstance(node, ast.Attribute) and node.attr in INNER
        if is_inner and not (isinstance(node.value, ast.Name) and node.value.id in free):
            found.append(ast.unparse(node))
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("hasattr", "getattr"):
            asked = node.args[0]
            if not (isinstance(asked, ast.Name) and asked.id in free):
                found.append(ast.unparse(node))
        elif node.func.id in ("type", "vars") and len(node.args) == 1:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_else_asks_an_estimator(path: Path) -> None:
    if path.name != "telling.py":
        assert probes_in(path.read_text()) == []


def test_a_probe_would_be_seen() -> None:
    source = """
import os, scratchclust
hasattr(os, "sched_getaffinity")
getattr(scratchclust, "KMeans")
hasattr(model, "predict")
getattr(model, "inertia_", None)
type(model).__name__ == "KMeans"
"""
    assert probes_in(source) == [
        "hasattr(model, 'predict')",
        "getattr(model, 'inertia_', None)",
        "type(model).__name__",
        "type(model)",
    ]
    assert probes_in((PACKAGE / "experiment" / "telling.py").read_text())


# --- clusterings


def test_k_means_tells_everything_but_noise() -> None:
    model = scratchclust.KMeans(3, random_state=0).fit(X)
    told = ask_clustering(model)
    np.testing.assert_array_equal(told.labels, model.labels_)
    assert (told.n_clusters, told.n_iter, told.converged) == (3, model.n_iter_, True)
    assert told.inertia == float(model.inertia_)
    assert told.history.keys() == {"inertia", "n_moved"}
    assert told.centroids is not None
    assert told.centroids.shape == (3, 3)
    nothing = (told.n_noise, told.eps, told.min_samples, told.n_neighbors, told.k_distances)
    assert nothing == (None,) * 5
    nearness = ask_nearness(model, X)
    assert nearness.probabilities is None
    assert nearness.distances is not None
    np.testing.assert_array_equal(nearness.distances.argmin(axis=1), told.labels)


def test_dbscan_tells_noise_and_its_radius() -> None:
    model = scratchclust.DBSCAN("knee", min_samples=4).fit(X)
    told = ask_clustering(model)
    assert told.n_clusters == model.labels_.max() + 1
    assert (told.n_noise or 0) == (model.labels_ < 0).sum()
    assert (told.eps, told.min_samples) == (float(model.eps_), 4)
    assert told.k_distances is not None
    assert len(told.k_distances) == len(X)
    assert (told.inertia, told.n_iter, told.converged, told.centroids) == (None,) * 4
    assert ask_nearness(model, X) == Nearness(None, None)


def test_a_mixture_tells_probabilities() -> None:
    model = scratchclust.GaussianMixture(2, random_state=0).fit(X)
    assert ask_clustering(model).n_clusters == 2
    nearness = ask_nearness(model, X)
    assert nearness.distances is None
    assert nearness.probabilities is not None
    np.testing.assert_allclose(nearness.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_graph_tells_its_neighbours_and_that_it_keeps_its_points() -> None:
    model = scratchclust.SpectralClustering(2, random_state=0).fit(X)
    told = ask_clustering(model)
    assert (told.n_neighbors, told.n_connected_components) == (4, model.n_connected_components_)
    assert told.coordinates == model.coordinates_
    plain = scratchclust.SpectralClustering(2, coordinates="eigenvectors", random_state=0).fit(X)
    assert ask_clustering(plain).coordinates == "eigenvectors"
    assert ask_clustering(scratchclust.KMeans(2, random_state=0).fit(X)).coordinates is None
    assert ask_nearness(model, X) == Nearness(None, None)
    assert ask_rule(model) == Rule(kind="neighbors", n_neighbors=4, points_in_model=True)


def test_the_rule_of_nearness_of_every_method() -> None:
    def rule_of(model: Any) -> Rule:
        return ask_rule(model.fit(X))

    assert rule_of(scratchclust.KMeans(3, random_state=0)) == Rule(kind="centers")
    assert rule_of(scratchclust.MiniBatchKMeans(3, random_state=0)) == Rule(kind="centers")
    mixture = rule_of(scratchclust.GaussianMixture(2, random_state=0))
    assert mixture.kind == "posterior"
    assert mixture.centers is not None
    assert mixture.centers.shape == (2, 3)
    tree = rule_of(scratchclust.AgglomerativeClustering(2))
    assert tree == Rule(kind="neighbors", n_neighbors=10)
    density = rule_of(scratchclust.DBSCAN(1.0, min_samples=4))
    assert (density.kind, density.n_neighbors, density.eps) == ("neighbors", 10, 1.0)
    assert density.core is not None
    assert 0 < len(density.core) < len(X)


# --- features


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (scratchclust.PixelFeatures(), set()),
        (scratchclust.AutoencoderFeatures(latent_dim=4, epochs=1), {"history", "autoencoder"}),
        pytest.param(
            scratchclust.AutoencoderFeatures("unet", latent_dim=4, epochs=1),
            {"history", "autoencoder", "is_unet"},
            marks=pytest.mark.full,
        ),
        pytest.param(
            scratchclust.AutoencoderFeatures("vae", latent_dim=4, epochs=1),
            {"history", "autoencoder", "vae"},
            marks=pytest.mark.full,
        ),
        (scratchclust.ClassifierFeatures(epochs=1), {"history", "classifier"}),
        pytest.param(
            scratchclust.ClassLossFeatures(latent_dim=4, epochs=1),
            {"history_by_class"},
            marks=pytest.mark.full,
        ),
        pytest.param(
            scratchclust.SelfSupervisedFeatures(
                scratchclust.StridedSpec(widths=(4,)), n_views=2, epochs=1
            ),
            {"history", "encoder"},
            marks=pytest.mark.full,
        ),
    ],
    ids=["pixels", "conv", "unet", "vae", "classifier", "class losses", "self-supervised"],
)
def test_features_tell_what_they_are(features: Any, expected: set[str]) -> None:
    before = ask_features(features)
    assert (before.history, before.history_by_class) == (None, None)
    told = ask_features(features.fit(IMAGES, np.arange(30) % 2 + 5))
    assert before.autoencoder is told.autoencoder  # this is known before it is fitted
    assert {name for name, value in told._asdict().items() if value} == expected
    if told.history_by_class is not None:
        assert list(told.history_by_class) == ["class 5", "class 6"]
        assert len(told.history_by_class["class 5"]["loss"]) == 1
    if told.history is not None:
        assert len(told.history["loss"]) == 1
    assert calls_back(features) == bool(expected)
    assert takes(features, "checkpoint_dir") == bool(expected)


@pytest.mark.full
def test_a_pipeline_tells_whether_new_images_have_a_place_and_vectors_an_image() -> None:
    def fitted(*steps: Any) -> Pipeline:
        names = ("features", "reduce", "cluster")[3 - len(steps) :]
        named = [("features", steps[0]), *zip(names[1:], steps[1:], strict=True)]
        return Pipeline(named).fit(IMAGES)

    pixels = scratchclust.PixelFeatures()
    centroids = fitted(pixels, scratchclust.PCA(2), scratchclust.KMeans(2, random_state=0))
    predict = ask_predict(centroids)
    draw = ask_drawing(centroids)
    assert predict is not None
    assert draw is not None
    np.testing.assert_array_equal(predict(IMAGES), ask_clustering(centroids[-1]).labels)
    assert draw(ask_clustering(centroids[-1]).centroids).shape == (2, 8, 8, 1)
    gradients = scratchclust.GradientFeatures()
    tree = fitted(gradients, scratchclust.PCA(2), scratchclust.AgglomerativeClustering(2))
    assert ask_predict(tree) is None
    assert ask_drawing(tree) is None
