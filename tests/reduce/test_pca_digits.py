"""Digits that PCA and KernelPCA must not lose: far from zero, beside what is large, in wide and
narrow kernels.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import sklearn.decomposition
from sklearn.metrics.pairwise import rbf_kernel

from scratchclust import PCA, KernelPCA
from scratchclust.constants import KERNELS
from scratchclust.errors import InputError
from scratchclust.reduce import kernel_pca as fast
from scratchclust.reduce import pca as fast_pca
from scratchclust.reduce.kernel_pca_parts import blocks as kernel_blocks
from scratchclust.reduce.kernel_pca_parts.kernels import Kernel
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.reference import kernel_pca as reference
from scratchclust.reference import pca as reference_pca

TWINS = [pytest.param(reference_pca, id="numpy"), pytest.param(fast_pca, id="jax")]
SEEDS = range(5)


def deviation(ours, theirs):
    """The largest difference of coordinates, in standard deviations of their axis, up to the signs
    of the axes.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(
        (np.abs(ours * np.sign((ours * theirs).sum(axis=0)) - theirs) / theirs.std(axis=0)).max()
    )


def exact_poly(X, degree=3):
    """Coordinates along two axes of the polynomial kernel of default gamma, from a matrix in
    extended precision.
    """
    L = X.astype(np.longdouble)
    K = (L @ L.T / X.shape[1] + 1) ** degree
    centred = K - K.mean(axis=0)[None] - K.mean(axis=1)[:, None] + K.mean()
    scale = np.abs(centred).max()
    eigenvalues, vectors = np.linalg.eigh((centred / scale).astype(np.float64))
    return vectors[:, :-3:-1] * np.sqrt(eigenvalues[:-3:-1] * float(scale))


# --- what the points keep


@pytest.mark.skipif(
    bool(np.finfo(np.longdouble).eps > 1e-18), reason="no extended precision on this machine"
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("offset", "tolerance"), [(0, 1e-9), (1e3, 1e-9), (1e4, 1e-6)])
def test_poly_far_from_zero(offset, tolerance, dtype):
    """At 1e4 it was off by up to 5.6 standard deviations, at 1e3 by 0.03."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        X = (rng.normal(size=(300, 8)) * 1.3 ** -np.arange(8) + offset).astype(dtype)
        expected = exact_poly(X.astype(np.float64))
        tolerance = max(tolerance, 1e-5 if dtype == np.float32 else 0)
        assert deviation(KernelPCA(2, kernel="poly").fit(X).transform(X), expected) < tolerance
        assert (
            deviation(
                reference.transform(X, reference.kernel_pca(X, 2, rng=rng, kernel="poly")), expected
            )
            < tolerance
        )


@pytest.mark.parametrize("offset", [0, 1e3, 1e6])
def test_linear_far_from_zero_is_pca(offset):
    """At 1e6 it was off by 0.1 to 0.2 standard deviations."""
    for seed in SEEDS:
        X = np.random.default_rng(seed).normal(size=(300, 8)) * 1.3 ** -np.arange(8) + offset
        expected = sklearn.decomposition.PCA(3, svd_solver="full").fit_transform(X - offset)
        assert deviation(KernelPCA(3).fit(X).transform(X), expected) < 1e-8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1e3, 1e4])
def test_cosine_far_from_zero(offset, dtype):
    X = (np.random.default_rng(0).normal(size=(300, 8)) * 1.3 ** -np.arange(8) + offset).astype(
        dtype
    )
    expected = sklearn.decomposition.KernelPCA(3, kernel="cosine").fit_transform(
        X.astype(np.float64)
    )
    assert deviation(KernelPCA(3, kernel="cosine").fit(X).transform(X), expected) < (
        1e-6 if offset else 1e-5
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("widths", [10, 1e3, 1e4])
def test_rbf_of_groups_that_lie_many_widths_apart(widths, dtype):
    """1,000 widths apart it was off by 10%, 10,000 by 220%."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        X = np.concatenate(
            [rng.normal(size=(60, 4)) * 1.3 ** -np.arange(4) + i * widths for i in range(3)]
        )
        X = X.astype(dtype)
        model = KernelPCA(4, kernel="rbf", gamma=0.5).fit(X)
        expected = sklearn.decomposition.KernelPCA(4, kernel="rbf", gamma=0.5).fit(
            X.astype(np.float64)
        )
        np.testing.assert_allclose(model.eigenvalues_, expected.eigenvalues_, rtol=1e-5)
        # Axes of nearly equal eigenvalues turn: what they span together does not.
        ours, theirs = (m.transform(Z) for m, Z in ((model, X), (expected, X.astype(np.float64))))
        turned = theirs @ np.linalg.lstsq(theirs, ours.astype(np.float64), rcond=None)[0]
        assert deviation(ours, turned) < (1e-3 if dtype == np.float32 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [1e-8, 1e-4, 1.0, 100.0])
def test_rbf_of_any_width(gamma, dtype):
    """A wide kernel is 1 but for a little: it is the little that counts."""
    X = (np.random.default_rng(0).normal(size=(200, 3)) * [1, 0.7, 0.5]).astype(dtype)
    expected = sklearn.decomposition.KernelPCA(2, kernel="rbf", gamma=gamma, eigen_solver="dense")
    model = KernelPCA(2, kernel="rbf", gamma=gamma).fit(X)
    assert deviation(model.transform(X), expected.fit_transform(X.astype(np.float64))) < 1e-4


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
@pytest.mark.parametrize("offset", [0, 100])
def test_few_axes_of_many_float64_points(kernel, offset, monkeypatch):
    """By products and by landmarks too."""
    monkeypatch.setattr(fast, "FEW_POINTS", 100)
    X = np.random.default_rng(0).normal(size=(300, 4)) * 1.3 ** -np.arange(4) + offset
    expected = sklearn.decomposition.KernelPCA(
        3, kernel=kernel, eigen_solver="dense"
    ).fit_transform(X)
    assert (
        deviation(KernelPCA(3, kernel=kernel, random_state=0).fit(X).transform(X), expected) < 1e-7
    )
    result = fast.nystroem(X, X, 3, kernel=kernel)
    assert deviation(fast.transform(X, result), expected) < 1e-2
    slow = reference.nystroem(X, X[::4], 3, kernel=kernel)
    quick = fast.nystroem(X, X[::4], 3, kernel=kernel)
    if not offset:
        assert deviation(fast.transform(X, quick), reference.transform(X, slow)) < 1e-5


def test_few_points_and_many_give_the_same_coordinates(monkeypatch):
    """Few are computed on the host, many on the devices."""
    X = np.random.default_rng(0).normal(size=(100, 4)) + 3
    for kernel in KERNELS:
        model = KernelPCA(3, kernel=kernel, gamma=0.01).fit(X)
        on_host = model.transform(X)
        monkeypatch.setattr(fast, "MULTIPLICATIONS_ON_HOST", 0)
        np.testing.assert_allclose(model.transform(X), on_host, atol=1e-9 * np.abs(on_host).max())
        monkeypatch.undo()


def test_float32_is_kept_where_it_can_carry_the_kernel():
    """The common path: pixels in [0, 1], deviations of one; else float64."""
    rng = np.random.default_rng(0)
    for X in (
        rng.uniform(size=(100, 50)),
        rng.normal(size=(100, 50)),
        10 + 5 * rng.normal(size=(100, 50)),
    ):
        X = X.astype(np.float32)
        for kernel in KERNELS:
            this = Kernel(kernel, float(1 / X.var() / 50), 3.0, 1.0)
            assert kernel_blocks.carriable(X, X, this) is X
    X = rng.normal(size=(100, 50)).astype(np.float32)
    for factor, offset, kernel, numbers in [
        (1, 0, "rbf", (1e-5, 3.0, 1.0)),
        (1, 0, "rbf", (1000.0, 3.0, 1.0)),
        (1, 1000, "poly", (1 / 50, 3.0, 1.0)),
        (1, 1000, "sigmoid", (1e-9, 3.0, 1.0)),
        (1000, 0, "poly", (1 / 50, 9.0, 1.0)),
    ]:
        Z = X * np.float32(factor) + np.float32(offset)
        assert is_double(kernel_blocks.carriable(Z, Z, Kernel(kernel, *numbers)))
    cosine = Kernel("cosine", 1.0, 3.0, 1.0)
    assert is_double(kernel_blocks.carriable(X, X, cosine, np.eye(50)[0]))


def test_float64_is_computed_with_only_where_it_is_given():
    X = np.ones((2, 2))
    for given, dtype in (
        (X, np.float64),
        (X.astype(np.float32), np.float32),
        (jnp.asarray(X), np.float32),
    ):
        with in_precision_of(given):
            assert jnp.asarray(np.asarray(given)).dtype == dtype
    assert jnp.asarray(X).dtype == np.float32


# --- PCA of float64


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh", "randomized", "arpack"])
@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_no_axis_with_variance_is_dropped(shape, solver, whiten):
    """One feature 10,000 times larger than the rest: 19 of 20 axes were rows of zeros."""
    for seed in SEEDS:
        X = np.random.default_rng(seed).normal(size=shape) * 1.1 ** -np.arange(shape[1])
        X[:, 0] *= 1e4
        ours = PCA(19, whiten=whiten, svd_solver=solver, random_state=0).fit(X)
        theirs = sklearn.decomposition.PCA(19, whiten=whiten, svd_solver="full").fit(X)
        np.testing.assert_allclose(np.linalg.norm(ours.components_, axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-5)
        assert deviation(ours.transform(X), theirs.transform(X)) < 1e-4


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_svd_reaches_where_squares_do_not(twin, shape):
    """Standard deviations from 1 down to 1e-10: their squares are 1e-20, below the rounding of the
    covariance.
    """
    rng = np.random.default_rng(0)
    r = min(shape[0] - 1, shape[1])
    scores = rng.normal(size=(shape[0], r))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0] * 10.0 ** np.linspace(0, -10, r)
    X = scores @ np.linalg.qr(rng.normal(size=(shape[1], r)))[0].T
    found = twin.svd_pca(X, r)
    np.testing.assert_allclose(found.singular_values, 10.0 ** np.linspace(0, -10, r), rtol=1e-4)
    np.testing.assert_allclose(
        twin.transform(X, found, whiten=True).std(axis=0, ddof=1), 1, rtol=1e-4
    )


@pytest.mark.parametrize("twin", TWINS)
def test_svd_equals_the_eigenproblem(twin):
    for seed, shape in enumerate([(40, 5), (5, 40), (30, 30)]):
        X = np.random.default_rng(seed).normal(size=shape) * 1.2 ** -np.arange(shape[1]) + seed
        for ours, theirs in zip(twin.svd_pca(X, 3), reference_pca.pca(X, 3), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_arpack_equals_svd():
    for seed, shape in enumerate([(40, 5), (5, 40), (30, 30)]):
        X = np.random.default_rng(seed).normal(size=shape) * 1.2 ** -np.arange(shape[1]) + seed
        for given, tolerance in ((X, 1e-9), (X.astype(np.float32), 1e-5)):
            for ours, theirs in zip(
                fast_pca.arpack_pca(given, 3, key=jax.random.key(0)),
                reference_pca.svd_pca(X, 3),
                strict=True,
            ):
                np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    with pytest.raises(
        InputError, match=r"n_components to be below min\(n, d\) = 5, got 5: take `svd_pca`"
    ):
        fast_pca.arpack_pca(np.eye(5), 5, key=jax.random.key(0))
    equal = fast_pca.arpack_pca(np.ones((4, 3)), 2, key=jax.random.key(0))
    np.testing.assert_array_equal(equal.explained_variance, 0)


@pytest.mark.parametrize("factor", [1e-140, 1e140])
def test_numbers_that_only_float64_holds(factor):
    X = np.random.default_rng(0).normal(size=(30, 4))
    for solver in ("full", "covariance_eigh", "arpack", "randomized"):
        expected, found = (
            PCA(2, svd_solver=solver, random_state=0).fit(Z) for Z in (X, X * factor)
        )
        np.testing.assert_allclose(
            found.explained_variance_, expected.explained_variance_ * factor**2, rtol=1e-9
        )
        np.testing.assert_allclose(
            found.transform(X * factor), expected.transform(X) * factor, rtol=1e-7
        )


@pytest.mark.parametrize("factor", [1e-170, 1e170, 1e308])
@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "arpack", "randomized"])
def test_numbers_whose_squares_float64_does_not_hold(solver, factor):
    X = np.random.default_rng(0).uniform(1, 1.7, size=(30, 4)) * factor
    with pytest.raises(
        InputError, match=r"leave the range of float64; scale X, by X / abs\(X\).max\(\)"
    ):
        PCA(2, svd_solver=solver, random_state=0).fit(X)


# --- eigenvalues that coincide


@pytest.mark.parametrize("n", [2, 3, 8, 20])
def test_axes_of_equal_variance(n):
    """SciPy's eigh with a subset found none of the one that was asked for."""
    for q in range(1, n + 1):
        model = PCA(q, svd_solver="covariance_eigh").fit(np.eye(n))
        assert model.components_.shape == (q, n)
        np.testing.assert_allclose(
            model.explained_variance_, np.where(np.arange(q) < n - 1, 1 / (n - 1), 0), atol=1e-12
        )
    for q in range(1, n):
        model = KernelPCA(q, kernel="poly").fit(np.eye(n))
        assert model.transform(np.eye(n)).shape == (n, q)
        np.testing.assert_allclose(model.eigenvalues_, model.eigenvalues_[0], rtol=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(8) - 1 / 8,
        np.eye(20),
        np.kron(np.eye(3), np.ones((4, 4))),
        np.zeros((5, 5)),
        np.diag([1.0, 1, 1, 0.5]),
    ],
)
def test_as_many_eigenpairs_as_were_asked_for(matrix):
    for q in range(1, len(matrix) + 1):
        eigenvalues, vectors = largest_eigenpairs(matrix, q)
        np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(matrix)[::-1][:q], atol=1e-12)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(q), atol=1e-12)
        np.testing.assert_allclose(matrix @ vectors, vectors * eigenvalues, atol=1e-12)


@pytest.mark.parametrize("fault", ["too few", "not orthogonal", "did not converge"])
def test_what_lapack_gives_is_looked_at(fault, monkeypatch):
    whole = scipy.linalg.eigh

    def broken(matrix, subset_by_index=None):
        if subset_by_index is None:
            return whole(matrix)
        if fault == "did not converge":
            raise np.linalg.LinAlgError("did not converge")
        eigenvalues, vectors = whole(matrix, subset_by_index=subset_by_index)
        return (
            (eigenvalues[1:], vectors[:, 1:])
            if fault == "too few"
            else (eigenvalues, vectors + 0.01)
        )

    monkeypatch.setattr(scipy.linalg, "eigh", broken)
    matrix = np.diag(np.arange(6.0))
    np.testing.assert_allclose(largest_eigenpairs(matrix, 2)[0], [5, 4], atol=1e-12)


# --- kernels of no use

X60 = np.random.default_rng(0).normal(size=(60, 3))
PIXELS = np.random.default_rng(0).integers(0, 256, (100, 784)).astype(np.uint8)
ALL_EQUAL = "all points have the same image under the kernel: .* take another gamma"


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        (
            {"kernel": "rbf"},
            PIXELS,
            "no two points are alike under the kernel: .* take a smaller gamma",
        ),
        (
            {"kernel": "rbf", "gamma": 1e6},
            X60,
            "no two points are alike under the kernel: .* take a smaller gamma",
        ),
        ({"kernel": "rbf", "gamma": 1e-18}, X60, ALL_EQUAL),
        ({"kernel": "sigmoid", "coef0": 50}, X60, ALL_EQUAL),
        ({"kernel": "poly", "degree": 0}, X60, ALL_EQUAL),
        (
            {"kernel": "poly", "degree": 500, "coef0": 1e3},
            X60,
            "kernel='poly' with degree=500 .* gives infinity or NaN",
        ),
        (
            {"kernel": "poly", "degree": 2.5, "coef0": 0},
            X60,
            "gives infinity or NaN: take a smaller, whole degree",
        ),
        (
            {"kernel": "poly", "degree": 9},
            (X60 * 1e3).astype(np.float32),
            "leave the range of float32: give float64",
        ),
        ({"coef0": np.nan}, X60, "^expected coef0 to be a finite number, got nan"),
        ({"gamma": np.inf}, X60, "^expected gamma to be a finite number above 0 or None, got inf"),
    ],
)
@pytest.mark.parametrize("solver", ["auto", "arpack"])
def test_a_kernel_that_overflows_or_tells_nothing_apart_is_refused(parameters, X, message, solver):
    with pytest.raises(InputError, match=message):
        KernelPCA(2, eigen_solver=solver, **parameters).fit(X).transform(X)


@pytest.mark.parametrize("twin", [reference, fast])
def test_both_twins_refuse_such_kernels(twin):
    randomness = (
        {"rng": np.random.default_rng(0)} if twin is reference else {"key": jax.random.key(0)}
    )
    for given, message in [
        ({"gamma": 1e6, "kernel": "rbf"}, "no two points are alike"),
        ({"degree": 500.0, "coef0": 1e3, "kernel": "poly"}, "gives infinity or NaN"),
    ]:
        with pytest.raises(InputError, match=message):
            twin.kernel_pca(X60, 2, **given, **randomness)
        with pytest.raises(InputError, match=message):
            twin.nystroem(X60, X60[::2], 2, **given)


@pytest.mark.parametrize("twin", [reference, fast])
def test_distances_are_no_kernel(twin):
    """Those of four points on a line: the axes of positive eigenvalue can be had, no others."""
    randomness = (
        {"rng": np.random.default_rng(0)} if twin is reference else {"key": jax.random.key(0)}
    )
    distances = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    for K in (distances, lambda x, y: abs(x - y).sum()):
        kernel, X = ("precomputed", K) if K is distances else (K, np.arange(4.0)[:, None])
        with pytest.raises(
            InputError, match=r"significant negative eigenvalues, -.* ask for fewer axes"
        ):
            twin.kernel_pca(X, kernel=kernel, **randomness)
    mixed = np.diag([3.0, 2, -1, -4])
    H = np.eye(4) - 1 / 4
    expected = np.linalg.eigvalsh(H @ mixed @ H)[::-1]
    found = twin.kernel_pca(mixed, 2, kernel="precomputed", **randomness)
    np.testing.assert_allclose(found.eigenvalues, expected[:2])
    with pytest.raises(InputError, match="significant negative eigenvalues"):
        twin.kernel_pca(mixed, 4, kernel="precomputed", **randomness)


@pytest.mark.parametrize(("degree", "coef0", "factor"), [(50, 1e3, 1), (10, 1, 100)])
def test_kernels_that_only_float64_holds(degree, coef0, factor):
    """Coordinates of 1e74 and 1e22: they were NaN."""
    given = {"kernel": "poly", "degree": degree, "coef0": coef0}
    X = X60 * factor
    expected = sklearn.decomposition.KernelPCA(2, **given, eigen_solver="dense").fit_transform(X)
    assert deviation(KernelPCA(2, **given).fit_transform(X), expected) < 1e-7
    X = X.astype(np.float32)
    if degree == 10:
        with pytest.raises(
            InputError, match="leave the range of float32: give float64, or scale X"
        ):
            KernelPCA(2, **given).fit(X)


def test_new_points_whose_kernel_overflows_are_refused():
    model = KernelPCA(2, kernel="poly", degree=20).fit(X60)
    with pytest.raises(
        InputError,
        match=re.escape("kernel='poly' with degree=20 and coef0=1 gives infinity or NaN"),
    ):
        model.transform(X60 * 1e20)


def test_identity_or_not():
    """Two points that are alike suffice."""
    X = np.arange(5.0)[:, None] * 100
    with pytest.raises(InputError, match="no two points are alike"):
        KernelPCA(2, kernel="rbf", gamma=1.0).fit(X)
    X[4] = X[3] + 0.1
    model = KernelPCA(4, kernel="rbf", gamma=1.0).fit(X)
    K = rbf_kernel(X, gamma=1.0)
    H = np.eye(5) - 0.2
    np.testing.assert_allclose(model.eigenvalues_, np.linalg.eigvalsh(H @ K @ H)[:0:-1], atol=1e-12)
