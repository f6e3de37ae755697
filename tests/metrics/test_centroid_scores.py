"""Calinski-Harabasz and Davies-Bouldin: by hand, against scikit-learn, noise, degenerate cases,
devices, refusals.
"""

import tracemalloc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import make_blobs

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.metrics import (
    calinski_harabasz_score,
    centroids,
    davies_bouldin_score,
    simplified_silhouette_score,
)
from scratchclust.metrics.labels import encode
from scratchclust.reference import silhouette

SCORES = [calinski_harabasz_score, davies_bouldin_score]
each_score = pytest.mark.parametrize("score", SCORES)

# On a line: clusters {0, 2}, {6, 10} and {20}, of centroids 1, 8 and 20, and a point of noise.
LINE = np.array([[0.0], [2.0], [6.0], [10.0], [20.0], [300.0]])
LABELS = np.array([4, 4, 7, 7, 9, -1])


def blobs(seed: int, std: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    X, labels = make_blobs(90, n_features=3, centers=4, cluster_std=std, random_state=seed)
    return X.astype(np.float32).astype(np.float64), labels


def test_by_hand() -> None:
    between = 2 * (1 - 7.6) ** 2 + 2 * (8 - 7.6) ** 2 + (20 - 7.6) ** 2
    within = 1 + 1 + 4 + 4
    expected = (between / (3 - 1)) / (within / (5 - 3))
    assert calinski_harabasz_score(LINE, LABELS) == pytest.approx(expected, rel=1e-5)
    # The mean distances to the centroids are 1, 2 and 0; the likenesses 3/7 and 1/19, 3/7 and 2/12,
    # 1/19 and 2/12.
    assert davies_bouldin_score(LINE, LABELS) == pytest.approx(
        (3 / 7 + 3 / 7 + 2 / 12) / 3, rel=1e-5
    )


@each_score
def test_equals_scikit_learn(score: Callable[..., float]) -> None:
    theirs = getattr(sk, score.__name__)
    for seed in range(30):
        X, labels = blobs(seed, std=[0.1, 2.0, 8.0][seed % 3])
        labels[: 10 * (seed % 2)] = -1
        expected = theirs(X[labels >= 0], labels[labels >= 0])
        assert score(X, labels) == pytest.approx(expected, rel=1e-5), f"seed {seed}"
        assert score(X + 10_000, np.array(["a", "b", "c", "d", "noise"])[labels]) != expected
        if seed % 2 == 0:
            assert score(X + 10_000, np.array(["d", "b", "a", "c"])[labels]) == pytest.approx(
                expected, rel=1e-5
            )


@each_score
def test_invariances(score: Callable[..., float]) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, labels = blobs(seed)
        expected, order = score(X, labels), rng.permutation(90)
        assert score(X[order], 10 * labels[order]) == pytest.approx(expected, rel=1e-5)
        assert score(X * 10.0 ** rng.integers(-6, 7) + rng.normal(), labels) == pytest.approx(
            expected, rel=1e-5
        )


def test_no_spread_within_the_clusters() -> None:
    """Every point lies on its centroid, though the mean of three 0.1 in float32 need not be 0.1."""
    for seed in range(20):
        X = np.repeat(np.random.default_rng(seed).normal(size=(4, 3)), [1, 3, 5, 11], axis=0)
        labels = np.repeat(np.arange(4), [1, 3, 5, 11])
        assert calinski_harabasz_score(X, labels) == 1
        assert davies_bouldin_score(X, labels) == pytest.approx(0, abs=1e-6)


def test_every_point_its_own_cluster() -> None:
    X, _ = blobs(0)
    assert calinski_harabasz_score(X, np.arange(90)) == 1
    assert davies_bouldin_score(X, np.arange(90)) == 0


def test_means_of_many_points_keep_their_digits() -> None:
    """A float32 sum of 20,000 points that lie near 1 has an error of 1e-5; their spread is 1e-3."""
    X = 1 + 1e-3 * np.random.default_rng(0).normal(size=(20_000, 2))
    X[::2] -= 2
    X, labels = X.astype(np.float32), np.arange(20_000) % 2
    means = centroids.centre_on_clusters(X, encode(labels)).centroids
    expected = [X[labels == j].mean(axis=0, dtype=np.float64) for j in (0, 1)]
    np.testing.assert_allclose(means[1] - means[0], expected[1] - expected[0], rtol=0, atol=1e-9)


def test_coinciding_centroids_are_passed_over() -> None:
    """{-1, 1} and {-2, 2} share a centroid; {8, 12} does not."""
    X, labels = np.array([[-1.0], [1.0], [-2.0], [2.0], [8.0], [12.0]]), np.repeat(np.arange(3), 2)
    expected = ((1 + 2) / 10 + (2 + 2) / 10 + (2 + 2) / 10) / 3
    assert davies_bouldin_score(X, labels) == pytest.approx(expected, rel=1e-5)
    assert davies_bouldin_score(X, labels) == pytest.approx(
        sk.davies_bouldin_score(X, labels), rel=1e-5
    )


@each_score
def test_device_counts_and_kinds_of_arrays_agree(score: Callable[..., float]) -> None:
    X, labels = blobs(5)
    expected = getattr(sk, score.__name__)(X, labels)
    for n_devices in (1, 2, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            assert score(X, labels) == pytest.approx(expected, rel=1e-5)
    for given in (jnp.asarray(X), X.astype(np.float32), np.asfortranarray(X)):
        assert score(given, labels.tolist()) == pytest.approx(expected, rel=1e-5)


@each_score
def test_a_second_call_compiles_nothing(score: Callable[..., float]) -> None:
    score(*blobs(0))
    before = centroids._residual_sums._cache_size(), centroids._own._cache_size()
    score(*blobs(1))
    assert (centroids._residual_sums._cache_size(), centroids._own._cache_size()) == before


def by_definition(score: Callable[..., float], X: np.ndarray, labels: np.ndarray) -> float:
    """In float64, every difference taken as such."""
    groups = [X[labels == label] for label in np.unique(labels)]
    means = np.array([group.mean(axis=0) for group in groups])
    if score is calinski_harabasz_score:
        sizes = np.array([len(group) for group in groups])
        between = sizes @ ((means - X.mean(axis=0)) ** 2).sum(axis=1)
        within = sum(((group - mean) ** 2).sum() for group, mean in zip(groups, means, strict=True))
        return between / (len(groups) - 1) / (within / (len(X) - len(groups)))
    spread = np.array(
        [np.linalg.norm(g - mean, axis=1).mean() for g, mean in zip(groups, means, strict=True)]
    )
    gaps = np.linalg.norm(means[:, None] - means[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return float(((spread[:, None] + spread[None]) / gaps).max(axis=1).mean())


@each_score
@pytest.mark.parametrize("far", [1e3, 1e7, 1e8, 1e10])
def test_a_far_group_does_not_swallow_the_spread_of_others(
    score: Callable[..., float], far: float
) -> None:
    X, labels = np.array([[0.0], [1], [10], [11], [far], [far]]), np.repeat([0, 1, 2], 2)
    assert score(X, labels) == pytest.approx(getattr(sk, score.__name__)(X, labels), rel=1e-6)


@pytest.mark.parametrize("far", [1e16, 3e16, 1e17, 1e20, 1e22])
def test_how_far_the_farthest_group_is_tells_not_which_others_coincide(far: float) -> None:
    X, labels = np.array([[0.0], [1], [10], [11], [far], [far]]), np.repeat([0, 1, 2], 2)
    assert davies_bouldin_score(X, labels) == pytest.approx(
        by_definition(davies_bouldin_score, X, labels), rel=1e-6
    )


@each_score
@pytest.mark.parametrize("far", [1e25, 1e30, 1e36, 1e45])
def test_spreads_too_small_to_be_squared_beside_a_far_group(
    score: Callable[..., float], far: float
) -> None:
    for last in (far, 1.5 * far):
        X, labels = np.array([[0.0], [1], [10], [11], [far], [last]]), np.repeat([0, 1, 2], 2)
        assert score(X, labels) == pytest.approx(by_definition(score, X, labels), rel=1e-5)


@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.float32])
def test_one_point_very_far_away(kind: Any) -> None:
    for seed in range(5):
        X, labels = (
            np.random.default_rng(seed).normal(size=(61, 3)),
            np.append(np.arange(60) % 3, 3),
        )
        X[60] = 1e18
        given = jnp.asarray(X, kind) if kind is jnp.float32 else X.astype(kind)
        expected = by_definition(davies_bouldin_score, np.asarray(given, np.float64), labels)
        assert davies_bouldin_score(given, labels) == pytest.approx(expected, rel=1e-5), (
            f"seed {seed}"
        )


@each_score
@pytest.mark.parametrize("far", [1e3, 1e8])
@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.float32])
def test_groups_near_each_other_and_far_from_the_rest(
    score: Callable[..., float], far: float, kind: Any
) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat([0, 1, 2], [40, 20, 20]))
        X = np.array([[0, 0], [far, 0], [far + 5, 3]])[labels] + rng.normal(size=(80, 2))
        given = jnp.asarray(X, kind) if kind is jnp.float32 else X.astype(kind)
        expected = by_definition(score, np.asarray(given, np.float64), labels)
        assert score(given, labels) == pytest.approx(expected, rel=1e-5), f"seed {seed}"


@pytest.mark.parametrize("kind", [np.float64, jnp.float32])
def test_numbers_are_held_in_two_only_where_clusters_are_far(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = [], centroids._other
    monkeypatch.setattr(
        centroids, "_other", lambda *args: held.append(args[1][1] is not None) or other(*args)
    )
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat([0, 1, 2], [40, 20, 20]))
        for far in (3.0, 30.0, 1e6):
            X = np.array([[0, 0], [far, 0], [far + 5, 3]])[labels] + rng.normal(size=(80, 2))
            given = jnp.asarray(X, kind) if kind is jnp.float32 else X.astype(kind)
            expected = silhouette.simplified_silhouette_score(np.asarray(given, np.float64), labels)
            assert simplified_silhouette_score(given, labels) == pytest.approx(
                expected, rel=1e-5
            ), f"seed {seed}"
    assert held == 10 * [False, False, True]


@each_score
@pytest.mark.parametrize("factor", [1e-300, 1e-20, 1e20, 1e300])
def test_the_unit_of_length_does_not_matter(score: Callable[..., float], factor: float) -> None:
    X, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    expected = getattr(sk, score.__name__)(X, labels)
    assert score(X * factor, labels) == pytest.approx(expected, rel=1e-5)
    if 1e-30 < factor < 1e30:
        assert score(jnp.asarray(X * factor), labels) == pytest.approx(expected, rel=1e-5)
        assert score((X * factor).astype(np.float32), labels) == pytest.approx(expected, rel=1e-5)


def test_an_outlier_in_a_group_is_no_anchor() -> None:
    """The first point of the group is a million times as far away as the others."""
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(2_000, 2)), np.arange(2_000) % 2
    X[labels == 1] += 3
    X[0] = 1e6
    for score in SCORES:
        assert score(X, labels) == pytest.approx(by_definition(score, X, labels), rel=1e-5)


@each_score
@pytest.mark.parametrize(
    ("X", "labels", "message"),
    [
        (LINE, [0, 0, 0, 0, 0, -1], "at least two clusters besides noise, got 1"),
        (LINE, [0, 1], "expected one label for each of the 6 points in labels, got 2"),
        (LINE, [0, 1, 0, 1, 0, None], "labels must be integers or strings without gaps"),
        (np.full((6, 1), np.inf), LABELS, "Input X contains infinity"),
    ],
)
def test_bad_input_is_refused(
    score: Callable[..., Any], X: np.ndarray, labels: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        score(X, labels)


def test_many_clusters_need_no_cube_of_memory() -> None:
    """k^2 d numbers would be 1.3 GB here."""
    X = np.random.default_rng(0).normal(size=(1600, 512)).astype(np.float32)
    tracemalloc.start()
    try:
        davies_bouldin_score(X, np.arange(1600) // 4)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
