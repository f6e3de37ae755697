"""What users of scikit-learn's KMeans and MiniBatchKMeans expect: names, values, warnings."""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.exceptions import ConvergenceWarning

from scratchclust import KMeans, MiniBatchKMeans

PAIRS = {
    "KMeans": (KMeans, sklearn.cluster.KMeans),
    "MiniBatchKMeans": (MiniBatchKMeans, sklearn.cluster.MiniBatchKMeans),
}
NO_TWIN = {
    "set_fit_request",
    "set_partial_fit_request",
    "set_score_request",
}  # made by scikit-learn itself for both


def cloud(n: int = 300, dtype: str = "float64") -> np.ndarray:
    rng = np.random.default_rng(0)
    return (5 * rng.integers(-1, 2, size=(n, 4)) + rng.normal(size=(n, 4))).astype(dtype)


X = cloud()
FIRST = X[[3, 50, 120, 200, 280]]
WEIGHTS = np.random.default_rng(1).random(len(X))
NEW = cloud(40) + 0.5


# --------------------------------------------------------------------------------------------------
# names


@pytest.mark.parametrize("name", PAIRS)
def test_parameters_and_their_defaults(name):
    ours, theirs = (inspect.signature(estimator).parameters for estimator in PAIRS[name])
    for parameter, expected in theirs.items():
        assert ours[parameter].default == expected.default, parameter
        assert ours[parameter].kind == expected.kind, parameter


@pytest.mark.parametrize("name", PAIRS)
def test_methods_and_their_arguments(name):
    ours, theirs = PAIRS[name]
    public = [
        method for method in dir(theirs) if not method.startswith("_") and method not in NO_TWIN
    ]
    for method in public:
        expected = list(inspect.signature(getattr(theirs, method)).parameters)
        assert (
            list(inspect.signature(getattr(ours, method)).parameters)[: len(expected)] == expected
        ), method


@pytest.mark.parametrize("name", PAIRS)
def test_attributes(name):
    ours, theirs = (estimator(5, random_state=0).fit(X) for estimator in PAIRS[name])
    for attribute in vars(theirs):
        if attribute.endswith("_") and not attribute.startswith("_"):
            assert hasattr(ours, attribute), attribute
            if isinstance(getattr(theirs, attribute), np.ndarray):
                assert getattr(ours, attribute).dtype == getattr(theirs, attribute).dtype
                assert getattr(ours, attribute).shape == getattr(theirs, attribute).shape
            else:
                assert (
                    type(getattr(ours, attribute)) is type(getattr(theirs, attribute))
                    or attribute == "inertia_"
                )


@pytest.mark.parametrize("name", PAIRS)
def test_feature_names(name):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    ours, theirs = (estimator(5, random_state=0).fit(table) for estimator in PAIRS[name])
    np.testing.assert_array_equal(ours.feature_names_in_, theirs.feature_names_in_)
    np.testing.assert_array_equal(ours.get_feature_names_out(), theirs.get_feature_names_out())
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(table[list("dcba")])


# --------------------------------------------------------------------------------------------------
# values

SETTINGS: dict[str, dict[str, Any]] = {
    "tol=0": {"tol": 0},
    "tol": {"tol": 1e-2},
    "one iteration": {"max_iter": 1},
    "three": {"max_iter": 3, "tol": 0},
    "elkan": {"algorithm": "elkan", "tol": 0},
    "k=1": {"n_clusters": 1, "init": FIRST[:1]},
    "list": {"init": FIRST.tolist()},
    "function": {
        "init": lambda points, k, random_state: points[[3, 50, 120, 200, 280]],
        "n_init": 2,
    },
}
RESULTS: dict[
    str, tuple[Any, float]
] = {  # what is compared, and how near it must be, relatively, in float64
    "cluster_centers_": (lambda model: model.cluster_centers_, 1e-12),
    "labels_": (lambda model: model.labels_, 0),
    "inertia_": (lambda model: model.inertia_, 1e-12),
    "n_iter_": (lambda model: model.n_iter_, 0),
    "n_features_in_": (lambda model: model.n_features_in_, 0),
    "predict": (lambda model: model.predict(NEW), 0),
    "transform": (lambda model: model.transform(NEW), 1e-10),
    "score": (lambda model: model.score(NEW), 1e-12),
    "score of weights": (lambda model: model.score(NEW, None, WEIGHTS[:40]), 1e-12),
    "get_feature_names_out": (lambda model: model.get_feature_names_out().tolist(), 0),
}


def fitted_pair(settings: str, weights: Any = None, dtype: str = "float64") -> list[Any]:
    given = {"n_clusters": 5, "init": FIRST, "n_init": 1, **SETTINGS[settings]}
    models = []
    for estimator in PAIRS["KMeans"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(estimator(**given).fit(X.astype(dtype), sample_weight=weights))
    return models


@pytest.mark.quick(8)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_kmeans_gives_the_same_values(settings, weights):
    ours, theirs = fitted_pair(settings, weights)
    for name, (result, tolerance) in RESULTS.items():
        if tolerance:
            np.testing.assert_allclose(
                result(ours), result(theirs), rtol=tolerance, atol=tolerance, err_msg=name
            )
        else:
            np.testing.assert_array_equal(result(ours), result(theirs), err_msg=name)


def test_kmeans_of_float32_has_its_digits():
    ours, theirs = fitted_pair("tol=0", dtype="float32")
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-5, atol=1e-5)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
def test_fit_and_what_follows_in_one(estimator):
    given: dict[str, Any] = {"n_clusters": 5, "random_state": 0}
    model = estimator(**given).fit(X, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(estimator(**given).fit_predict(X, None, WEIGHTS), model.labels_)
    np.testing.assert_array_equal(
        estimator(**given).fit_transform(X, None, WEIGHTS), model.transform(X)
    )


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_mini_batches_give_the_same_values(weights):
    """From the same start and batches, where nothing is drawn."""
    given: dict[str, Any] = {"n_clusters": 5, "init": FIRST, "n_init": 1, "reassignment_ratio": 0}
    ours, theirs = MiniBatchKMeans(**given), sklearn.cluster.MiniBatchKMeans(**given)
    for begin in range(0, 300, 100):
        part = slice(begin, begin + 100)
        for model in (ours, theirs):
            model.partial_fit(X[part], sample_weight=None if weights is None else weights[part])
    for name in ("cluster_centers_", "inertia_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    np.testing.assert_allclose(ours.counts_, theirs._counts, rtol=1e-12)
    for name in ("labels_", "n_steps_", "n_features_in_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.predict(NEW), theirs.predict(NEW))
    np.testing.assert_allclose(ours.transform(NEW), theirs.transform(NEW), rtol=1e-10)
    assert ours.score(NEW) == pytest.approx(theirs.score(NEW), rel=1e-12)


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_no_improvement": None, "max_iter": 20},
        {"max_no_improvement": 0},
        {"init_size": 100},
        {"init": "random", "n_init": 3},
        {"init": FIRST},
        {"init": lambda points, k, random_state: points[random_state.permutation(len(points))[:k]]},
        {"reassignment_ratio": 0.2},
        {"batch_size": 1000},
    ],
)
def test_mini_batches_of_every_setting_are_as_good_on_average(settings):
    given = {"n_clusters": 5, "batch_size": 50, "n_init": "auto", **settings}
    ours, theirs = (
        [estimator(random_state=s, **given).fit(X) for s in range(6)]
        for estimator in PAIRS["MiniBatchKMeans"]
    )
    mean = np.mean([model.inertia_ for model in theirs])
    spread = np.std([model.inertia_ for model in theirs]) / np.sqrt(6)
    assert np.mean([model.inertia_ for model in ours]) <= 1.05 * mean + 3 * spread
    if settings.get("max_no_improvement", 1) is None:
        assert {model.n_steps_ for model in ours} == {model.n_steps_ for model in theirs} == {120}


def test_without_labels_the_inertia_is_estimated():
    model = MiniBatchKMeans(
        5, batch_size=100, compute_labels=False, random_state=0, max_no_improvement=None
    ).fit(X)
    assert not hasattr(model, "labels_")
    assert model.inertia_ == pytest.approx(-model.score(X), rel=0.1)
    model.set_params(compute_labels=True).fit(X)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    assert not hasattr(model.set_params(compute_labels=False).fit(X), "labels_")
    assert not hasattr(MiniBatchKMeans(5, compute_labels=False).partial_fit(X), "labels_")


def test_a_function_sees_a_sample_and_is_asked_for_every_start():
    asked = []

    def start(points, n_clusters, random_state):
        asked.append(len(points))
        return points[:n_clusters]

    MiniBatchKMeans(5, init=start, init_size=60, random_state=0).fit(X)
    assert asked == [60] * 3
    MiniBatchKMeans(5, init=start, n_init=1, batch_size=20, random_state=0).fit(X)
    MiniBatchKMeans(5, init=start, random_state=0).partial_fit(X[:70])
    assert asked[3:] == [60, 70]


# --------------------------------------------------------------------------------------------------
# warnings

DUPLICATES = np.repeat(FIRST[:3], 10, axis=0)
WARNINGS: list[tuple[Any, type[Warning], str]] = [
    (
        lambda KM, MB: KM(5, n_init=1).fit(DUPLICATES),
        ConvergenceWarning,
        r"Number of distinct clusters \(3\) found",
    ),
    (
        lambda KM, MB: KM(5, init=FIRST, n_init=10).fit(X),
        RuntimeWarning,
        "performing only one init in KMeans",
    ),
    (
        lambda KM, MB: MB(5, init=FIRST, n_init=10).fit(X),
        RuntimeWarning,
        "performing only one init in MiniBatchKMeans",
    ),
    (
        lambda KM, MB: MB(5, init=FIRST, n_init=10).partial_fit(X),
        RuntimeWarning,
        "performing only one init in Mini",
    ),
    (
        lambda KM, MB: KM(1, n_init=1, algorithm="elkan").fit(X),
        RuntimeWarning,
        "doesn't make sense for a single",
    ),
    (
        lambda KM, MB: MB(5, init_size=2).fit(X),
        RuntimeWarning,
        "init_size=2 should be larger than n_clusters=5",
    ),
]


@pytest.mark.parametrize(("call", "category", "message"), WARNINGS)
def test_warnings_where_scikit_learn_warns(call, category, message):
    for classes in zip(*PAIRS.values(), strict=True):
        with pytest.warns(category, match=message) as caught:
            call(*classes)
        assert [warning.category for warning in caught] == [category]


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
def test_verbose_prints(estimator, capsys):
    estimator(5, random_state=0).fit(X)
    assert capsys.readouterr().out == ""
    estimator(5, random_state=0, verbose=1).fit(X)
    assert "Converged" in capsys.readouterr().out


# --------------------------------------------------------------------------------------------------
# kinds of parameters


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
def test_whole_numbers_of_every_kind(estimator):
    labels = np.array([0, 3, 4], np.uint8)
    expected = estimator(5, random_state=0).fit(X)
    for n_clusters in (labels.max() + np.uint8(1), np.int64(5), np.array(5)):
        model = estimator(
            n_clusters=n_clusters, n_init=np.int8(1), max_iter=np.int64(300), random_state=0
        ).fit(X)
        assert model.cluster_centers_.shape == expected.cluster_centers_.shape
    for step in range(2):
        model = MiniBatchKMeans(np.uint8(5), random_state=np.int64(step)).partial_fit(X)
        assert model.cluster_centers_.shape == (5, 4)


@pytest.mark.quick(1)
@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_what_comes_back_is_the_callers_own(estimator, dtype):
    points = np.abs(cloud(60, dtype))
    start = points[:3].astype(float)
    for init in (start, "random"):
        model = estimator(3, init=init, random_state=0).fit(points)
        if estimator is MiniBatchKMeans:
            model.partial_fit(points)
        arrays = {
            name: value
            for name, value in vars(model).items()
            if isinstance(value, np.ndarray) and name != "init"
        }
        arrays |= getattr(model, "history_", {})
        arrays |= {"predict": model.predict(points), "transform": model.transform(points)}
        arrays |= {"fit_predict": model.fit_predict(points)}
        for name, array in arrays.items():
            assert array.flags.writeable, name
            assert not np.shares_memory(array, points), name
            assert not np.shares_memory(array, start), name
            array.sort()
    np.testing.assert_array_equal(points, np.abs(cloud(60, dtype)))
    labels = estimator(3, random_state=0).fit_predict(points)
    labels[labels == 2] = -1


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
def test_sparse_input_is_refused_with_its_cure(estimator):
    sparse = pytest.importorskip("scipy.sparse").csr_array(X)
    with pytest.raises(TypeError, match="toarray"):
        estimator(3).fit(sparse)
