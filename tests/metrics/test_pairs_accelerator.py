"""The road of an accelerator through the pass over all distances, walked on the CPU."""

import jax
import numpy as np
import pytest
import sklearn.metrics as sk

from scratchclust import rows
from scratchclust.metrics import (
    dunn_index,
    internal_scores,
    pairs,
    simplified_silhouette_score,
)
from scratchclust.reference import dunn as reference
from scratchclust.reference import silhouette as silhouettes


def points_and_labels(seed: int, n: int = 150) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[: n // 5] = X[n // 5 : 2 * (n // 5)]  # doubles
    return X, [rng.integers(-1, k, n) for k in (2, 3, 7)]


@pytest.mark.usefixtures("accelerator_road")
def test_scores_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.LIMITS, "gpu", rows.LIMITS["gpu"]._replace(tile=32))
    for seed in range(5):
        X, labelings = points_and_labels(seed)
        scores = internal_scores(X, labelings)
        for one, labels in zip(scores, labelings, strict=True):
            known = labels >= 0
            expected = np.asarray(sk.silhouette_samples(X[known], labels[known]))
            np.testing.assert_allclose(one["silhouette_samples"][known], expected, atol=1e-5)
            assert one["dunn"] == reference.dunn_index(X, labels)


@pytest.mark.usefixtures("accelerator_road")
def test_dunn_looks_at_no_point_in_float64_but_those_of_the_deciding_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However large X is: the second look is the device's."""

    def refused(*_: object) -> None:
        raise AssertionError("all of X was looked at in float64")

    from scratchclust.metrics import dunn

    monkeypatch.setattr(dunn.HostPoints, "centred", property(refused))
    for seed in range(5):
        X, labelings = points_and_labels(seed)
        for labels in labelings:
            assert dunn_index(jax.numpy.asarray(X), labels) == reference.dunn_index(X, labels)


@pytest.mark.usefixtures("accelerator_road")
@pytest.mark.parametrize("k", [3, 40])
def test_centroids_are_met_some_at_a_time(k: int) -> None:
    """More than those of one step."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    labels = np.arange(200) % k
    found = simplified_silhouette_score(X, labels)
    assert found == pytest.approx(silhouettes.simplified_silhouette_score(X, labels), rel=1e-5)


@pytest.mark.parametrize("n_tiles", [1, 2, 3, 12])
@pytest.mark.parametrize("n_devices", [1, 3, 4])
@pytest.mark.parametrize("products", [1.0, 3e4, 1e12])
def test_every_two_tiles_meet_once(
    n_tiles: int, n_devices: int, products: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no device has more to do than another, but for one meeting."""
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=products)
    )
    with rows.on(jax.local_devices()[:n_devices]):
        calls = [np.asarray(call.arrays[0]) for call in pairs._meetings_in_calls(n_tiles, 8, 4)]
    assert len({call.shape for call in calls}) == 1
    met = np.concatenate([call.reshape(-1, 2) for call in calls])
    filling = (met == n_tiles).all(axis=1)
    assert filling.sum() < n_devices * len(calls)
    expected = [(i, j) for i in range(n_tiles) for j in range(i, n_tiles)]
    np.testing.assert_array_equal(met[~filling], expected)


@pytest.mark.full
def test_sums_of_many_calls_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 points far from 320 others, one meeting a call: float32 sums would lose their last bits
    at each; those that carry the rounding are right to the last but one.
    """
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=8, multiplications_per_call=1)
    )
    rng = np.random.default_rng(0)
    X = rng.normal(size=(512, 3))
    labels = np.arange(512) % 2
    with rows.on(jax.local_devices()[:1]):
        from scratchclust.metrics.labels import encode

        sums = pairs.pair_scores(X.astype(np.float32), [encode(labels)], dunn=False)[0].sums
    X = X.astype(np.float32).astype(np.float64)
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)
    exact = np.stack([distances[:, labels == k].sum(axis=1) for k in (0, 1)], axis=1)
    error = np.abs(sums / exact - 1)
    assert np.median(error) < 4e-8
