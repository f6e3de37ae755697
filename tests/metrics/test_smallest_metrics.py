"""The smallest and most degenerate inputs of every score, against scikit-learn, brute force or the
definition.
"""

import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from scratchclust import metrics
from scratchclust.errors import InputError
from scratchclust.reference import dunn, silhouette

pytestmark = pytest.mark.full

RNG = np.random.default_rng(0)
CASES: dict[str, tuple[np.ndarray, list[int]]] = {
    "n = 2": (np.array([[0.0, 1], [3, 4]]), [0, 1]),
    "n = 3, k = 2": (np.array([[0.0], [1], [5]]), [0, 0, 1]),
    "n = 3, k = n": (np.array([[0.0], [1], [5]]), [2, 0, 1]),
    "n = 4, one alone": (np.array([[0.0], [1], [5], [2]]), [0, 0, 1, 0]),
    "one feature": (RNG.normal(size=(9, 1)), [0, 1, 2] * 3),
    "one constant feature": (np.full((6, 1), 0.1), [0, 1] * 3),
    "equal rows": (np.full((6, 3), 0.7), [0, 0, 0, 1, 1, 1]),
    "equal rows in each cluster": (
        np.repeat([[0.1, 0.3], [0.2, 0.9]], 3, axis=0),
        [0, 0, 0, 1, 1, 1],
    ),
    "equal rows across clusters": (
        np.repeat([[0.1, 0.3], [0.2, 0.9]], 3, axis=0),
        [0, 1, 0, 1, 0, 1],
    ),
    "zeros": (np.zeros((4, 2)), [0, 1, 0, 1]),
    "rank one": (RNG.normal(size=(12, 1)) * np.array([[1.0, 2, -3, 0.5]]), [0, 1, 2] * 4),
    "more features than points": (RNG.normal(size=(4, 50)), [0, 1, 1, 0]),
    "one huge cluster": (RNG.normal(size=(50, 2)), [0] * 49 + [1]),
    "pairs": (RNG.normal(size=(400, 2)), list(range(200)) * 2),
    "noise but two points": (RNG.normal(size=(20, 2)), [-1] * 18 + [0, 1]),
    "an offset of 1e12": (1e12 + np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 2, 2]),
    "numbers of one bit": (RNG.integers(0, 2, (20, 5)).astype(float), [0, 1] * 10),
}
each_case = pytest.mark.parametrize("case", CASES)


def known(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The points and labels of a case, and those that are not noise."""
    X, labels = CASES[case][0], np.array(CASES[case][1])
    return X, labels, X[labels >= 0], labels[labels >= 0]


@each_case
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_silhouettes(case: str, kind: Any) -> None:
    X, labels, _, _ = known(case)
    if kind is jnp.asarray and case == "an offset of 1e12":
        pytest.skip("float32 has steps of 65,536 there")
    expected = silhouette.silhouette_samples(X, labels)
    np.testing.assert_allclose(metrics.silhouette_samples(kind(X), labels), expected, atol=1e-5)
    assert metrics.silhouette_score(kind(X), labels) == pytest.approx(
        np.nanmean(expected), abs=1e-5
    )
    simplified = silhouette.simplified_silhouette_score(X, labels)
    assert metrics.simplified_silhouette_score(kind(X), labels) == pytest.approx(
        simplified, abs=1e-5
    )
    estimate = metrics.silhouette_estimate(kind(X), labels, sample_size=len(X))
    assert estimate.mean == pytest.approx(np.nanmean(expected), abs=1e-5)
    assert estimate.standard_error == 0
    scores = metrics.internal_scores(kind(X), [labels])[0]
    np.testing.assert_allclose(scores["silhouette_samples"], expected, atol=1e-5)


@each_case
def test_silhouette_equals_scikit_learn_where_it_is_defined_there(case: str) -> None:
    X, labels, points, names = known(case)
    if len(set(names.tolist())) == len(points) or case == "an offset of 1e12":
        return  # scikit-learn refuses k = n, and loses the digits there
    expected = sk.silhouette_score(points, names)
    assert metrics.silhouette_score(X, labels) == pytest.approx(expected, abs=1e-5)


@each_case
def test_dunn(case: str) -> None:
    X, labels, points, names = known(case)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = names[:, None] == names[None]
    separation, diameter = distances[~same].min(), distances[same].max()
    by_hand = 0.0 if separation == 0 else separation / diameter if diameter > 0 else math.inf
    assert metrics.dunn_index(X, labels) == pytest.approx(by_hand, rel=1e-12)
    assert dunn.dunn_index(X, labels) == pytest.approx(by_hand, rel=1e-12)
    assert metrics.internal_scores(X, [labels])[0]["dunn"] == metrics.dunn_index(X, labels)


@each_case
@pytest.mark.parametrize("name", ["calinski_harabasz_score", "davies_bouldin_score"])
def test_scores_of_centroids(case: str, name: str) -> None:
    X, labels, points, names = known(case)
    found = getattr(metrics, name)(X, labels)
    if all(len(set(map(tuple, points[names == label].tolist()))) == 1 for label in names):
        assert found == (
            1 if name == "calinski_harabasz_score" else 0
        )  # every point lies on its centroid; scikit-learn
        return  # means three times 0.1 to something else, and divides one rounding by another
    near = (
        points - 1e12 if case == "an offset of 1e12" else points
    )  # scikit-learn loses the digits there
    assert found == pytest.approx(getattr(sk, name)(near, names), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [-1, -1, -1], [-1, 0, 0]])
@pytest.mark.parametrize(
    "name", ["silhouette_score", "dunn_index", "davies_bouldin_score", "calinski_harabasz_score"]
)
def test_fewer_than_two_clusters(name: str, labels: list[int]) -> None:
    X = np.arange(2.0 * len(labels)).reshape(-1, 2)
    with pytest.raises(InputError, match="expected at least two clusters besides noise"):
        getattr(metrics, name)(X, labels)
    scores = metrics.internal_scores(X, [labels])[0]
    assert math.isnan(scores["silhouette"])
    assert math.isnan(scores["dunn"])


def small_labelings(n: int) -> list[tuple[int, ...]]:
    """Every partition of n points."""
    return sorted(
        {
            tuple(np.unique(p, return_inverse=True)[1].tolist())
            for p in itertools.product(range(n), repeat=n)
        }
    )


PARTITION_SCORES = [
    "adjusted_rand_score",
    "normalized_mutual_info_score",
    "homogeneity_score",
    "completeness_score",
    "v_measure_score",
]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("name", PARTITION_SCORES)
def test_every_two_partitions_of_few_points(name: str, n: int) -> None:
    for true, pred in itertools.product(small_labelings(n), repeat=2):
        expected = getattr(sk, name)(true, pred)
        assert getattr(metrics, name)(list(true), list(pred)) == pytest.approx(
            expected, abs=1e-12
        ), (true, pred)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_accuracy_and_purity_of_few_points_by_brute_force(n: int) -> None:
    for true, pred in itertools.product(small_labelings(n), repeat=2):
        table = np.zeros((n, n), int)
        np.add.at(table, (true, pred), 1)
        best = max(table[list(order), range(n)].sum() for order in itertools.permutations(range(n)))
        assert metrics.clustering_accuracy(list(true), list(pred)) == best / n
        assert metrics.purity_score(list(true), list(pred)) == table.max(axis=0).sum() / n
        shares = [column.max() / column.sum() for column in table.T if column.sum()]
        assert metrics.mean_cluster_purity(list(true), list(pred)) == pytest.approx(np.mean(shares))
        np.testing.assert_array_equal(
            metrics.contingency_matrix(list(true), list(pred)),
            sk.cluster.contingency_matrix(true, pred),
        )
