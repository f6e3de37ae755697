"""Scores of few points on the host are those of the compiled ones."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import metrics
from scratchclust.errors import InputError
from scratchclust.metrics.few_points import scores_of_few

POINTS = np.random.default_rng(0).normal(size=(90, 4))


def test_by_hand() -> None:
    """On a line {0, 2}, {6, 10}, with 3 as noise: centroids 1 and 8, mean distances 1 and 2."""
    X = np.array([[0.0], [2.0], [6.0], [10.0], [3.0]])
    (scores,) = scores_of_few(X, [[0, 0, 1, 1, -1]])
    assert scores["silhouette"] == pytest.approx(np.mean([3 / 4, 2 / 3, 1 / 5, 5 / 9]))
    assert scores["calinski_harabasz"] == pytest.approx(49 / (10 / 2))
    assert scores["davies_bouldin"] == pytest.approx(3 / 7)


@pytest.mark.parametrize("offset", [0, 10_000])
def test_equals_single_calls(offset: int) -> None:
    X = POINTS + offset
    rng = np.random.default_rng(1)
    labelings = [rng.integers(-1, 5, 90), np.array(["a", "b", "c"])[rng.integers(0, 3, 90)]]
    for scores, labels in zip(scores_of_few(X, labelings), labelings, strict=True):
        for name, one in scores.items():
            expected = getattr(metrics, f"{name}_score")(X, labels)
            assert one == pytest.approx(expected, rel=1e-5)
    assert scores_of_few(jnp.asarray(POINTS), labelings)[0]["silhouette"] == pytest.approx(
        scores_of_few(POINTS, labelings)[0]["silhouette"], rel=1e-5
    )


def test_one_cluster_has_no_score() -> None:
    assert all(math.isnan(one) for one in scores_of_few(POINTS, [np.zeros(90, int)])[0].values())


def test_equal_points() -> None:
    (scores,) = scores_of_few(np.full((6, 3), 0.7), [[0, 0, 0, 1, 1, 1]])
    assert scores == {"silhouette": 0, "calinski_harabasz": 1, "davies_bouldin": 0}


def test_labels_of_other_points_are_refused() -> None:
    with pytest.raises(InputError, match="one label for each of the 90 points in labeling 1"):
        scores_of_few(POINTS, [np.zeros(90, int), [0, 1]])
