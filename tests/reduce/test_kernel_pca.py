"""Kernel PCA: by hand, scikit-learn, PCA as the linear case, Nystroem, the three ways to the
eigenvectors, devices.
"""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.decomposition
from sklearn.exceptions import NotFittedError

from scratchclust import KernelPCA, persist, rows
from scratchclust.constants import KERNELS
from scratchclust.errors import InputError
from scratchclust.reduce import kernel_pca as fast
from scratchclust.reduce import leading_eigenpairs as eigenpairs
from scratchclust.reduce.kernel_pca_parts import blocks as kernel_blocks
from scratchclust.reduce.kernel_pca_parts import kernels
from scratchclust.reduce.leading_eigenpairs import leading_eigenpairs
from scratchclust.reduce.pca import pca
from scratchclust.reduce.pca import transform as transform_pca
from scratchclust.reference import kernel_pca as reference

TWINS = [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
each_twin = pytest.mark.parametrize("twin", TWINS)
each_kernel = pytest.mark.parametrize("kernel", KERNELS)


def points(seed: int = 0, n: int = 60, d: int = 5) -> np.ndarray:
    """Rows of falling variance, in coordinates that float32 holds."""
    rng = np.random.default_rng(seed)
    return (
        (rng.normal(size=(n, d)) * 1.5 ** -np.arange(d) + 0.3).astype(np.float32).astype(np.float64)
    )


def randomness(twin: ModuleType, seed: int = 0) -> dict[str, Any]:
    return {"key": jax.random.key(seed)} if twin is fast else {"rng": np.random.default_rng(seed)}


def assert_same_axes(found: Any, expected: np.ndarray, tolerance: float) -> None:
    """Coordinates equal up to the sign of each axis; lengths relative to the largest."""
    found = np.asarray(found)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=tolerance * np.abs(expected).max())


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """Two points at distance 2: K = [[1, e], [e, 1]] with e = exp(-4 gamma), centred (1 - e) / 2
    [[1, -1], [-1, 1]].
    """
    X, e = np.array([[0.0, 0], [2, 0]]), np.exp(-2.0)
    result = twin.kernel_pca(X, kernel="rbf", gamma=0.5, **randomness(twin))
    np.testing.assert_allclose(result.eigenvalues, [1 - e], rtol=1e-6)
    half = np.sqrt((1 - e) / 2)
    assert_same_axes(twin.transform(X, result), np.array([[half], [-half]]), 1e-6)
    middle = twin.transform(np.array([[1.0, 0]]), result)
    np.testing.assert_allclose(middle, [[0]], atol=1e-6)
    np.testing.assert_allclose(
        twin.kernel_matrix(X, X, kernel="poly", gamma=2.0, degree=2.0), [[1, 1], [1, 81]]
    )
    np.testing.assert_allclose(
        twin.kernel_matrix(X, X + 1, kernel="cosine"), [[0, 0], [2**-0.5, 3 / 10**0.5]]
    )


@each_twin
@each_kernel
def test_equals_scikit_learn(twin: ModuleType, kernel: str) -> None:
    for seed in range(3):
        X, new = points(seed), points(seed + 100)
        expected = sklearn.decomposition.KernelPCA(3, kernel=kernel).fit(X)
        result = twin.kernel_pca(X, 3, kernel=kernel, **randomness(twin))
        np.testing.assert_allclose(result.eigenvalues, expected.eigenvalues_, rtol=1e-5)
        assert_same_axes(twin.transform(X, result), expected.transform(X), 1e-4)
        assert_same_axes(twin.transform(new, result), expected.transform(new), 1e-4)


@each_twin
def test_every_axis_with_variance_is_kept(twin: ModuleType) -> None:
    X = points(1)
    assert len(twin.kernel_pca(X, **randomness(twin)).eigenvalues) == 5
    wide = points(2, n=8, d=20)
    assert len(twin.kernel_pca(wide, **randomness(twin)).eigenvalues) == 7
    result = twin.kernel_pca(X[:20], kernel="rbf", gamma=1.0, **randomness(twin))
    expected = sklearn.decomposition.KernelPCA(kernel="rbf", gamma=1.0).fit(X[:20])
    np.testing.assert_allclose(
        result.eigenvalues, expected.eigenvalues_[: len(result.eigenvalues)], rtol=1e-5
    )
    assert len(result.eigenvalues) == 19


@each_twin
def test_linear_is_pca(twin: ModuleType) -> None:
    for seed in range(20):
        X = points(seed)
        result, expected = twin.kernel_pca(X, 3, **randomness(twin)), pca(X, 3)
        np.testing.assert_allclose(result.eigenvalues, expected.singular_values**2, rtol=1e-5)
        assert_same_axes(twin.transform(X, result), np.asarray(transform_pca(X, expected)), 1e-4)


@each_twin
@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_all_points_as_landmarks_are_the_exact_result(twin: ModuleType, kernel: str) -> None:
    X, new = points(3), points(4)
    exact = reference.kernel_pca(X, 3, rng=np.random.default_rng(0), kernel=kernel)
    result = twin.nystroem(X, X, 3, kernel=kernel)
    np.testing.assert_allclose(result.eigenvalues, exact.eigenvalues, rtol=1e-4)
    assert_same_axes(twin.transform(new, result), reference.transform(new, exact), 1e-3)


@each_kernel
def test_a_kernel_is_of_points_in_both_twins(kernel: str) -> None:
    X = points(15)
    slow = reference.Kernel.for_features(5, kernel, None, 2.0, 0.5)
    quick = kernels.Kernel.for_features(5, kernel, None, 2.0, 0.5)
    assert slow == quick == (kernel, 0.2, 2.0, 0.5)
    assert slow._fields == quick._fields
    np.testing.assert_allclose(quick.of(X, X[:7]), slow.of(X, X[:7]), rtol=1e-12)
    given = {"kernel": kernel, "degree": 2.0, "coef0": 0.5}
    np.testing.assert_array_equal(quick.of(X, X[:7]), fast.kernel_matrix(X, X[:7], **given))


@each_twin
def test_beyond_the_memory_limit_landmarks_stand_for_the_points(twin: ModuleType) -> None:
    X = points(5)
    given: dict[str, Any] = {"kernel": "rbf", "memory_limit": 8 * 60**2 - 1, "n_landmarks": 40}
    message = (
        "60 points would take 28,800 bytes, more than the limit of 28,799: "
        "40 random points stand for all of them"
    )
    with pytest.warns(UserWarning, match=message):
        result = twin.kernel_pca(X, 2, **given, **randomness(twin))
    assert result.landmarks.shape == (40, 5)
    exact = reference.kernel_pca(X, 2, rng=np.random.default_rng(0), kernel="rbf")
    np.testing.assert_allclose(result.eigenvalues, exact.eigenvalues, rtol=0.02)
    twin.kernel_pca(X, 2, **given | {"memory_limit": 8 * 60**2}, **randomness(twin))


def test_nystroem_twins_agree() -> None:
    X, landmarks = points(6), points(6)[::3]
    slow, quick = (
        twin.nystroem(X, landmarks, 3, kernel="rbf", gamma=0.5) for twin in (reference, fast)
    )
    np.testing.assert_allclose(quick.eigenvalues, slow.eigenvalues, rtol=1e-4)
    assert_same_axes(fast.transform(X, quick), reference.transform(X, slow), 1e-3)


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_products_in_parts_and_on_fewer_devices_give_the_same_axes(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = points(7, n=128)
    expected = reference.kernel_pca(X, 2, rng=np.random.default_rng(0), kernel=kernel)
    coordinates = reference.transform(X, expected)
    monkeypatch.setattr(fast, "FEW_POINTS", 100)
    for k, per_call in ((4, 2e10), (2, 2e10), (1, 1)):
        monkeypatch.setitem(
            rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=per_call)
        )
        monkeypatch.setattr(rows, "block_size", lambda n, columns: 32)
        with rows.on(jax.local_devices()[:k]):
            result = fast.kernel_pca(X, 2, key=jax.random.key(0), kernel=kernel)
            np.testing.assert_allclose(result.eigenvalues, expected.eigenvalues, rtol=1e-5)
            assert_same_axes(fast.transform(X, result), coordinates, 1e-4)


def test_leading_eigenpairs_of_a_matrix() -> None:
    rng = np.random.default_rng(0)
    for spectrum in (
        0.9 ** np.arange(80),
        np.repeat([3.0, 2.0, 1.0], [2, 1, 77]),
        1 - 0.01 * np.arange(80),
    ):
        basis = np.linalg.qr(rng.normal(size=(80, 80)))[0]
        matrix = basis * spectrum @ basis.T
        eigenvalues, vectors = leading_eigenpairs(
            lambda V, matrix=matrix: matrix @ V, 80, 3, rng=rng
        )
        np.testing.assert_allclose(eigenvalues, spectrum[:3], rtol=1e-5)
        np.testing.assert_allclose(matrix @ vectors, vectors * eigenvalues, atol=1e-5)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-9)


def test_eigenvectors_that_are_not_exact_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,000 eigenvalues between 0.999 and 1 no few products can single out three."""
    spectrum = 1 - 1e-3 * np.arange(2000)[:, None] / 2000
    seen = []

    def times(V: np.ndarray) -> np.ndarray:
        seen.append(V.shape)
        return spectrum * V

    rng = np.random.default_rng(0)
    monkeypatch.setattr(eigenpairs, "MOST_PRODUCTS", 5)
    message = (
        r"after 5 products \|A v - l v\| is still \d\.\de-0\d of the largest eigenvalue, "
        "above 1e-06: .* ask for"
    )
    with pytest.warns(UserWarning, match=message):
        leading_eigenpairs(times, 2000, 3, rng=rng)
    assert len(seen) == 6  # the first only shapes the block


def test_translation_changes_nothing_for_rbf() -> None:
    X = points(8)
    here, there = (
        fast.kernel_pca(Y, 2, key=jax.random.key(0), kernel="rbf") for Y in (X, X + 1024)
    )
    assert_same_axes(fast.transform(X + 1024, there), np.asarray(fast.transform(X, here)), 1e-4)


def test_rows_of_zeros_have_cosine_zero() -> None:
    X = np.where(np.arange(60)[:, None] == 7, 0, points(9))
    expected = sklearn.decomposition.KernelPCA(2, kernel="cosine").fit_transform(X)
    result = fast.kernel_pca(X, 2, key=jax.random.key(0), kernel="cosine")
    assert_same_axes(fast.transform(X, result), expected, 1e-4)


def test_second_call_compiles_nothing() -> None:
    result = fast.kernel_pca(points(10), 2, key=jax.random.key(0), kernel="rbf")
    fast.transform(points(11), result)
    before = kernel_blocks.project._cache_size()  # pyright: ignore[reportFunctionMemberAccess]
    fast.transform(points(12), result)
    assert kernel_blocks.project._cache_size() == before  # pyright: ignore[reportFunctionMemberAccess]


@each_twin
def test_errors_teach(twin: ModuleType) -> None:
    X, given = points(), randomness(twin)
    with pytest.raises(
        InputError,
        match=r"expected kernel to be one of 'linear', 'rbf', .* or a function, got 'laplace'",
    ):
        twin.kernel_pca(X, kernel="laplace", **given)
    with pytest.raises(
        InputError, match="expected at least two points, got 1: a single one does not vary"
    ):
        twin.kernel_pca(X[:1], **given)
    with pytest.raises(
        InputError, match="expected n_components to be from 1 to n_samples = 60, got 61"
    ):
        twin.kernel_pca(X, 61, **given)
    with pytest.raises(
        InputError, match="expected n_landmarks to be a whole number of at least 1, got 0"
    ):
        twin.kernel_pca(X, n_landmarks=0, **given)
    with pytest.raises(
        InputError,
        match="expected X to be finite, got NaN or infinity: leave out or fill those rows first",
    ):
        twin.kernel_pca(np.where(np.arange(60)[:, None] == 3, np.nan, X), **given)
    with pytest.raises(InputError, match="all points have the same image under the kernel"):
        twin.kernel_pca(np.ones((5, 2)), kernel="rbf", **given)


@each_kernel
def test_estimator(kernel: str, tmp_path: Any) -> None:
    X, new = points(13), points(14)
    model = KernelPCA(2, kernel=kernel).fit(X)
    expected = sklearn.decomposition.KernelPCA(2, kernel=kernel).fit(X)
    np.testing.assert_allclose(model.eigenvalues_, expected.eigenvalues_, rtol=1e-5)
    assert_same_axes(model.transform(new), expected.transform(new), 1e-4)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        persist.load(tmp_path / "model").transform(new), model.transform(new)
    )
    assert isinstance(
        KernelPCA(2, kernel=kernel).fit_transform(jnp.asarray(X, jnp.float32)), jax.Array
    )


def test_estimator_refuses_what_it_cannot_use() -> None:
    with pytest.raises(
        ValueError, match="expected gamma to be a finite number above 0 or None, got -1"
    ):
        KernelPCA(gamma=-1).fit(points())
    with pytest.raises(
        ValueError, match="expected degree to be a finite number of at least 0, got 'two'"
    ):
        KernelPCA(degree="two").fit(points())


def test_a_fit_that_fails_leaves_the_fit_before_as_it_was():
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    model = KernelPCA(2, kernel="poly", degree=6)
    with pytest.raises(InputError, match="leave the range of float32"):
        model.fit(X * 1e4)
    with pytest.raises(NotFittedError):
        model.transform(X)
    before = model.fit(X).transform(X)
    with pytest.raises(InputError, match="leave the range of float32"):
        model.fit(X * 1e4)
    np.testing.assert_array_equal(model.transform(X), before)
