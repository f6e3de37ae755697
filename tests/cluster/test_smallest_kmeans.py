"""The smallest and most degenerate inputs of KMeans and MiniBatchKMeans, against scikit-learn and
brute force.
"""

import itertools
import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.cluster

from scratchclust import KMeans, MiniBatchKMeans

pytestmark = pytest.mark.full

CLASSES = [KMeans, MiniBatchKMeans]


def quietly_fitted(model: Any, points: Any, **given: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        return model.fit(points, **given)


def least_inertia(points: np.ndarray, k: int) -> float:
    """The best of all ways to put n points into k clusters."""
    best = np.inf
    for labels in itertools.product(range(k), repeat=len(points)):
        groups = [points[np.array(labels) == j] for j in range(k)]
        best = min(
            best, sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups if len(group))
        )
    return float(best)


def check_invariants(model: Any, points: np.ndarray, weights: Any = 1.0) -> None:
    """Labels are the nearest centroids, the inertia is theirs, and nothing is NaN."""
    squares = ((points[:, None].astype(float) - np.asarray(model.cluster_centers_)[None]) ** 2).sum(
        axis=2
    )
    assert np.isfinite(squares).all()
    np.testing.assert_array_equal(model.labels_, squares.argmin(axis=1))
    np.testing.assert_array_equal(model.predict(points), model.labels_)
    assert model.inertia_ == pytest.approx(
        (squares.min(axis=1) * weights).sum(), rel=1e-5, abs=1e-9
    )
    np.testing.assert_allclose(model.transform(points), np.sqrt(squares), rtol=1e-5, atol=1e-6)


SMALL = {
    "one point": np.array([[2.0, -1.0]]),
    "two points": np.array([[0.0, 0.0], [1.0, 3.0]]),
    "three points": np.array([[0.0, 0.0], [1.0, 3.0], [1.0, 3.5]]),
    "one feature": np.array([[0.0], [1.0], [5.0], [6.0], [100.0]]),
    "equal rows": np.full((5, 3), 0.1),
    "two distinct rows": np.repeat([[0.1, 0.2], [3.0, 4.0]], 3, axis=0),
    "rank one": np.outer(np.arange(6) ** 2, [1.0, 2.0, 3.0]),
    "zeros": np.zeros((4, 2)),
    "constant columns": np.column_stack([np.arange(5.0) ** 2, np.full(5, 1e6), np.zeros(5)]),
    "far": 1e8 + np.arange(6.0)[:, None] ** 2,
    "tiny": 1e-12 * np.arange(6.0)[:, None] ** 2,
    "large": 1e12 * np.arange(6.0)[:, None] ** 2,
}


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("name", SMALL)
def test_kmeans_of_few_points(name, k):
    points = SMALL[name]
    if k > len(points):
        for estimator in CLASSES:
            with pytest.raises(
                ValueError, match=f"n_samples={len(points)} should be >= n_clusters={k}"
            ):
                estimator(k).fit(points)
        return
    model = quietly_fitted(KMeans(k, n_init=20, random_state=0), points)
    check_invariants(model, points)
    scale = (points - points.mean(axis=0)).max() ** 2
    assert model.inertia_ == pytest.approx(least_inertia(points, k), rel=1e-9, abs=1e-15 * scale)
    start = points[:k].copy()
    ours = quietly_fitted(KMeans(k, init=start, n_init=1, tol=0), points)
    theirs = quietly_fitted(sklearn.cluster.KMeans(k, init=start, n_init=1, tol=0), points)
    if len(np.unique(points, axis=0)) >= k:
        np.testing.assert_allclose(
            ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-12, atol=1e-12
        )
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9, abs=1e-15 * scale)
    else:  # equal centroids: which of them is moved is anyone's choice
        assert ours.inertia_ <= theirs.inertia_ + 1e-15 * scale
    check_invariants(quietly_fitted(MiniBatchKMeans(k, random_state=0), points), points)
    check_invariants(
        quietly_fitted(MiniBatchKMeans(k, random_state=0), points).partial_fit(points), points
    )


@pytest.mark.parametrize("estimator", CLASSES)
@pytest.mark.parametrize(
    "points", [np.zeros((5, 0)), np.zeros((0, 3)), np.zeros(5), np.zeros((3, 2, 2)), 3.0]
)
@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray])
def test_what_are_no_points(estimator, points, convert):
    with pytest.raises(
        ValueError, match=r"(?i)minimum of 1|expected (a )?2D array|Found array with dim 3"
    ):
        estimator(2).fit(convert(points))


@pytest.mark.parametrize("estimator", CLASSES)
def test_weights_on_two_points_only(estimator):
    points = np.random.default_rng(0).normal(size=(9, 2))
    weights = np.zeros(9)
    weights[[3, 7]] = 0.5, 2.0
    model = quietly_fitted(estimator(2, random_state=0), points, sample_weight=weights)
    check_invariants(model, points, weights)
    if estimator is KMeans:
        np.testing.assert_allclose(
            np.sort(model.cluster_centers_, axis=0), np.sort(points[[3, 7]], axis=0), rtol=1e-12
        )
        assert model.inertia_ == pytest.approx(0, abs=1e-25)
        one = KMeans(1).fit(points, sample_weight=weights)
        np.testing.assert_allclose(one.cluster_centers_, [weights @ points / 2.5], rtol=1e-12)
    else:  # on the way from one to the other: which of them is drawn how often is chance
        one = MiniBatchKMeans(1, random_state=0).fit(points, sample_weight=weights)
        share = (one.cluster_centers_[0] - points[3]) / (points[7] - points[3])
        assert share[0] == pytest.approx(share[1], rel=1e-4)
        assert 0.5 < share[0] < 1


def forms(tmp_path: Any) -> dict[str, Any]:
    """The same twelve points of zeros and ones in every kind of array."""
    points = np.array(
        [*itertools.product([0, 1], repeat=3), (0, 0, 0), (1, 1, 1), (1, 0, 1), (0, 0, 1)]
    )
    np.save(tmp_path / "points.npy", points.astype("float64"))
    read_only = points.astype("float64")
    read_only.flags.writeable = False
    dtypes = [
        "bool",
        "int8",
        "uint8",
        "int16",
        "int32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
        ">f8",
        ">f4",
        ">i4",
    ]
    return {dtype: points.astype(dtype) for dtype in dtypes} | {
        "Fortran": np.asfortranarray(points.astype(float)),
        "strided": np.repeat(np.repeat(points, 2, axis=0), 3, axis=1)[::2, ::3].astype(
            float, order="K"
        ),
        "reversed": points[::-1].astype(float).copy()[::-1],
        "read-only": read_only,
        "memory-mapped": np.load(tmp_path / "points.npy", mmap_mode="r"),
        "list": points.tolist(),
        "objects": points.astype(object),
        "jax": jnp.asarray(points, jnp.float32),
        "jax int": jnp.asarray(points),
        "jax bool": jnp.asarray(points.astype(bool)),
        "jax float16": jnp.asarray(points, jnp.float16),
    }


def test_every_kind_of_array_holds_the_same_points(tmp_path):
    given = forms(tmp_path)
    start, plain = (
        np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 0.85], [0.2, 0.95, 0.15]]),
        given["float64"],
    )
    peer = sklearn.cluster.KMeans(3, init=start, n_init=1, tol=0).fit(plain)
    streamed = sklearn.cluster.MiniBatchKMeans(
        3, init=start, n_init=1, reassignment_ratio=0
    ).partial_fit(plain)
    weights = {
        name: np.ones(12, dtype)
        for name, dtype in [("int8", "int8"), ("bool", "bool"), (">f8", ">f8")]
    }
    for name, points in given.items():
        before = np.array(points)
        model = KMeans(3, init=start, tol=0).fit(points, sample_weight=weights.get(name))
        np.testing.assert_array_equal(model.labels_, peer.labels_, err_msg=name)
        np.testing.assert_allclose(
            model.cluster_centers_, peer.cluster_centers_, rtol=1e-6, atol=1e-7, err_msg=name
        )
        np.testing.assert_array_equal(model.predict(points), peer.labels_, err_msg=name)
        np.testing.assert_allclose(
            model.transform(points), peer.transform(plain), rtol=1e-5, atol=1e-6, err_msg=name
        )
        batches = MiniBatchKMeans(3, init=start, reassignment_ratio=0).partial_fit(points)
        np.testing.assert_allclose(
            batches.cluster_centers_, streamed.cluster_centers_, rtol=1e-6, atol=1e-7, err_msg=name
        )
        np.testing.assert_array_equal(batches.labels_, streamed.labels_, err_msg=name)
        check_invariants(MiniBatchKMeans(3, random_state=0).fit(points), np.array(points, float))
        np.testing.assert_array_equal(before, np.array(points), err_msg=name)
