"""How near points are to their clusters: by hand, against brute force, each on its own."""

import numpy as np
import pytest

from scratchclust.cluster.nearness import (
    FittedPoints,
    Near,
    centroid_confidence,
    distances_to_all,
    distances_to_own,
    usual_distance,
)
from scratchclust.cluster.neighbor_vote import neighbor_vote


def blobs(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Three clusters that overlap, one of three points, one of one, and noise."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([rng.integers(0, 3, n), [3, 3, 3, 4, -1, -1, -1]]).astype(np.int32)
    X = rng.normal(size=(len(labels), 4)) + 0.8 * labels[:, None]
    return X.astype(np.float32), labels


def by_brute_force(
    X: np.ndarray, labels_of_X: np.ndarray, points: np.ndarray, labels: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distance and confidence by their definition; a row that is a point leaves that out."""
    distance = np.full(len(X), np.nan)
    confidence = np.empty(len(X))
    is_fitted = X is points
    for i, (x, label) in enumerate(zip(X.astype(np.float64), labels_of_X, strict=True)):
        away = np.linalg.norm(points.astype(np.float64) - x, axis=1)
        others = np.delete(np.arange(len(points)), i) if is_fitted else np.arange(len(points))
        inside = others[labels[others] >= 0 if label < 0 else labels[others] == label]
        nearest = others[np.argsort(away[others], kind="stable")[:k]]
        if len(inside):
            distance[i] = np.sort(away[inside])[:k].mean()
        confidence[i] = (labels[nearest] == label).mean()
    return distance, confidence


@pytest.mark.parametrize("seed", range(10))
def test_fitted_points_against_brute_force(seed: int) -> None:
    X, labels = blobs(seed)
    near = FittedPoints(X, labels, 5).fitted()
    distance, confidence = by_brute_force(X, labels, X, labels, 5)
    np.testing.assert_allclose(near.distance, distance, rtol=1e-5)
    np.testing.assert_allclose(near.confidence, confidence)
    assert np.isnan(near.distance).tolist() == (labels == 4).tolist()  # a cluster of its own


@pytest.mark.parametrize("seed", range(5))
def test_new_points_against_brute_force(seed: int) -> None:
    X, labels = blobs(seed)
    clustered = labels >= 0
    points, labels = X[clustered], labels[clustered]
    new = np.random.default_rng(seed).normal(1, 2, (30, 4)).astype(np.float32)
    near = FittedPoints(points, labels, 5).new(new)
    np.testing.assert_array_equal(near.labels, neighbor_vote(new, points, labels, 5))
    distance, confidence = by_brute_force(new, near.labels, points, labels, 5)
    np.testing.assert_allclose(near.distance, distance, rtol=1e-5)
    np.testing.assert_allclose(near.confidence, confidence)


def test_a_fitted_point_is_measured_as_if_it_were_new() -> None:
    X, labels = blobs(0)
    fitted = FittedPoints(X, labels, 5).fitted()
    for i in range(0, 60, 7):
        others = np.arange(len(X)) != i
        new = FittedPoints(X[others], labels[others], 5).new(X[i : i + 1])
        if new.labels[0] == labels[i]:
            np.testing.assert_allclose(new.distance[0], fitted.distance[i], rtol=1e-6)
            assert new.confidence[0] == fitted.confidence[i]


def test_core_points_draw_what_is_near_and_leave_noise() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [50.0]], np.float32)
    labels = np.array([0, 0, 0, 1, 1, -1], np.int32)
    fitted = FittedPoints(points, labels, 2, core=np.array([1, 3]), eps=1.5)
    near = fitted.new(np.array([[2.5], [9.0], [3.0], [50.0]], np.float32))
    assert near.labels.tolist() == [0, 1, -1, -1]
    # of noise, to the nearest of any cluster: itself is none
    np.testing.assert_allclose(near.distance, [1.0, 1.5, 1.5, 39.5])
    np.testing.assert_allclose(near.confidence, [1, 1, 0, 0.5])
    nobody = FittedPoints(points, np.full(6, -1), 2, core=np.array([], int), eps=1.5)
    assert nobody.new(points).labels.tolist() == [-1] * 6
    assert np.isnan(nobody.fitted().distance).all()


def test_companions_and_their_order_change_no_bit() -> None:
    X, labels = blobs(1)
    fitted = FittedPoints(X, np.maximum(labels, 0), 5)
    new = np.random.default_rng(0).normal(1, 2, (32, 4)).astype(np.float32)
    order = np.random.default_rng(1).permutation(32)
    together = fitted.new(new)
    assert_same_bits(Near(*(column[order] for column in together)), fitted.new(new[order]))


def assert_same_bits(one: Near, other: Near) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_few_points() -> None:
    alone = FittedPoints(np.zeros((1, 2), np.float32), np.zeros(1, np.int32), 5)
    assert np.isnan(alone.fitted().distance).all()
    near = alone.new(np.array([[3.0, 4.0]], np.float32))
    assert (near.labels.tolist(), near.distance.tolist(), near.confidence.tolist()) == (
        [0],
        [5.0],
        [1.0],
    )


def test_confidence_by_hand() -> None:
    distances = np.array([[1.0, 4.0, 2.0], [3.0, 3.0, 5.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(centroid_confidence(distances), [0.5, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(centroid_confidence(np.array([[2.0], [0.0]])), [1.0, 1.0])


def test_distances_to_the_own_centre() -> None:
    X = np.array([[3.0, 4.0], [1.0, 1.0]], np.float32)
    centers = np.array([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(distances_to_own(X, centers, np.array([0, 1])), [5.0, 0.0])
    to_all = distances_to_all(X, centers)
    np.testing.assert_allclose(to_all, [[5, np.sqrt(13)], [np.sqrt(2), 0]])


@pytest.mark.parametrize("d", [2, 3, 16, 50])
def test_companions_change_no_bit_of_distances(d: int) -> None:
    """As they do in products of matrices, where a row alone takes another way."""
    rng = np.random.default_rng(d)
    X = rng.normal(size=(64, d)).astype(np.float32)
    centers = rng.normal(size=(10, d)).astype(np.float32)
    together = distances_to_all(X, centers)
    for rows in (slice(5, 6), slice(None, None, -1), slice(3, 40)):
        np.testing.assert_array_equal(distances_to_all(X[rows], centers), together[rows])


def test_the_usual_distance_leaves_noise_and_what_is_not_known_out() -> None:
    distance = np.array([1.0, 2.0, 3.0, 100.0, np.nan])
    labels = np.array([0, 0, 0, -1, 1])
    assert usual_distance(distance, labels, 1.0) == 3.0
    assert usual_distance(distance, labels, 0.5) == 2.0
    assert usual_distance(distance[4:], labels[4:], 0.5) is None


def test_from_the_mean_of_the_others_a_point_is_farther() -> None:
    X = np.array([[0.0], [1.0], [5.0], [7.0]])
    labels = np.array([0, 0, 0, 1])
    of_all = np.abs(X[:, 0] - np.array([2.0, 2.0, 2.0, 7.0]))
    of_others = max(abs(0 - 3.0), abs(1 - 2.5), abs(5 - 0.5))
    assert usual_distance(of_all, labels, 1.0, from_means=True) == of_others
