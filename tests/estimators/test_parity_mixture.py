"""The Gaussian mixture and DBSCAN against scikit-learn: every parameter, attribute and method, in
one table each.
"""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
import sklearn.exceptions
import sklearn.mixture

import scratchclust
from scratchclust import GaussianMixture

each_type = pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])


def clouds(seed: int = 0, n: int = 90, d: int = 3) -> np.ndarray:
    """Three overlapping clouds of different width."""
    rng = np.random.default_rng(seed)
    member = rng.integers(3, size=n)
    return 4 * rng.normal(size=(3, d))[member] + np.array([0.5, 1, 2])[member, None] * rng.normal(
        size=(n, d)
    )


def start_of(X: np.ndarray, covariance_type: str, k: int = 3) -> dict[str, Any]:
    """A whole start, so that nothing is left to chance."""
    labels = ((X[:, None] - X[None, :k]) ** 2).sum(axis=2).argmin(axis=1)
    peer = sklearn.mixture.GaussianMixture(k, covariance_type=covariance_type, max_iter=0)
    peer._initialize(X, np.eye(k)[labels])
    P: Any = peer.precisions_cholesky_
    inverse = P @ np.swapaxes(P, -1, -2) if covariance_type in ("full", "tied") else P**2
    return {"weights_init": peer.weights_, "means_init": peer.means_, "precisions_init": inverse}


def both(
    X: np.ndarray, covariance_type: str = "full", k: int = 3, **parameters: Any
) -> tuple[Any, Any]:
    """Ours and scikit-learn's, fitted from the same start."""
    given = {
        "covariance_type": covariance_type,
        "random_state": 0,
        **start_of(X, covariance_type, k),
        **parameters,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        return GaussianMixture(k, **given).fit(X), sklearn.mixture.GaussianMixture(k, **given).fit(
            X
        )


# what of a fitted mixture and X, by how much it may differ in units of its largest number
TABLE = [
    ("weights_", lambda m, X: m.weights_, 1e-9),
    ("means_", lambda m, X: m.means_, 1e-9),
    ("covariances_", lambda m, X: m.covariances_, 1e-9),
    ("precisions_", lambda m, X: m.precisions_, 1e-8),
    ("precisions_cholesky_", lambda m, X: m.precisions_cholesky_, 1e-8),
    ("lower_bound_", lambda m, X: m.lower_bound_, 1e-9),
    ("lower_bounds_", lambda m, X: m.lower_bounds_, 1e-9),
    ("n_iter_", lambda m, X: m.n_iter_, 0),
    ("converged_", lambda m, X: m.converged_, 0),
    ("n_features_in_", lambda m, X: m.n_features_in_, 0),
    ("predict", lambda m, X: m.predict(X), 0),
    ("fit_predict", lambda m, X: m.fit_predict(X), 0),
    ("predict_proba", lambda m, X: m.predict_proba(X), 1e-9),
    ("score_samples", lambda m, X: m.score_samples(X), 1e-9),
    ("score", lambda m, X: m.score(X), 1e-9),
    ("aic", lambda m, X: m.aic(X), 1e-9),
    ("bic", lambda m, X: m.bic(X), 1e-9),
    ("sample: shape", lambda m, X: m.sample(7)[0].shape, 0),
    ("sample: components in order", lambda m, X: np.diff(m.sample(50)[1]).min() >= 0, 0),
]
SETTINGS = [
    {},
    {"tol": 1e-7, "max_iter": 500},
    {"max_iter": 3, "tol": 0.0},
    {"reg_covar": 0.1},
    {"n_init": 4},
    {"warm_start": True},
]


@pytest.mark.quick(4)
@each_type
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_mixture_from_the_same_start(settings: dict[str, Any], covariance_type: str) -> None:
    """Every row of the table; 90 points of three features, of one, and far from zero."""
    for X in (clouds(), clouds(3, d=1), clouds(1) + 1e4):
        ours, peer = both(X, covariance_type, **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
            for name, value, tolerance in TABLE:
                a = np.asarray(value(ours, X), float)
                b = np.asarray(value(peer, X), float)
                assert a.shape == b.shape, name
                loss = 1e4 if abs(X).max() > 1e3 else 1  # there scikit-learn has lost digits itself
                np.testing.assert_allclose(
                    a, b, atol=loss * tolerance * abs(b).max(), rtol=0, err_msg=name
                )


@pytest.mark.quick(2)
@each_type
@pytest.mark.parametrize("d", [1, 3])
def test_one_component(covariance_type: str, d: int) -> None:
    X = clouds(5, d=d)
    ours = GaussianMixture(covariance_type=covariance_type, random_state=0).fit(X)
    peer = sklearn.mixture.GaussianMixture(covariance_type=covariance_type, random_state=0).fit(X)
    for name in ("weights_", "means_", "covariances_", "precisions_", "lower_bound_", "n_iter_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(peer, name), rtol=1e-10, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        (scratchclust.GaussianMixture, sklearn.mixture.GaussianMixture),
        (scratchclust.DBSCAN, sklearn.cluster.DBSCAN),
    ],
)
def test_no_parameter_attribute_or_method_is_missing_unsaid(ours: Any, peer: Any) -> None:
    """What scikit-learn's class has, ours has with the same default, or its docstring says so under
    "Not here".
    """
    text = (ours.__doc__ or "").partition("Not here:")[2]
    for name, parameter in inspect.signature(peer).parameters.items():
        if name in inspect.signature(ours).parameters:
            assert inspect.signature(ours).parameters[name].default == parameter.default, name
        else:
            assert name in text, name
    X = clouds()
    mine = ours().fit(X)
    theirs = peer().fit(X)
    public = [
        name
        for name in dir(theirs)
        if not name.startswith("_") and "metadata" not in name and "_request" not in name
    ]
    assert [name for name in public if not hasattr(mine, name) and name not in text] == []


def euclidean(X: np.ndarray) -> np.ndarray:
    return np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))


DBSCAN_TABLE = [  # name, parameters, what is fitted, weights
    ("eps, min_samples", {"eps": 0.9, "min_samples": 4}, clouds(d=2), None),
    ("no clusters at all", {"eps": 1e-3}, clouds(d=2), None),
    ("metric=precomputed", {"eps": 0.9, "metric": "precomputed"}, euclidean(clouds(d=2)), None),
    ("metric=cosine", {"eps": 0.01, "metric": "cosine"}, clouds(), None),
    ("sample_weight", {"eps": 0.9}, clouds(d=2), np.arange(90) % 3),
    ("negative sample_weight", {"eps": 1.5}, clouds(d=5), np.arange(90) % 4 - 0.5),
    ("sample_weight, one number", {"eps": 1.0}, clouds(), 2),
    (
        "sample_weight, precomputed",
        {"eps": 1.2, "metric": "precomputed"},
        euclidean(clouds()),
        np.arange(90) % 3,
    ),
    ("sample_weight, cosine", {"eps": 0.005, "metric": "cosine"}, clouds(), np.arange(90) % 3),
]


@pytest.mark.parametrize("row", DBSCAN_TABLE, ids=lambda row: row[0])
def test_dbscan_is_scikit_learns_in_every_label(
    row: tuple[str, dict[str, Any], np.ndarray, Any],
) -> None:
    """Labels, core points and components_ are equal, tolerance 0; most rows have clusters, noise
    and a border.
    """
    name, parameters, X, weights = row
    ours = scratchclust.DBSCAN(**parameters).fit(X, sample_weight=weights)
    peer = sklearn.cluster.DBSCAN(**parameters).fit(X, sample_weight=weights)
    for attribute in ("labels_", "core_sample_indices_", "components_", "n_features_in_"):
        np.testing.assert_array_equal(
            getattr(ours, attribute), getattr(peer, attribute), err_msg=attribute
        )
    np.testing.assert_array_equal(ours.fit_predict(X, sample_weight=weights), peer.labels_)
    assert (ours.labels_.min(), ours.labels_.max() >= 0) == (-1, name != "no clusters at all")


@pytest.mark.quick(2)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_comes_to_what_scikit_learn_comes_to(init_params: str) -> None:
    """Three clouds far from each other, which any of ten starts finds; and where a start begins."""
    X = clouds(2) + 40 * np.eye(3)[np.arange(90) % 3]
    given = {
        "init_params": init_params,
        "n_init": 10,
        "random_state": 1,
        "max_iter": 300,
        "tol": 1e-6,
    }
    ours = GaussianMixture(3, **given).fit(X)
    peer = sklearn.mixture.GaussianMixture(3, **given).fit(X)
    assert ours.score(X) >= peer.score(X) - 1e-4
    assert ours.converged_
    begun = GaussianMixture(3, init_params=init_params, max_iter=0, random_state=0).fit(X)
    assert (begun.n_iter_, begun.converged_, begun.lower_bound_) == (0, False, -np.inf)
    if init_params in ("k-means++", "random_from_data"):
        assert all((mean == X).all(axis=1).any() for mean in begun.means_)
        assert len(np.unique(begun.means_, axis=0)) == 3
        np.testing.assert_allclose(begun.covariances_, np.tile(1e-6 * np.eye(3), (3, 1, 1)))


@pytest.mark.quick(2)
@each_type
def test_a_warm_start_goes_on(covariance_type: str) -> None:
    """Two fits of one iteration are one of two; convergence is seen across fits; n_init counts no
    more.
    """
    X = clouds(4)
    peer = sklearn.mixture.GaussianMixture
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        for kind in (GaussianMixture, peer):
            given = {
                "covariance_type": covariance_type,
                "random_state": 0,
                **start_of(X, covariance_type),
            }
            whole: Any = kind(3, max_iter=2, **given).fit(X)
            parts: Any = kind(3, max_iter=1, warm_start=True, n_init=3, **given).fit(X).fit(X)
            np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-12)
            assert parts.lower_bound_ == pytest.approx(whole.lower_bound_, rel=1e-12)
            fits = next(i for i in range(200) if parts.fit(X).converged_)
            assert kind(3, **given, max_iter=300).fit(X).n_iter_ == fits + 3
    other = GaussianMixture(
        3, warm_start=True, covariance_type=covariance_type, random_state=0
    ).fit(X)
    with pytest.raises(
        ValueError, match="expected warm_start to go on from 2 components of 3 features"
    ):
        other.set_params(n_components=2).fit(X)


@each_type
def test_not_converging_warns_as_scikit_learn_does(covariance_type: str) -> None:
    X = clouds()
    for kind in (GaussianMixture, sklearn.mixture.GaussianMixture):
        with pytest.warns(
            sklearn.exceptions.ConvergenceWarning,
            match="Best performing initialization did not conv",
        ):
            kind(3, covariance_type=covariance_type, max_iter=1, tol=0.0, random_state=0).fit(X)


@pytest.mark.full
def test_samples_have_the_means_covariances_and_weights_of_the_mixture() -> None:
    X = clouds(n=400)
    for covariance_type in ("full", "tied", "diag", "spherical"):
        model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
        drawn, labels = model.sample(40_000)
        again, _ = model.sample(40_000)
        np.testing.assert_array_equal(drawn, again)
        for j in range(3):
            own = drawn[labels == j]
            n = len(own)
            assert n / len(labels) == pytest.approx(model.weights_[j], abs=0.02)
            covariance = model.covariances_ if covariance_type == "tied" else model.covariances_[j]
            covariance = (
                covariance if covariance.ndim == 2 else np.diag(np.broadcast_to(covariance, 3))
            )
            np.testing.assert_allclose(
                np.cov(own.T), covariance, atol=6 * np.trace(covariance) / np.sqrt(n)
            )
            np.testing.assert_allclose(
                own.mean(axis=0), model.means_[j], atol=5 * np.sqrt(np.trace(covariance) / n)
            )
    with pytest.raises(
        ValueError, match="expected n_samples to be a whole number of at least 1, got 0"
    ):
        model.sample(0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"weights_init": [0.5, 0.5]},
            r"expected weights_init to be finite numbers of the shape \[3\], got the shape \[2\]",
        ),
        (
            {"weights_init": [0.5, 0.6, -0.1]},
            "expected weights_init to be numbers of at least 0 that sum to 1",
        ),
        ({"weights_init": [0.5, 0.5, 0.5]}, "got the sum 1.50000"),
        (
            {"means_init": np.zeros((2, 3))},
            r"expected means_init to be finite numbers of the shape \[3, 3\]",
        ),
        ({"means_init": np.full((3, 3), np.nan)}, "got NaN or infinity"),
        (
            {"precisions_init": np.ones((3, 3))},
            r"expected precisions_init to be .* shape \[3, 3, 3\]",
        ),
        (
            {"precisions_init": -np.ones((3, 3, 3))},
            "expected precisions_init to be symmetric, positive-definite matr",
        ),
        (
            {"precisions_init": -np.ones(3), "covariance_type": "spherical"},
            "expected precisions_init to be positive num",
        ),
        ({"reg_covar": np.inf}, "expected reg_covar to be a finite number of at least 0, got inf"),
        ({"reg_covar": 0, "init_params": "k-means++"}, "a covariance is not positive definite"),
    ],
)
def test_what_is_given_is_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3, **given).fit(clouds())
