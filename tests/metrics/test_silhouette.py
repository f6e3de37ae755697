"""The silhouette: goldens by hand for both twins, scikit-learn, invariances, estimates, devices,
memory, refusals.
"""

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import make_blobs

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.metrics import pairs, tiles
from scratchclust.metrics import silhouette as fast
from scratchclust.reference import silhouette as reference

TWINS = [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
each_twin = pytest.mark.parametrize("twin", TWINS)

# On a line: clusters {0, 2}, {6, 10} and {20}, and a point of noise between them.
LINE = np.array([[0.0], [2.0], [6.0], [10.0], [20.0], [3.0]])
LABELS = np.array([4, 4, 7, 7, 9, -1])
BY_HAND = [(8 - 2) / 8, (6 - 2) / 6, (5 - 4) / 5, (9 - 4) / 9, 0, np.nan]


def blobs(seed: int, *, n: int = 90, std: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Four clusters in three dimensions, in coordinates that float32 holds exactly."""
    X, labels = make_blobs(n, n_features=3, centers=4, cluster_std=std, random_state=seed)
    return X.astype(np.float32).astype(np.float64), labels


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without the shape checks of the tests, as everybody else calls the functions."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@each_twin
def test_samples_and_score_by_hand(twin: ModuleType) -> None:
    np.testing.assert_allclose(twin.silhouette_samples(LINE, LABELS), BY_HAND, rtol=1e-6)
    assert twin.silhouette_score(LINE, LABELS) == pytest.approx(np.mean(BY_HAND[:5]), rel=1e-6)


@each_twin
def test_simplified_by_hand(twin: ModuleType) -> None:
    """The centroids are 1, 8 and 20."""
    expected = np.mean([(8 - 1) / 8, (6 - 1) / 6, (5 - 2) / 5, (9 - 2) / 9, 0])
    assert twin.simplified_silhouette_score(LINE, LABELS) == pytest.approx(expected, rel=1e-6)


@each_twin
def test_precomputed_distances_by_hand(twin: ModuleType) -> None:
    """Distances that are no Euclidean ones: the first point is far from everybody."""
    D = np.array([[0, 9, 9, 9], [9, 0, 2, 4], [9, 2, 0, 1], [9, 4, 1, 0.0]])
    samples = twin.silhouette_samples(D, np.array([0, 0, 1, 1]), metric="precomputed")
    np.testing.assert_allclose(
        samples, [0, (3 - 9) / 9, (5.5 - 1) / 5.5, (6.5 - 1) / 6.5], rtol=1e-6
    )
    assert twin.silhouette_score(D, np.array([0, 0, 1, 1]), metric="precomputed") == pytest.approx(
        samples.mean()
    )


@each_twin
def test_every_point_its_own_cluster_scores_0(twin: ModuleType) -> None:
    X, _ = blobs(0, n=9)
    np.testing.assert_array_equal(twin.silhouette_samples(X, np.arange(9)), np.zeros(9))
    assert twin.simplified_silhouette_score(X, np.arange(9)) == 0


@each_twin
def test_points_that_all_coincide_score_0(twin: ModuleType) -> None:
    X, labels = np.full((6, 2), 0.3), np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(twin.silhouette_samples(X, labels), np.zeros(6))
    assert twin.simplified_silhouette_score(X, labels) == 0


@each_twin
def test_duplicates_within_clusters_score_1(twin: ModuleType) -> None:
    """Not 1 - 1e-4: the distances of equal points must be 0, not what cancellation leaves."""
    X, labels = np.repeat(blobs(1, n=8)[0], 5, axis=0), np.repeat(np.arange(8), 5)
    np.testing.assert_allclose(twin.silhouette_samples(X, labels), 1, atol=1e-12)


@each_twin
def test_any_labels_that_tell_the_same_points_apart(twin: ModuleType) -> None:
    X, labels = blobs(2)
    expected = twin.silhouette_samples(X, labels)
    for renamed in (
        np.array(["d", "a", "c", "b"])[labels],
        labels * 1000 - 7,
        labels.astype(np.uint8),
    ):
        np.testing.assert_allclose(twin.silhouette_samples(X, renamed), expected, atol=1e-6)


def test_labels_may_be_lists_and_jax_arrays() -> None:
    X, labels = blobs(2)
    expected = fast.silhouette_samples(X, labels)
    for given in (
        labels.tolist(),
        tuple(np.array(["d", "a", "c", "b"])[labels].tolist()),
        jnp.asarray(labels),
    ):
        np.testing.assert_allclose(fast.silhouette_samples(X, given), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("twin", "tolerance"), [(reference, 1e-10), (fast, 1e-5)], ids=["numpy", "jax"]
)
def test_equals_scikit_learn(twin: ModuleType, tolerance: float) -> None:
    for seed in range(30):
        X, labels = blobs(seed, std=[0.3, 2.0, 8.0][seed % 3])
        labels = np.random.default_rng(seed).permutation(labels) if seed % 5 == 0 else labels
        labels[:7] = -1 if seed % 2 else 3
        known = labels >= 0
        expected = sk.silhouette_samples(X[known], labels[known])
        samples = twin.silhouette_samples(X, labels)
        np.testing.assert_allclose(samples[known], expected, atol=tolerance, err_msg=f"seed {seed}")
        assert np.isnan(samples[~known]).all()
        assert twin.silhouette_score(X, labels) == pytest.approx(expected.mean(), abs=tolerance)


def test_jax_equals_numpy_for_precomputed_and_simplified() -> None:
    for seed in range(20):
        X, labels = blobs(seed)
        labels[:5] = -1
        D = sk.pairwise_distances(X)
        expected = reference.silhouette_samples(D, labels, metric="precomputed")
        np.testing.assert_allclose(
            fast.silhouette_samples(D, labels, metric="precomputed"), expected, atol=1e-5
        )
        simplified = reference.simplified_silhouette_score(X, labels)
        assert fast.simplified_silhouette_score(X, labels) == pytest.approx(simplified, abs=1e-5)


def test_tight_clusters_far_apart() -> None:
    """Std 0.001 at distances of 10: |x|^2 - 2xy + |y|^2 loses all digits of the distances within a
    cluster.
    """
    for seed in range(10):
        X, labels = blobs(seed, std=0.001)
        expected = sk.silhouette_samples(X, labels)
        np.testing.assert_allclose(
            fast.silhouette_samples(X, labels), expected, atol=1e-6, err_msg=f"seed {seed}"
        )


def test_tight_clusters_near_each_other_and_far_from_a_third() -> None:
    """a(i) and b(i) are both small against |x|, so an error in either is seen in s(i); many
    spreads, none too bad.
    """
    rng = np.random.default_rng(0)
    for spread in 10.0 ** np.arange(-4, 0.1, 0.5):
        centres = np.array([[10.0, 0, 0], [10.0, 2 * spread, 0], [-20.0, 0, 0]])
        labels = np.arange(90) % 3
        X = np.float32(centres[labels] + spread * rng.normal(size=(90, 3))).astype(np.float64)
        assert fast.silhouette_score(X, labels) == pytest.approx(
            sk.silhouette_score(X, labels), abs=1e-5
        ), spread


@each_twin
@pytest.mark.parametrize("factor", [1e-300, 1e-170, 1e-20, 1e20, 1e160, 1e300])
def test_the_unit_of_length_does_not_matter(twin: ModuleType, factor: float) -> None:
    X, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    expected = sk.silhouette_samples(X, labels)
    np.testing.assert_allclose(twin.silhouette_samples(X * factor, labels), expected, atol=1e-6)
    simplified = reference.simplified_silhouette_score(X, labels)
    assert twin.simplified_silhouette_score(X * factor, labels) == pytest.approx(
        simplified, abs=1e-6
    )
    D = factor * sk.pairwise_distances(X)
    np.testing.assert_allclose(
        twin.silhouette_samples(D, labels, metric="precomputed"), expected, atol=1e-6
    )


@pytest.mark.parametrize("factor", [1e-30, 1e-20, 1e20, 1e30])
def test_the_unit_of_length_does_not_matter_on_a_device(factor: float) -> None:
    X, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    expected, given = sk.silhouette_samples(X, labels), jnp.asarray(X * factor)
    np.testing.assert_allclose(fast.silhouette_samples(given, labels), expected, atol=1e-6)
    mean, _ = fast.silhouette_estimate(given, labels, sample_size=60)
    assert mean == pytest.approx(expected.mean(), abs=1e-6)


@pytest.mark.parametrize("far", [1e3, 1e8])
@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.float32])
def test_clusters_near_each_other_and_far_from_the_rest(far: float, kind: Any) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat([0, 1, 2], [40, 20, 20]))
        X = np.array([[0, 0], [far, 0], [far + 5, 3]])[labels] + rng.normal(size=(80, 2))
        given = jnp.asarray(X, kind) if kind is jnp.float32 else X.astype(kind)
        X = np.asarray(given, np.float64)
        expected = reference.silhouette_samples(X, labels)
        np.testing.assert_allclose(fast.silhouette_samples(given, labels), expected, atol=1e-5)
        mean, _ = fast.silhouette_estimate(given, labels, sample_size=80)
        assert mean == pytest.approx(expected.mean(), abs=1e-5)
        simplified = reference.simplified_silhouette_score(X, labels)
        assert fast.simplified_silhouette_score(given, labels) == pytest.approx(
            simplified, abs=1e-5
        )


@pytest.mark.quick(1)
@pytest.mark.parametrize("k", [80, 350, 700])
def test_many_clusters(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some k each distance is added to the sum of its cluster, beyond another without a sum
    for each tile.
    """
    monkeypatch.setattr(tiles, "FEW_SUMS", 300)
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=128))
    jax.clear_caches()  # what the numbers above decide is compiled
    rng = np.random.default_rng(k)
    X, labels = rng.normal(size=(800, 5)), rng.integers(-1, k, 800)
    assert tiles.are_many(len(set(labels.tolist())) - 1, 5)
    known = labels >= 0
    expected = sk.silhouette_samples(X[known], labels[known])
    for n_devices in (1, 2):
        with rows.on(jax.local_devices()[:n_devices]):
            samples = fast.silhouette_samples(X, labels)
            np.testing.assert_allclose(samples[known], expected, atol=1e-5)
            assert np.isnan(samples[~known]).all()
    D = sk.pairwise_distances(X)
    samples = fast.silhouette_samples(D, labels, metric="precomputed")
    np.testing.assert_allclose(samples[known], expected, atol=1e-5)


@pytest.mark.parametrize("many", [0, 10**6])
def test_both_ways_of_summing_agree(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "MANY", many)
    jax.clear_caches()
    for seed in range(3):
        X, labels = blobs(seed)
        labels[:7] = -1
        expected = sk.silhouette_samples(X[labels >= 0], labels[labels >= 0])
        np.testing.assert_allclose(
            fast.silhouette_samples(X, labels)[labels >= 0], expected, atol=1e-5
        )


@pytest.mark.usefixtures("unchecked")  # what lowering puts in place of arrays is no array
def test_many_clusters_need_no_sums_of_all_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """n k sums are 8 MB here; a tile's are 2."""
    whole, calls = pairs._rows_with_all, recorded_calls(monkeypatch, "_rows_with_all")
    all_pairs = recorded_calls(monkeypatch, "_all_pairs")
    X = np.random.default_rng(0).normal(size=(2048, 8)).astype(np.float32)
    with rows.on(jax.local_devices()[:1]):
        fast.silhouette_score(X, np.arange(2048) % 1000)
    analysis = whole.lower(*calls[-1]).compile().memory_analysis()
    assert analysis.output_size_in_bytes < 2048 * 1000
    assert not all_pairs


def test_offset_of_ten_thousand() -> None:
    X, labels = blobs(4)
    np.testing.assert_allclose(
        fast.silhouette_samples(X + 1e4, labels), sk.silhouette_samples(X, labels), atol=1e-5
    )
    far = np.float32(
        X + 1e4
    )  # rounded to multiples of 0.001: the data changed, the score must not lose more
    np.testing.assert_allclose(
        fast.silhouette_samples(far, labels), sk.silhouette_samples(X, labels), atol=1e-3
    )
    np.testing.assert_allclose(
        fast.silhouette_samples(far, labels),
        sk.silhouette_samples(far.astype(np.float64), labels),
        atol=1e-5,
    )


def test_invariances() -> None:
    """Row order, translation, scale and rotation change no s(i), and each lies in [-1, 1]."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, labels = blobs(seed)
        samples = fast.silhouette_samples(X, labels)
        assert (np.abs(samples) <= 1).all()
        order = rng.permutation(len(X))
        np.testing.assert_allclose(
            fast.silhouette_samples(X[order], labels[order]), samples[order], atol=1e-6
        )
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        for moved in (X + 100 * rng.normal(size=3), X * 10.0 ** rng.integers(-6, 7), X @ rotation):
            np.testing.assert_allclose(fast.silhouette_samples(moved, labels), samples, atol=2e-6)


def test_jax_arrays_and_other_numpy_arrays_as_input() -> None:
    X, labels = blobs(3)
    expected = fast.silhouette_samples(X, labels)
    X32 = X.astype(np.float32)
    read_only = X32.copy()
    read_only.setflags(write=False)
    for given in (
        X32,
        jnp.asarray(X32),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        read_only,
    ):
        np.testing.assert_allclose(fast.silhouette_samples(given, labels), expected, atol=1e-6)
        assert fast.simplified_silhouette_score(given, labels) == pytest.approx(
            reference.simplified_silhouette_score(X, labels), abs=1e-6
        )
        mean, _ = fast.silhouette_estimate(given, labels, sample_size=90)
        assert mean == pytest.approx(expected.mean(), abs=1e-6)


def test_double_precision_where_jax_has_it() -> None:
    X, labels = blobs(3)
    with jax.enable_x64(True):
        samples = fast.silhouette_samples(X, labels)
    np.testing.assert_allclose(samples, sk.silhouette_samples(X, labels), atol=1e-10)


@pytest.mark.full
def test_device_counts_agree() -> None:
    n = 700
    X, labels = blobs(5, n=n)
    expected = sk.silhouette_samples(X, labels)
    D = sk.pairwise_distances(X)
    for n_devices in (1, 2, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            np.testing.assert_allclose(fast.silhouette_samples(X, labels), expected, atol=1e-5)
            np.testing.assert_allclose(
                fast.silhouette_samples(D, labels, metric="precomputed"), expected, atol=1e-5
            )
            simplified = fast.simplified_silhouette_score(X, labels)
            estimate = fast.silhouette_estimate(X, labels, sample_size=50, random_state=0)
        assert simplified == pytest.approx(
            reference.simplified_silhouette_score(X, labels), abs=1e-6
        )
        assert estimate.mean == pytest.approx(expected[_drawn(n, 50, 0)].mean(), abs=1e-5)


def _drawn(n: int, m: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(n, size=m, replace=False)


def recorded_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """The arguments of each call of a compiled function of `pairs` from now on."""
    calls, real = [], getattr(pairs, name)

    def recorded(*args: Any) -> Any:
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(pairs, name, recorded)
    return calls


@pytest.mark.full
def test_the_number_of_calls_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    X, labels = blobs(6, n=760)
    expected = sk.silhouette_samples(X, labels)
    all_pairs, samples = (
        recorded_calls(monkeypatch, name) for name in ("_all_pairs", "_rows_with_all")
    )
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=64))
    monkeypatch.setattr(pairs, "LEAST_ROWS", 16)
    n_calls = []
    for products in (1e12, 7e6, 1):
        monkeypatch.setitem(
            rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=products)
        )
        with rows.on(jax.local_devices()[:2]):
            np.testing.assert_allclose(fast.silhouette_samples(X, labels), expected, atol=1e-5)
            estimate = fast.silhouette_estimate(X, labels, sample_size=300, random_state=1)
        assert estimate.mean == pytest.approx(expected[_drawn(760, 300, 1)].mean(), abs=1e-6)
        n_calls.append((len(all_pairs), len(samples)))
    # The 78 meetings of 12 tiles in one, in two calls, and in as many as two devices need; 300 rows
    # in one, in calls of 256 and of 32.
    np.testing.assert_array_equal(np.diff([(0, 0), *n_calls], axis=0), [(1, 1), (2, 2), (39, 10)])


@pytest.mark.usefixtures("unchecked")  # what lowering puts in place of arrays is no array
def test_memory_grows_with_n_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    all_pairs, calls, bytes_used = pairs._all_pairs, recorded_calls(monkeypatch, "_all_pairs"), []
    for n in (2048, 4096):
        X = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
        fast.silhouette_score(X, np.arange(n) % 3)
        analysis = all_pairs.lower(*calls[-1]).compile().memory_analysis()
        bytes_used.append(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)
    assert bytes_used[1] < 2.2 * bytes_used[0]
    assert (
        bytes_used[1] < 4096 * 4096 * 4 / 4
    )  # a quarter of one n x n matrix, for four devices together


def test_a_second_call_compiles_nothing() -> None:
    for metric_of in (fast.silhouette_samples, fast.simplified_silhouette_score, _estimate_of_20):
        metric_of(*blobs(0))
        before = _n_compiled()
        metric_of(*blobs(1))
        assert _n_compiled() == before


def _estimate_of_20(X: np.ndarray, labels: np.ndarray) -> Any:
    return fast.silhouette_estimate(X, labels, sample_size=20, random_state=0)


def _n_compiled() -> int:
    from scratchclust.metrics import centroids

    return sum(
        f._cache_size()
        for f in (
            pairs._all_pairs,
            pairs._rows_with_all,
            centroids._residual_sums,
            centroids._own,
            centroids._other,
        )
    )


def test_an_estimate_from_all_points_is_exact() -> None:
    X, labels = blobs(7)
    labels[:10] = -1
    for sample_size in (80, 81, 10_000):
        mean, error = fast.silhouette_estimate(X, labels, sample_size=sample_size, random_state=0)
        assert mean == pytest.approx(fast.silhouette_score(X, labels), abs=1e-7)
        assert error == 0


def test_an_estimate_by_hand() -> None:
    """Three of the five points of LINE: which ones is chance, but each s(i) is exact and noise is
    never drawn.
    """
    seen = set()
    for seed in range(30):
        mean, error = fast.silhouette_estimate(LINE, LABELS, sample_size=2, random_state=seed)
        i, j = np.sort(_drawn(5, 2, seed))
        scores = [BY_HAND[i], BY_HAND[j]]
        assert mean == pytest.approx(np.mean(scores), abs=1e-6)
        assert error == pytest.approx(np.sqrt((1 - 2 / 5) * np.var(scores, ddof=1) / 2), abs=1e-6)
        seen.add((i, j))
    assert len(seen) > 5


@pytest.mark.full
def test_estimates_are_unbiased_and_their_errors_honest() -> None:
    """Over 200 draws the mean hits the truth, and intervals of 95% hold it in 90 to 99% (binomial:
    95 +- 1.5).
    """
    X, labels = blobs(8, n=300, std=3.0)
    truth = fast.silhouette_score(X, labels)
    estimates = [
        fast.silhouette_estimate(X, labels, sample_size=60, random_state=seed)
        for seed in range(200)
    ]
    means, errors = np.array(estimates).T
    assert abs(means.mean() - truth) < 3 * means.std() / np.sqrt(200)
    covered = (np.abs(means - truth) < 1.96 * errors).mean()
    assert 0.90 <= covered <= 0.99
    assert errors.mean() == pytest.approx(means.std(), rel=0.15)


def test_the_same_random_state_draws_the_same_sample() -> None:
    X, labels = blobs(8)
    one, two, other = (
        fast.silhouette_estimate(X, labels, sample_size=20, random_state=seed) for seed in (3, 3, 4)
    )
    assert one == two != other
    assert (
        fast.silhouette_estimate(X, labels, sample_size=20, random_state=np.random.default_rng(3))
        == one
    )


@each_twin
@pytest.mark.parametrize(
    "labels", [np.zeros(6, int), np.array([0, 0, 0, -1, -1, -1]), np.full(6, -1)]
)
@pytest.mark.parametrize(
    "name", ["silhouette_samples", "silhouette_score", "simplified_silhouette_score"]
)
def test_fewer_than_two_clusters_are_refused(
    twin: ModuleType, labels: np.ndarray, name: str
) -> None:
    found = len(set(labels.tolist()) - {-1})
    with pytest.raises(
        InputError,
        match=f"at least two clusters besides noise, got {found}.*ask for more clusters",
    ):
        getattr(twin, name)(LINE, labels)


@each_twin
def test_bad_metrics_and_distances_are_refused(twin: ModuleType) -> None:
    expected = "expected metric to be one of 'euclidean', 'precomputed', got 'cosine'"
    with pytest.raises(InputError, match=expected):
        twin.silhouette_samples(LINE, LABELS, metric="cosine")
    with pytest.raises(
        InputError, match=r'"precomputed" expects square distances \[n n\], got \[6, 1\]'
    ):
        twin.silhouette_samples(LINE, LABELS, metric="precomputed")
    with pytest.raises(InputError, match=r"zeros on the diagonal, got .* with np\.fill_diagonal"):
        twin.silhouette_score(np.ones((6, 6)), LABELS, metric="precomputed")


@pytest.mark.parametrize(
    ("X", "labels", "message"),
    [
        (
            LINE,
            [0, 1],
            "expected one label for each of the 6 points in labels, got 2: pass the labels of the",
        ),
        (LINE, [], "labels is empty"),
        (LINE, [[0, 1, 2, 3, 4, 5]], "labels must have one dimension"),
        (
            LINE,
            [0, 1, 0, 1, 0, None],
            "labels must be integers or strings without gaps, but holds None",
        ),
        (
            LINE,
            [0, 1, 0, 1, 0.5, 1],
            "labels must be integers or strings without gaps, but holds 0.5",
        ),
        (LINE * np.array([[1], [1], [1], [1], [1], [np.nan]]), LABELS, "Input X contains NaN"),
        (
            LINE * np.array([[1], [1], [1], [-np.inf], [1], [np.inf]]),
            LABELS,
            "Input X contains infinity",
        ),
        (np.zeros((6, 2, 2)), LABELS, "Found array with dim 3, while dim <= 2 is required"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused(X: np.ndarray, labels: Any, message: str) -> None:
    scores: list[Callable[..., Any]] = [
        fast.silhouette_score,
        fast.simplified_silhouette_score,
        _estimate_of_20,
    ]
    for score in scores:
        with pytest.raises(InputError, match=message):
            score(X, labels)


@pytest.mark.usefixtures("unchecked")
def test_too_small_a_sample_is_refused() -> None:
    for size in (1, 0, -3, 2.5, math.nan, "all", True):
        with pytest.raises(
            InputError, match="expected sample_size to be a whole number of at least 2, got"
        ):
            fast.silhouette_estimate(LINE, LABELS, sample_size=size)
    expected = fast.silhouette_estimate(LINE, LABELS, sample_size=5)
    assert fast.silhouette_estimate(LINE, LABELS, sample_size=np.uint8(5)) == expected


@each_twin
@pytest.mark.usefixtures("unchecked")
def test_a_metric_is_one_of_two_words(twin: ModuleType) -> None:
    for metric in (None, 1, np.zeros(2), ["euclidean"], "Euclidean"):
        with pytest.raises(
            InputError, match=r"expected metric to be one of 'euclidean', 'pre.* got"
        ):
            twin.silhouette_samples(LINE, LABELS, metric=metric)


def test_a_wrong_shape_is_refused_by_its_annotation() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        reference.silhouette_samples(LINE, LABELS[:3])
