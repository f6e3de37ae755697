"""PCA and KernelPCA of the smallest and most degenerate points, and of points of every kind, beside
scikit-learn.
"""

import numpy as np
import pytest
import sklearn.decomposition
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import pairwise_kernels

from scratchclust import PCA, KernelPCA
from scratchclust.errors import InputError

pytestmark = pytest.mark.full

RNG = np.random.default_rng(0)
SMALL = {
    "two points": RNG.normal(size=(2, 3)),
    "two points of one feature": np.array([[1.0], [4]]),
    "three points": RNG.normal(size=(3, 3)),
    "one feature": RNG.normal(size=(60, 1)),
    "as many points as features": RNG.normal(size=(5, 5)),
    "wide": RNG.normal(size=(3, 20)),
    "rank one": np.outer(RNG.normal(size=30), [1.0, -2, 3]),
    "equal in pairs": np.repeat(RNG.normal(size=(5, 3)), 2, axis=0),
    "all but one equal": np.concatenate([np.full((9, 3), 0.1), [[1.0, 2, 3]]]),
    "a constant feature": np.concatenate([RNG.normal(size=(20, 2)), np.full((20, 1), 0.1)], axis=1),
    "one variance for all axes": np.eye(6),
    "far from zero": RNG.normal(size=(30, 3)) * [1, 0.5, 0.2] + 1e5,
    "one feature much larger": RNG.normal(size=(30, 3)) * [1e6, 1, 0.5],
}


def turned(ours, theirs):
    return ours * np.where((ours * theirs).sum(axis=0) < 0, -1, 1)


@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("case", SMALL)
def test_pca(case, solver):
    X = SMALL[case]
    ours = PCA(svd_solver=solver).fit(X)
    theirs = sklearn.decomposition.PCA(svd_solver="full").fit(X)
    largest = theirs.explained_variance_[0]
    np.testing.assert_allclose(
        ours.explained_variance_, theirs.explained_variance_, atol=1e-9 * largest
    )
    np.testing.assert_allclose(
        ours.explained_variance_ratio_, theirs.explained_variance_ratio_, atol=1e-9
    )
    assert ours.n_components_ == theirs.n_components_ == min(X.shape)
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(X)), X, atol=1e-9 * np.abs(X).max()
    )
    whitened = PCA(svd_solver=solver, whiten=True).fit_transform(X)
    variances = whitened.var(axis=0, ddof=1)
    assert (np.isclose(variances, 1, atol=1e-3) | (variances == 0)).all()
    first = turned(ours.transform(X)[:, :1], theirs.transform(X)[:, :1])
    if case != "one variance for all axes":  # any axis will do there
        np.testing.assert_allclose(first, theirs.transform(X)[:, :1], atol=1e-7 * np.abs(X).max())


@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh", "randomized"])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_every_number_of_axes(n, solver):
    X = np.random.default_rng(n).normal(size=(60, n))
    expected = sklearn.decomposition.PCA(svd_solver="full").fit(X)
    for q in range(1, n + 1):
        model = PCA(q, svd_solver=solver, random_state=0).fit(X)
        np.testing.assert_allclose(
            model.explained_variance_, expected.explained_variance_[:q], rtol=1e-6
        )
        assert model.noise_variance_ == pytest.approx(
            sklearn.decomposition.PCA(q, svd_solver="full").fit(X).noise_variance_,
            rel=1e-6,
            abs=1e-12,
        )


KERNELS = [
    {"kernel": "linear"},
    {"kernel": "rbf", "gamma": 0.5},
    {"kernel": "poly", "gamma": 0.5, "degree": 2},
    {"kernel": "cosine"},
]


@pytest.mark.parametrize("parameters", KERNELS, ids=lambda parameters: parameters["kernel"])
@pytest.mark.parametrize("case", SMALL)
def test_kernel_pca(case, parameters):
    X = SMALL[case]
    given = {name: value for name, value in parameters.items() if name != "kernel"}
    whole = pairwise_kernels(X, metric=parameters["kernel"], **given)
    if (
        parameters["kernel"] == "rbf"
    ):  # scikit-learn expands the squares, which loses digits far from zero
        whole = np.exp(-0.5 * cdist(X, X, "sqeuclidean"))
    centred = np.eye(len(X)) - 1 / len(X)
    K = centred @ whole @ centred
    if np.abs(K).max() < 1e-12:  # one feature, positive: one direction
        with pytest.raises(InputError, match="all points have the same image"):
            KernelPCA(**parameters).fit(X)
        return
    if parameters["kernel"] == "rbf" and whole.sum(axis=0).max() == 1:
        with pytest.raises(InputError, match="no two points are alike"):
            KernelPCA(**parameters).fit(X)
        return
    ours = KernelPCA(**parameters).fit(X)
    q = len(ours.eigenvalues_)
    expected = np.linalg.eigvalsh(K)[::-1]
    tolerance = 1e-9 * max(expected[0], 1e-4 * np.abs(whole).max())
    np.testing.assert_allclose(ours.eigenvalues_, expected[:q], atol=tolerance)
    np.testing.assert_allclose(expected[q:], 0, atol=tolerance)
    Y = ours.transform(X)
    assert Y.shape == (len(X), q)
    np.testing.assert_allclose(Y @ Y.T, K, atol=1e-5 * np.abs(K).max())


@pytest.mark.parametrize("make", [PCA, KernelPCA])
def test_too_few(make):
    for X, message in [
        (np.zeros((1, 3)), "minimum of 2 is required"),
        (np.zeros((0, 3)), "minimum of 2 is required"),
        (np.zeros((5, 0)), r"0 feature\(s\)"),
        (np.zeros(5), "Expected 2D array, got 1D array"),
    ]:
        with pytest.raises(ValueError, match=message):
            make().fit(X)
    model = make(1).fit(RNG.normal(size=(5, 3)))
    assert model.transform(RNG.normal(size=(1, 3))).shape == (1, 1)


def test_equal_points():
    for value in (0.0, 0.1, 1e6 + 0.1):
        X = np.full((10, 3), value)
        model = PCA(2).fit(X)
        np.testing.assert_allclose(model.explained_variance_, 0, atol=1e-18)
        np.testing.assert_allclose(model.transform(X), 0, atol=1e-9)
        for kernel in ("linear", "rbf", "poly", "cosine", "sigmoid"):
            with pytest.raises(InputError, match="all points have the same image under the kernel"):
                KernelPCA(kernel=kernel, gamma=1e-15 if value > 1 else 1.0).fit(X)


def as_memory_map(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


KINDS = {
    "bool": lambda X, _: X > 4,
    "int8": lambda X, _: X.astype(np.int8),
    "uint8": lambda X, _: X.astype(np.uint8),
    "int64": lambda X, _: X.astype(np.int64),
    "float16": lambda X, _: X.astype(np.float16),
    "float32": lambda X, _: X.astype(np.float32),
    "big-endian": lambda X, _: X.astype(">f8"),
    "big-endian float32": lambda X, _: X.astype(">f4"),
    "Fortran": lambda X, _: np.asfortranarray(X),
    "strided": lambda X, _: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X, _: X[::-1].copy()[::-1],
    "read-only": lambda X, _: read_only(X),
    "memory-mapped": as_memory_map,
    "list": lambda X, _: X.tolist(),
    "objects": lambda X, _: X.astype(object),
}
MODELS = {
    "PCA": (PCA, sklearn.decomposition.PCA, {"n_components": 2}),
    "PCA, whitened": (PCA, sklearn.decomposition.PCA, {"n_components": 2, "whiten": True}),
    **{
        f"KernelPCA, {given['kernel']}": (
            KernelPCA,
            sklearn.decomposition.KernelPCA,
            {"n_components": 2, **given},
        )
        for given in [*KERNELS[:1], {"kernel": "rbf", "gamma": 0.01}, *KERNELS[2:]]
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_points_of_every_kind(name, kind, tmp_path):
    make, peer, parameters = MODELS[name]
    whole = (
        np.random.default_rng(1).integers(0, 10, size=(40, 4)) * np.array([1.0, 1, 0.5, 0.5]) // 1
    )
    X = KINDS[kind](whole, tmp_path)
    plain = np.asarray(X, np.float64)
    expected = peer(**parameters).fit(plain).transform(plain)
    model = make(**parameters).fit(X)
    found = model.transform(X)
    # big-endian float32 becomes float64, as in scikit-learn
    exact = (
        kind in ("int64", "big-endian", "big-endian float32", "list", "objects")
        or X.dtype == np.float64
    )
    assert found.dtype == (np.float64 if exact else np.float32)
    assert found.flags.writeable
    assert not np.shares_memory(found, np.asarray(X))
    tolerance = (1e-7 if exact else 1e-4) * np.abs(expected).max()
    np.testing.assert_allclose(turned(found, expected), expected, atol=tolerance)
