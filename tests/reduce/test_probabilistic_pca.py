"""PCA as a model of probability, and the way back from kernel PCA: both twins, by hand, SciPy,
scikit-learn.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import sklearn.decomposition

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.reduce import kernel_pca, pre_images
from scratchclust.reduce import probabilistic_pca as fast
from scratchclust.reduce.pca import pca
from scratchclust.reference import pre_images as reference_pre_images
from scratchclust.reference import probabilistic_pca as reference
from scratchclust.results import KernelPCAResult, PCAResult

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)
SEEDS = range(20)


def points(seed=0, shape=(40, 5)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * 1.4 ** -np.arange(shape[1]) + rng.normal(size=shape[1])


def axes_of(variances, d):
    q = len(variances)
    variances = np.array(variances, float)
    return PCAResult(
        np.zeros(d),
        np.eye(q, d),
        variances,
        variances / variances.sum(),
        variances**0.5,
        variances.sum(),
    )


@each_twin
def test_by_hand(twin):
    """One axis of variance 4 in the plane, noise 1: the covariance is diag(4, 1)."""
    result = axes_of([4], 2)
    np.testing.assert_allclose(twin.covariance(result, 1.0), np.diag([4, 1]))
    np.testing.assert_allclose(twin.precision(result, 1.0), np.diag([0.25, 1]))
    expected = -np.log(2 * np.pi) - np.log(4) / 2 - np.array([0, 0.5, 0.5])
    np.testing.assert_allclose(
        twin.log_likelihood(np.array([[0.0, 0], [2, 0], [0, 1]]), result, 1.0), expected
    )
    both = axes_of([4, 9], 2)
    np.testing.assert_allclose(twin.precision(both, 0.0), np.diag([1 / 4, 1 / 9]))
    np.testing.assert_allclose(
        twin.covariance(axes_of([0.5], 2), 1.0), np.eye(2)
    )  # no axis varies less than noise


@each_twin
@pytest.mark.parametrize("q", [1, 3, 5])
def test_likelihoods_are_those_of_the_normal_distribution(twin, q):
    for seed in SEEDS:
        X = points(seed)
        result, noise = pca(X, q), 0.0 if q == 5 else 0.01
        C = twin.covariance(result, noise)
        np.testing.assert_allclose(twin.precision(result, noise) @ C, np.eye(5), atol=1e-9)
        expected = scipy.stats.multivariate_normal(X.mean(axis=0), C).logpdf(X)
        np.testing.assert_allclose(twin.log_likelihood(X, result, noise), expected, rtol=1e-9)


def test_the_twins_agree_on_every_kind_of_points():
    X = points()
    expected = reference.log_likelihood(X, pca(X, 2), 0.1)
    assert fast.log_likelihood(X, pca(X, 2), 0.1).dtype == np.float64
    for given in (X.astype(np.float32), jnp.asarray(X, jnp.float32)):
        for n_devices in (1, 2, 4):
            with rows.on(jax.local_devices()[:n_devices]):
                found = fast.log_likelihood(given, pca(given, 2), 0.1)
            assert isinstance(found, jax.Array)
            np.testing.assert_allclose(found, expected, rtol=1e-4)


@each_twin
def test_minkas_choice(twin):
    """What scikit-learn finds, and the number of wide directions where there is no doubt."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        q = 1 + seed % 6
        assert (
            twin.likeliest_dimension(np.where(np.arange(8) < q, 9.0 + 8 - np.arange(8), 1.0), 300)
            == q
        )
        X = rng.normal(size=(50, 7)) * 1.5 ** -np.arange(7)
        variances = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2 / 49
        expected = sklearn.decomposition.PCA("mle", svd_solver="full").fit(X).n_components_
        assert twin.likeliest_dimension(variances, 50) == expected


@each_twin
def test_minkas_choice_where_variances_coincide_or_are_missing(twin):
    assert twin.likeliest_dimension(np.array([3.0]), 10) == 1
    assert twin.likeliest_dimension(np.array([5.0, 0, 0]), 10) == 1
    assert twin.likeliest_dimension(np.array([5.0, 3, 0, 0]), 100) == 2
    assert twin.likeliest_dimension(np.array([9.0, 8, 1, 1, 1, 1]), 1000) == 2
    assert 1 <= twin.likeliest_dimension(np.ones(4), 10) <= 3


def test_evidences_of_the_twins():
    for seed in SEEDS:
        variances = np.sort(np.random.default_rng(seed).exponential(size=9))[::-1]
        for q in range(1, 9):
            assert fast._evidence(variances, q, 30) == pytest.approx(
                reference._evidence(variances, q, 30), rel=1e-12
            )


@each_twin
def test_a_singular_covariance_is_told(twin):
    for result in (axes_of([4, 9], 3), axes_of([4, 0], 2)):
        with pytest.raises(InputError, match=r"among \d features without noise is singular"):
            twin.precision(result, 0.0)
        with pytest.raises(InputError, match="keep fewer axes"):
            twin.log_likelihood(np.zeros((1, result.components.shape[1])), result, 0.0)


# --- the way back from kernel PCA

BACK = [pytest.param(reference_pre_images, id="numpy"), pytest.param(pre_images, id="jax")]


@pytest.mark.parametrize("twin", BACK)
def test_the_way_back_by_hand(twin):
    """Coordinates 0 and 1, linear: K = diag(0, 1), so D = X / diag(alpha, 1 + alpha), and x(y) = y
    D_2.
    """
    result = KernelPCAResult(
        np.zeros((2, 1)), np.zeros(2), np.zeros((2, 1)), np.zeros(1), "linear", 1.0, 3.0, 1.0
    )
    X, Y = np.array([[2.0, 4], [6, 9]]), np.array([[0.0], [1]])
    D = twin.fit_inverse(Y, X, result, alpha=0.5)
    np.testing.assert_allclose(D, [[4, 8], [4, 6]])
    np.testing.assert_allclose(
        twin.inverse_transform(np.array([[0.0], [2]]), Y, D, result), [[0, 0], [8, 12]]
    )


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "cosine", "sigmoid"])
def test_the_ways_back_agree(kernel, monkeypatch):
    monkeypatch.setattr(pre_images, "ENTRIES_AT_ONCE", 100)
    for seed in SEEDS:
        X = points(seed)
        result = kernel_pca.kernel_pca(X, 3, kernel=kernel, gamma=0.2, key=jax.random.key(0))
        Y = kernel_pca.transform(X, result)
        D, E = (
            twin.fit_inverse(Y, X, result, alpha=0.1) for twin in (reference_pre_images, pre_images)
        )
        np.testing.assert_allclose(D, E, rtol=1e-6, atol=1e-6 * np.abs(D).max())
        slow, quick = (
            twin.inverse_transform(Y, Y, D, result) for twin in (reference_pre_images, pre_images)
        )
        np.testing.assert_allclose(slow, quick, rtol=1e-9, atol=1e-9)


def test_without_a_ridge_the_points_come_back():
    X = points(shape=(20, 3))
    result = kernel_pca.kernel_pca(X, 10, kernel="rbf", gamma=0.5, key=jax.random.key(0))
    Y = kernel_pca.transform(X, result)
    D = pre_images.fit_inverse(Y, X, result, alpha=1e-10)
    np.testing.assert_allclose(pre_images.inverse_transform(Y, Y, D, result), X, atol=1e-4)
    twice = np.concatenate([Y, Y])  # no ridge and equal points: a singular matrix
    D = pre_images.fit_inverse(twice, np.concatenate([X, X]), result, alpha=0.0)
    np.testing.assert_allclose(pre_images.inverse_transform(Y, twice, D, result), X, atol=1e-2)
