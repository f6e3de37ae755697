"""Silhouette and Dunn's index of several labelings from one pass: equal to one call for each, poor
ones included.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.metrics import dunn_index, internal, internal_scores, pairs, silhouette_samples

POINTS = np.random.default_rng(0).normal(size=(90, 4))


def labelings(seed: int) -> list[Any]:
    """Of 3, 5 and 90 clusters, with noise, as a list, and named by strings."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(-1, 5, 90),
        np.arange(90).tolist(),
        np.array(["a", "b", "c"])[rng.integers(0, 3, 90)],
    ]


def assert_equals_single_calls(X: Any, given: list[Any]) -> None:
    for scores, labels in zip(internal_scores(X, given), given, strict=True):
        samples = silhouette_samples(X, labels)
        np.testing.assert_allclose(scores["silhouette_samples"], samples, atol=1e-6)
        assert scores["silhouette"] == pytest.approx(np.nanmean(samples), abs=1e-6)
        assert scores["dunn"] == dunn_index(X, labels)
        assert scores["n_clusters"] == len(set(np.asarray(labels).tolist()) - {-1})
        assert scores["n_noise"] == np.count_nonzero(np.asarray(labels) == -1)


def test_by_hand() -> None:
    """On a line {0, 2}, {6, 10}, with 3 as noise: gap 4, diameter 4; and {0}, {2, 6, 10}: gap 2,
    diameter 8.
    """
    X = np.array([[0.0], [2.0], [6.0], [10.0], [3.0]])
    first, second = internal_scores(X, [[0, 0, 1, 1, -1], [1, 0, 0, 0, -1]])
    assert (first["dunn"], second["dunn"]) == (1, 2 / 8)
    np.testing.assert_allclose(
        first["silhouette_samples"], [3 / 4, 2 / 3, 1 / 5, 5 / 9, np.nan], rtol=1e-6
    )
    np.testing.assert_allclose(
        second["silhouette_samples"], [0, -4 / 6, 2 / 6, 4 / 10, np.nan], rtol=1e-6
    )
    assert [scores["n_noise"] for scores in (first, second)] == [1, 1]


def test_equals_single_calls() -> None:
    for seed in range(5):
        assert_equals_single_calls(POINTS, labelings(seed))
    assert_equals_single_calls(jnp.asarray(POINTS), labelings(0))
    assert_equals_single_calls(POINTS + 10_000, labelings(0))


def test_device_counts_agree() -> None:
    expected = internal_scores(POINTS, labelings(1))
    for n_devices in (1, 2):
        with rows.on(jax.local_devices()[:n_devices]):
            for ours, theirs in zip(internal_scores(POINTS, labelings(1)), expected, strict=True):
                np.testing.assert_allclose(
                    ours["silhouette_samples"], theirs["silhouette_samples"], atol=1e-6
                )
                assert ours["dunn"] == theirs["dunn"]


def test_fewer_than_two_clusters_give_nan_and_do_not_end_the_scan() -> None:
    good = np.arange(90) % 3
    alone, noise, scores = internal_scores(POINTS, [np.zeros(90, int), np.full(90, -1), good])
    for poor in (alone, noise):
        assert math.isnan(poor["silhouette"])
        assert math.isnan(poor["dunn"])
        assert np.isnan(poor["silhouette_samples"]).all()
    assert (alone["n_clusters"], noise["n_clusters"], noise["n_noise"]) == (1, 0, 90)
    assert scores["dunn"] == dunn_index(POINTS, good)
    assert scores["silhouette"] == pytest.approx(silhouette_samples(POINTS, good).mean())


def test_one_pass_serves_all_and_none_where_nothing_is_defined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes = []

    def counted(X: Any, labelings: list[Any]) -> Any:
        passes.append(len(labelings))
        return pairs.pair_scores(X, labelings)

    monkeypatch.setattr(internal, "pair_scores", counted)
    internal_scores(POINTS, labelings(0))
    internal_scores(POINTS, [np.zeros(90, int)])
    assert internal_scores(POINTS, []) == []
    assert passes == [3]


def test_a_second_call_compiles_nothing() -> None:
    internal_scores(POINTS, labelings(0))
    before = pairs._all_pairs._cache_size()
    internal_scores(2 * POINTS, labelings(0))
    assert pairs._all_pairs._cache_size() == before


def test_the_message_names_the_labeling() -> None:
    with pytest.raises(
        InputError, match="one label for each of the 90 points in labeling 1, got 89"
    ):
        internal_scores(POINTS, [np.arange(90), np.arange(89)])
    with pytest.raises(InputError, match="labeling 0 must be integers or strings without gaps"):
        internal_scores(POINTS, [[None] * 90])
    with pytest.raises(InputError, match="Input X contains NaN"):
        internal_scores(np.full((90, 4), np.nan), [np.arange(90)])
