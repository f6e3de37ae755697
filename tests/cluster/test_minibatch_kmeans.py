"""Mini-batch k-means: a step by hand and as Lloyd's, the reassignment, inertia near scikit-learn's,
streams, files.
"""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import load_digits

from scratchclust import MiniBatchKMeans, persist, rows
from scratchclust.cluster import minibatch_kmeans as fast
from scratchclust.cluster.kmeans import lloyd
from scratchclust.cluster.kmeans_parts import minibatch_data, minibatch_steps
from scratchclust.errors import InputError
from scratchclust.reference import minibatch_kmeans as reference
from scratchclust.results import MiniBatchState

TWINS = [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
each_twin = pytest.mark.parametrize("twin", TWINS)


def points(seed: int = 0, n: int = 600, d: int = 4, k: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(k, d))
    return (
        (centres[rng.integers(k, size=n)] + rng.normal(size=(n, d)))
        .astype(np.float32)
        .astype(np.float64)
    )


def randomness(twin: ModuleType, seed: int = 0) -> dict[str, Any]:
    return {"key": jax.random.key(seed)} if twin is fast else {"rng": np.random.default_rng(seed)}


@each_twin
def test_a_step_by_hand(twin: ModuleType) -> None:
    """A centroid at 0 that has won 2 wins a point at 3 of weight 1 and goes to 1; another that wins
    nothing stays.
    """
    state = MiniBatchState(np.array([[0.0], [10], [100]]), np.array([2.0, 0, 5]), 7)
    X, weights = np.array([[3.0], [8], [9]]), np.array([1.0, 1, 3])
    after, inertia = twin.minibatch_step(X, state, sample_weight=weights)
    np.testing.assert_allclose(after.centroids, [[1], [8.75], [100]], rtol=1e-6)
    np.testing.assert_allclose(after.counts, [3, 4, 5], rtol=1e-6)
    assert inertia == pytest.approx(9 + 4 + 3, rel=1e-6)
    assert after.n_since_reassigned == 10


@each_twin
def test_all_points_as_the_first_batch_are_a_step_of_lloyd(twin: ModuleType) -> None:
    for seed in range(20):
        X = points(seed, n=64)
        after, inertia = twin.minibatch_step(X, MiniBatchState(X[:5], np.zeros(5), 0))
        expected = lloyd(X, X[:5], max_iter=1)
        np.testing.assert_allclose(after.centroids, expected.centroids, atol=1e-5)
        assert inertia == pytest.approx(float(expected.history.inertia[0]), rel=1e-5)


@each_twin
def test_a_centroid_is_the_mean_of_all_points_it_won(twin: ModuleType) -> None:
    """With one cluster nothing else can happen, whatever the batches."""
    X = points(1, n=64) + 100
    state = MiniBatchState(X[:1], np.zeros(1), 0)
    for begin in range(0, 64, 16):
        state, _ = twin.minibatch_step(X[begin : begin + 16], state)
    np.testing.assert_allclose(state.centroids[0], X.mean(axis=0), rtol=1e-6)


@each_twin
def test_reassignment(twin: ModuleType) -> None:
    """Those below the ratio go onto points of the batch of weight above 0, with the least count of
    the others.
    """
    X, weights = np.arange(8.0)[:, None], np.array([0, 0, 1.0, 1, 0, 0, 1, 1])
    state = MiniBatchState(np.array([[-5.0], [-6], [-7], [-8]]), np.array([0, 100, 0.5, 40]), 3)
    for seed in range(20):
        after = twin.reassign(X, state, sample_weight=weights, **randomness(twin, seed))
        np.testing.assert_array_equal(np.asarray(after.counts), [40, 100, 40, 40])
        moved = np.asarray(after.centroids)[[0, 2], 0]
        assert set(moved) <= {2, 3, 6, 7}
        assert moved[0] != moved[1]
        np.testing.assert_array_equal(np.asarray(after.centroids)[[1, 3], 0], [-6, -8])
        assert after.n_since_reassigned == 0
    not_yet = state._replace(counts=np.array([0.5, 100, 50, 40]), n_since_reassigned=39)
    assert twin.reassign(X, not_yet, **randomness(twin)) is not_yet
    one_of_two = twin.reassign(X[:2], state, **randomness(twin))
    assert (np.asarray(one_of_two.centroids)[:, 0] >= 0).tolist() == [True, False, False, False]
    none = twin.reassign(X, state, reassignment_ratio=0.0, **randomness(twin))
    np.testing.assert_array_equal(np.asarray(none.centroids), state.centroids)


def test_twins_agree_step_by_step() -> None:
    X, slow = points(2), MiniBatchState(points(2)[:5], np.zeros(5), 0)
    quick = slow
    for begin in range(0, 600, 100):
        slow, a = reference.minibatch_step(X[begin : begin + 100], slow)
        quick, b = fast.minibatch_step(X[begin : begin + 100], quick)
        assert b == pytest.approx(a, rel=1e-5)
    np.testing.assert_allclose(quick.centroids, slow.centroids, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(quick.counts), slow.counts)


def test_the_compiled_end_is_that_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    for patience in (1, 3):
        inertias = (10 + rng.normal(size=40)).astype(np.float32)
        rule = reference.Smoothed(64, 600, patience)
        expected = [rule.has_settled(float(inertia)) for inertia in inertias]
        progress, found = (
            minibatch_steps.first_progress(
                np.zeros((2, 1), np.float32), jax.random.key(0), 64, 600
            ),
            [],
        )
        for inertia in inertias:
            progress = minibatch_steps._smooth(
                progress, jnp.asarray(inertia), jnp.float32(1), -1.0, patience
            )
            found.append(bool(progress.settled))
        assert found[: expected.index(True) + 1] == expected[: expected.index(True) + 1]


@pytest.mark.full
@each_twin
def test_inertia_within_two_percent_of_scikit_learns(twin: ModuleType) -> None:
    """From starts so near to the best clusters that all end in the same minimum."""
    for X, k in ((points(3), 5), (load_digits().data, 10)):
        best = sklearn.cluster.KMeans(k, n_init=3, random_state=0).fit(X).cluster_centers_
        starts = best + 0.2 * np.random.default_rng(0).normal(size=best.shape)
        peers = [
            sklearn.cluster.MiniBatchKMeans(
                k, init=starts, n_init=1, batch_size=256, random_state=seed
            ).fit(X)
            for seed in range(3)
        ]
        given: dict[str, Any] = {"init": starts, "batch_size": 256}
        ours = [twin.minibatch_kmeans(X, k, **given, **randomness(twin, seed)) for seed in range(3)]
        assert np.mean([result.inertia for result in ours]) < 1.02 * np.mean(
            [peer.inertia_ for peer in peers]
        )
        for result in ours:
            squared = ((X[:, None] - np.asarray(result.state.centroids)[None]) ** 2).sum(axis=2)
            assert result.inertia == pytest.approx(squared.min(axis=1).sum(), rel=1e-4)
            np.testing.assert_array_equal(np.asarray(result.labels), squared.argmin(axis=1))
            assert len(result.batch_inertias) == result.n_steps
            assert result.converged


@pytest.mark.full
def test_devices_agree_and_the_second_call_compiles_nothing() -> None:
    X = points(4)
    given: dict[str, Any] = {"key": jax.random.key(1), "batch_size": 128, "max_iter": 3}
    expected = fast.minibatch_kmeans(X, 5, **given)
    before = minibatch_steps.take_steps._cache_size()  # pyright: ignore[reportFunctionMemberAccess]
    again = fast.minibatch_kmeans(X, 5, **given)
    assert minibatch_steps.take_steps._cache_size() == before  # pyright: ignore[reportFunctionMemberAccess]
    np.testing.assert_array_equal(
        np.asarray(again.state.centroids), np.asarray(expected.state.centroids)
    )
    for k in (1, 2):
        with rows.on(jax.local_devices()[:k]):
            result = fast.minibatch_kmeans(X, 5, init=np.asarray(X[:5]), **given)
        if k == 1:
            alone = result
        assert result.inertia == pytest.approx(alone.inertia, rel=0.02)


RANDOM: dict[str, Any] = {"init": "random", "n_init": 1, "key": jax.random.key(0)}


def test_the_variance_that_scales_tol_is_that_of_the_sample() -> None:
    X, rng = points(9).astype(np.float32), np.random.default_rng(0)
    for size, rtol in ((15, 0.5), (600, 1e-4)):  # samples of 15 points, and of all
        sample, _ = minibatch_data.best_start(X, 5, rng=rng, weights=None, size=size, **RANDOM)
        assert sample.mean_variance == pytest.approx(X.var(axis=0).mean(), rel=rtol)


def test_the_batches_gathered_in_place_are_those_gathered_by_a_copy() -> None:
    X, rng, weights = points(6).astype(np.float32), np.random.default_rng(0), None
    sample, _ = minibatch_data.best_start(X, 5, rng=rng, weights=weights, size=300, **RANDOM)
    index = rng.integers(len(X), size=(3, 50))
    in_place = minibatch_data.gather_batches(X, index, weights, sample)
    for other in (jnp.asarray(X), X.astype(np.float64)):
        copied = minibatch_data.gather_batches(other, index, weights, sample)
        for ours, theirs in zip(in_place.arrays, copied.arrays, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_a_memory_map_is_read_in_parts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X = points(5).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    monkeypatch.setattr(minibatch_data, "NUMBERS_IN_MEMORY", 256 * X.shape[1])
    largest, whole = [], fast.assign

    def watched(part: Any, centroids: Any) -> Any:
        largest.append(len(part))
        return whole(part, centroids)

    monkeypatch.setattr(minibatch_data, "assign", watched)
    given: dict[str, Any] = {"key": jax.random.key(0), "batch_size": 64}
    from_file, from_memory = (fast.minibatch_kmeans(data, 5, **given) for data in (mapped, X))
    np.testing.assert_array_equal(np.asarray(from_file.labels), np.asarray(from_memory.labels))
    assert from_file.inertia == from_memory.inertia
    assert max(largest) == 256


@each_twin
def test_weights_of_zero_are_as_if_not_there(twin: ModuleType) -> None:
    X = np.concatenate([points(6, n=200), np.full((200, 4), 50.0)])
    weights = np.repeat([1.0, 0], 200)
    result = twin.minibatch_kmeans(X, 3, sample_weight=weights, batch_size=128, **randomness(twin))
    assert (np.abs(np.asarray(result.state.centroids)) < 20).all()


@each_twin
def test_errors_teach(twin: ModuleType) -> None:
    X, given = points(n=60), randomness(twin)
    whole = "a whole number of at least"
    for arguments, message in (
        ({"init": "far"}, r"init to be one of 'random', .* or an array, got 'far'"),
        ({"init": X[:3]}, "init to be 2 starting centroids, one for each cluster, got 3"),
        ({"batch_size": 0}, f"batch_size to be {whole} 1, got 0"),
        ({"n_init": 0}, f"n_init to be {whole} 1, got 0"),
        ({"max_iter": 0}, f"max_iter to be {whole} 1, got 0"),
        ({"max_no_improvement": -1}, f"max_no_improvement to be {whole} 0 or None, got -1"),
        ({"init_size": 1}, f"init_size to be {whole} 2 or None, got 1: a start needs a point"),
        ({"tol": -1.0}, "tol to be a finite number of at least 0, got -1.0"),
        ({"reassignment_ratio": np.nan}, "reassignment_ratio to be a finite number .*, got nan"),
        ({"sample_weight": -np.ones(60)}, "sample_weight to be .*, got a negative one, -1.0"),
    ):
        with pytest.raises(InputError, match=f"^expected {message}"):
            twin.minibatch_kmeans(X, 2, **arguments, **given)
    with pytest.raises(
        InputError, match=r"expected n_clusters to be a whole number from 1 to 60, .*, got 61"
    ):
        twin.minibatch_kmeans(X, 61, **given)
    X[59] = np.nan
    with pytest.raises(InputError, match="expected X to be finite, got NaN or infinity: leave out"):
        twin.minibatch_kmeans(X, 2, batch_size=8, **given)


def test_estimator(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    X = points(7)
    model = MiniBatchKMeans(5, batch_size=128, random_state=0, verbose=1).fit(X)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith(
        f"mini-batch k-means converged after {model.n_steps_} steps with inertia"
    )
    assert printed[-2] == f"Converged (lack of improvement in inertia) at step {model.n_steps_}"
    assert sum(line.startswith("Minibatch step") for line in printed) == model.n_steps_
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.score(X) == pytest.approx(-model.inertia_, rel=1e-6)
    assert model.transform(X).shape == (600, 5)
    model.save(tmp_path / "model")
    again = persist.load(tmp_path / "model").partial_fit(X[:100])
    np.testing.assert_array_equal(
        again.cluster_centers_, model.partial_fit(X[:100]).cluster_centers_
    )
    with pytest.raises(
        ValueError, match="expected tol to be a finite number of at least 0, got -1"
    ):
        MiniBatchKMeans(tol=-1).fit(X)
    with pytest.raises(ValueError, match=r"expected starting centroids of shape \[5, 4\]"):
        MiniBatchKMeans(5, init=X[:4]).fit(X)


def test_a_stream() -> None:
    """Batch after batch the inertia comes near to that of Lloyd's algorithm; JAX arrays come back
    as JAX arrays.
    """
    X = jnp.asarray(points(8), jnp.float32)
    model = MiniBatchKMeans(5, random_state=0)
    for begin in (*range(0, 600, 100), *range(0, 600, 100)):
        model.partial_fit(X[begin : begin + 100])
    assert isinstance(model.cluster_centers_, jax.Array)
    assert model.n_steps_ == 12
    best = sklearn.cluster.KMeans(5, n_init=5, random_state=0).fit(np.asarray(X))
    assert -model.score(X) < 1.2 * best.inertia_


def test_a_batch_without_labels_leaves_none_of_an_earlier_one() -> None:
    X = points(9)
    model = (
        MiniBatchKMeans(5, random_state=0)
        .fit(X)
        .set_params(compute_labels=False)
        .partial_fit(X[:20])
    )
    assert not hasattr(model, "labels_")
    assert not hasattr(model, "inertia_")
    model.set_params(compute_labels=True).partial_fit(X[:20])
    np.testing.assert_array_equal(model.labels_, model.predict(X[:20]))
    assert model.inertia_ == pytest.approx(-model.score(X[:20]), rel=1e-6)
