"""TSNE under scikit-learn's names: each parameter, attribute and method beside its own."""

import inspect
from collections.abc import Iterator

import jax
import numpy as np
import pytest
import sklearn.manifold
from scipy.spatial.distance import squareform
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.metrics import pairwise_distances

from scratchclust import TSNE, persist, rows
from scratchclust.errors import InputError
from scratchclust.reduce import tsne as fast
from scratchclust.reference import tsne as reference

X = np.random.default_rng(0).normal(size=(60, 4)) + 4 * (np.arange(60) % 3)[:, None]
START = 1e-4 * np.random.default_rng(1).normal(size=(60, 2))
GIVEN = {"perplexity": 10.0, "init": START.astype(np.float32), "method": "exact"}
SHORT = GIVEN | {"max_iter": 250, "early_exaggeration": 4.0}  # scikit-learn takes no fewer
DISTANCES = {
    metric: pairwise_distances(X, metric=metric) for metric in ("cosine", "euclidean", "manhattan")
}


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with rows.on(jax.local_devices()[:1]):
        yield


def ours(data: np.ndarray = X, **given) -> TSNE:
    return TSNE(**SHORT | {"learning_rate": 40.0} | given).fit(data)


def peers(data: np.ndarray = X, **given) -> sklearn.manifold.TSNE:
    """With a quarter of the learning rate: it multiplies the whole gradient."""
    return sklearn.manifold.TSNE(**SHORT | {"learning_rate": 10.0} | given).fit(data)


def width_of(model) -> np.ndarray:
    return np.ptp(model.embedding_, axis=0)


def divergence(model) -> float:
    return reference.kl_divergence(
        model.embedding_.astype(np.float64), reference.joint_affinities(X, 10.0)
    )


def affinities(data: np.ndarray, metric: str) -> np.ndarray:
    return np.asarray(fast.joint_affinities(data, 10.0, metric=metric))


def affinities_of_peer(metric: str) -> np.ndarray:
    return squareform(_joint_probabilities(DISTANCES[metric] ** 2, 10.0, verbose=0))


PARITY = [
    # name, ours, scikit-learn's, relative tolerance
    ("init, an array: embedding_", lambda: ours().embedding_, lambda: peers().embedding_, 0.02),
    ("kl_divergence_", lambda: ours().kl_divergence_, lambda: divergence(peers()), 1e-3),
    (
        "n_iter_, a count and no index",
        lambda: ours(max_iter=400).n_iter_,
        lambda: peers(max_iter=400).n_iter_ + 1,
        0,
    ),
    (
        "learning_rate_, of a quarter",
        lambda: ours().learning_rate_,
        lambda: 4 * peers().learning_rate_,
        0,
    ),
    ("n_features_in_", lambda: ours().n_features_in_, lambda: peers().n_features_in_, 0),
    (
        "n_components, one",
        lambda: ours(n_components=1, init=START[:, :1]).embedding_.shape,
        lambda: (60, 1),
        0,
    ),
    (
        "metric, cosine: affinities",
        lambda: affinities(X, "cosine"),
        lambda: affinities_of_peer("cosine"),
        1e-3,
    ),
    (
        "metric, precomputed: affinities",
        lambda: affinities(DISTANCES["manhattan"], "precomputed"),
        lambda: affinities_of_peer("manhattan"),
        1e-3,
    ),
    (
        "metric, precomputed as cosine",
        lambda: ours(DISTANCES["cosine"], metric="precomputed").embedding_,
        lambda: ours(metric="cosine").embedding_,
        1e-3,
    ),
    (
        "min_grad_norm",
        lambda: ours(max_iter=400, min_grad_norm=1.0).n_iter_,
        lambda: (
            peers(max_iter=400, min_grad_norm=1.0, early_exaggeration=4.0).n_iter_ // 50 * 50 + 250
        ),
        0,
    ),
    (
        "fit_transform",
        lambda: TSNE(**SHORT, learning_rate=40.0).fit_transform(X),
        lambda: ours().embedding_,
        0,
    ),
    (
        "get_feature_names_out",
        lambda: [name == f"tsne{i}" for i, name in enumerate(ours().get_feature_names_out())],
        lambda: [name == f"tsne{i}" for i, name in enumerate(peers().get_feature_names_out())],
        0,
    ),
]


@pytest.mark.parametrize(
    ("name", "found", "expected", "tolerance"), PARITY, ids=[row[0] for row in PARITY]
)
def test_as_in_scikit_learn(name: str, found, expected, tolerance: float) -> None:
    expected = np.asarray(expected())
    np.testing.assert_allclose(
        found(), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(), err_msg=name
    )


def test_every_parameter_of_scikit_learn_is_here_or_named_under_not_here() -> None:
    missing = set(inspect.signature(sklearn.manifold.TSNE).parameters) - set(
        inspect.signature(TSNE).parameters
    )
    assert missing == {"angle", "n_jobs", "metric_params"}
    left_out = (TSNE.__doc__ or "").split("Not here:")[1]
    assert all(f"`{name}`" in left_out for name in missing)
    assert "barnes_hut" in left_out


def test_every_default_that_both_have_is_the_same() -> None:
    theirs = sklearn.manifold.TSNE().get_params()
    differing = {
        name
        for name, value in TSNE().get_params().items()
        if name in theirs and theirs[name] != value
    }
    assert differing == {"method"}


def test_every_public_attribute_and_method_of_scikit_learn_is_here() -> None:
    def public(model) -> set[str]:
        return {name for name in dir(model) if not name.startswith("_")}

    assert public(peers()) - public(ours()) == {"angle", "n_jobs", "metric_params"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_data_is_that_of_the_map(dtype: type) -> None:
    model = ours(X.astype(dtype))
    assert model.embedding_.dtype == dtype
    assert model.transform(X[:3].astype(dtype)).dtype == dtype
    assert type(model.kl_divergence_) is float


def test_what_comes_back_is_the_callers_own() -> None:
    data = X.copy()
    model = ours(data, max_iter=20)
    before = model.transform(X[:5] + 0.1)
    for handed_out in (model.embedding_, *model.history_.values(), model.points_, before):
        assert handed_out.flags.writeable
        handed_out.copy()[:] = 0
    assert not np.shares_memory(model.points_, data)
    data[:] = 0
    np.testing.assert_array_equal(model.transform(X[:5] + 0.1), before)
    before[:] = 0  # no error


def test_an_array_to_start_from_is_not_changed() -> None:
    start = START.astype(np.float32)
    kept = start.copy()
    ours(init=start, max_iter=5)
    np.testing.assert_array_equal(start, kept)


def test_no_progress_is_the_end_in_both_twins() -> None:
    """Without patience the first record that is no better than one before it is the last."""
    given = {
        "perplexity": 10.0,
        "max_iter": 700,
        "start": START.astype(np.float32),
        "min_grad_norm": 0.0,
    }
    for twin in (fast, reference):
        patient = twin.tsne(X, **given, n_iter_without_progress=300).history
        late = patient.iteration > 250
        divergences, iterations = patient.kl_divergence[late], patient.iteration[late]
        best = np.minimum.accumulate(divergences)
        stale = np.flatnonzero(divergences[1:] >= best[:-1])  # the first record without progress
        hasty = twin.tsne(X, **given, n_iter_without_progress=-1)
        assert hasty.n_iter == (iterations[stale[0] + 1] if len(stale) else 700)


@pytest.mark.parametrize("metric", ["cosine", "precomputed"])
def test_twins_agree_on_other_metrics(metric: str) -> None:
    data = DISTANCES["manhattan"] if metric == "precomputed" else X
    given = {"perplexity": 10.0, "metric": metric}
    expected = reference.joint_affinities(data, 10.0, metric=metric)
    np.testing.assert_allclose(
        fast.joint_affinities(data, 10.0, metric=metric), expected, atol=1e-4 * expected.max()
    )
    Y = np.random.default_rng(3).normal(size=(60, 2)) * 5
    new = data[:6] + 0.01
    places = [np.asarray(twin.transform(new, data, Y, **given)) for twin in (reference, fast)]
    np.testing.assert_allclose(*places, atol=1e-3)


def test_new_points_of_a_map_of_distances(tmp_path) -> None:
    model = ours(DISTANCES["euclidean"], metric="precomputed")
    plain = ours(X)
    np.testing.assert_allclose(
        model.embedding_, plain.embedding_, atol=0.02 * width_of(plain).max()
    )
    new = X[:7] + 0.05
    to_the_fit = np.linalg.norm(new[:, None] - X[None], axis=2)
    np.testing.assert_allclose(
        model.transform(to_the_fit), plain.transform(new), atol=0.05 * width_of(plain).max()
    )
    model.save(tmp_path / "map")
    loaded = persist.load(tmp_path / "map")
    np.testing.assert_array_equal(loaded.transform(to_the_fit), model.transform(to_the_fit))


def test_neighbours_of_distances_through_the_grid() -> None:
    data = np.random.default_rng(0).normal(size=(240, 3))
    start = 1e-4 * np.random.default_rng(1).normal(size=(240, 2)).astype(np.float32)
    given = {"perplexity": 10, "max_iter": 30, "init": start, "method": "fft"}
    plain = TSNE(**given).fit(data)
    found = TSNE(**given, metric="precomputed").fit(pairwise_distances(data))
    np.testing.assert_allclose(
        found.embedding_, plain.embedding_, atol=1e-3 * width_of(plain).max()
    )


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (X, {"metric": "precomputed"}, "square distance matrix"),
        (
            -DISTANCES["cosine"],
            {"metric": "precomputed"},
            "expected X to be distances of at least 0",
        ),
        (
            DISTANCES["cosine"],
            {"metric": "precomputed", "init": "pca"},
            'init="pca" cannot be used with metric=',
        ),
        (np.zeros((60, 2)), {"metric": "cosine"}, "row 0 is all zero"),
        (
            X,
            {"metric": "chebyshev"},
            "metric to be one of 'euclidean', 'cosine', 'precomputed', got 'chebyshev'",
        ),
        (X, {"perplexity": 60}, "perplexity to be of at least 1 and below n_samples = 60, got 60"),
        (X, {"init": np.full((60, 2), np.nan)}, "init to be finite, got NaN or infinity"),
        (
            X,
            {"n_iter_without_progress": -2},
            "n_iter_without_progress to be a whole number of at least -1",
        ),
    ],
)
def test_refused_with_a_cure(data: np.ndarray, given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TSNE(**GIVEN | given).fit(data)


def test_sparse_data_is_refused_with_a_word_that_helps() -> None:
    scipy_sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="toarray"):
        TSNE().fit(scipy_sparse.csr_array(X))
