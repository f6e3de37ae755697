"""DBSCAN: by hand for both twins, equal to scikit-learn's point by point, in blocks and on the
grid.
"""

import itertools
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.csgraph
import sklearn.cluster
import sklearn.metrics
import sklearn.utils

from scratchclust import DBSCAN, exact_pairs, persist, rows
from scratchclust.cluster import dbscan as fast
from scratchclust.cluster.dbscan_parts import blocks, grid, passes
from scratchclust.errors import InputError
from scratchclust.reference import dbscan as reference
from scratchclust.reference.distances import squared_distances

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def clouds(n: int = 200, d: int = 5, seed: int = 0) -> np.ndarray:
    """Dense clouds with sparse points between them."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-4, 4, (5, d))
    return centres[rng.integers(5, size=n)] + rng.normal(size=(n, d)) * rng.choice(
        [0.3, 1.5], (n, 1)
    )


def radius(X: np.ndarray, share: float = 0.03) -> float:
    """An eps within which this share of the pairs lies: some clusters, some border, some noise."""
    return float(np.sqrt(np.quantile(squared_distances(X, X), share)))


def blocked(X: np.ndarray, eps: float, min_samples: int) -> tuple[list[int], list[int]]:
    """The labels and core points without a grid, whatever the number of features."""
    found = fast._number(*blocks.block_labels(X, float(eps), min_samples))
    return found.labels.tolist(), found.core_sample_indices.tolist()


@each_twin
@pytest.mark.parametrize("n_features", [1, 4])
def test_by_hand(twin: ModuleType, n_features: int) -> None:
    """On a line, with eps = 1 (exactly reached) and three to be dense: 0, 1, 2 | 3.5 to 5 | 9."""
    line = np.array([9.0, 0, 1, 2, 5, 4, 3.5, 4.5, -20])
    X = np.stack([line] + [np.zeros(9)] * (n_features - 1), axis=1)
    found = twin.dbscan(X, 1, min_samples=3)
    assert found.labels.tolist() == [-1, 0, 0, 0, 1, 1, 1, 1, -1]
    assert found.core_sample_indices.tolist() == [2, 4, 5, 6, 7]
    assert found.n_clusters == 2
    assert found.labels.dtype == found.core_sample_indices.dtype == np.int32


@each_twin
@pytest.mark.parametrize("n_features", [1, 4])
def test_a_border_point_joins_the_first_cluster_that_reaches_it(
    twin: ModuleType, n_features: int
) -> None:
    """The point at 0 is within eps of a core point at -1 and of one at 1, but is none itself."""
    line = np.array([1.0, 1.2, 1.4, 1.6, 0, -1.0, -1.2, -1.4, -1.6])
    for sign, expected in ((1, [0, 0, 0, 0, 0, 1, 1, 1, 1]), (-1, [0, 0, 0, 0, 0, 1, 1, 1, 1])):
        X = np.stack([sign * line] + [np.zeros(9)] * (n_features - 1), axis=1)
        found = twin.dbscan(X, 1.0, min_samples=4)
        assert found.labels.tolist() == expected
        assert 4 not in found.core_sample_indices
    X = X[::-1].copy()
    assert twin.dbscan(X, 1.0, min_samples=4).labels.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.quick(8)
@pytest.mark.parametrize("n_features", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(7))
def test_twins_and_scikit_learn_agree_point_by_point(n_features: int, seed: int) -> None:
    X = clouds(d=n_features, seed=seed)
    eps, min_samples = radius(X), 3 + 2 * seed
    peer = sklearn.cluster.DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    for twin in (reference, fast):
        found = twin.dbscan(X, eps, min_samples=min_samples)
        assert found.labels.tolist() == peer.labels_.tolist()
        assert found.core_sample_indices.tolist() == peer.core_sample_indices_.tolist()
    assert blocked(X, eps, min_samples) == (
        peer.labels_.tolist(),
        peer.core_sample_indices_.tolist(),
    )


def test_the_cases_have_clusters_border_and_noise() -> None:
    """The cases above would prove little otherwise."""
    X = clouds()
    found = reference.dbscan(X, radius(X), min_samples=5)
    assert found.n_clusters >= 2
    assert (found.labels < 0).sum() > 10
    assert (found.labels >= 0).sum() > len(found.core_sample_indices) + 3


@pytest.mark.parametrize("on_host", [0.0, 1e9])
def test_passes_on_the_devices_and_on_the_host_agree(
    on_host: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MULTIPLICATIONS_ON_HOST", on_host)
    for seed in range(20):
        X = clouds(seed=seed)
        found = reference.dbscan(X, radius(X, 0.02), min_samples=4)
        assert blocked(X, radius(X, 0.02), 4) == (
            found.labels.tolist(),
            found.core_sample_indices.tolist(),
        )


@pytest.mark.full
def test_core_points_in_tiles_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small tiles, of which the second pass meets those of core points, and no point of the
    largest label asks.
    """
    monkeypatch.setattr(blocks, "MULTIPLICATIONS_ON_HOST", 0.0)
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=16))
    for seed, share in itertools.product(range(10), (0.01, 0.03, 0.1)):
        X = clouds(seed=seed)
        eps = radius(X, share)
        found = reference.dbscan(X, eps, min_samples=4)
        assert blocked(X, eps, 4) == (found.labels.tolist(), found.core_sample_indices.tolist())


@pytest.mark.parametrize("on_host", [0.0, 1e9])
def test_a_long_chain_needs_many_joins(on_host: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only neighbours on a line touch, in shuffled order, and the first pass keeps one sample of
    each group.
    """
    monkeypatch.setattr(blocks, "MULTIPLICATIONS_ON_HOST", on_host)
    monkeypatch.setattr(passes, "SAMPLES_PER_POINT", 1)
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=1))
    passes.count.clear_cache()  # SAMPLES_PER_POINT is read when the pass is compiled
    X = np.zeros((200, 4))
    X[:, 0] = np.random.default_rng(0).permutation(200)
    X[X[:, 0] >= 150] += 0.5
    labels, core = blocked(X, 1.0, 2)
    passes.count.clear_cache()
    assert core == list(range(200))
    assert labels == reference.dbscan(X, 1, min_samples=2).labels.tolist()
    assert len(set(labels)) == 2


def test_pairs_at_exactly_eps_are_decided_by_the_definition() -> None:
    """Whole numbers far from zero: many distances are just 5, and float32 products cannot tell."""
    for seed in range(5):
        X = np.random.default_rng(seed).integers(0, 12, (150, 4)) * 1.0
        X[:, 1:] += 3000 * (np.arange(150) % 2)[:, None]
        found = reference.dbscan(X, 5, min_samples=6)
        assert blocked(X, 5, 6) == (found.labels.tolist(), found.core_sample_indices.tolist())
        assert not np.array_equal(found.labels, reference.dbscan(X, 4.999, min_samples=6).labels)


def test_clouds_far_from_each_other_lose_no_digits() -> None:
    """Within clouds 100,000 apart the expanded squares of float32 know nothing of eps = 1e-3."""
    X = clouds(n=120) * 1e-3
    X[60:] += 1e5
    found = reference.dbscan(X, 1e-3, min_samples=4)
    assert found.n_clusters >= 2
    assert blocked(X, 1e-3, 4) == (found.labels.tolist(), found.core_sample_indices.tolist())


@pytest.mark.parametrize("n_features", [2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_with_one_sample_it_is_connected_components(n_features: int, seed: int) -> None:
    X = clouds(d=n_features, seed=seed)
    eps = radius(X, 0.005)
    near = squared_distances(X, X) <= eps**2
    n_components, components = scipy.sparse.csgraph.connected_components(near)
    found = fast.dbscan(X, eps, min_samples=1)
    assert found.n_clusters == n_components
    assert found.labels.tolist() == components.tolist()  # both are numbered by first points


@pytest.mark.quick(10)
@pytest.mark.parametrize("n_features", [2, 5])
@pytest.mark.parametrize("seed", range(20))
def test_invariants(n_features: int, seed: int) -> None:
    """Moving all points changes nothing; with a larger eps no core point is lost and no two
    clusters part.
    """
    X = clouds(d=n_features, seed=seed)
    eps = radius(X)
    found, moved, wider = (
        fast.dbscan(X, eps),
        fast.dbscan(X + 7, eps * (1 + 1e-9)),
        fast.dbscan(X, 1.2 * eps),
    )
    assert moved.labels.tolist() == found.labels.tolist()
    assert set(found.core_sample_indices) <= set(wider.core_sample_indices)
    core = found.core_sample_indices
    assert len(set(zip(found.labels[core], wider.labels[core], strict=True))) == found.n_clusters


@pytest.mark.parametrize("n_features", [1, 3, 6])
def test_duplicates_and_extremes_of_eps(n_features: int) -> None:
    X = np.repeat(clouds(30, n_features), 5, axis=0)
    assert (
        fast.dbscan(X, 1e-9, min_samples=5).labels.tolist() == np.repeat(np.arange(30), 5).tolist()
    )
    assert (fast.dbscan(X, 1e-9, min_samples=6).labels == -1).all()
    for eps in (1e9, 1e30, 1e200, np.inf):
        assert (fast.dbscan(X, float(eps), min_samples=150).labels == 0).all()
        assert (fast.dbscan(X, float(eps), min_samples=151).labels == -1).all()
    same = np.full((40, n_features), 3.0)
    assert (fast.dbscan(same, 0.1).labels == 0).all()


@each_twin
@pytest.mark.parametrize("n_features", [2, 5])
def test_one_and_two_points(twin: ModuleType, n_features: int) -> None:
    X = np.zeros((2, n_features))
    X[1] = 9
    assert twin.dbscan(X[:1], 1, min_samples=1).labels.tolist() == [0]
    assert twin.dbscan(X[:1], 1, min_samples=2).labels.tolist() == [-1]
    assert twin.dbscan(X, 1, min_samples=1).labels.tolist() == [0, 1]
    assert twin.dbscan(X, 100, min_samples=2).labels.tolist() == [0, 0]


def test_the_grid_is_taken_where_it_fits() -> None:
    X = clouds(d=3)
    assert grid.fits_a_grid(X, 0.5)
    assert not grid.fits_a_grid(clouds(d=4), 0.5)
    assert not grid.fits_a_grid(X, 1e-9)  # more cells than it can number
    assert not grid.fits_a_grid(X, float("inf"))


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_the_grid_in_small_chunks(n_features: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X = clouds(d=n_features, seed=3)
    whole = grid.grid_labels(X, radius(X), 5)
    monkeypatch.setattr(grid, "PAIRS_AT_A_TIME", 7)
    monkeypatch.setattr(grid, "POINTS_TRIED_FIRST", 1)
    parts = grid.grid_labels(X, radius(X), 5)
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_device_counts_agree(n_devices: int) -> None:
    X = clouds(500, 6)
    with rows.on(jax.local_devices()[:n_devices]):
        found = fast.dbscan(X, radius(X))
    assert found.labels.tolist() == reference.dbscan(X, radius(X)).labels.tolist()


def test_rows_in_doubt_are_decided_as_the_reference_does(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).integers(0, 6, (60, 4)) * 1.0
    expected = squared_distances(X, X) <= 9
    monkeypatch.setattr(exact_pairs, "DISTANCES_AT_A_TIME", 500)
    monkeypatch.setattr(exact_pairs, "NUMBERS_AT_A_TIME", 100)
    parts = list(exact_pairs.near_rows(X, np.arange(60), 3.0))
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate([near for _, near in parts]), expected)


def test_jax_arrays_float32_and_bytes() -> None:
    X = np.rint(clouds() * 10).astype(np.float32)
    expected = reference.dbscan(X, 12, min_samples=4).labels.tolist()
    for given in (jnp.asarray(X), X, X.astype(np.int16), (X + 128).clip(0, 255).astype(np.uint8)):
        assert fast.dbscan(given, 12, min_samples=4).labels.tolist() == expected


def test_the_same_shapes_compile_once() -> None:
    fast.dbscan(clouds(90), 1.0)
    before = passes.count._cache_size(), passes.extremes._cache_size()
    fast.dbscan(clouds(90, seed=5), 2.0, min_samples=3)
    assert (passes.count._cache_size(), passes.extremes._cache_size()) == before


@each_twin
def test_k_distances_say_how_many_core_points_there_are(twin: ModuleType) -> None:
    line = np.array([[0.0], [1], [3], [7]])
    assert twin.k_distances(line, 2).tolist() == [1, 1, 2, 4]
    assert twin.k_distances(line, 1).tolist() == [0, 0, 0, 0]
    X = clouds()
    curve = twin.k_distances(X, 5)
    assert (np.diff(curve) >= 0).all()
    for m in (1, 50, 150, 200):
        assert len(twin.dbscan(X, float(curve[m - 1]) * (1 + 1e-5)).core_sample_indices) == m


METRICS = ["euclidean", "cosine", "precomputed"]


def in_metric(X: np.ndarray, metric: str) -> tuple[np.ndarray, float]:
    """What is given to DBSCAN, and an eps within which a few of the pairs lie."""
    D = sklearn.metrics.pairwise_distances(
        X, metric="euclidean" if metric == "precomputed" else metric
    )
    return (D if metric == "precomputed" else X), float(np.quantile(D, 0.04))


WEIGHTS = {
    "whole": lambda rng, n: rng.integers(0, 4, n),
    "fractions": lambda rng, n: rng.uniform(0, 2, n),
    "negative": lambda rng, n: rng.normal(1, 1, n),
    "far apart": lambda rng, n: 10.0 ** rng.integers(-9, 9, n),
    "huge": lambda rng, n: np.where(rng.uniform(size=n) < 0.01, 1e300, 0.25),
}


@each_twin
@pytest.mark.parametrize("weights", [None, *WEIGHTS])
@pytest.mark.parametrize("metric", METRICS)
def test_metrics_and_weights_are_scikit_learns(
    metric: str, weights: str | None, twin: ModuleType
) -> None:
    for seed, n_features in itertools.product(range(3), (2, 5)):
        X, eps = in_metric(clouds(150, n_features, seed=seed), metric)
        w = None if weights is None else WEIGHTS[weights](np.random.default_rng(seed), len(X))
        peer = sklearn.cluster.DBSCAN(eps=eps, min_samples=6, metric=metric).fit(X, sample_weight=w)
        found = twin.dbscan(X, eps, min_samples=6, metric=metric, sample_weight=w)
        assert found.labels.tolist() == peer.labels_.tolist()
        assert found.core_sample_indices.tolist() == peer.core_sample_indices_.tolist()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_without_a_grid_and_with_hard_pairs(weights: str) -> None:
    """Whole numbers: many pairs lie at exactly eps, and many sums are exactly min_samples."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 12, (150, 4)) + 3000.0 * (np.arange(150) % 2)[:, None] * np.array(
            [0, 1, 1, 1]
        )
        w = WEIGHTS[weights](rng, 150) * 1.0
        found = reference.dbscan(X, 5, min_samples=6, sample_weight=w)
        labels = fast._number(*blocks.block_labels(X, 5.0, 6, w))
        assert labels.labels.tolist() == found.labels.tolist()
        assert labels.core_sample_indices.tolist() == found.core_sample_indices.tolist()


@each_twin
def test_whole_weights_are_repetitions(twin: ModuleType) -> None:
    for seed, n_features in itertools.product(range(5), (2, 5)):
        X = clouds(100, n_features, seed=seed)
        w = np.random.default_rng(seed).integers(1, 4, 100)
        found, repeated = (
            twin.dbscan(X, radius(X), sample_weight=w),
            twin.dbscan(np.repeat(X, w, axis=0), radius(X)),
        )
        assert np.repeat(found.labels, w).tolist() == repeated.labels.tolist()


@each_twin
def test_given_distances_need_not_be_symmetric(twin: ModuleType) -> None:
    """Point 0 sees 1, and 1 sees nobody else; random ones as scikit-learn walks through them."""
    D = np.array([[0, 1, 9], [9, 0, 9], [9, 9, 0.0]])
    assert twin.dbscan(D, 1, min_samples=2, metric="precomputed").labels.tolist() == [0, 0, -1]
    assert twin.dbscan(np.eye(4), 0.5, metric="precomputed").labels.tolist() == [-1, -1, -1, -1]
    for seed in range(20):
        D = np.random.default_rng(seed).uniform(size=(60, 60))
        for eps, min_samples in ((0.03, 3), (0.01, 1), (0.05, 4)):
            peer = sklearn.cluster.DBSCAN(
                eps=eps, min_samples=min_samples, metric="precomputed"
            ).fit(D)
            found = twin.dbscan(D, eps, min_samples=min_samples, metric="precomputed")
            assert found.labels.tolist() == peer.labels_.tolist()


@each_twin
def test_at_exactly_eps_a_direction_is_near(twin: ModuleType) -> None:
    """Right angles are 1 from each other, and opposite directions 2."""
    X = np.array([[3.0, 0, 0], [0, 0.1, 0], [0, 0, 7]])
    assert twin.dbscan(X, 1, min_samples=3, metric="cosine").labels.tolist() == [0, 0, 0]
    assert twin.dbscan(X, 0.999, min_samples=2, metric="cosine").labels.tolist() == [-1, -1, -1]
    turned = np.random.default_rng(0).normal(size=(1, 5)) * np.array([[1.0], [-2.0]])
    assert twin.dbscan(turned, 2, min_samples=2, metric="cosine").labels.tolist() == [0, 0]
    assert (
        twin.dbscan(
            turned[[0, 0]] * np.array([[1.0], [3]]), 1e-12, min_samples=2, metric="cosine"
        ).n_clusters
        == 1
    )


@each_twin
@pytest.mark.parametrize("metric", METRICS)
def test_k_distances_in_every_metric(twin: ModuleType, metric: str) -> None:
    X, _ = in_metric(clouds(80), metric)
    D = sklearn.metrics.pairwise_distances(X, metric=metric)
    expected = np.sort(np.sort(D, axis=1)[:, 4])
    np.testing.assert_allclose(
        twin.k_distances(X, 5, metric=metric), expected, rtol=1e-5, atol=1e-7
    )
    assert DBSCAN("knee", metric=metric).fit(X).eps_ == pytest.approx(twin.knee(expected), rel=1e-5)


@each_twin
@pytest.mark.parametrize(
    ("X", "given", "message"),
    [
        (
            np.ones((3, 2)),
            {"metric": "precomputed"},
            r"of at least 0 in a square matrix, got the shape \[3, 2\]",
        ),
        (-np.ones((3, 3)), {"metric": "precomputed"}, "the least number -1: give all pairs"),
        (
            np.ones((3, 2)),
            {"metric": "l7"},
            "expected metric to be one of 'euclidean', 'cosine', 'precomputed', got 'l7'",
        ),
        (
            np.array([[1.0, 1], [0, 0]]),
            {"metric": "cosine"},
            "row 1 is all zero and has no direction",
        ),
        (
            np.ones((2, 2)),
            {"sample_weight": np.array([1, np.nan])},
            "sample_weight holds NaN or infinity",
        ),
        (
            np.ones((2, 2)),
            {"sample_weight": np.zeros(2)},
            "or nothing but zeros: expected finite numbers",
        ),
    ],
)
def test_what_metrics_and_weights_cannot_be(
    twin: ModuleType, X: np.ndarray, given: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        twin.dbscan(X, 1, **given)


def test_an_estimator_takes_metrics_and_weights() -> None:
    X, eps = in_metric(clouds(90, 2), "precomputed")
    w = np.random.default_rng(0).normal(1, 1, 90)
    for sample_weight in (w, w.tolist(), 2, None):
        model = DBSCAN(eps, metric="precomputed").fit(X, sample_weight=sample_weight)
        peer = sklearn.cluster.DBSCAN(eps=eps, metric="precomputed").fit(
            X, sample_weight=sample_weight
        )
        for name in ("labels_", "core_sample_indices_", "components_"):
            np.testing.assert_array_equal(getattr(model, name), getattr(peer, name))
        np.testing.assert_array_equal(
            model.fit_predict(X, sample_weight=sample_weight), peer.labels_
        )
    assert sklearn.utils.get_tags(model).input_tags.pairwise
    for wrong in ([1, 2], np.ones((90, 1)), "heavy", [np.nan] * 90):
        with pytest.raises(ValueError, match="sample_weight"):
            DBSCAN(eps).fit(X, sample_weight=wrong)


@each_twin
@pytest.mark.parametrize(
    ("X", "eps", "min_samples", "message"),
    [
        (clouds(5), 0, 5, "expected eps > 0"),
        (clouds(5), -1.0, 5, "expected eps > 0"),
        (clouds(5), float("nan"), 5, "expected eps > 0"),
        (clouds(5), 1, 0, "expected min_samples of at least 1"),
        (np.array([[1.0], [np.nan]]), 1, 1, "NaN or infinity"),
        (np.empty((0, 2)), 1, 1, "at least one point"),
    ],
)
def test_errors_teach(
    twin: ModuleType, X: np.ndarray, eps: float | int, min_samples: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        twin.dbscan(X, eps, min_samples=min_samples)


@each_twin
def test_k_distances_of_more_samples_than_points(twin: ModuleType) -> None:
    with pytest.raises(InputError, match="expected min_samples of at most 5"):
        twin.k_distances(clouds(5), 6)


def test_estimator(tmp_path) -> None:
    X = clouds(d=2)
    model = DBSCAN(eps=radius(X), min_samples=6).fit(X)
    peer = sklearn.cluster.DBSCAN(eps=radius(X), min_samples=6).fit(X)
    for name in ("labels_", "core_sample_indices_", "components_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(peer, name))
    assert not hasattr(model, "predict")
    model.save(tmp_path / "model")
    loaded = persist.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.labels_, model.labels_)
    np.testing.assert_array_equal(loaded.components_, model.components_)
    assert isinstance(DBSCAN(eps=radius(X)).fit(jnp.asarray(X)).labels_, jax.Array)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"eps": 0}, "expected eps to be a number above 0 or 'knee', got 0"),
        ({"eps": "1"}, "expected eps to be a number"),
        (
            {"metric": "manhattan"},
            "expected metric to be one of 'euclidean', 'cosine', 'precomputed', got 'manhattan'",
        ),
        ({"min_samples": 0}, "expected min_samples to be a whole number of at least 1"),
        ({"min_samples": 2.5}, "expected min_samples to be a whole number of at least 1"),
    ],
)
def test_estimator_says_what_is_wrong(parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DBSCAN(**parameters).fit(clouds(10))


@each_twin
def test_the_knee_by_hand(twin: ModuleType) -> None:
    """Below the line from 1 to 9 (1, 3, 5, 7, 9) the values 1, 1, 2, 3, 9 lie by 0, 2, 3, 4, 0."""
    assert twin.knee(np.array([1.0, 1, 2, 3, 9])) == 3
    assert twin.knee(np.array([0.0, 0, 0, 0.5])) == 0.5
    assert twin.knee(np.array([2.0, 2, 2])) == 2
    with pytest.raises(InputError, match="any number above 0"):
        twin.knee(np.zeros(3))


def test_an_estimator_may_look_for_the_knee() -> None:
    X = np.concatenate(
        [np.random.default_rng(0).normal(size=(90, 2)), [[9.0, 9], [-9, 9], [9, -9]]]
    )
    found = DBSCAN("knee").fit(X)
    assert found.eps_ == fast.knee(fast.k_distances(X, 5))
    assert found.labels_.max() == 0
    assert (found.labels_[90:] == -1).all()
    with pytest.raises(ValueError, match="expected eps to be a number"):
        DBSCAN("elbow").fit(X)
