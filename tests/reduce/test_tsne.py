"""t-SNE: by hand and by finite differences for both twins, twins against each other, and against
scikit-learn.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.manifold

from scratchclust import TSNE, persist, rows
from scratchclust.data import load
from scratchclust.errors import InputError
from scratchclust.reduce import tsne as fast
from scratchclust.reduce.tsne_parts import descent, together
from scratchclust.reduce.tsne_parts import fft as tsne_fft
from scratchclust.reduce.tsne_parts import fft_by_products as by_products
from scratchclust.reduce.tsne_parts import new_points as tsne_new_points
from scratchclust.reduce.tsne_parts.affinities import sparse_affinities
from scratchclust.reference import tsne as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)
N = 240


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    """Several devices have a test of their own: iterations take long on simulated ones."""
    with rows.on(jax.local_devices()[:1]):
        yield


def clouds(n: int = N, seed: int = 0) -> np.ndarray:
    """Four clouds of points in six dimensions."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(4, 6))
    return (centres[np.arange(n) % 4] + rng.normal(size=(n, 6))).astype(np.float32)


def spread_out(n: int, scale: float, seed: int = 0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(size=(n, 2))).astype(np.float32)


def perplexities(p: np.ndarray) -> np.ndarray:
    return np.exp(-(p * np.log(np.where(p > 0, p, 1))).sum(axis=1))


def relative(found, expected) -> float:
    return float(np.linalg.norm(np.asarray(found) - expected) / np.linalg.norm(expected))


@each_twin
def test_affinities_by_hand(twin: ModuleType) -> None:
    """At squared distances 0 and 4 and perplexity 2 no b does (it is 0, even choice); at 1.5 the
    entropy is log 1.5.
    """
    even = twin.conditional_affinities(np.array([[0.0, 4.0]]), 2.0)
    np.testing.assert_allclose(even, [[0.5, 0.5]], atol=1e-6)
    p = np.asarray(twin.conditional_affinities(np.array([[0.0, 4.0], [9.0, 1.0]]), 1.5))
    np.testing.assert_allclose(perplexities(p), 1.5, rtol=1e-5)
    assert p[0, 0] > 0.8
    assert p[1, 1] > 0.8


@each_twin
def test_divergence_and_gradient_by_hand(twin: ModuleType) -> None:
    """Three points at 0, 1, 2: w = 1/2, 1/5, 1/2, Z = 2.4; q = 5/24, 1/12, 5/24, twice."""
    Y = np.array([[0.0], [1.0], [2.0]], np.float32)
    P = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
    np.testing.assert_allclose(twin.kl_divergence(Y, P), np.log(0.25 / (5 / 24)), rtol=1e-5)
    outer = 4 * ((1 / 4 - 5 / 24) / 2 * -1 + (0 - 1 / 12) / 5 * -2)
    np.testing.assert_allclose(twin.gradient(Y, P), [[outer], [0], [-outer]], atol=1e-6)


@each_twin
@pytest.mark.parametrize("perplexity", [1.5, 5.0, 30.0, 200.0])
def test_the_perplexity_is_reached(twin: ModuleType, perplexity: float) -> None:
    squares = np.square(clouds()[:, None].astype(np.float64) - clouds()[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    for scale in (1.0, 1e-8, 1e8):
        p = np.asarray(twin.conditional_affinities(squares * scale, perplexity))
        np.testing.assert_allclose(perplexities(p), perplexity, rtol=1e-4)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        assert not np.diagonal(p).any()


def test_equal_points_choose_evenly() -> None:
    for twin in (reference, fast):
        p = np.asarray(twin.conditional_affinities(np.array([[0.0, 0, 0, 0], [0, 0, 0, 1]]), 2.0))
        np.testing.assert_allclose(p, [[0.25] * 4, [1 / 3] * 3 + [0]], atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_gradient_is_that_of_the_divergence(seed: int) -> None:
    """Central differences in every coordinate, to 1e-4."""
    rng = np.random.default_rng(seed)
    P = reference.joint_affinities(rng.normal(size=(12, 3)), 4.0)
    Y, q = rng.normal(size=(12, 1 + seed % 3)), 1 + seed % 3
    steps = 1e-5 * np.eye(12 * q).reshape(-1, 12, q)
    slopes = [
        (reference.kl_divergence(Y + s, P) - reference.kl_divergence(Y - s, P)) / 2e-5
        for s in steps
    ]
    found = reference.gradient(Y, P)
    np.testing.assert_allclose(found.ravel(), slopes, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-12)


def test_twins_have_the_same_affinities_and_starts() -> None:
    X = clouds() + 1000
    expected = reference.joint_affinities(X, 20.0)
    np.testing.assert_allclose(
        fast.joint_affinities(X, 20.0), expected, rtol=1e-3, atol=1e-5 * expected.max()
    )
    np.testing.assert_allclose(expected.sum(), 1)
    np.testing.assert_allclose(fast.pca_start(X), reference.pca_start(X), atol=1e-7)
    assert np.isclose(reference.pca_start(X)[:, 0].std(), 1e-4)
    for start in (
        reference.random_start(5000, 3, rng=np.random.default_rng(0)),
        fast.random_start(5000, 3, key=jax.random.key(0)),
    ):
        assert start.shape == (5000, 3)
        np.testing.assert_allclose(np.asarray(start).std(axis=0), 1e-4, rtol=0.05)


@pytest.mark.quick(2)
@pytest.mark.parametrize("scale", [1e-4, 0.5, 5.0])
def test_both_fast_gradients_against_the_definition(scale: float) -> None:
    """Between all pairs to 1e-4, through the grid within 1%."""
    X, Y = clouds(), spread_out(N, scale)
    P = reference.joint_affinities(X, 80.0)
    expected = reference.gradient(Y.astype(np.float64), P)
    assert relative(fast.gradient(Y, P.astype(np.float32)), expected) < 1e-4
    on_grid = tsne_fft.OnGrid(
        sparse_affinities(X, 80.0), tsne_fft.grid_for(jnp.asarray(Y))
    )  # 239 neighbours: all
    assert bool(on_grid.holds(jnp.asarray(Y)))
    assert relative(descent.gradient_of(on_grid, jnp.asarray(Y)), expected) < 0.01
    divergence = descent.judge(on_grid, jnp.asarray(Y))[0]
    np.testing.assert_allclose(
        divergence, reference.kl_divergence(Y.astype(np.float64), P), rtol=1e-3
    )


@pytest.mark.full
def test_repulsion_through_the_grid_on_many_points() -> None:
    """3,000 points with density as in a real map: within 1% of the sum over all pairs, the
    normaliser to 1e-4.
    """
    rng = np.random.default_rng(0)
    Y = np.repeat(rng.uniform(-40, 40, (30, 2)), 100, axis=0) + 1.5 * rng.normal(size=(3000, 2))
    difference = Y[:, None] - Y[None]
    w = 1 / (1 + np.square(difference).sum(axis=2))
    on = jnp.asarray(Y, jnp.float32)
    repulsion, normaliser = jax.jit(tsne_fft.repulsion_of)(tsne_fft.grid_for(on), on)
    assert relative(repulsion, (np.square(w)[:, :, None] * difference).sum(axis=1)) < 0.01
    np.testing.assert_allclose(normaliser, w.sum() - 3000, rtol=1e-4)


@pytest.mark.full
def test_a_grid_of_products_is_that_of_ffts() -> None:
    Y = jnp.asarray(spread_out(N, 10.0))
    grid = tsne_fft.grid_for(Y)
    total, forces = jax.jit(tsne_fft._convolve)(grid, Y)
    found, pulled = jax.jit(tsne_fft._convolve_by_products)(grid, Y)
    assert relative(found, np.asarray(total)) < 1e-5
    assert relative(pulled, np.asarray(forces)) < 1e-4
    square, slope = np.random.default_rng(0).random((2, 7, 7))
    square, slope = (np.pad(half, ((0, 5), (0, 5)), "reflect") for half in (square, slope))
    slope[7:] *= -1
    slope[[0, 6]] = 0
    for got, wanted in zip(
        by_products.kernel_transforms(*map(jnp.float32, (square, slope))),
        tsne_fft._kernel_transforms(*map(jnp.float32, (square, slope))),
        strict=True,
    ):
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_there_is_a_grid_for_every_width() -> None:
    """Each map belongs to one grid, which holds it; only the widest have a coarser spacing."""
    for width in (0.0, 1e-25, 1e-12, 1e-4, 3.0, 48.7, 48.9, 200.0, 700.0, 5000.0):
        size, spacing, narrowest, widest = tsne_fft.settings_for(width)
        assert narrowest < width <= widest <= (size - tsne_fft.MARGIN) * spacing * 1.001
        assert size <= 2048
        assert size == 128 or spacing >= tsne_fft.SPACING
        assert (spacing > tsne_fft.SPACING) == (width == 5000)


@pytest.mark.full
def test_an_accelerator_compiles_few_grids_and_makes_the_same_map(accelerator_road: None) -> None:
    assert {tsne_fft.settings_for(width)[0] for width in np.geomspace(1e-4, 5000, 99)} == {
        128,
        256,
        512,
        1024,
        2048,
    }
    X, start = clouds(), spread_out(N, 60.0)  # so wide that the grids differ
    given = {"perplexity": 20.0, "max_iter": 3, "start": start}
    found = fast.tsne(X, algorithm="fft", **given)
    expected = reference.tsne(X.astype(np.float64), **given)
    assert relative(found.embedding, expected.embedding) < 1e-3


def test_host_and_device_draw_the_same_line_between_two_grids() -> None:
    """A map at the width where one ends goes on with the one that it would find if it were resumed
    there.
    """
    ends = np.array(
        [(size - tsne_fft.MARGIN) * tsne_fft.SPACING for size in tsne_fft.SIZES], np.float32
    )
    for end in (*ends, ends[0] / 2, ends[0] / 1024, ends[-1] * 4):
        for width in (np.nextafter(end, np.float32(0)), end, np.nextafter(end, np.float32(np.inf))):
            _, _, narrowest, widest = tsne_fft.settings_for(float(width))
            assert np.float32(narrowest) < width <= np.float32(widest)


@pytest.mark.parametrize("algorithm", ["exact", "fft"])
def test_twins_make_the_same_map(algorithm: str) -> None:
    """Over 40 iterations from the same spread-out start; rounding grows in more of them."""
    X, start = clouds(), spread_out(N, 1.0)
    expected = reference.tsne(
        X, perplexity=80.0, max_iter=40, start=start, early_exaggeration=4.0, learning_rate=60.0
    )
    found = fast.tsne(
        X,
        perplexity=80.0,
        max_iter=40,
        start=start,
        early_exaggeration=4.0,
        learning_rate=60.0,
        algorithm=algorithm,
    )
    assert relative(found.embedding, expected.embedding) < (1e-3 if algorithm == "exact" else 0.05)
    np.testing.assert_allclose(found.kl_divergence, expected.kl_divergence, rtol=0.01)
    assert found.history.iteration.tolist() == expected.history.iteration.tolist() == [40]
    assert found.learning_rate == expected.learning_rate == 60.0


@pytest.mark.quick(1)
@pytest.mark.parametrize("algorithm", ["exact", "fft"])
def test_divergence_falls_after_the_exaggeration_and_is_that_of_the_map(algorithm: str) -> None:
    X, told = clouds(), []
    result = fast.tsne(
        X,
        perplexity=20.0,
        max_iter=370,
        algorithm=algorithm,
        progress=lambda *now: told.append(now),
    )
    late = result.history.kl_divergence[result.history.iteration >= 300]
    assert (np.diff(late) < 1e-3 * late[:-1]).all()
    assert [entry[0] for entry in told] == [*range(50, 351, 50), 370]
    assert result.history.iteration.tolist() == [entry[0] for entry in told]
    assert result.n_iter == 370
    exact = reference.kl_divergence(
        np.asarray(result.embedding, np.float64), reference.joint_affinities(X, 20.0)
    )
    np.testing.assert_allclose(
        result.kl_divergence, exact, rtol=1e-4 if algorithm == "exact" else 0.03
    )
    own = [
        np.bincount(np.arange(N)[near] % 4, minlength=4).max()
        for near in _nearest(result.embedding)
    ]
    assert np.mean(own) > 9.5  # of 10 neighbours in the map: the clouds are there


def _nearest(Y) -> np.ndarray:
    squares = np.square(np.asarray(Y)[:, None] - np.asarray(Y)[None]).sum(axis=2)
    return squares.argsort(axis=1)[:, 1:11]


@pytest.mark.full
def test_as_good_as_scikit_learn_on_the_digits() -> None:
    X = load("digits").images.reshape(1797, -1)[:500].astype(np.float32)
    peer = sklearn.manifold.TSNE(init="pca", random_state=0, method="exact", max_iter=500).fit(X)
    found = TSNE(method="exact", max_iter=500).fit(X)
    assert found.kl_divergence_ < 1.02 * peer.kl_divergence_
    trust = [sklearn.manifold.trustworthiness(X, Y) for Y in (found.embedding_, peer.embedding_)]
    assert trust[0] > trust[1] - 0.005


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("n_devices", [2, 4])
@pytest.mark.parametrize("algorithm", ["exact", "fft"])
def test_device_counts_agree(algorithm: str, n_devices: int) -> None:
    X, start = clouds(), spread_out(N, 1.0)
    given = {"perplexity": 20.0, "max_iter": 10, "start": start, "algorithm": algorithm}
    expected = fast.tsne(X, **given)
    with rows.on(jax.local_devices()[:n_devices]):
        found = fast.tsne(X, **given)
        near = fast.transform(X[:9] + 0.1, X, start, perplexity=20.0)
    assert relative(found.embedding, np.asarray(expected.embedding)) < 1e-4
    np.testing.assert_allclose(
        near, fast.transform(X[:9] + 0.1, X, start, perplexity=20.0), atol=1e-4
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_devices", [2, 3])
def test_cores_together_find_the_same_bits(n_devices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small = rows.LIMITS["cpu"]._replace(alone=0, block_rows=64)  # many blocks, all worth all cores
    monkeypatch.setitem(rows.LIMITS, "cpu", small)
    given = {"perplexity": 20.0, "max_iter": 20, "start": spread_out(N, 1.0), "algorithm": "fft"}
    with rows.on(jax.local_devices()[:1]):
        expected = fast.tsne(clouds(), **given)
    repelling = []
    monkeypatch.setattr(together, "ends_of", _noted(together.ends_of, repelling))
    with rows.on(jax.local_devices()[:n_devices]):
        found = fast.tsne(clouds(), **given)
    np.testing.assert_array_equal(found.embedding, expected.embedding)
    np.testing.assert_allclose(found.kl_divergence, expected.kl_divergence, rtol=1e-6)
    assert repelling
    assert all(len(ends) == n_devices + 1 for ends in repelling)


def _noted(f: Any, results: list[Any]) -> Any:
    def call(*given: Any) -> Any:
        results.append(f(*given))
        return results[-1]

    return call


def test_every_device_has_its_share_of_an_iteration() -> None:
    first, other = np.diff(together.ends_of((100, 2048), 70_000, 256, 2))
    assert first + other == 100
    assert 0 < first < other  # the first also repels
    even = np.diff(together.ends_of((100, 2048), 70_000, 256, 5)[1:])
    assert even.sum() == 100
    assert np.ptp(even) <= 1
    np.testing.assert_array_equal(together.ends_of((2, 64), 1000, 2048, 2), [0, 0, 2])


def test_the_same_shapes_compile_once() -> None:
    compiled: Any = (
        descent.iterate,
        descent.divergence_and_norm,
        descent.iterate_on_one_thread,
        descent.divergence_and_norm_on_one_thread,
    )
    for algorithm in ("exact", "fft"):
        fast.tsne(clouds(), perplexity=20.0, max_iter=60, algorithm=algorithm)
        before = [f._cache_size() for f in compiled]
        fast.tsne(
            2 * clouds()[::-1],
            perplexity=20.0,
            max_iter=110,
            algorithm=algorithm,
            learning_rate=40.0,
        )
        assert [f._cache_size() for f in compiled] == before


def test_transforms_take_one_thread_on_a_cpu() -> None:
    """XLA's threads share a large one out as they are free, and its last bits change with that: the
    map of one seed was not the same twice, from the first grid of 256 on.
    """
    several = descent.iterate, descent.divergence_and_norm
    one = descent.iterate_on_one_thread, descent.divergence_and_norm_on_one_thread
    for compiled in (*several, *one):
        compiled.clear_cache()
    fast.tsne(clouds(), perplexity=20.0, max_iter=5, algorithm="fft")
    assert [f._cache_size() for f in several] == [0, 0]
    assert all(f._cache_size() for f in one)
    assert descent.ONE_THREAD == {"xla_cpu_multi_thread_eigen": False}


def test_how_long_calls_are_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fast.tsne(clouds(), perplexity=20.0, max_iter=30, algorithm="fft")
    monkeypatch.setattr(rows, "SECONDS_PER_CALL", 0.0)  # one iteration each
    parts = fast.tsne(clouds(), perplexity=20.0, max_iter=30, algorithm="fft")
    np.testing.assert_array_equal(parts.embedding, whole.embedding)


def test_new_points_for_both_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal places; near a point's neighbours; a point of the fit gets its own; in parts as all at
    once.
    """
    X = clouds()
    Y = np.asarray(fast.tsne(X, perplexity=20.0, max_iter=300).embedding, np.float64)
    new = np.concatenate([X[:20] + np.float32(0.01), X[20:25]])
    expected, found = (twin.transform(new, X, Y, perplexity=20.0) for twin in (reference, fast))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_array_equal(found[20:], Y[20:25].astype(np.float32))
    width = np.ptp(Y, axis=0).max()
    assert np.median(np.linalg.norm(expected[:20] - Y[:20], axis=1)) < 0.05 * width
    per_pair = tsne_new_points.MULTIPLICATIONS_PER_PAIR
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=10 * N * per_pair)
    )
    monkeypatch.setattr(rows, "block_size", lambda n, columns: 8)
    assert rows.items_per_call(N * per_pair, 8) == 8  # of 25 points a step of 8
    np.testing.assert_allclose(fast.transform(new, X, Y, perplexity=20.0), found, atol=1e-4)


@each_twin
def test_descent_of_new_points_goes_down(twin: ModuleType) -> None:
    """Between two fitted points of a line of three, the new one ends where its own divergence has
    no slope.
    """
    X, Y = np.array([[0.0], [1], [5]]), np.array([[0.0, 0], [3, 0], [9, 0]])
    (y,) = np.asarray(twin.transform(np.array([[0.5]]), X, Y, perplexity=1.9), np.float64)
    w = 1 / (1 + np.square(y - Y).sum(axis=1))
    p = reference.conditional_affinities(np.array([[0.25, 0.25, 20.25]]), 1.9)[0]
    slope = 2 * ((p - w / w.sum()) * w) @ (y - Y)
    assert np.abs(slope).max() < 0.05
    assert abs(y[1]) < 1e-6


@pytest.mark.full
def test_odd_data_end_well() -> None:
    equal = TSNE(perplexity=3, max_iter=60).fit_transform(np.ones((10, 4), np.float32))
    assert np.isfinite(equal).all()
    for method in ("exact", "fft"):
        X = np.repeat(clouds(60), 4, axis=0)
        X[:, 2] = 5.0
        model = TSNE(perplexity=10, max_iter=300, method=method).fit(X)
        assert np.isfinite(model.embedding_).all()
        assert np.isfinite(model.kl_divergence_)
        assert np.ptp(model.embedding_) > 1
    assert np.isfinite(TSNE(perplexity=1, max_iter=20).fit_transform(np.eye(2))).all()


def test_few_points_take_all_pairs_whatever_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "sparse_affinities", lambda *_: pytest.fail("of the grid"))
    few = {"perplexity": 3, "max_iter": 60}
    maps = [TSNE(method=method, **few).fit_transform(clouds(10)) for method in ("fft", "exact")]
    np.testing.assert_array_equal(*maps)


def test_other_dimensions_and_starts() -> None:
    X = clouds(60)
    for q in (1, 3):
        assert TSNE(q, perplexity=10, max_iter=20).fit_transform(X).shape == (60, q)
    X = clouds()
    seeds = [
        TSNE(init="random", perplexity=20, max_iter=5, random_state=seed).fit_transform(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(seeds[0], seeds[1])
    assert np.abs(seeds[0] - seeds[2]).max() > 0
    given = TSNE(
        init=spread_out(N, 1.0), perplexity=20, max_iter=1, learning_rate=1e-12
    ).fit_transform(X)
    np.testing.assert_allclose(given, spread_out(N, 1.0), atol=1e-6)


def test_estimator_tells_prints_and_is_saved(tmp_path, capsys) -> None:
    X = clouds()
    model = TSNE(perplexity=20, max_iter=100, verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("divergence")[0] for line in lines] == [
        "t-SNE, iteration 50 of 100: KL ",
        "t-SNE, iteration 100 of 100: KL ",
    ]
    TSNE(perplexity=20, max_iter=100).fit(X)
    assert capsys.readouterr().out == ""
    assert (model.n_iter_, model.learning_rate_) == (100, 60)
    assert model.history_["kl_divergence"][-1] == model.kl_divergence_
    assert model.get_feature_names_out().tolist() == ["tsne0", "tsne1"]
    model.save(tmp_path / "map")
    loaded = persist.load(tmp_path / "map")
    np.testing.assert_array_equal(loaded.embedding_, model.embedding_)
    np.testing.assert_array_equal(loaded.transform(X[:4] + 0.1), model.transform(X[:4] + 0.1))
    assert isinstance(TSNE(perplexity=20, max_iter=1).fit(jnp.asarray(X)).embedding_, jax.Array)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"perplexity": 60}, "perplexity to be of at least 1 and below n_samples = 60, got 60"),
        ({"perplexity": 0.5}, "perplexity to be of at least 1 and below"),
        ({"learning_rate": "fast"}, "learning_rate to be a finite number above 0 or 'auto'"),
        ({"early_exaggeration": 0.5}, "early_exaggeration to be"),
        ({"max_iter": 0}, "max_iter to be a whole number"),
        ({"init": "spectral"}, "init to be one of 'pca', 'random' or an array"),
        ({"init": np.zeros((3, 2))}, r"shape \[60, 2\], got \[3, 2\]"),
        ({"n_components": 7}, "has only 6 axes for n_components=7"),
        ({"method": "barnes_hut"}, "method to be one of 'auto', 'exact', 'fft', got 'barnes_hut'"),
        ({"method": "fft", "n_components": 3}, "maps in the plane"),
    ],
)
def test_errors_of_the_estimator_teach(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TSNE(**{"perplexity": 10, **given}).fit(clouds(60))


@each_twin
@pytest.mark.parametrize(
    ("X", "given", "message"),
    [
        (clouds(8), {"perplexity": 8.0}, "below n_samples = 8, got 8"),
        (clouds(1), {"perplexity": 1.0}, "at least two points"),
        (np.full((5, 2), np.nan), {"perplexity": 2.0}, "NaN or infinity"),
        (
            clouds(8),
            {"perplexity": 2.0, "max_iter": 0},
            "max_iter to be a whole number of at least 1, got 0",
        ),
        (clouds(8), {"perplexity": 2.0, "start": np.zeros((8, 3), np.float32)}, r"shape \[8, 2\]"),
    ],
)
def test_errors_of_both_twins_teach(
    twin: ModuleType, X: np.ndarray, given: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        twin.tsne(X, **given)


def test_a_map_that_flies_apart_is_no_endless_loop() -> None:
    with pytest.raises(InputError, match="smaller one"):
        fast.tsne(clouds(), perplexity=20.0, max_iter=60, learning_rate=1e37)


def test_what_does_not_fit_is_refused_in_bytes() -> None:
    X = np.broadcast_to(np.zeros((1, 2), np.float32), (50_000, 2))
    with pytest.raises(InputError, match=r"need 74\.5 GiB"):
        fast.tsne(X, algorithm="exact")


def test_new_points_have_few_neighbours() -> None:
    """The perplexity of the fit, but no more than 5; below that the one of the fit."""
    X = clouds()
    for perplexity, of_new in ((20.0, 5.0), (3.0, 3.0)):
        model = TSNE(perplexity=perplexity, max_iter=60).fit(X)
        new = X[:9] + np.float32(0.1)
        expected = fast.transform(new, X, model.embedding_, perplexity=of_new)
        np.testing.assert_array_equal(model.transform(new), expected)
    Y = np.asarray(model.embedding_, np.float64)
    few = [twin.transform(X[:3] + 0.1, X, Y) for twin in (reference, fast)]
    named = reference.transform(X[:3] + 0.1, X, Y, perplexity=5.0)
    np.testing.assert_array_equal(few[0], named)
    np.testing.assert_allclose(few[1], named, atol=1e-3)
