"""What the internal scores take as points: what estimators take, with the same errors; what comes
back is one's own.
"""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.sparse

from scratchclust import metrics, reference
from scratchclust.arrays import as_points
from scratchclust.errors import InputError
from scratchclust.metrics import inputs
from scratchclust.metrics.labels import encode
from scratchclust.reference import dunn, silhouette

assert reference
X = np.random.default_rng(0).integers(0, 100, (30, 3)).astype(np.float64)
LABELS = np.arange(30) % 3
D = np.linalg.norm(X[:, None] - X[None], axis=2)


def first_of_internal_scores(X: Any, labels: Any) -> float:
    return metrics.internal_scores(X, [labels])[0]["silhouette"]


def mean_of_estimate(X: Any, labels: Any) -> float:
    return metrics.silhouette_estimate(X, labels, sample_size=30).mean


def of_distances(X: Any, labels: Any) -> float:
    return metrics.silhouette_score(X, labels, metric="precomputed")


SCORES: dict[str, Callable[[Any, Any], float]] = {
    "silhouette_score": metrics.silhouette_score,
    "simplified_silhouette_score": metrics.simplified_silhouette_score,
    "silhouette_estimate": mean_of_estimate,
    "dunn_index": metrics.dunn_index,
    "calinski_harabasz_score": metrics.calinski_harabasz_score,
    "davies_bouldin_score": metrics.davies_bouldin_score,
    "internal_scores": first_of_internal_scores,
    "precomputed": of_distances,
}
each_score = pytest.mark.parametrize("name", SCORES)


@pytest.fixture(autouse=True)
def unchecked():
    """Without the shape checks of the tests, as everybody else calls the functions."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def points_for(name: str) -> np.ndarray:
    return D if name == "precomputed" else X


def kinds_of(points: np.ndarray) -> dict[str, Any]:
    pandas = pytest.importorskip("pandas")
    read_only = points.copy()
    read_only.setflags(write=False)
    return {
        "list": points.tolist(),
        "tuple of tuples": tuple(map(tuple, points.tolist())),
        "objects": points.astype(object),
        "table": pandas.DataFrame(points),
        "table of Float64": pandas.DataFrame(points).astype("Float64"),
        "big-endian": points.astype(">f8"),
        "Fortran": np.asfortranarray(points),
        "strided": np.repeat(points, 2, axis=0)[::2],
        "read-only": read_only,
        "float32": points.astype(np.float32),
        "JAX": jnp.asarray(points),
    }


@each_score
def test_every_kind_of_array_like_gives_the_same(name: str) -> None:
    points = points_for(name)
    expected = SCORES[name](points, LABELS)
    for kind, given in kinds_of(points).items():
        assert SCORES[name](given, LABELS) == pytest.approx(expected, rel=1e-5), kind


@each_score
def test_a_memory_map_is_read(name: str, tmp_path) -> None:
    np.save(tmp_path / "points.npy", points_for(name))
    given = np.load(tmp_path / "points.npy", mmap_mode="r")
    assert SCORES[name](given, LABELS) == SCORES[name](points_for(name), LABELS)


@pytest.mark.quick(every=3)
@each_score
@pytest.mark.parametrize(
    "kind", [np.uint8, np.int8, np.uint16, np.int64, np.uint64, np.float16, bool]
)
def test_small_numbers_mean_what_they_say(name: str, kind: Any) -> None:
    """Differences of uint8 would begin anew below 0; sums of int8 beyond 127."""
    points = points_for(name)
    points = ((points > 50) if kind is bool else points).astype(kind)
    if name == "precomputed":
        points = (points + points.T) // 2 if kind not in (bool, np.float16) else points
        np.fill_diagonal(points, 0)
    for asarray in (np.asarray, jnp.asarray):
        expected = SCORES[name](points.astype(np.float64), LABELS)
        assert SCORES[name](asarray(points), LABELS) == pytest.approx(expected, rel=1e-5)


REFUSED = {
    "one dimension": [1.0, 2.0, 3.0],
    "three dimensions": np.zeros((30, 2, 2)),
    "sparse": scipy.sparse.csr_array(X),
    "complex": X + 1j,
    "words": [["a", "b"]] * 30,
    "different lengths": [[1.0, 2.0], [3.0]],
    "objects that are no numbers": np.array([[{}, None]] * 30, dtype=object),
    "no features": np.zeros((30, 0)),
    "nothing": np.zeros((0, 3)),
    "JAX of one dimension": jnp.ones(30),
    "complex JAX": jnp.asarray(X) + 1j,
    "JAX without features": jnp.zeros((30, 0)),
}
THIRD = np.arange(30)[:, None] == 3
NOT_FINITE = {"NaN": np.where(THIRD, np.nan, X), "infinity": np.where(THIRD, np.inf, X)}
NOT_FINITE |= {f"{kind} in JAX": jnp.asarray(bad) for kind, bad in NOT_FINITE.items()}


@each_score
@pytest.mark.parametrize("kind", [*REFUSED, *NOT_FINITE])
def test_what_is_no_points_is_refused_as_estimators_refuse_it(name: str, kind: str) -> None:
    if name == "precomputed" and kind in NOT_FINITE:
        pytest.skip("a distance between points that are noise may be anything")
    bad = (REFUSED | NOT_FINITE)[kind]
    with pytest.raises(InputError) as expected:
        as_points(bad)
    with pytest.raises(InputError) as found:
        SCORES[name](bad, LABELS)
    assert str(found.value) == str(expected.value)


def test_complex_is_said_to_be_so() -> None:
    for given in (X + 1j, jnp.asarray(X) + 1j):
        with pytest.raises(InputError, match="Complex data not supported"):
            metrics.silhouette_score(given, LABELS)


def test_distances_in_a_table_with_infinity_between_noise() -> None:
    pandas = pytest.importorskip("pandas")
    labels, distances = np.where(np.arange(30) == 4, -1, LABELS), D.copy()
    expected = metrics.silhouette_samples(distances, labels, metric="precomputed")
    distances[4, 1:3] = distances[1:3, 4] = math.inf
    for given in (pandas.DataFrame(distances), distances, jnp.asarray(distances)):
        found = metrics.silhouette_samples(given, labels, metric="precomputed")
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.quick(1)
@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray, np.ndarray.tolist])
def test_what_comes_back_is_the_callers_own(asarray: Callable[..., Any]) -> None:
    given = asarray(X)
    arrays = [
        metrics.silhouette_samples(given, LABELS),
        metrics.silhouette_samples(given, np.arange(30) // 2),
        metrics.silhouette_samples(asarray(D), LABELS, metric="precomputed"),
        metrics.internal_scores(given, [LABELS])[0]["silhouette_samples"],
        metrics.contingency_matrix(LABELS, LABELS),
        *metrics.match_clusters(LABELS, LABELS),
    ]
    for array in arrays:
        assert isinstance(array, np.ndarray)
        assert array.flags.writeable
        assert not np.shares_memory(array, LABELS)
        array[:] = 0


def test_points_keep_their_bits_where_no_scale_is_needed() -> None:
    for factor in (1e-2, 1.0, 1e9):
        np.testing.assert_array_equal(inputs.points_in_range(X * factor), X * factor)
    zeros = np.zeros((4, 2))
    np.testing.assert_array_equal(inputs.points_in_range(zeros), zeros)


@pytest.mark.parametrize("exponent", [-1000, -300, -60, 50, 200, 1000])
def test_points_are_scaled_by_a_power_of_two(exponent: int) -> None:
    scaled = inputs.points_in_range(np.ldexp(X, exponent))
    ratio = scaled[X > 0] / X[X > 0]
    assert len(set(ratio.tolist())) == 1
    assert math.frexp(ratio[0])[0] == 0.5
    assert 2**52 <= scaled.max() < 2**54  # and the longest row at most sqrt(3) times as long
    assert silhouette.in_range(np.ldexp(X, exponent)).max() == silhouette.in_range(X).max()
    assert dunn.dunn_index(np.ldexp(X, exponent), LABELS) == dunn.dunn_index(X, LABELS)


# Two clusters near each other, and one so far away that the squares of what is near are 10^48 and
# more times smaller.
FAR = [1e20, 1e24, 1e25, 1e27, 1e30]
NEAR_AND_FAR = np.repeat([0, 1, 2], 2)


def near_and_far(far: float, unit: float = 1.0) -> np.ndarray:
    return unit * np.array([[0.0], [1], [10], [11], [far], [1.001 * far]])


@pytest.mark.quick(2)
@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.float32])
@pytest.mark.parametrize("unit", [1.0, 1e-25])
def test_far_clusters_leave_the_squares_of_near_ones_in_range(
    far: float, kind: Any, unit: float
) -> None:
    X = near_and_far(far, unit)
    given = jnp.asarray(X, kind) if kind is jnp.float32 else X.astype(kind)
    same = np.asarray(given, np.float64)
    expected = silhouette.silhouette_score(same, NEAR_AND_FAR)
    for name in ("silhouette_score", "internal_scores"):
        assert SCORES[name](given, NEAR_AND_FAR) == pytest.approx(expected, rel=1e-5), name
    estimate = metrics.silhouette_estimate(given, NEAR_AND_FAR, sample_size=6)
    assert estimate.mean == pytest.approx(expected, rel=1e-5)
    expected = silhouette.simplified_silhouette_score(same, NEAR_AND_FAR)
    assert metrics.simplified_silhouette_score(given, NEAR_AND_FAR) == pytest.approx(
        expected, rel=1e-5
    )
    expected = dunn.dunn_index(same, NEAR_AND_FAR)
    assert metrics.dunn_index(given, NEAR_AND_FAR) == pytest.approx(expected, rel=1e-5)


@pytest.mark.full
def test_many_features_and_a_far_cluster() -> None:
    """Squares of a row that is long in every feature are summed without leaving the range of
    float32.
    """
    for d in (1, 7, 300, 5000):
        X = np.random.default_rng(d).normal(size=(12, d))
        X[8:] *= 1e22
        for given in (X, X.astype(np.float32), jnp.asarray(X, jnp.float32)):
            labels, same = np.repeat([0, 1, 2], 4), np.asarray(given, np.float64)
            expected = silhouette.silhouette_samples(same, labels)
            np.testing.assert_allclose(
                metrics.silhouette_samples(given, labels), expected, atol=1e-5
            )


def test_coinciding_points_near_each_other() -> None:
    """Only the distances between the clusters tell what is small: each has radius 0, or its few
    members have.
    """
    for far in (1e25, 1e30):
        X = np.array([[0.0], [1], [far]]).repeat(40, axis=0)
        labels = np.arange(3).repeat(40)
        assert metrics.silhouette_score(X, labels) == 1
        assert metrics.simplified_silhouette_score(X, labels) == 1
        X[1] = 0.25
        expected = silhouette.silhouette_score(X, labels)
        assert expected < 1
        assert metrics.silhouette_score(X, labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray])
def test_clusters_too_far_away_for_float32_are_refused(asarray: Callable[..., Any]) -> None:
    X = near_and_far(1e36)
    names = ["silhouette_score", "simplified_silhouette_score", "internal_scores"]
    for points, labels in (
        (X, NEAR_AND_FAR),
        (X[[0, 0, 2, 2, 4, 4]], NEAR_AND_FAR),
        (X[::2], np.arange(3)),
    ):
        for name in names:
            with pytest.raises(
                InputError, match=r"got some 1e\+3[56] times as far away as others are wide"
            ):
                SCORES[name](asarray(points), labels)
    for name in ("calinski_harabasz_score", "davies_bouldin_score"):
        with pytest.raises(InputError, match=r"got some 1e\+60 times as far away"):
            SCORES[name](near_and_far(1e60), NEAR_AND_FAR)


def test_whether_clusters_are_far_is_told_alike_of_both_kinds_of_arrays() -> None:
    found = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat([-1, 0, 1, 2], 20))
        points = 10.0 ** rng.integers(0, 5) * rng.normal(size=(4, 3))[labels] + rng.normal(
            size=(80, 3)
        )
        points, labeling = points.astype(np.float32), encode(labels)
        far = inputs.has_far_clusters(points, labeling)
        assert inputs.has_far_clusters(jnp.asarray(points), labeling) == far, f"seed {seed}"
        found.add(far)
    assert found == {True, False}
