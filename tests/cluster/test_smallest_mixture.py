"""The smallest and most degenerate inputs of the Gaussian mixture and of DBSCAN: scikit-learn or
brute force.
"""

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import sklearn.cluster
import sklearn.exceptions
import sklearn.mixture

from scratchclust import DBSCAN, GaussianMixture
from scratchclust.cluster import gaussian_mixture as fast
from scratchclust.reference import gaussian_mixture as reference

pytestmark = pytest.mark.full
each_type = pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
X60 = np.random.default_rng(0).normal(size=(60, 3))

POINTS = {  # X, k
    "two points": (X60[:2], 1),
    "three points": (X60[:3], 1),
    "k = n": (X60[:6], 6),
    "k = 1": (X60, 1),
    "one feature": (X60[:, :1], 2),
    "equal rows": (np.full((8, 3), 2.5), 1),
    "rank one": (X60[:, :1] * np.array([1.0, -2.0, 3.0]), 2),
    "a constant feature": (X60 * np.array([1.0, 1.0, 0.0]), 2),
    "two points alone have mass": (np.repeat(X60[:2], [30, 40], axis=0), 2),
}


def from_one_start(X: Any, k: int, covariance_type: str, kind: Any, **parameters: Any) -> Any:
    """A fit from the first k points, narrow and equal: nothing is left to chance."""
    d = np.shape(X)[1]
    inverse = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }
    means = np.asarray(X, float)[:k]
    given = {
        "weights_init": np.full(k, 1 / k),
        "means_init": means,
        "precisions_init": inverse[covariance_type],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        return kind(k, covariance_type=covariance_type, **given, **parameters).fit(X)


@each_type
@pytest.mark.parametrize("name", POINTS)
def test_degenerate_points(name: str, covariance_type: str) -> None:
    X, k = POINTS[name]
    ours, peer = (
        from_one_start(X, k, covariance_type, kind)
        for kind in (GaussianMixture, sklearn.mixture.GaussianMixture)
    )
    assert ours.n_iter_ == peer.n_iter_
    assert ours.lower_bound_ == pytest.approx(peer.lower_bound_, rel=1e-6)
    np.testing.assert_allclose(ours.means_, peer.means_, atol=1e-6)
    np.testing.assert_allclose(ours.covariances_, peer.covariances_, atol=1e-8)
    np.testing.assert_array_equal(ours.predict(X), peer.predict(X))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (X60[:1], "minimum of 2 is required"),
        (X60[:, :0], "0 feature"),
        (X60[:0], "0 sample"),
        (X60[0], "Expected 2D array"),
        (np.where(X60 > 2, np.nan, X60), "NaN"),
        (X60.astype(complex), "Complex data not supported"),
    ],
)
def test_what_is_refused(X: np.ndarray, message: str) -> None:
    for kind in (GaussianMixture, sklearn.mixture.GaussianMixture):
        with pytest.raises(ValueError, match=message):
            kind().fit(X)


def kinds_of_input(folder: Path) -> dict[str, Any]:
    whole = np.rint(20 * X60)
    read_only = whole.copy()
    read_only.setflags(write=False)
    np.save(folder / "X.npy", whole)
    return {
        "bool": whole > 0,
        "int8": whole.astype(np.int8),
        "uint8": (whole + 100).astype(np.uint8),
        "int64": whole.astype(np.int64),
        "float16": whole.astype(np.float16),
        "big-endian": whole.astype(">f8"),
        "Fortran": np.asfortranarray(whole),
        "strided": np.repeat(whole, 2, axis=0)[::2],
        "reversed": whole[::-1],
        "read-only": read_only,
        "memory-mapped": np.load(folder / "X.npy", mmap_mode="r"),
        "list": whole.tolist(),
        "objects": whole.astype(object),
    }


KINDS = [
    "bool",
    "int8",
    "uint8",
    "int64",
    "float16",
    "big-endian",
    "Fortran",
    "strided",
    "reversed",
    "read-only",
]
KINDS += ["memory-mapped", "list", "objects"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_input_gives_what_its_float64_copy_gives(kind: str, tmp_path: Path) -> None:
    X = kinds_of_input(tmp_path)[kind]
    plain = np.array(X, dtype=np.float64)
    for covariance_type in ("full", "diag"):
        found = from_one_start(X, 2, covariance_type, GaussianMixture)
        peer = from_one_start(plain, 2, covariance_type, sklearn.mixture.GaussianMixture)
        exact = found.means_.dtype == np.float64
        assert found.lower_bound_ == pytest.approx(peer.lower_bound_, rel=1e-9 if exact else 1e-4)
        np.testing.assert_allclose(
            found.means_, peer.means_, atol=1e-8 if exact else 1e-2 * np.ptp(plain)
        )
        results = [
            found.labels_,
            found.means_,
            found.weights_,
            found.covariances_,
            found.precisions_cholesky_,
        ]
        results += [
            found.precisions_,
            found.lower_bounds_,
            found.predict(X),
            found.predict_proba(X),
            found.score_samples(X),
        ]
        for array in (*results, *found.sample(4)):
            assert array.flags.writeable
            assert (
                not np.shares_memory(array, np.asarray(X))
                if kind not in ("list", "objects")
                else True
            )


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_a_far_point_is_as_scikit_learn_has_it(covariance_type: str) -> None:
    """One of two components is the point at 1e6 alone; where covariances are full, its variance is
    reg_covar.
    """
    X = np.vstack([X60, np.full((1, 3), 1e6)])
    given = {"covariance_type": covariance_type, "random_state": 0}
    ours = GaussianMixture(2, **given).fit(X)
    peer = sklearn.mixture.GaussianMixture(2, **given).fit(X)
    assert ours.converged_
    assert ours.lower_bound_ == pytest.approx(
        peer.lower_bound_, abs=1e-3
    )  # scikit-learn's tied one has lost digits
    assert sorted(np.bincount(ours.labels_)) == [1, 60]
    near = np.argmin(abs(ours.means_).max(axis=1))
    np.testing.assert_allclose(ours.means_[near], X60.mean(axis=0), atol=1e-8)
    by_hand = {
        "full": [np.cov(X60.T, bias=True) + 1e-6 * np.eye(3), 1e-6 * np.eye(3)][
            :: -1 if near else 1
        ],
        "tied": np.cov(X60.T, bias=True) * 60 / 61 + 1e-6 * np.eye(3),
    }
    np.testing.assert_allclose(ours.covariances_, by_hand[covariance_type], rtol=1e-9, atol=1e-12)


@each_type
@pytest.mark.parametrize("far", [1e3, 1e6, 1e8])
def test_far_narrow_components_are_those_of_the_definition(
    covariance_type: str, far: float
) -> None:
    """Where scikit-learn itself loses digits: the maximisation by brute force, and both twins from
    one start.
    """
    groups = [X60, np.full((1, 3), far), 1e-2 * X60[:20] + far / 2]
    X = np.concatenate(groups)
    labels = np.repeat([0, 1, 2], [60, 1, 20])
    full = np.stack(
        [
            (group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) / len(group)
            for group in groups
        ]
    )
    full += 1e-6 * np.eye(3)
    expected = {
        "full": full,
        "tied": np.average(full, axis=0, weights=[60, 1, 20]),
        "diag": np.diagonal(full, axis1=1, axis2=2),
        "spherical": np.diagonal(full, axis1=1, axis2=2).mean(axis=1),
    }
    begun = fast.m_step(X, np.eye(3)[labels], covariance_type=covariance_type)
    np.testing.assert_allclose(
        begun.means, [group.mean(axis=0) for group in groups], rtol=1e-12, atol=1e-16 * far
    )
    np.testing.assert_allclose(
        begun.covariances, expected[covariance_type], rtol=1e-9, atol=1e-10 + 1e-17 * far
    )
    slow, quick = (twin.em(X, begun, covariance_type=covariance_type) for twin in (reference, fast))
    assert slow.n_iter == quick.n_iter
    np.testing.assert_allclose(quick.lower_bounds, slow.lower_bounds, rtol=1e-7)
    np.testing.assert_array_equal(quick.labels, slow.labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_are_what_predict_says(dtype: type) -> None:
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(200, 2)).astype(dtype) + 1e3 * (seed % 2)
        model = GaussianMixture(4, random_state=seed, tol=1e-2, max_iter=300).fit(X)
        np.testing.assert_array_equal(model.labels_, model.predict(X))


DENSE = {  # what of DBSCAN, weights
    "one point": (X60[:1], None),
    "two points": (X60[:2], None),
    "three points": (X60[:3], None),
    "one feature": (X60[:, :1], None),
    "equal rows": (np.full((8, 3), 2.5), None),
    "rank one": (X60[:, :1] * np.array([1.0, -2.0, 3.0]), None),
    "rank one, five features": (X60[:, :1] * np.array([1.0, -2.0, 3.0, 0.5, 0]), None),
    "weights on two points alone": (X60, np.where(np.arange(60) < 2, 5, 0)),
    "five features, weights on two": (
        np.repeat(X60, 2, axis=1)[:, :5],
        np.where(np.arange(60) < 2, 5, 0),
    ),
}


@pytest.mark.parametrize("min_samples", [1, 2, 60])
@pytest.mark.parametrize("name", DENSE)
def test_dbscan_of_degenerate_points(name: str, min_samples: int) -> None:
    X, weights = DENSE[name]
    for metric, eps in itertools.product(("euclidean", "cosine"), (1e-9, 0.3, 100.0)):
        given = {"eps": eps, "min_samples": min_samples, "metric": metric}
        ours = DBSCAN(**given).fit(X, sample_weight=weights)
        if metric == "cosine" and eps < 1e-3:
            # scikit-learn's 1 - cos of equal directions is rounding: a hand-made case stands in
            # test_dbscan
            continue
        peer = sklearn.cluster.DBSCAN(**given).fit(X, sample_weight=weights)
        np.testing.assert_array_equal(ours.labels_, peer.labels_)
        np.testing.assert_array_equal(ours.components_, peer.components_)


@pytest.mark.parametrize("kind", KINDS)
def test_dbscan_of_every_kind_of_input(kind: str, tmp_path: Path) -> None:
    X = kinds_of_input(tmp_path)[kind]
    plain = np.array(X, dtype=np.float64)
    for eps, metric in ((9.0, "euclidean"), (0.05, "cosine")):
        if metric == "cosine" and (plain == 0).all(axis=1).any():
            with pytest.raises(ValueError, match="is all zero and has no direction"):
                DBSCAN(eps, metric=metric).fit(X)
            continue
        found = DBSCAN(eps, metric=metric).fit(X)
        peer = sklearn.cluster.DBSCAN(eps=eps, metric=metric).fit(plain)
        np.testing.assert_array_equal(found.labels_, peer.labels_)
        for array in (found.labels_, found.core_sample_indices_, found.components_):
            assert array.flags.writeable
            assert kind in ("list", "objects") or not np.shares_memory(array, np.asarray(X))
    assert DBSCAN("knee").fit(X).k_distances_.flags.writeable


@pytest.mark.parametrize("whole", [np.int64, np.uint8, np.int8])
def test_whole_numbers_of_numpy(whole: type) -> None:
    model = GaussianMixture(
        whole(2), n_init=whole(2), max_iter=whole(50), random_state=whole(3)
    ).fit(X60)
    assert model.means_.shape == (2, 3)
    np.testing.assert_array_equal(model.sample(whole(5))[1].shape, (5,))
    expected = DBSCAN(0.9, min_samples=3).fit_predict(X60)
    np.testing.assert_array_equal(
        DBSCAN(np.float32(0.9), min_samples=whole(3)).fit_predict(X60), expected
    )


@pytest.mark.parametrize(
    "estimator", [GaussianMixture(2, random_state=0), DBSCAN(0.9, min_samples=3)]
)
def test_nothing_fitted_changes_with_the_callers_array(estimator: Any) -> None:
    """Also where it is one column, one that is not copied on the way in."""
    for X in (X60.copy(), X60.astype(np.float32), np.asfortranarray(X60)):
        fitted = estimator.fit(X)
        before = {
            name: np.array(value)
            for name, value in vars(fitted).items()
            if isinstance(value, np.ndarray)
        }
        X[:] = 0
        for name, value in before.items():
            np.testing.assert_array_equal(getattr(fitted, name), value, err_msg=name)


@pytest.mark.parametrize("estimator", [GaussianMixture(), DBSCAN(), DBSCAN(metric="precomputed")])
def test_sparse_points_are_refused_with_a_cure(estimator: Any) -> None:
    with pytest.raises(TypeError, match=r"Sparse data was passed.*Use '\.toarray\(\)'"):
        estimator.fit(scipy.sparse.csr_array(np.eye(8)))


@pytest.mark.parametrize("power", [-400, -70, 70, 400])
@pytest.mark.parametrize(("d", "eps"), [(2, 0.35), (5, 0.9)])
def test_dbscan_at_any_scale(d: int, eps: float, power: int) -> None:
    X = np.repeat(X60, 2, axis=1)[:, -d:]
    expected = DBSCAN(eps, min_samples=3).fit_predict(X)
    assert -1 in expected
    assert 1 in expected
    found = DBSCAN(np.ldexp(eps, power), min_samples=3).fit_predict(np.ldexp(X, power))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("power", [-70, 70])
def test_a_mixture_at_any_scale(power: int, init_params: str) -> None:
    """The densities of X s are those of X divided by s^d."""
    given = {"init_params": init_params, "random_state": 0, "tol": 1e-6, "max_iter": 500}
    here = GaussianMixture(2, reg_covar=1e-6, **given).fit(X60)
    there = GaussianMixture(2, reg_covar=np.ldexp(1e-6, 2 * power), **given).fit(
        np.ldexp(X60, power)
    )
    np.testing.assert_array_equal(there.labels_, here.labels_)
    assert there.lower_bound_ + 3 * power * np.log(2) == pytest.approx(here.lower_bound_, rel=1e-9)
