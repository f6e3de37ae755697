"""The starts of k-means: what they draw, how often, and how well k-means does from there."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from scratchclust.cluster import kmeans as fast
from scratchclust.cluster import kmeans_starts as starts
from tests.cluster.kmeans_cases import STARTS, D, N, blobs, each_twin, inertia_of, one_device

one_device = pytest.fixture(one_device)
each_start = pytest.mark.parametrize("start", STARTS)


def indices_of(X, chosen):
    """The row of X that each chosen point is."""
    same = (np.asarray(chosen)[:, None, :] == X[None, :, :]).all(axis=2)
    assert same.any(axis=1).all()
    return same.argmax(axis=1)


@each_twin
@each_start
def test_starts_are_distinct_points(twin, start):
    X = blobs(0)
    for seed in range(20):
        chosen = getattr(twin, start)(X, 8, **twin.random(seed))
        assert chosen.shape == (8, D)
        assert len(set(indices_of(X, chosen))) == 8


@each_twin
@each_start
def test_same_randomness_same_bits_and_other_randomness_other_points(twin, start):
    X = blobs(0)
    first, again, other = (
        np.asarray(getattr(twin, start)(X, 8, **twin.random(seed))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@each_twin
@each_start
def test_points_of_weight_zero_are_never_drawn(twin, start):
    X = blobs(0)
    weights = (np.arange(N) % 3 == 0).astype(np.float64)
    for seed in range(20):
        chosen = getattr(twin, start)(X, 8, sample_weight=weights, **twin.random(seed))
        assert (indices_of(X, chosen) % 3 == 0).all()


def repeated(values, counts):
    """[N D]: each value in all columns of as many rows as it counts."""
    return np.repeat(np.array(values), counts)[:, None] * np.ones((1, D), np.float32)


@each_twin
@each_start
def test_points_of_weight_zero_are_not_even_drawn_for_want_of_others(twin, start):
    X = repeated([0.0, 1.0, 2.0, 3.0], [100, 4, 130, 3])
    weights = np.repeat([0.0, 1.0, 0.0, 2.0], [100, 4, 130, 3])
    for seed in range(10):
        # Eight from seven points: one is drawn twice, or, without replacement, one of weight 0 must
        # come last.
        chosen = np.asarray(getattr(twin, start)(X, 8, sample_weight=weights, **twin.random(seed)))[
            :7, 0
        ]
        assert set(chosen) == {1.0, 3.0}


@each_twin
@each_start
def test_all_distinct_values_are_found(twin, start):
    X = repeated([0.0, 1.0, 5.0, 6.0, 6.5, 8.0, 9.0, 12.0], [100, 1, 50, 50, 30, 2, 1, 3])
    for seed in range(10):
        chosen = np.asarray(getattr(twin, start)(X, 8, **twin.random(seed)))
        assert sorted(chosen[:, 0]) == [0, 1, 5, 6, 6.5, 8, 9, 12]


@each_twin
@each_start
def test_no_mass_left(twin, start):
    chosen = getattr(twin, start)(repeated([3.5], [N]), 8, **twin.random(0))
    np.testing.assert_array_equal(chosen, np.full((8, D), 3.5))


@each_twin
def test_random_points_are_drawn_by_weight(twin, one_device):
    X, weights = np.arange(5.0)[:, None], np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    n_draws = 400
    drawn = [
        twin.random_points(X, 1, sample_weight=weights, **twin.random(seed))
        for seed in range(n_draws)
    ]
    counts = np.bincount([int(chosen[0, 0]) for chosen in drawn], minlength=5)
    assert counts[0] == 0
    assert chisquare(counts[1:], n_draws * weights[1:] / 10).pvalue > 1e-3


def pair_probabilities(x, weights):
    """The probability that greedy k-means++ draws (i, j), by enumerating its two candidates."""
    squared = (x[:, None] - x[None, :]) ** 2
    probabilities = {}
    for i, p_first in enumerate(weights / weights.sum()):
        p = weights * squared[i] / (weights * squared[i]).sum()
        left = np.minimum(squared, squared[i]) @ weights  # the inertia that each candidate leaves
        for j in range(len(x)):
            better, equal = p[left > left[j]].sum(), p[np.isclose(left, left[j])].sum()
            assert equal == pytest.approx(p[j])  # no ties in this case
            probabilities[i, j] = p_first * p[j] * (2 * better + p[j])
    return probabilities


@pytest.mark.full
@each_twin
def test_plus_plus_draws_by_squared_distance(twin, one_device):
    x, weights = np.array([0.0, 1.0, 2.5, 6.0]), np.array([1.0, 2.0, 1.5, 1.0])
    expected = {pair: p for pair, p in pair_probabilities(x, weights).items() if p > 0}
    assert sum(expected.values()) == pytest.approx(1)
    n_draws = 600
    counts = Counter(
        tuple(
            indices_of(
                x[:, None],
                twin.plus_plus(x[:, None], 2, sample_weight=weights, **twin.random(seed)),
            )
        )
        for seed in range(n_draws)
    )
    assert set(counts) <= set(expected)
    rare = [pair for pair in expected if n_draws * expected[pair] < 5]
    often = [pair for pair in expected if pair not in rare]
    observed = [counts[pair] for pair in often] + [sum(counts[pair] for pair in rare)]
    wanted = [n_draws * expected[pair] for pair in often] + [
        n_draws * sum(expected[pair] for pair in rare)
    ]
    assert (
        chisquare(observed[: len(often) + bool(rare)], wanted[: len(often) + bool(rare)]).pvalue
        > 1e-3
    )


def mean_inertia(twin, start, spread=0.5):
    """Of the start itself, without Lloyd's algorithm, relative to that of the true blobs, over 20
    sets.
    """
    inertias = []
    for seed in range(20):
        X = blobs(seed, spread=spread, n_blobs=8)
        inertias.append(
            inertia_of(X, getattr(twin, start)(X, 8, **twin.random(seed))) / (N * D * spread**2)
        )
    return np.mean(inertias)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_have_equal_marks_where_they_are_equal(dtype):
    with jax.enable_x64(dtype == np.float64):
        X = np.random.default_rng(0).integers(0, 3, (500, 4)).astype(dtype)
        X[X == 0] *= np.random.default_rng(1).choice(
            [-1, 1], (X == 0).sum()
        )  # 0.0 and -0.0 are equal
        marks, (_, codes) = (
            np.asarray(jax.jit(starts._marks)(jnp.asarray(X))),
            np.unique(X + 0, axis=0, return_inverse=True),
        )
        assert marks.dtype == np.uint32
        np.testing.assert_array_equal(marks[:, None] == marks, codes[:, None] == codes)
        near = np.stack(
            [np.ones(4, dtype), np.ones(4, dtype) + np.finfo(dtype).eps * np.eye(4, dtype=dtype)[2]]
        )
        assert len(set(np.asarray(jax.jit(starts._marks)(jnp.asarray(near))).tolist())) == 2


@each_twin
def test_better_starts_are_better(twin):
    random, plus_plus, scalable = (mean_inertia(twin, start) for start in STARTS)
    assert plus_plus < 0.5 * random
    assert scalable < 1.1 * plus_plus


def test_starts_keep_the_digits_of_float64():
    X = 1e6 + np.random.default_rng(0).normal(size=(N, D))
    for start in STARTS:
        chosen = getattr(fast, start)(X, 8, key=jax.random.key(0))
        assert isinstance(chosen, np.ndarray)
        assert chosen.dtype == np.float64
        indices_of(X, chosen)  # bit for bit points of X
