"""Dunn's index: by hand for both twins, and equal to brute force to the last bit, ties and
cancellation included.
"""

import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.metrics import dunn as fast
from scratchclust.metrics import pairs
from scratchclust.reference import dunn as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def brute_force(X: np.ndarray, labels: np.ndarray) -> float:
    """A loop over all pairs, in float64."""
    X = X.astype(np.float64)
    separation, diameter = math.inf, 0.0
    for i in range(len(X)):
        for j in range(i):
            if labels[i] == -1 or labels[j] == -1:
                continue
            distance = math.sqrt(((X[i] - X[j]) ** 2).sum())
            if labels[i] == labels[j]:
                diameter = max(diameter, distance)
            else:
                separation = min(separation, distance)
    if separation == 0:
        return 0.0
    return separation / diameter if diameter > 0 else math.inf


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without the shape checks of the tests, as everybody else calls the functions."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """The gap is from (0, 3) to (4, 6): 5. The widest cluster is {(0, 0), (0, 3)}: 3. The noise
    lies between.
    """
    X = np.array([[0, 0], [0, 3], [4, 6], [5, 6], [2, 4.0]])
    assert twin.dunn_index(X, np.array([1, 1, 0, 0, -1])) == 5 / 3
    assert twin.dunn_index(X, np.array(["b", "b", "a", "a", "a"])) == math.sqrt(5) / math.sqrt(13)


@each_twin
def test_equal_points_in_different_clusters_give_0(twin: ModuleType) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[17] = X[3]
    assert twin.dunn_index(X, np.arange(20) // 10) == 0
    assert twin.dunn_index(np.full((20, 3), 0.1), np.arange(20) // 10) == 0, (
        "also where every diameter is 0"
    )


@each_twin
def test_zero_diameter_gives_infinity(twin: ModuleType) -> None:
    X, labels = np.repeat([[0.1, 0.7], [0.3, 0.2], [9.0, 0.1]], 4, axis=0), np.repeat([5, 6, 7], 4)
    assert twin.dunn_index(X, labels) == math.inf
    assert twin.dunn_index(X[::4], labels[::4]) == math.inf, "one point in each cluster"


@each_twin
def test_noise_has_no_diameter(twin: ModuleType) -> None:
    """Noise all over the plane around clusters without extent, and one that lies on a cluster."""
    X = np.concatenate(
        [
            np.repeat([[0.1, 0.7], [0.3, 0.2]], 4, axis=0),
            np.random.default_rng(0).normal(size=(8, 2)),
        ]
    )
    X[15] = X[0]
    labels = np.repeat([0, 1, -1, -1], 4)
    assert twin.dunn_index(X, labels) == math.inf
    X[0] += 1e-9
    assert twin.dunn_index(X, labels) == brute_force(X, labels) > 1e8


@each_twin
@pytest.mark.parametrize("offset", [0, 10_000])
def test_equals_brute_force(twin: ModuleType, offset: float) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        X, labels = (
            rng.normal(size=(40, 5)) * 10.0 ** rng.integers(-3, 4) + offset,
            rng.integers(-1, 4, 40),
        )
        assert twin.dunn_index(X, labels) == brute_force(X, labels), f"seed {seed}"
        X32 = X.astype(np.float32)
        assert fast.dunn_index(X32, labels) == brute_force(X32, labels), f"seed {seed}"


@each_twin
@pytest.mark.parametrize("offset", [0, 10_000])
def test_integers_full_of_ties_equal_brute_force(twin: ModuleType, offset: float) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        X = np.unique(rng.integers(0, 7, (120, 5)), axis=0)[:40] + float(
            offset
        )  # distinct, else the index is 0
        labels = rng.integers(-1, 3, 40)
        assert twin.dunn_index(X, labels) == brute_force(X, labels) > 0, f"seed {seed}"


def test_near_ties_that_float32_cannot_tell_apart() -> None:
    """Two gaps and two diameters that differ by parts in 10^12, also where cancellation has eaten
    more than that.
    """
    for seed in range(20):
        rng = np.random.default_rng(seed)
        gap, width = 1 + 1e-12 * rng.permutation(4), 50 + 1e-10 * rng.permutation(4)
        y = 1000.0 * np.arange(4)
        left, right = np.stack([np.zeros(4), y], axis=1), np.stack([gap, y], axis=1)
        far = np.stack([10.0 * np.arange(4) + 1e4, -y], axis=1)
        ends = far + np.stack([width, np.zeros(4)], axis=1)
        X = np.concatenate([left, right, far, ends]) + 1e4 * (seed % 2)
        labels = np.concatenate(
            [np.arange(4), 4 + np.arange(4), 8 + np.arange(4), 8 + np.arange(4)]
        )
        order = rng.permutation(16)
        assert fast.dunn_index(X[order], labels[order]) == brute_force(X, labels), f"seed {seed}"


def test_the_corners_of_a_turned_simplex_that_differ_by_parts_in_a_billion() -> None:
    """float32 gets every distance wrong by more than they differ, so its nearest row need not be
    the right one.
    """
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = np.linalg.qr(rng.normal(size=(40, 40)))[0] + 1e-9 * rng.normal(size=(40, 40))
        assert fast.dunn_index(X, np.arange(40) % 4) == brute_force(X, np.arange(40) % 4), (
            f"seed {seed}"
        )


def test_tight_clusters_far_apart() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, 40)
        X = 10 * rng.normal(size=(4, 5))[labels] + 1e-3 * rng.normal(size=(40, 5))
        assert fast.dunn_index(X, labels) == brute_force(X, labels), f"seed {seed}"


@pytest.mark.quick(6)
@each_twin
@pytest.mark.parametrize("factor", [1e-300, 1e-170, 1e-20, 1e20, 1e160, 1e300])
def test_the_unit_of_length_does_not_matter(twin: ModuleType, factor: float) -> None:
    X, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    assert twin.dunn_index(X * factor, labels) == pytest.approx(brute_force(X, labels), rel=1e-12)


def test_a_far_outlier_does_not_hide_small_distances() -> None:
    """The bound on the rounding grows with the longest row, so many rows become candidates; the
    result stays exact.
    """
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 5)), np.arange(40) % 4
    X[7] *= 1e6
    assert fast.dunn_index(X, labels) == brute_force(X, labels)


def test_when_every_pair_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corners of a simplex: all distances are sqrt(2). No list of all pairs is made, and blocks
    may be small.
    """
    X, labels = np.eye(40), np.arange(40) % 4
    assert fast.dunn_index(X, labels) == 1
    monkeypatch.setattr(fast, "MAX_PAIRS", 10)
    monkeypatch.setattr(fast, "MAX_ELEMENTS", 200)
    assert fast.dunn_index(X, labels) == 1
    rng = np.random.default_rng(0)
    X, labels = (
        np.unique(rng.integers(0, 7, (120, 5)), axis=0)[:40].astype(float),
        rng.integers(0, 3, 40),
    )
    assert fast.dunn_index(X, labels) == brute_force(X, labels)
    candidates = np.arange(40)
    i, j = fast._least_pairs(
        fast.HostPoints(np.eye(40)),
        fast._Search(labels.astype(np.int32), candidates, fast._between),
    )
    assert len(i) == len(j) == 10


def test_invariances() -> None:
    """Row order and names change nothing; translation and scale nothing but rounding."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, labels = rng.normal(size=(40, 5)), rng.integers(0, 4, 40)
        index, order = fast.dunn_index(X, labels), rng.permutation(40)
        assert fast.dunn_index(X[order], 100 - labels[order]) == index
        assert fast.dunn_index(X + 100 * rng.normal(size=5), labels) == pytest.approx(
            index, rel=1e-10
        )
        assert fast.dunn_index(X * 10.0 ** rng.integers(-6, 7), labels) == pytest.approx(
            index, rel=1e-12
        )


@pytest.mark.full
def test_devices_and_calls_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(300, 5)), rng.integers(-1, 4, 300)
    expected = brute_force(X, labels)
    assert reference.dunn_index(X, labels) == expected
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=32))
    for n_devices, products in ((1, 1e12), (1, 1), (2, 1), (4, 1e12)):
        monkeypatch.setitem(
            rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=products)
        )
        with rows.on(jax.local_devices()[:n_devices]):
            assert fast.dunn_index(X, labels) == expected


def test_jax_arrays_lists_and_other_layouts_as_input() -> None:
    rng = np.random.default_rng(1)
    X, labels = rng.normal(size=(40, 5)).astype(np.float32), rng.integers(0, 4, 40)
    expected = brute_force(X, labels)
    for given in (jnp.asarray(X), np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]):
        assert fast.dunn_index(given, labels.tolist()) == expected
    assert fast.dunn_index(jnp.asarray(X + 1e4), jnp.asarray(labels)) == brute_force(
        np.float32(X + 1e4), labels
    )


def test_a_second_call_compiles_nothing() -> None:
    rng = np.random.default_rng(2)
    fast.dunn_index(rng.normal(size=(40, 5)), np.arange(40) % 4)
    before = pairs._all_pairs._cache_size()
    fast.dunn_index(rng.normal(size=(40, 5)), rng.permutation(np.arange(40) % 4))
    assert pairs._all_pairs._cache_size() == before


@each_twin
@pytest.mark.parametrize("labels", [np.zeros(6, int), np.array([0, 0, 0, -1, -1, -1])])
def test_fewer_than_two_clusters_are_refused(twin: ModuleType, labels: np.ndarray) -> None:
    with pytest.raises(
        InputError, match=r"at least two clusters besides noise, got 1.*ask for more clusters"
    ):
        twin.dunn_index(np.eye(6), labels)


@pytest.mark.parametrize(
    ("X", "labels", "message"),
    [
        (np.eye(3), [0, 1], "expected one label for each of the 3 points in labels, got 2"),
        (np.eye(3), [0, 1, None], "labels must be integers or strings without gaps"),
        (np.diag([1, np.nan, 1]), [0, 1, 1], "Input X contains NaN"),
        (np.zeros((3, 2, 2)), [0, 1, 1], "Found array with dim 3, while dim <= 2 is required"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused(X: np.ndarray, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fast.dunn_index(X, labels)
