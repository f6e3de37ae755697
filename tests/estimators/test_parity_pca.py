"""PCA and KernelPCA beside scikit-learn's: each parameter, attribute and method, equal within its
row's tolerance.
"""

import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import sklearn.decomposition

from scratchclust import PCA, KernelPCA, persist
from scratchclust.errors import InputError

EXACT = 1e-7  # what scikit-learn's own tests ask; float64 points give it
ROWS = ("components_", "transform", "fit_transform", "score_samples", "X_transformed_fit_")


def points(shape=(60, 6), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * 1.5 ** -np.arange(shape[1]) + rng.normal(size=shape[1])


def value(model, name, X):
    """An attribute, or what a method gives for points, their coordinates, or nothing."""
    if name == "restored":
        return model.inverse_transform(model.transform(X))
    found = getattr(model, name)
    if not callable(found):
        return found
    return found() if name.startswith("get_") else found(X)


def assert_equal_up_to_signs(name, ours, theirs, tolerance):
    """Axes are rows of components_ and columns of coordinates; each may be turned about."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    if name in ("components_", "transform", "fit_transform", "X_transformed_fit_"):
        axis = 1 if name == "components_" else 0
        ours = ours * np.sign((ours * theirs).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(
        ours, theirs, rtol=tolerance, atol=tolerance * max(np.abs(theirs).max(initial=0), 1e-300)
    )


# what is asked for, what is compared, how closely
PCA_ROWS = [
    *(
        ({"n_components": 3}, name, EXACT)
        for name in ("components_", "explained_variance_", "singular_values_")
    ),
    *(
        ({"n_components": 3}, name, EXACT)
        for name in ("explained_variance_ratio_", "mean_", "noise_variance_")
    ),
    *(
        ({"n_components": 3}, name, EXACT)
        for name in ("n_components_", "n_samples_", "n_features_in_")
    ),
    *(
        ({"n_components": 3}, name, EXACT)
        for name in ("get_covariance", "get_precision", "score", "score_samples")
    ),
    *(({"n_components": 3}, name, EXACT) for name in ("transform", "fit_transform", "restored")),
    *(
        ({}, name, EXACT)
        for name in ("components_", "noise_variance_", "get_covariance", "get_precision", "score")
    ),
    *(
        ({"n_components": 3, "whiten": True}, name, EXACT)
        for name in ("transform", "restored", "components_")
    ),
    *(
        ({"n_components": 3, "svd_solver": "full"}, name, EXACT)
        for name in ("components_", "transform", "score")
    ),
    *(
        ({"n_components": 3, "svd_solver": "covariance_eigh"}, name, EXACT)
        for name in ("components_", "transform")
    ),
    *(
        ({"n_components": 3, "svd_solver": "arpack"}, name, EXACT)
        for name in ("components_", "noise_variance_")
    ),
    ({"svd_solver": "arpack"}, "n_components_", EXACT),
    ({"n_components": 3, "svd_solver": "arpack", "tol": 1e-3}, "singular_values_", 1e-3),
    *(
        ({"n_components": 3, "svd_solver": "randomized"}, name, EXACT)
        for name in ("components_", "score")
    ),
    ({"n_components": 3, "svd_solver": "randomized", "iterated_power": 9}, "components_", EXACT),
    ({"n_components": 3, "svd_solver": "randomized", "n_oversamples": 3}, "components_", EXACT),
    *(
        (
            {"n_components": 3, "svd_solver": "randomized", "power_iteration_normalizer": word},
            "components_",
            EXACT,
        )
        for word in ("auto", "QR", "LU", "none")
    ),
    *(({"n_components": share}, "n_components_", EXACT) for share in (0.3, 0.5, 0.8, 0.95, 0.999)),
    *(
        ({"n_components": 0.95}, name, EXACT)
        for name in ("components_", "noise_variance_", "get_covariance")
    ),
    *(
        ({"n_components": "mle"}, name, EXACT)
        for name in ("n_components_", "noise_variance_", "score")
    ),
    ({"n_components": 2, "copy": False}, "transform", EXACT),
    ({"n_components": 2}, "get_feature_names_out", EXACT),
]


@pytest.mark.parametrize(("parameters", "name", "tolerance"), PCA_ROWS)
def test_pca_equals_its_peer(parameters, name, tolerance):
    X = points()
    ours = PCA(**parameters, random_state=0).fit(X)
    theirs = sklearn.decomposition.PCA(**parameters, random_state=0).fit(X.copy())
    if name == "get_feature_names_out":
        assert [word.lower() for word in ours.get_feature_names_out()] == list(
            theirs.get_feature_names_out()
        )
        return
    assert_equal_up_to_signs(name, value(ours, name, X), value(theirs, name, X), tolerance)


BLOBS = np.concatenate([points((40, 4), seed) + 5 * seed for seed in range(3)])
KERNEL_ROWS = [
    *(
        ({"kernel": kernel}, name, EXACT)
        for kernel in ("linear", "cosine")
        for name in ("eigenvalues_", "gamma_")
    ),
    *(
        ({"kernel": kernel, "n_components": 3, **numbers}, name, EXACT)
        for kernel, numbers in {
            "linear": {},
            "cosine": {},
            "rbf": {"gamma": 0.3},
            "poly": {"gamma": 0.2, "degree": 2, "coef0": 0.5},
            "sigmoid": {"gamma": 0.01, "coef0": 0.1},
        }.items()
        for name in ("eigenvalues_", "transform", "fit_transform", "gamma_")
    ),
    ({"kernel": "rbf", "n_components": 3, "eigen_solver": "dense"}, "transform", EXACT),
    ({"kernel": "rbf", "n_components": 3, "eigen_solver": "arpack"}, "transform", EXACT),
    (
        {"kernel": "rbf", "n_components": 3, "eigen_solver": "arpack", "tol": 1e-4},
        "eigenvalues_",
        1e-4,
    ),
    (
        {"kernel": "rbf", "n_components": 3, "eigen_solver": "arpack", "max_iter": 100},
        "eigenvalues_",
        EXACT,
    ),
    (
        {"kernel": "rbf", "n_components": 3, "eigen_solver": "randomized", "iterated_power": 20},
        "transform",
        EXACT,
    ),
    ({"kernel": "rbf", "n_components": 3, "copy_X": False, "n_jobs": 1}, "transform", EXACT),
    *(
        ({"kernel": "linear", "n_components": 9, "remove_zero_eig": r}, "eigenvalues_", EXACT)
        for r in (False, True)
    ),
    *(
        ({"kernel": "linear", "n_components": 9, "remove_zero_eig": r}, "transform", EXACT)
        for r in (False, True)
    ),
    ({"kernel": "linear", "n_components": 500}, "eigenvalues_", EXACT),
    *(
        (
            {"kernel": "rbf", "n_components": 4, "fit_inverse_transform": True, "alpha": alpha},
            name,
            EXACT,
        )
        for alpha in (1.0, 0.01)
        for name in ("restored", "dual_coef_", "X_transformed_fit_")
    ),
    (
        {"kernel": "poly", "gamma": 0.01, "n_components": 4, "fit_inverse_transform": True},
        "restored",
        EXACT,
    ),
    ({"kernel": "cosine", "n_components": 3, "fit_inverse_transform": True}, "restored", EXACT),
]


@pytest.mark.parametrize(("parameters", "name", "tolerance"), KERNEL_ROWS)
def test_kernel_pca_equals_its_peer(parameters, name, tolerance):
    parameters = parameters | {"random_state": 0}
    ours = KernelPCA(**parameters).fit(BLOBS)
    theirs = sklearn.decomposition.KernelPCA(**parameters).fit(BLOBS)
    if name == "dual_coef_":  # its rows belong to the points, whichever way the axes turn
        name = "coefficients of the way back"
        assert_equal_up_to_signs(name, ours.dual_coef_, theirs.dual_coef_, tolerance)
        return
    found, expected = (np.asarray(value(model, name, BLOBS)) for model in (ours, theirs))
    if parameters.get("remove_zero_eig") is False and name in ("transform", "eigenvalues_"):
        assert np.abs(expected[..., 4:]).max() < 1e-6  # scikit-learn has rounding there
        assert (found[..., 4:] == 0).all()
        found, expected = found[..., :4], expected[..., :4]
    assert_equal_up_to_signs(name, found, expected, tolerance)


def test_a_kernel_that_was_given_and_one_of_ones_own():
    X, new = BLOBS[::2], BLOBS[1::2]

    def laplacian(x, y, width=1.0):
        return np.exp(-np.abs(x - y).sum() / width)

    given = {"kernel": laplacian, "kernel_params": {"width": 4.0}, "n_components": 3}
    ours, theirs = KernelPCA(**given).fit(X), sklearn.decomposition.KernelPCA(**given).fit(X)
    expected = theirs.transform(new)
    assert_equal_up_to_signs("transform", ours.transform(new), expected, EXACT)
    K, of_new = (np.exp(-np.abs(Z[:, None] - X[None]).sum(axis=2) / 4) for Z in (X, new))
    precomputed = KernelPCA(3, kernel="precomputed").fit(K)
    assert_equal_up_to_signs("transform", precomputed.transform(of_new), expected, EXACT)
    assert precomputed.landmarks_.shape == (len(K), 0)
    with pytest.raises(ValueError, match="Cannot fit_inverse_transform with a precomputed kernel"):
        KernelPCA(kernel="precomputed", fit_inverse_transform=True).fit(K)
    with pytest.raises(InputError, match="expected X to be the kernel of each point with each"):
        KernelPCA(kernel="precomputed").fit(of_new[:7])


def test_the_way_back_must_have_been_learned(tmp_path):
    model = KernelPCA(2, kernel="rbf").fit(BLOBS)
    with pytest.raises(ValueError, match="fit with fit_inverse_transform=True"):
        model.inverse_transform(model.transform(BLOBS))
    model.set_params(fit_inverse_transform=True).fit(BLOBS)
    Y = model.transform(BLOBS)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        persist.load(tmp_path / "model").inverse_transform(Y), model.inverse_transform(Y)
    )
    with pytest.raises(InputError, match=r"expected coordinates of shape \[n, 2\], got \[3, 4\]"):
        model.inverse_transform(np.zeros((3, 4)))


@pytest.mark.parametrize("kernel", ["linear", "cosine", "poly"])
def test_models_that_an_earlier_version_saved_are_read(kernel, tmp_path):
    """They had no centre: the kernel less its means was all."""
    model = KernelPCA(2, kernel=kernel).fit(BLOBS)
    expected = model.transform(BLOBS)
    if model.centre_ is not None:
        model.kernel_means_ = model.kernel_means_ + model.landmarks_ @ model.centre_
    del model.centre_
    model.save(tmp_path / "model")
    np.testing.assert_allclose(
        persist.load(tmp_path / "model").transform(BLOBS), expected, atol=1e-9
    )


@pytest.mark.parametrize(
    ("n_components", "solver"), [(0.5, "arpack"), ("mle", "arpack"), ("mle", "randomized")]
)
def test_a_number_of_axes_that_needs_all_of_them(n_components, solver):
    with pytest.raises(
        InputError, match=f"n_components={n_components!r} .* svd_solver='{solver}': take \"full\""
    ):
        PCA(n_components, svd_solver=solver).fit(points())
    with pytest.raises(
        InputError,
        match="n_components='mle' is only supported if n_samples >= n_features, got 4 and 6",
    ):
        PCA("mle").fit(points((4, 6)))
    with pytest.raises(
        InputError, match=r"must be strictly less than min\(n_samples, n_features\)=6"
    ):
        PCA(6, svd_solver="arpack").fit(points())


def test_a_model_without_noise_and_fewer_axes_than_features_has_no_likelihood():
    model = PCA().fit(points((5, 20)))
    assert model.noise_variance_ == 0
    for ask in (model.get_precision, lambda: model.score(points((5, 20)))):
        with pytest.raises(
            InputError,
            match=r"covariance of 5 axes among 20 features .* is singular.*keep fewer axes",
        ):
            ask()


def test_a_whitened_model_is_as_likely_as_it_was():
    X = points()
    assert PCA(2, whiten=True).fit(X).score(X) == pytest.approx(PCA(2).fit(X).score(X), rel=1e-12)


@pytest.mark.parametrize("make", [PCA, KernelPCA])
def test_every_parameter_of_the_peer_is_there_or_named_as_not_here(make):
    peer = getattr(sklearn.decomposition, make.__name__)
    not_here = make.__doc__.split("Not here:")[1]
    for name in inspect.signature(peer).parameters:
        assert name in inspect.signature(make).parameters or f"`{name}`" in not_here
    fitted = make(2, **({"fit_inverse_transform": True} if make is KernelPCA else {})).fit(points())
    for name in re.findall(r"^ {4}(\w+_) : ", peer.__doc__, re.MULTILINE):
        assert hasattr(fitted, name) or f"`{name}`" in not_here or name == "feature_names_in_"


@pytest.mark.parametrize("make", [PCA, KernelPCA])
def test_sparse_points_are_refused_with_the_cure(make):
    with pytest.raises(TypeError, match="toarray"):
        make(2).fit(scipy.sparse.csr_array(points()))


CASES = {
    "PCA": lambda: PCA(2),
    "PCA, share": lambda: PCA(0.9),
    "PCA, covariance": lambda: PCA(2, svd_solver="covariance_eigh"),
    "PCA, randomized": lambda: PCA(2, svd_solver="randomized", random_state=0),
    "KernelPCA": lambda: KernelPCA(2, fit_inverse_transform=True),
    "KernelPCA, rbf": lambda: KernelPCA(2, kernel="rbf", fit_inverse_transform=True),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_what_comes_back_is_the_callers_own(case, dtype):
    """Writable, of the type of the points, and no view of their memory or of a device's."""
    X = points().astype(dtype)
    model = CASES[case]().fit(X)
    coordinates = model.transform(X)
    before = coordinates.copy()
    results = [coordinates, model.inverse_transform(coordinates), model.fit_transform(X)]
    if isinstance(model, PCA):
        results += [model.score_samples(X), model.get_covariance(), model.get_precision()]
    for array in results:
        assert array.dtype == dtype
    stored = [
        array
        for name, array in vars(model).items()
        if name.endswith("_") and isinstance(array, np.ndarray)
    ]
    for array in results + stored:
        assert array.flags.writeable
        assert not np.shares_memory(array, X)
    for array in results:
        array[:] = 0
    X_then = X.copy()
    X[:] = 0
    np.testing.assert_allclose(model.transform(X_then), before, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_jax_arrays_come_back_as_jax_arrays(case):
    X = jnp.asarray(points(), jnp.float32)
    model = CASES[case]().fit(X)
    coordinates = model.transform(X)
    assert isinstance(coordinates, jax.Array)
    assert isinstance(model.inverse_transform(coordinates), jax.Array)
    if isinstance(model, PCA):
        assert isinstance(model.score_samples(X), jax.Array)
        assert model.score(X) == pytest.approx(
            PCA(model.n_components_).fit(points()).score(points()), rel=1e-4
        )
