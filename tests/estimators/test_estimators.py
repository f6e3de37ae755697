"""The estimators as scikit-learn's users meet them."""

import pickle
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import sklearn.cluster
import sklearn.decomposition
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import scratchclust
from scratchclust import (
    DBSCAN,
    PCA,
    KernelPCA,
    KMeans,
    MiniBatchKMeans,
    MostProbable,
    PixelFeatures,
    persist,
)
from scratchclust.arrays import as_points
from scratchclust.data import load
from scratchclust.errors import InputError
from scratchclust.estimators.pca import solver_for

REPEATED = (
    "weighting a point by 2 and repeating it give the same objective, but random starts draw by "
    "position, so that they begin at other points and can end in another minimum; scikit-learn's "
    "own KMeans is excused likewise"
)
LARGEST_COLUMN = (
    "it takes the largest column for the cluster, and the checks' three clouds lie in two columns "
    "that are no logits"
)


def expected_failures(estimator) -> dict[str, str]:
    """At most one for each estimator, each with its reason."""
    if isinstance(estimator, MostProbable):
        return {"check_clustering": LARGEST_COLUMN}
    k_means = isinstance(estimator, KMeans | MiniBatchKMeans)
    return {"check_sample_weight_equivalence_on_dense_data": REPEATED} if k_means else {}


SETTINGS = {  # for the few points that the checks have
    "KMeans": {"n_clusters": 3},
    "MiniBatchKMeans": {"n_clusters": 3},
    "SpectralClustering": {"n_clusters": 3},
    "TSNE": {"perplexity": 2.0, "max_iter": 20},
}
ALL = [getattr(scratchclust, name)(**SETTINGS.get(name, {})) for name in scratchclust.ESTIMATORS]
OF_POINTS = [estimator for estimator in ALL if estimator.__sklearn_tags__().input_tags.two_d_array]


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
# the checks ask for one eigenvector alone
@pytest.mark.filterwarnings("ignore:only 1 of 2 clusters have points")
@pytest.mark.full
@parametrize_with_checks(OF_POINTS, expected_failed_checks=expected_failures)
def test_check_estimator(estimator, check):
    if getattr(check, "func", check).__name__ == "check_array_api_input":
        pytest.skip(
            "scikit-learn's array API dispatch is not supported; JAX arrays are tested below"
        )
    check(estimator)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("estimator", OF_POINTS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_n_features_in,
    ],
)
def test_some_of_the_same_checks_for_the_quick_tier(estimator, check):
    check(type(estimator).__name__, clone(estimator))


def blobs(dtype: str = "float32", n: int = 60, seed: int = 0) -> np.ndarray:
    """Four clouds of whole numbers, so that every dtype holds the same points."""
    rng = np.random.default_rng(seed)
    centres = np.array([[20, 20, 20], [20, 100, 20], [100, 20, 100], [100, 100, 100]])
    return np.rint(centres[rng.integers(4, size=n)] + rng.normal(0, 5, (n, 3))).astype(dtype)


START = np.array([[25, 25, 25], [25, 95, 25], [95, 25, 95], [95, 95, 95]])


def as_memory_map(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "C": lambda X, tmp: X,
    "Fortran": lambda X, tmp: np.asfortranarray(X),
    "strided": lambda X, tmp: np.repeat(X, 2, axis=0)[::2],
    "reversed": lambda X, tmp: X[::-1].copy()[::-1],
    "read-only": lambda X, tmp: read_only(X),
    "memory-mapped": as_memory_map,
    "list": lambda X, tmp: X.tolist(),
    "jax": lambda X, tmp: jnp.asarray(X.astype("float32") if X.dtype.itemsize == 8 else X),
}


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
def test_every_kind_of_input_gives_the_same_clusters_and_axes(dtype, layout, tmp_path):
    X = LAYOUTS[layout](blobs(dtype), tmp_path)
    plain = blobs("float64")
    peer = sklearn.cluster.KMeans(4, init=START, n_init=1, tol=0).fit(plain)
    model = KMeans(4, init=START, tol=0).fit(X)
    np.testing.assert_array_equal(model.labels_, peer.labels_)
    np.testing.assert_allclose(model.cluster_centers_, peer.cluster_centers_, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), peer.labels_)
    np.testing.assert_allclose(model.transform(X), peer.transform(plain), rtol=1e-4)
    np.testing.assert_allclose(model.score(X), peer.score(plain), rtol=1e-5)
    axes = sklearn.decomposition.PCA(2).fit(plain)
    np.testing.assert_allclose(PCA(2).fit_transform(X), axes.transform(plain), atol=1e-3)


def test_jax_arrays_come_back_as_jax_arrays_and_numpy_as_numpy():
    for X, kind in ((jnp.asarray(blobs()), jax.Array), (blobs(), np.ndarray)):
        model, axes = KMeans(4, random_state=0).fit(X), PCA(2).fit(X)
        results = [
            model.labels_,
            model.cluster_centers_,
            model.predict(X),
            model.transform(X),
            axes.components_,
        ]
        results += [axes.mean_, axes.transform(X), axes.inverse_transform(axes.transform(X))]
        assert [isinstance(result, kind) for result in results] == [True] * len(results)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_have_the_type_of_the_data(dtype):
    X = blobs(dtype)
    model, axes = KMeans(4, random_state=0).fit(X), PCA(2).fit(X)
    for result in (
        model.cluster_centers_,
        model.transform(X),
        axes.components_,
        axes.transform(X),
        axes.mean_,
    ):
        assert result.dtype == dtype
    assert model.labels_.dtype == model.predict(X).dtype == np.int32


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||"])
def test_the_same_seed_gives_the_same_bits_and_another_another_start(init):
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    first, again, other = (
        KMeans(4, init=init, max_iter=1, random_state=seed).fit(X) for seed in (1, 1, 2)
    )
    assert first.cluster_centers_.tobytes() == again.cluster_centers_.tobytes()
    assert first.cluster_centers_.tobytes() != other.cluster_centers_.tobytes()


def test_fit_leaves_the_data_as_they_were():
    X = blobs()
    before = X.copy()
    KMeans(4, random_state=0).fit(X)
    PCA(2).fit_transform(X)
    np.testing.assert_array_equal(X, before)


def test_a_function_as_start_and_the_best_of_its_draws():
    X, asked = blobs(), []

    def start(X, n_clusters, random_state):
        asked.append(n_clusters)
        return X[random_state.permutation(len(X))[:n_clusters]]

    model = KMeans(4, init=start, random_state=0).fit(X)
    assert asked == [4] * 10
    assert model.inertia_ == pytest.approx(
        sklearn.cluster.KMeans(4, n_init=10, random_state=0).fit(X).inertia_, rel=1e-5
    )


def test_history_ends_in_the_inertia_and_is_printed_on_request(capsys):
    model = KMeans(4, init=START[:, ::-1].copy() + 30, tol=0, verbose=1).fit(blobs())
    assert len(model.history_["inertia"]) == len(model.history_["n_moved"]) == model.n_iter_
    assert model.history_["inertia"][-1] == pytest.approx(model.inertia_, rel=1e-5)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in printed[:-2]] == [
        "Initialization complete",
        *(f"Iteration {i}" for i in range(model.n_iter_)),
    ]
    assert printed[-2] == f"Converged at iteration {model.n_iter_ - 1}: strict convergence."
    assert printed[-1].startswith(
        f"k-means converged after {model.n_iter_} iterations with inertia"
    )


def test_cosine_metric_ignores_length():
    X = blobs() - 60
    model = KMeans(4, metric="cosine", random_state=0, n_init=5).fit(X)
    np.testing.assert_array_equal(model.predict(X * 7), model.labels_)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-5)
    assert (model.transform(X) ** 2).min(axis=1).sum() == pytest.approx(model.inertia_, rel=1e-4)
    assert model.score(X) == pytest.approx(-model.inertia_, rel=1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "expected n_clusters to be a whole number of at least 1, got 0"),
        ({"n_clusters": 2.5}, "expected n_clusters to be a whole number of at least 1, got 2.5"),
        ({"n_clusters": 61}, "n_samples=60 should be >= n_clusters=61: ask for fewer clusters"),
        (
            {"init": "kmeans++"},
            r"expected init to be one of 'random', 'k-means\+\+', 'k-means\|\|' or a function or "
            r"an array, got 'kmeans",
        ),
        (
            {"init": START[:2]},
            r"expected starting centroids of shape \[4, 3\] \(clusters, features\), got \[2, 3\]",
        ),
        ({"init": START * np.nan}, "the starting centroids hold NaN or infinity"),
        (
            {"metric": "manhattan"},
            "expected metric to be one of 'euclidean', 'cosine', got 'manhattan'",
        ),
        ({"algorithm": "full"}, "expected algorithm to be one of 'lloyd', 'elkan', got 'full'"),
        ({"tol": -1}, "expected tol to be a finite number of at least 0, got -1"),
        ({"n_init": 0}, "expected n_init to be a whole number of at least 1 or 'auto', got 0"),
        ({"max_iter": 0}, "expected max_iter to be a whole number of at least 1, got 0"),
    ],
)
def test_kmeans_says_what_is_wrong(parameters, message):
    with pytest.raises(ValueError, match=message):
        KMeans(**{"n_clusters": 4, **parameters}).fit(blobs())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(60), "expected sample_weight to be finite .*, got a negative one, -1.0"),
        (np.zeros(60), "Sample weights must contain at least one non-zero number"),
        (np.ones(59), r"sample_weight.shape == \(59,\), expected \(60,\)"),
    ],
)
def test_weights_that_cannot_be_used(weights, message):
    with pytest.raises(ValueError, match=message):
        KMeans(4).fit(blobs(), sample_weight=weights)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            jnp.zeros((5, 2, 2)),
            r"expected a 2D array of at least 1 rows and one column, got shape \[5, 2, 2\]",
        ),
        (jnp.full((9, 3), jnp.nan), "Input X contains NaN or infinity"),
        (jnp.zeros((9, 4)), "X has 4 features, but KMeans is expecting 3 features as input"),
    ],
)
def test_jax_arrays_are_checked_like_others(X, message):
    with pytest.raises(ValueError, match=message):
        KMeans(4, random_state=0).fit(blobs()).predict(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_components": 4},
            r"n_components to be at most min\(n_samples, n_features\) = 3, got 4: ask for fewer",
        ),
        (
            {"n_components": 0},
            "expected n_components to be a whole number of at least 1 or .* 'mle' or None, got 0",
        ),
        (
            {"n_components": 1.5},
            "expected n_components to be a whole number of at least 1 or .*, got 1.5",
        ),
        (
            {"svd_solver": "svd"},
            "expected svd_solver to be one of 'auto', 'full', 'covariance_eigh', 'arpack', 'ran",
        ),
    ],
)
def test_pca_says_what_is_wrong(parameters, message):
    with pytest.raises(ValueError, match=message):
        PCA(**parameters).fit(blobs())


@pytest.mark.parametrize("n_components", [None, 2, 0.9, 0.9999999])
@pytest.mark.parametrize("whiten", [False, True])
def test_pca_equals_its_peer(n_components, whiten):
    X = np.random.default_rng(0).normal(size=(200, 6)) * [9, 5, 3, 2, 1, 0.5]
    peer = sklearn.decomposition.PCA(n_components, whiten=whiten).fit(X)
    model = PCA(n_components, whiten=whiten).fit(X.astype(np.float32))
    assert model.n_components_ == peer.n_components_
    np.testing.assert_allclose(model.components_, peer.components_, atol=1e-5)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, peer.explained_variance_ratio_, atol=1e-5
    )
    np.testing.assert_allclose(model.noise_variance_, peer.noise_variance_, rtol=1e-4, atol=1e-5)
    Y = model.transform(X.astype(np.float32))
    np.testing.assert_allclose(Y, peer.transform(X), atol=1e-4)
    np.testing.assert_allclose(
        model.inverse_transform(Y), peer.inverse_transform(peer.transform(X)), atol=1e-4
    )


def test_pca_chooses_the_randomised_solver_only_where_it_pays():
    X = np.zeros((3072, 3072), np.float32)
    assert solver_for(X[:2048], 10) == "covariance_eigh"
    assert solver_for(X, 10) == "randomized"
    assert solver_for(X, 1000) == "covariance_eigh"
    assert solver_for(X[:500, :500], 10) == "covariance_eigh"
    assert solver_for(np.zeros((500, 500)), 10) == "full"
    assert solver_for(np.zeros((501, 2)), 1) == "covariance_eigh"


def digits_pipeline() -> tuple[object, np.ndarray]:
    images = load("digits").images[:300]
    return make_pipeline(PixelFeatures(), PCA(8), KMeans(5, random_state=0)).fit(images), images


def test_in_a_pipeline_cloned_pickled_and_saved(tmp_path):
    pipeline, images = digits_pipeline()
    labels = pipeline.predict(images)
    np.testing.assert_array_equal(labels, pipeline[-1].labels_)
    np.testing.assert_array_equal(clone(pipeline).fit(images).predict(images), labels)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipeline)).predict(images), labels)
    persist.save(pipeline, tmp_path / "model")
    np.testing.assert_array_equal(persist.load(tmp_path / "model").predict(images), labels)


@pytest.mark.full
def test_in_a_grid_search():
    search = GridSearchCV(KMeans(random_state=0), {"n_clusters": [2, 4]}, cv=3).fit(blobs())
    assert search.best_params_ == {"n_clusters": 4}


def test_set_output_gives_data_frames():
    X = blobs()
    frame = PCA(2).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["pca0", "pca1"]
    frame = KMeans(4, random_state=0).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["kmeans0", "kmeans1", "kmeans2", "kmeans3"]
    assert (
        len(
            PixelFeatures()
            .set_output(transform="pandas")
            .fit_transform(load("digits").images[:3])
            .columns
        )
        == 64
    )


@pytest.mark.parametrize("call", ["predict", "transform", "score"])
def test_before_fit(call):
    with pytest.raises(NotFittedError):
        getattr(KMeans(), call)(blobs())


class TestPixelFeatures:
    """Image estimators have checks of their own: scikit-learn's skip what is not 2-d."""

    images = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3) * 10

    @pytest.mark.parametrize(
        ("parameters", "first_pixel"),
        [
            ({}, np.array([0, 10, 20]) / 255),
            ({"scale": "symmetric"}, np.array([0, 10, 20]) / 255 * 2 - 1),
            ({"color": "mean"}, np.array([10]) / 255),
            ({"color": "luma"}, np.array([0.587 * 10 + 0.114 * 20]) / 255),
        ],
    )
    def test_golden(self, parameters, first_pixel):
        X = PixelFeatures(**parameters).fit_transform(self.images)
        assert X.dtype == np.float32
        assert X.shape == (2, 4 * len(first_pixel))
        np.testing.assert_allclose(X[0, : len(first_pixel)], first_pixel, rtol=1e-5)

    def test_floats_from_0_to_1_are_the_same_images(self):
        X = PixelFeatures().fit_transform(self.images)
        np.testing.assert_allclose(PixelFeatures().fit_transform(self.images / 255.0), X, atol=1e-6)

    @pytest.mark.parametrize("scale", ["unit", "symmetric", "standard"])
    def test_inverse_transform_gives_the_images_back(self, scale):
        features = PixelFeatures(scale=scale)
        images = features.inverse_transform(features.fit_transform(self.images))
        np.testing.assert_allclose(images, self.images / 255.0, atol=1e-6)

    def test_standard_has_mean_0_and_variance_1_and_spares_constants(self):
        images = load("digits").images[:100]
        X = PixelFeatures(scale="standard").fit_transform(images)
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
        constant = images.reshape(100, -1).std(axis=0) == 0
        assert constant.any()
        np.testing.assert_allclose(X.std(axis=0), np.where(constant, 0, 1), atol=1e-5)

    def test_size_takes_images_of_any_size(self):
        features = PixelFeatures(size=4).fit(self.images)
        assert features.transform(np.zeros((1, 9, 5, 3), np.uint8)).shape == (1, 48)
        with pytest.raises(InputError, match="expected 3 channels as in fit, got 1"):
            features.transform(np.zeros((1, 9, 5, 1), np.uint8))

    def test_jax_images_give_jax_vectors(self):
        assert isinstance(PixelFeatures().fit_transform(jnp.asarray(self.images)), jax.Array)

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (
                np.zeros((5, 8, 8), np.uint8),
                r"expected images of shape \[n, height, width, channels\], got \[5, 8, 8\]",
            ),
            (np.zeros((0, 8, 8, 1), np.uint8), r"got \[0, 8, 8, 1\]"),
            (np.full((1, 8, 8, 1), np.nan), "the images hold NaN or infinity"),
            (
                np.full((1, 8, 8, 1), 2.0),
                r"expected images of uint8, or of float in \[0, 1\], got float64 from 2 to 2",
            ),
            (np.zeros((1, 8, 8, 1), np.int64), "expected images of uint8, or of float"),
        ],
    )
    def test_what_is_no_image(self, images, message):
        with pytest.raises(InputError, match=message):
            PixelFeatures().fit(images)

    def test_another_shape_than_in_fit(self):
        features = PixelFeatures().fit(self.images)
        with pytest.raises(
            InputError, match=r"expected images of \[2, 2, 3\] .* as in fit, got \[3, 2, 3\]"
        ):
            features.transform(np.zeros((1, 3, 2, 3), np.uint8))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"color": "grey"}, "expected color to be one of 'rgb', 'luma', 'mean', got 'grey'"),
            (
                {"scale": "0-1"},
                "expected scale to be one of 'unit', 'symmetric', 'standard', got '0-1'",
            ),
            ({"size": 0}, "expected size to be None or a whole number of at least 1, got 0"),
        ],
    )
    def test_parameters(self, parameters, message):
        with pytest.raises(ValueError, match=message):
            PixelFeatures(**parameters).fit(self.images)

    def test_parameters_are_stored_untouched_and_cloned(self):
        features = PixelFeatures("luma", "standard", 4)
        assert features.get_params() == {"color": "luma", "scale": "standard", "size": 4}
        assert clone(features).get_params() == features.get_params()

    def test_same_input_same_bits(self):
        with warnings.catch_warnings():
            X, again = (PixelFeatures(size=5).fit_transform(self.images) for _ in range(2))
        assert X.tobytes() == again.tobytes()


def test_coordinates_of_whole_numbers_are_not_rounded():
    axes = PCA(2).fit(np.random.default_rng(0).normal(size=(30, 6)))
    np.testing.assert_allclose(
        axes.inverse_transform([[1, 2]]), axes.inverse_transform(np.array([[1.0, 2.0]]))
    )
    np.testing.assert_allclose(
        axes.inverse_transform(np.array([[1, 2]])), axes.inverse_transform([[1.0, 2.0]])
    )
    from_jax = axes.inverse_transform(jnp.array([[1, 2]]))
    np.testing.assert_allclose(from_jax, axes.inverse_transform([[1.0, 2.0]]), rtol=1e-5)
    with pytest.raises(ValueError, match=r"expected coordinates of shape \[n, 2\], got \[1, 3\]"):
        axes.inverse_transform([[1.0, 2.0, 3.0]])


def test_a_share_of_the_variance_needs_all_axes():
    with pytest.raises(
        ValueError, match=r"n_components=0.5 is a share of the variance, which needs all axes"
    ):
        PCA(0.5, svd_solver="randomized").fit(np.random.default_rng(0).normal(size=(30, 6)))


@pytest.mark.parametrize("shape", [(3, 32), (3, 15), (16,)])
def test_vectors_of_another_length_are_no_images(shape):
    features = PixelFeatures().fit(np.zeros((2, 4, 4, 1), np.uint8))
    with pytest.raises(
        InputError, match=r"expected vectors of shape \[n, 16\], got .*: give what transform gave"
    ):
        features.inverse_transform(np.zeros(shape, np.float32))


def test_a_tolerance_that_is_no_number():
    with pytest.raises(
        ValueError, match="expected tol to be a finite number of at least 0, got None"
    ):
        KMeans(2, tol=None).fit(np.zeros((3, 2), np.float32))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            np.arange(3.0),
            r"^Expected 2D array, got 1D array instead: Reshape your data either using ",
        ),
        (np.ones((50, 20)) + 1j, r"^Complex data not supported$"),
        (
            scipy.sparse.eye_array(5),
            r"^Sparse data was passed for X, but dense data is required\. Use '\.toarray\(\)'",
        ),
    ],
)
@pytest.mark.parametrize(
    "estimator", [KMeans(2), PCA(), DBSCAN(), KernelPCA()], ids=lambda e: type(e).__name__
)
def test_what_is_no_table_is_refused_on_one_short_line_alike_everywhere(estimator, X, message):
    with pytest.raises(InputError, match=message) as refused:
        clone(estimator).fit(X)
    assert "\n" not in str(refused.value)
    assert "\\n" not in str(refused.value)
    assert len(str(refused.value)) < 250
    with pytest.raises(InputError) as alone:
        as_points(X)  # which is the way in of the scores too
    assert str(alone.value) == str(refused.value)
