"""PCA: by hand for both twins, scikit-learn, both eigenproblems and the randomised one, degenerate
data, devices.
"""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.reduce import pca as fast
from scratchclust.reduce.pca_parts import on_host, sums
from scratchclust.reference import pca as reference
from scratchclust.results import PCAResult

TWINS = [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
each_twin = pytest.mark.parametrize("twin", TWINS)
each_twin_closely = pytest.mark.parametrize(
    ("twin", "tolerance"),
    [pytest.param(reference, 1e-10, id="numpy"), pytest.param(fast, 1e-5, id="jax")],
)
TALL, WIDE = (60, 6), (6, 40)  # the covariance is the smaller matrix, or the Gram matrix
each_shape = pytest.mark.parametrize("shape", [TALL, WIDE])


def points(seed: int, shape: tuple[int, int] = TALL) -> np.ndarray:
    """Rows whose variances along the axes fall by about 2.25, turned and moved, in coordinates that
    float32 holds.
    """
    rng = np.random.default_rng(seed)
    n, d = shape
    r = min(n - 1, d)
    scores = np.linalg.qr(rng.normal(size=(n, r)))[0] * 1.5 ** -np.arange(r)
    axes = np.linalg.qr(rng.normal(size=(d, r)))[0]
    return (10 * scores @ axes.T + rng.normal(size=d)).astype(np.float32).astype(np.float64)


def randomized(twin: ModuleType, X: Any, q: int, **parameters: Any) -> PCAResult:
    if twin is fast:
        return fast.randomized_pca(X, q, key=jax.random.key(0), **parameters)
    return reference.randomized_pca(X, q, rng=np.random.default_rng(0), **parameters)


def assert_close(result: PCAResult, expected: Any, tolerance: float) -> None:
    """Against a fitted PCA of scikit-learn; lengths relative to the largest."""
    q = len(result.components)
    signs = np.sign((np.asarray(result.components) * expected.components_[:q]).sum(axis=1))
    np.testing.assert_allclose(
        result.components, expected.components_[:q] * signs[:, None], atol=tolerance
    )
    np.testing.assert_allclose(result.mean, expected.mean_, atol=tolerance)
    largest = expected.explained_variance_[0]
    np.testing.assert_allclose(
        result.explained_variance, expected.explained_variance_[:q], atol=tolerance * largest
    )
    np.testing.assert_allclose(
        result.explained_variance_ratio, expected.explained_variance_ratio_[:q], atol=tolerance
    )
    length = expected.singular_values_[0]
    np.testing.assert_allclose(
        result.singular_values, expected.singular_values_[:q], atol=tolerance * length
    )


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """A cross about (5, 1) with arms of 5 along (3, 4) / 5 and of 1 across: variances 2 * 25 / 3
    and 2 * 1 / 3.
    """
    X = np.array([[5, 1], [5, 1], [5, 1], [5, 1]]) + np.array(
        [[3, 4], [-3, -4], [-0.8, 0.6], [0.8, -0.6]]
    )
    for result in (twin.pca(X), randomized(twin, X, 2)):
        np.testing.assert_allclose(result.mean, [5, 1], atol=1e-6)
        np.testing.assert_allclose(result.components, [[0.6, 0.8], [0.8, -0.6]], atol=1e-6)
        np.testing.assert_allclose(result.explained_variance, [50 / 3, 2 / 3], rtol=1e-5)
        np.testing.assert_allclose(result.explained_variance_ratio, [25 / 26, 1 / 26], rtol=1e-5)
        np.testing.assert_allclose(result.singular_values, [50**0.5, 2**0.5], rtol=1e-5)
        assert result.total_variance == pytest.approx(52 / 3, rel=1e-6)
    projected = twin.transform(X, result)
    np.testing.assert_allclose(projected, [[5, 0], [-5, 0], [0, -1], [0, 1]], atol=1e-5)
    whitened = twin.transform(X, result, whiten=True)
    np.testing.assert_allclose(
        whitened, np.array([[1, 0], [-1, 0], [0, -1], [0, 1]]) * 1.5**0.5, atol=1e-5
    )


@each_twin
def test_gram_matrix_by_hand(twin: ModuleType) -> None:
    """Two points in four dimensions: the axis is their difference, the second axis has no variance
    and is zero.
    """
    X = np.array([[1, 0, 0, 2], [1, 3, 0, 6.0]])
    result = twin.pca(X)
    np.testing.assert_allclose(result.components, [[0, 0.6, 0, 0.8], [0, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(result.explained_variance, [12.5, 0], atol=1e-5)
    np.testing.assert_allclose(twin.transform(X, result), [[-2.5, 0], [2.5, 0]], atol=1e-5)


@each_twin_closely
@each_shape
def test_equals_scikit_learn(twin: ModuleType, tolerance: float, shape: tuple[int, int]) -> None:
    for seed in range(20):
        X = points(seed, shape)
        q = min(shape[0] - 1, shape[1])
        expected = PCA(q, svd_solver="full").fit(X)
        result = twin.pca(X, q)
        assert_close(result, expected, tolerance)
        assert result.total_variance == pytest.approx(X.var(axis=0, ddof=1).sum(), rel=tolerance)
        signs = np.sign((np.asarray(result.components) * expected.components_).sum(axis=1))
        projected = twin.transform(X, result)
        np.testing.assert_allclose(projected, expected.transform(X) * signs, atol=10 * tolerance)
        np.testing.assert_allclose(
            twin.inverse_transform(projected, result), X, atol=10 * tolerance
        )
        whitener = PCA(q, whiten=True, svd_solver="full").fit(X)
        whitened = twin.transform(X, result, whiten=True)
        np.testing.assert_allclose(whitened, whitener.transform(X) * signs, atol=100 * tolerance)
        np.testing.assert_allclose(
            twin.inverse_transform(whitened, result, whiten=True), X, atol=10 * tolerance
        )


@each_twin_closely
def test_new_points_equal_scikit_learn(twin: ModuleType, tolerance: float) -> None:
    X, new = points(0), 3 * points(1)
    expected, result = PCA(2, svd_solver="full").fit(X), twin.pca(X, 2)
    signs = np.sign((np.asarray(result.components) * expected.components_).sum(axis=1))
    projected = twin.transform(new, result)
    np.testing.assert_allclose(projected, expected.transform(new) * signs, atol=30 * tolerance)
    nearest = expected.inverse_transform(expected.transform(new))
    np.testing.assert_allclose(
        twin.inverse_transform(projected, result), nearest, atol=30 * tolerance
    )


@each_twin_closely
def test_digits_equal_scikit_learn(twin: ModuleType, tolerance: float) -> None:
    """64 pixels of which three never change: their variances are 0, and their axes arbitrary."""
    X = load_digits().data / 16
    expected = PCA(svd_solver="full").fit(X)
    assert_close(twin.pca(X, 10), expected, tolerance)
    np.testing.assert_allclose(
        twin.pca(X).explained_variance, expected.explained_variance_, atol=tolerance
    )
    assert_close(randomized(twin, X, 10, n_iter=20), expected, 100 * tolerance)


@each_twin_closely
@each_shape
def test_randomized_equals_exact(
    twin: ModuleType, tolerance: float, shape: tuple[int, int]
) -> None:
    for seed in range(10):
        X = points(seed, shape)
        exact, approximate = twin.pca(X, 3), randomized(twin, X, 3)
        for ours, theirs in zip(approximate, exact, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=10 * tolerance)


@each_twin
def test_randomized_finds_the_leading_axes_of_a_long_tail(twin: ModuleType) -> None:
    """300 features whose variances fall by 6% each: more directions and iterations come nearer to
    the exact axes.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 300)) * 0.97 ** np.arange(300)
    exact = reference.pca(X, 5)

    def missed(**parameters: int) -> float:
        axes = np.asarray(randomized(twin, X, 5, **parameters).components, np.float64)
        return float(np.linalg.norm(exact.components - axes @ exact.components.T @ axes))

    assert missed() < 0.3
    assert missed(n_iter=40) < 1e-3 < missed() < missed(n_iter=0)
    captured = np.asarray(randomized(twin, X, 5, n_iter=0).explained_variance)
    assert (captured < exact.explained_variance).all(), (
        "no iteration is valid too: a random subspace"
    )


def test_randomized_depends_on_the_key_only() -> None:
    X = np.random.default_rng(0).normal(size=(60, 40))
    one, two, other = (
        fast.randomized_pca(X, 3, key=jax.random.key(seed), n_iter=1) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.components, two.components)
    assert np.abs(one.components - other.components).max() > 1e-4


@each_twin_closely
@each_shape
def test_axes_are_orthonormal(twin: ModuleType, tolerance: float, shape: tuple[int, int]) -> None:
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=shape)
        q = min(shape[0] - 1, shape[1])
        for axes in (twin.pca(X, q).components, randomized(twin, X, q).components):
            np.testing.assert_allclose(
                np.asarray(axes) @ np.asarray(axes).T, np.eye(q), atol=tolerance
            )


@each_twin
def test_signs_are_settled(twin: ModuleType) -> None:
    """The entry of largest magnitude is positive; reflecting the data or reordering the rows turns
    no axis about.
    """
    for seed in range(20):
        X = points(seed)
        axes = np.asarray(twin.pca(X).components)
        assert (axes[np.arange(6), np.abs(axes).argmax(axis=1)] > 0).all()
        for same in (-X, X[::-1]):
            np.testing.assert_allclose(twin.pca(same).components, axes, atol=1e-4)


@each_twin
def test_signs_are_settled_where_two_entries_are_equally_large(twin: ModuleType) -> None:
    """Points along (1, -1, 0): the first of the two equal entries is positive, whatever the
    rounding.
    """
    for seed in range(20):
        X = np.outer(np.random.default_rng(seed).normal(size=60), [1, -1, 0]) + seed / 7
        np.testing.assert_allclose(
            twin.pca(X, 1).components, [[0.5**0.5, -(0.5**0.5), 0]], atol=1e-6
        )


@each_twin
@each_shape
def test_invariances(twin: ModuleType, shape: tuple[int, int]) -> None:
    """Translation changes the mean only, scale the variances by its square, row order nothing."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, scale = points(seed, shape), 10.0 ** rng.integers(-6, 7)
        result = twin.pca(X, 3)
        for other in (
            twin.pca(X + 1e4, 3),
            twin.pca(rng.permutation(X), 3),
            twin.pca(X * scale, 3),
        ):
            np.testing.assert_allclose(other.components, result.components, atol=1e-5)
            np.testing.assert_allclose(
                other.explained_variance_ratio, result.explained_variance_ratio, atol=1e-6
            )
        np.testing.assert_allclose(
            twin.pca(X * scale, 3).explained_variance, result.explained_variance * scale**2, 1e-5
        )


@each_twin
@each_shape
def test_offset_of_ten_thousand(twin: ModuleType, shape: tuple[int, int]) -> None:
    X = points(0, shape)
    result, far = twin.pca(X, 3), twin.pca(X + 1e4, 3)
    np.testing.assert_allclose(twin.transform(X + 1e4, far), twin.transform(X, result), atol=1e-5)
    rounded = (X + 1e4).astype(np.float32)
    expected = PCA(3, svd_solver="full").fit(rounded.astype(np.float64))
    assert_close(fast.pca(rounded, 3)._replace(mean=expected.mean_), expected, 1e-5)


@each_twin
@each_shape
@pytest.mark.parametrize("rank", [1, 3])
def test_data_of_low_rank(twin: ModuleType, shape: tuple[int, int], rank: int) -> None:
    """Beyond the rank variances are 0 and whitened coordinates exactly 0; all axes together give
    the data back.
    """
    for seed in range(10):
        rng = np.random.default_rng(seed)
        n, d = shape
        X = (rng.integers(-5, 6, (n, rank)) @ rng.integers(-5, 6, (rank, d))) * 0.25 + seed
        r = np.linalg.matrix_rank(X - X.mean(axis=0))
        result = twin.pca(X)
        variance = np.asarray(result.explained_variance)
        assert (variance[r:] <= 1e-6 * variance[0]).all()
        whitened = np.asarray(twin.transform(X, result, whiten=True))
        np.testing.assert_array_equal(whitened[:, r:], 0)
        np.testing.assert_allclose(whitened[:, :r].var(axis=0, ddof=1), 1, rtol=1e-4)
        restored = twin.inverse_transform(whitened, result, whiten=True)
        np.testing.assert_allclose(restored, X, atol=1e-5 * np.abs(X).max())


@each_twin
@pytest.mark.parametrize("n", [60, 8])
def test_whitening_reaches_down_to_axes_of_small_variance(twin: ModuleType, n: int) -> None:
    """Standard deviations of 1, 1/30 and 1/400, with the Gram matrix too: float32 still tells them
    from nothing.
    """
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores = np.linalg.qr(rng.normal(size=(n, 3)))[0] * [1, 1 / 30, 1 / 400]
        X = (scores - scores.mean(axis=0)) @ np.linalg.qr(rng.normal(size=(40, 3)))[0].T
        whitened = np.asarray(twin.transform(X, twin.pca(X, 3), whiten=True))
        np.testing.assert_allclose(np.cov(whitened.T), np.eye(3), atol=0.1)


@each_twin
@each_shape
def test_constant_features(twin: ModuleType, shape: tuple[int, int]) -> None:
    """They take no part in any axis that has variance."""
    X = np.concatenate([points(0, shape), np.full((len(points(0, shape)), 2), 0.1)], axis=1)
    q = min(shape[0] - 1, shape[1])
    axes = np.asarray(twin.pca(X, q).components)
    np.testing.assert_allclose(axes[:, -2:], 0, atol=1e-6)
    np.testing.assert_allclose(axes[:, :-2], twin.pca(points(0, shape), q).components, atol=1e-5)


@each_twin
@each_shape
def test_points_that_all_coincide(twin: ModuleType, shape: tuple[int, int]) -> None:
    X = np.full(
        shape, 0.5
    )  # their mean is exact; of 0.1 it would be rounded, and leave a variance of 1e-33
    for result in (twin.pca(X, 2), randomized(twin, X, 2)):
        np.testing.assert_array_equal(result.explained_variance, 0)
        np.testing.assert_array_equal(result.explained_variance_ratio, 0)
        assert result.total_variance == 0
        np.testing.assert_array_equal(twin.transform(X, result, whiten=True), 0)
        np.testing.assert_allclose(
            twin.inverse_transform(np.zeros((1, 2)), result), X[:1], rtol=1e-6
        )


@each_twin
def test_one_feature(twin: ModuleType) -> None:
    X = np.array([[1.0], [2.0], [6.0]])
    result = twin.pca(X)
    np.testing.assert_array_equal(result.components, [[1]])
    np.testing.assert_allclose(result.explained_variance, [7], rtol=1e-6)
    np.testing.assert_allclose(twin.transform(X, result), [[-2], [-1], [3]], rtol=1e-6)


@each_twin
@each_shape
def test_total_variance_counts_the_axes_left_out(twin: ModuleType, shape: tuple[int, int]) -> None:
    X = points(3, shape)
    all_axes = twin.pca(X)
    assert all_axes.total_variance == pytest.approx(np.sum(all_axes.explained_variance), rel=1e-6)
    assert np.sum(all_axes.explained_variance_ratio) == pytest.approx(1, rel=1e-6)
    for fewer in (twin.pca(X, 2), randomized(twin, X, 2)):
        assert fewer.total_variance == pytest.approx(all_axes.total_variance, rel=1e-6)
        ratio = np.asarray(fewer.explained_variance_ratio)
        np.testing.assert_allclose(ratio, all_axes.explained_variance_ratio[:2], atol=1e-6)


@each_shape
def test_any_kind_of_array_goes_in_and_jax_arrays_come_out(shape: tuple[int, int]) -> None:
    X = points(4, shape).astype(np.float32)
    expected = fast.pca(X, 3)
    for given in (jnp.asarray(X), np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]):
        result = fast.pca(given, 3)
        np.testing.assert_allclose(result.components, expected.components, atol=1e-5)
        assert isinstance(result.components, jax.Array)
        projected = fast.transform(given, result)
        assert isinstance(projected, jax.Array)
        assert isinstance(fast.inverse_transform(projected, result), jax.Array)


@each_shape
def test_double_precision_where_jax_has_it(shape: tuple[int, int]) -> None:
    X = points(4, shape)
    with jax.enable_x64(True):
        result = fast.pca(X, 3)
        projected = np.asarray(fast.transform(X, result))
    assert_close(result, PCA(3, svd_solver="full").fit(X), 1e-10)
    np.testing.assert_allclose(projected, reference.transform(X, reference.pca(X, 3)), atol=1e-10)


@pytest.mark.quick(1)
@each_shape
def test_device_counts_agree(shape: tuple[int, int]) -> None:
    X = points(5, shape)
    expected = reference.pca(X, 3)
    for n_devices in (1, 2, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            for result in (fast.pca(X, 3), randomized(fast, X, 3)):
                for ours, theirs in zip(result, expected, strict=True):
                    np.testing.assert_allclose(ours, theirs, atol=1e-4)
            projected = fast.transform(X, result)
            np.testing.assert_allclose(projected, reference.transform(X, expected), atol=1e-4)
            np.testing.assert_allclose(
                fast.inverse_transform(projected, result),
                reference.inverse_transform(np.asarray(projected), expected),
                atol=1e-4,
            )


@pytest.mark.parametrize("shape", [TALL, WIDE, (300, 200), (700, 520)])
def test_an_accelerator_finds_the_same_axes(shape: tuple[int, int], accelerator_road: None) -> None:
    X = points(5, shape).astype(np.float32)
    expected = reference.pca(X.astype(np.float64), 3)
    result = fast.pca(X, 3)
    for ours, theirs in zip(result, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    projected = reference.transform(X.astype(np.float64), expected)
    np.testing.assert_allclose(fast.transform(X, result), projected, atol=1e-4)


@pytest.mark.parametrize("d", [6, 128, 129, 200, 520, 784])
def test_the_scatter_by_strips_is_whole(d: int) -> None:
    X = np.random.default_rng(d).normal(size=(50, d)).astype(np.float32)
    data = sums.in_blocks(X, np.zeros(d))
    scatter, total = sums.scatter_on_devices(data)
    np.testing.assert_allclose(scatter, X.T @ X, atol=1e-4)
    np.testing.assert_allclose(total, np.square(X).sum(), rtol=1e-5)
    of_host, total = sums.scatter(data)
    np.testing.assert_allclose(of_host, X.T @ X, atol=1e-4)
    np.testing.assert_allclose(total, np.square(X).sum(), rtol=1e-5)


def test_the_mean_of_many_parts_is_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(101, 7)).astype(np.float32) + 1e4
    for numbers in (1, 100, 1000):
        monkeypatch.setattr(on_host, "NUMBERS_IN_PART", numbers)
        np.testing.assert_allclose(on_host.mean_of(X), X.mean(axis=0, dtype=np.float64), rtol=1e-14)


def test_a_second_call_compiles_nothing() -> None:
    compiled = (
        sums.scatter_on_devices,
        sums.gram,
        sums.scatter_times,
        sums.project_scatter,
        sums.project_blocks,
    )

    def fit(seed: int) -> list[int]:
        for shape in (TALL, WIDE):
            X = points(seed, shape)
            fast.inverse_transform(fast.transform(X, fast.pca(X, 3)), randomized(fast, X, 3))
        return [f._cache_size() for f in compiled]

    assert fit(0) == fit(1)


@each_twin
@pytest.mark.parametrize(
    ("X", "q", "message"),
    [
        (np.ones((1, 3)), 1, "expected at least two points, got 1: a single one does not vary"),
        (np.eye(4, 3), 4, r"expected n_components to be from 1 to min\(n, d\) = 3, got 4"),
        (np.eye(3, 4), 4, r"expected n_components to be from 1 to min\(n, d\) = 3, got 4"),
        (np.eye(4, 3), 0, r"expected n_components to be from 1 to min\(n, d\) = 3, got 0"),
        (
            np.eye(4, 3) * np.array([1, np.nan, 1]),
            2,
            "expected X to be finite, got NaN or infinity: leave out or fill those rows first",
        ),
        (np.array([[np.inf], [-np.inf]]), 1, "expected X to be finite, got NaN or infinity"),
    ],
)
def test_bad_input_is_refused(twin: ModuleType, X: np.ndarray, q: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        twin.pca(X, q)
    with pytest.raises(InputError, match=message):
        randomized(twin, X, q)


@each_twin
def test_a_wrong_shape_is_refused_by_its_annotation(twin: ModuleType) -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        twin.pca(np.zeros((4, 2, 2)))
