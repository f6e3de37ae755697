"""Gradient features: by hand for both twins, twins equal, equal to the recipe's probe, invariants,
the estimator.
"""

from types import ModuleType

import jax
import numpy as np
import pytest
import scipy.ndimage

from scratchclust import GradientFeatures, persist, rows
from scratchclust.errors import InputError
from scratchclust.features import gradients as fast
from scratchclust.reference import gradients as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def images(n: int = 6, h: int = 28, w: int = 28, seed: int = 0) -> np.ndarray:
    """Blurred noise on an empty ground."""
    noise = np.random.default_rng(seed).uniform(size=(n, h, w)) ** 4
    noise[:, : h // 5], noise[:, -(h // 5) :], noise[:, :, : w // 5], noise[:, :, -(w // 5) :] = (
        0,
        0,
        0,
        0,
    )
    return scipy.ndimage.gaussian_filter(noise, (0, 1, 1)).astype(np.float32)


@each_twin
def test_a_slanted_stroke_is_set_upright(twin: ModuleType) -> None:
    """Three pixels on a diagonal: the variance over rows is 2/3, as the covariance, so the slope is
    1.
    """
    image = np.zeros((1, 5, 5), np.float32)
    image[0, [0, 1, 2], [1, 2, 3]] = 1
    upright = np.asarray(twin.straighten(image))
    expected = np.zeros((1, 5, 5))
    expected[0, 1:4, 2] = 1
    np.testing.assert_allclose(upright, expected, atol=1e-6)


@each_twin
def test_half_a_pixel_is_shared(twin: ModuleType) -> None:
    """The middle of two columns of pixels comes to the middle column, each half way between two
    pixels.
    """
    image = np.zeros((1, 3, 3), np.float32)
    image[0, :, :2] = 1
    np.testing.assert_allclose(twin.straighten(image)[0], [[0.5, 1, 0.5]] * 3, atol=1e-6)


@each_twin
def test_an_edge_by_hand(twin: ModuleType) -> None:
    """The left half dark: all gradients point to the right, direction 0, at the two columns beside
    the edge.
    """
    image = np.zeros((1, 4, 4), np.float32)
    image[0, :, 2:] = 1
    planes = np.asarray(
        twin.oriented_gradients(image, n_orientations=4, cell_size=1, sigma=0.0)
    ).reshape(4, 4, 4)
    np.testing.assert_allclose(planes[0], [[0, 1, 1, 0]] * 4 / np.sqrt(8), atol=1e-6)
    assert not planes[1:].any()


@each_twin
def test_a_direction_between_two_is_shared(twin: ModuleType) -> None:
    """A gradient of (1, 1) lies half way between directions 0 and 1 of four: square roots of equal
    shares.
    """
    image = np.add.outer(np.arange(3.0), np.arange(3.0)).astype(np.float32)[None]
    planes = np.asarray(
        twin.oriented_gradients(image, n_orientations=4, cell_size=1, sigma=0.0)
    ).reshape(4, 3, 3)
    np.testing.assert_allclose(planes[:2, 1, 1], planes[0, 1, 1], rtol=1e-6)
    assert planes[0, 1, 1] > 0
    assert not planes[2:, 1, 1].any()


@each_twin
def test_an_empty_image_has_no_features_and_no_nan(twin: ModuleType) -> None:
    empty = np.zeros((2, 9, 9), np.float32)
    assert not np.asarray(twin.straighten(empty)).any()
    assert not np.asarray(twin.oriented_gradients(empty)).any()


@pytest.mark.quick(2)
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (3, 3), (32, 20), (7, 11)])
def test_twins_agree(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).uniform(size=(7, *shape)).astype(np.float32)
    upright = reference.straighten(X.astype(np.float64))
    np.testing.assert_allclose(fast.straighten(X), upright, atol=5e-5)
    for settings in ({}, {"cell_size": 2, "sigma": 0.7, "n_orientations": 5}):
        exact = reference.oriented_gradients(upright, **settings)
        np.testing.assert_allclose(
            fast.oriented_gradients(upright.astype(np.float32), **settings), exact, atol=2e-3
        )  # the square root of a small share: 2e-3 is what 4e-6 becomes
        np.testing.assert_allclose(
            np.asarray(fast.oriented_gradients(upright.astype(np.float32), **settings)) ** 2,
            exact**2,
            atol=1e-6,
        )


def test_weights_read_between_the_pixels_as_fetching_does() -> None:
    """Those that a TPU is given; also at places outside."""
    rng = np.random.default_rng(0)
    lines = rng.uniform(size=(2, 3, 8)).astype(np.float32)
    at = rng.uniform(-3, 10, lines.shape).astype(np.float32)
    found = jax.jit(fast.weighted)(lines, at)
    np.testing.assert_allclose(found, jax.jit(fast._fetched)(lines, at), atol=1e-6)


def probe(X: np.ndarray) -> np.ndarray:
    """The recipe's yardstick, by SciPy: set upright, histograms of 8 directions, sigma 1.5, every
    third pixel.
    """
    upright = []
    for image in X:
        r, c = np.mgrid[:28, :28]
        mass = image.sum() + 1e-9
        middle = np.array([(r * image).sum(), (c * image).sum()]) / mass
        v_rr = ((r - middle[0]) ** 2 * image).sum() / mass
        v_rc = ((r - middle[0]) * (c - middle[1]) * image).sum() / mass
        shear = np.array([[1, 0], [v_rc / (v_rr + 1e-9), 1]])
        offset = middle - shear @ np.array([13.5, 13.5])
        upright.append(scipy.ndimage.affine_transform(image, shear, offset=offset, order=1))
    X = np.stack(upright)
    gx, gy = np.zeros_like(X), np.zeros_like(X)
    gx[:, :, 1:-1], gy[:, 1:-1] = X[:, :, 2:] - X[:, :, :-2], X[:, 2:] - X[:, :-2]
    angle = np.arctan2(gy, gx) % (2 * np.pi) / (2 * np.pi) * 8
    low, part = np.floor(angle).astype(int) % 8, angle - np.floor(angle)
    planes = [
        np.hypot(gx, gy) * ((low == b) * (1 - part) + ((low + 1) % 8 == b) * part) for b in range(8)
    ]
    planes = [scipy.ndimage.gaussian_filter(p, (0, 1.5, 1.5))[:, 1::3, 1::3] for p in planes]
    features = np.sqrt(np.maximum(np.stack(planes, 1), 0).reshape(len(X), -1))
    return features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-9)


@each_twin
def test_equal_to_the_yardstick_of_the_recipe(twin: ModuleType) -> None:
    X = images(20).astype(np.float64)
    ours = np.asarray(twin.oriented_gradients(np.asarray(twin.straighten(X))))
    assert ours.shape == (20, 648)
    np.testing.assert_allclose(ours**2, probe(X) ** 2, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_invariants(seed: int) -> None:
    """Length 1; moving an image by whole pixels and multiplying it changes nothing; its mass stays,
    in the middle.
    """
    X = images(1, 30, 30, seed)
    upright = np.asarray(fast.straighten(X))
    np.testing.assert_allclose(
        np.asarray(fast.straighten(np.roll(X, (1, -1), (1, 2)))), upright, atol=1e-4
    )
    rows_, columns = np.mgrid[:30, :30]
    mass = upright.sum()
    np.testing.assert_allclose(
        [(rows_ * upright).sum() / mass, (columns * upright).sum() / mass], [14.5, 14.5], atol=0.05
    )
    vectors = np.asarray(fast.oriented_gradients(upright))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.asarray(fast.oriented_gradients(3 * upright)), vectors, atol=1e-4)


def test_smoothing_is_scipys() -> None:
    line = np.random.default_rng(0).normal(size=11)
    for sigma in (0.5, 1.5, 4.0):
        expected = scipy.ndimage.gaussian_filter1d(line, sigma)[1::3]
        for twin in (reference, fast):
            np.testing.assert_allclose(twin.smoothing(11, 3, sigma) @ line, expected, atol=1e-12)


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_device_counts_agree(n_devices: int) -> None:
    X = images(9)
    with rows.on(jax.local_devices()[:n_devices]):
        found = np.asarray(fast.oriented_gradients(np.asarray(fast.straighten(X))))
    np.testing.assert_allclose(
        found, fast.oriented_gradients(np.asarray(fast.straighten(X))), atol=1e-5
    )


class TestGradientFeatures:
    def test_settings_in_proportion_to_the_image(self) -> None:
        for side, cell, length in ((28, 3, 648), (8, 1, 512), (56, 6, 648), (32, 3, 8 * 11 * 11)):
            found = GradientFeatures().fit(np.zeros((2, side, side, 1)))
            assert (found.cell_size_, found.sigma_) == (cell, cell / 2)
            assert found.transform(np.zeros((2, side, side, 1))).shape == (2, length)
            assert len(found.get_feature_names_out()) == length

    def test_bytes_and_colours(self) -> None:
        grey = (images(4) * 255 / images(4).max()).astype(np.uint8)[..., None]
        features = GradientFeatures().fit(grey)
        vectors = features.transform(grey)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, features.transform(grey / np.float32(255)), atol=1e-3)
        coloured = GradientFeatures().fit_transform(np.repeat(grey, 3, axis=3))
        np.testing.assert_allclose(coloured, vectors, atol=1e-3)

    def test_without_straightening(self) -> None:
        X = images(3)
        found = GradientFeatures(straighten=False).fit_transform(X[..., None])
        # pixels on a scale from 0 to 1: the features know no scale
        np.testing.assert_allclose(found, fast.oriented_gradients(X), atol=1e-3)

    def test_saved_and_loaded(self, tmp_path) -> None:
        X = images(3)[..., None]
        fitted = GradientFeatures(n_orientations=6, cell_size=4).fit(X)
        fitted.save(tmp_path / "model")
        np.testing.assert_array_equal(
            persist.load(tmp_path / "model").transform(X), fitted.transform(X)
        )

    @pytest.mark.parametrize(
        ("settings", "X", "error", "message"),
        [
            ({}, np.zeros((2, 28, 28)), InputError, "height, width, channels"),
            ({}, np.zeros((2, 2, 28, 1)), InputError, "at least 3x3"),
            ({"cell_size": 0}, np.zeros((2, 28, 28, 1)), ValueError, "cell_size"),
            ({"n_orientations": 2.5}, np.zeros((2, 28, 28, 1)), ValueError, "n_orientations"),
            ({"sigma": -1.0}, np.zeros((2, 28, 28, 1)), ValueError, "sigma"),
        ],
    )
    def test_errors_teach(self, settings: dict, X: np.ndarray, error: type, message: str) -> None:
        with pytest.raises(error, match=message):
            GradientFeatures(**settings).fit(X)

    def test_other_images_than_those_of_the_fit_are_refused(self) -> None:
        with pytest.raises(InputError, match="as in fit"):
            GradientFeatures().fit(np.zeros((2, 28, 28, 1))).transform(np.zeros((2, 20, 28, 1)))
