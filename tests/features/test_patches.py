"""Patch features: by hand for both twins, twins equal, one, two and four devices, invariants, the
estimator.
"""

from types import ModuleType

import jax
import numpy as np
import pytest

from scratchclust import PatchFeatures, persist, rows
from scratchclust.errors import InputError
from scratchclust.features import patches as fast
from scratchclust.reference import patches as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def photographs(n: int = 12, h: int = 12, w: int = 10, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, h, w, channels), dtype=np.uint8)


def small(**parameters: object) -> PatchFeatures:
    return PatchFeatures(
        **{"n_clusters": 6, "patch_size": 4, "n_patches": 300, "random_state": 0, **parameters}
    )


@each_twin
def test_patches_are_cut_by_row_column_and_channel(twin: ModuleType) -> None:
    images = np.arange(2 * 3 * 3 * 2, dtype=np.uint8).reshape(2, 3, 3, 2)
    cut = twin.patches_at(images, np.array([(0, 0, 0), (1, 1, 1)]), 2)
    assert cut.tolist() == [[0, 1, 2, 3, 6, 7, 8, 9], [26, 27, 28, 29, 32, 33, 34, 35]]


@each_twin
def test_contrast_by_hand(twin: ModuleType) -> None:
    """Mean 3 and variance 6, so divided by sqrt(6 + 10) = 4; a flat patch stays flat."""
    patches = np.array([[0.0, 3, 6], [7, 7, 7]], np.float32)
    found = np.asarray(twin.normalise_contrast(patches))
    np.testing.assert_allclose(found, [[-0.75, 0, 0.75], [0, 0, 0]], atol=1e-6)


@each_twin
def test_whitening_by_hand(twin: ModuleType) -> None:
    """Variances 4 and 1 along the axes become 4 / 4.1 and 1 / 1.1."""
    patches = np.array([[3.0, 1], [-1, 1], [3, -1], [-1, -1]])
    mean, matrix = twin.whitening(patches)
    np.testing.assert_allclose(mean, [1, 0], atol=1e-12)
    np.testing.assert_allclose(matrix, np.diag(np.array([4.1, 1.1]) ** -0.5), atol=1e-12)


@each_twin
def test_whitened_patches_are_uncorrelated(twin: ModuleType) -> None:
    rng = np.random.default_rng(0)
    patches = 100 * rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    mean, matrix = twin.whitening(patches)
    np.testing.assert_allclose(np.cov(((patches - mean) @ matrix).T), np.eye(4), atol=0.01)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)  # ZCA: the picture stays a picture


@each_twin
def test_activations_by_hand(twin: ModuleType) -> None:
    """Patches of one pixel have no contrast: w = 0 everywhere, the centroids at 1, 2 and 6 from it,
    3 on average.
    """
    images = np.full((1, 2, 3, 1), 9, np.uint8)
    centroids = np.array([[1.0], [-2.0], [6.0]])
    found = np.asarray(twin.pooled_activations(images, centroids, np.zeros(1), np.eye(1), 1))
    np.testing.assert_allclose(found, [[2, 1, 0] * 4], atol=1e-6)


@each_twin
def test_each_quarter_tells_of_its_own_patches(twin: ModuleType) -> None:
    """A change in the upper left corner reaches no patch of the other quarters."""
    images = np.repeat(photographs(1, 9, 9), 2, axis=0)
    images[1, 0, 0] = 255 - images[1, 0, 0]
    rng = np.random.default_rng(1)
    centroids = rng.normal(size=(5, 12))
    found = np.asarray(
        twin.pooled_activations(images, centroids, np.zeros(12), np.eye(12), 2)
    ).reshape(2, 4, 5)
    assert not np.allclose(found[0, 0], found[1, 0])
    np.testing.assert_allclose(found[0, 1:], found[1, 1:], atol=1e-6)


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("shape", "size"), [((32, 32, 3), 6), ((9, 14, 1), 3), ((7, 7, 3), 6), ((8, 8, 2), 1)]
)
def test_twins_agree(shape: tuple[int, int, int], size: int) -> None:
    images = photographs(5, *shape)
    rng = np.random.default_rng(0)
    ends = (5, shape[0] - size + 1, shape[1] - size + 1)
    places = np.stack([rng.integers(end, size=200) for end in ends], axis=1)
    patches = reference.patches_at(images, places, size)
    np.testing.assert_array_equal(fast.patches_at(images, places, size), patches)
    normal = reference.normalise_contrast(patches.astype(np.float64))
    np.testing.assert_allclose(fast.normalise_contrast(patches), normal, atol=1e-5)
    mean, matrix = reference.whitening(normal)
    for found, exact in zip(fast.whitening(normal), (mean, matrix), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-10)
    whitened = (normal - mean) @ matrix
    centroids = whitened[:140].reshape(7, 20, -1).mean(axis=1)
    np.testing.assert_allclose(
        fast.pooled_activations(images, centroids, mean, matrix, size),
        reference.pooled_activations(images, centroids, mean, matrix, size),
        atol=2e-4,
    )


@each_twin
def test_five_crops_by_hand(twin: ModuleType) -> None:
    """Crops begin in the corners and in the middle, which is rounded down."""
    assert twin.crops_at(4, 3) == [(0, 0), (0, 3), (4, 0), (4, 3), (2, 1)]


@each_twin
@pytest.mark.parametrize(("flip", "crop"), [(True, None), (False, 5), (True, 5)])
def test_views_are_averaged(twin: ModuleType, flip: bool, crop: int | None) -> None:
    """The same as the mean over images that are mirrored and cropped by hand."""
    images = photographs(2, 8, 7)
    rng = np.random.default_rng(1)
    dictionary = (rng.normal(size=(5, 27)), rng.normal(size=27), rng.normal(size=(27, 27)))
    views = [images, images[:, :, ::-1]] if flip else [images]
    if crop is not None:
        at = [(0, 0), (0, 2), (3, 0), (3, 2), (1, 1)]
        views = [view[:, r : r + crop, c : c + crop] for view in views for r, c in at]
    alone = [np.asarray(twin.pooled_activations(view, *dictionary, 3)) for view in views]
    found = twin.pooled_activations(images, *dictionary, 3, flip=flip, crop=crop)
    np.testing.assert_allclose(found, np.mean(alone, axis=0), atol=2e-3)


@pytest.mark.full
def test_devices_agree() -> None:
    images = photographs(21)
    fitted = small().fit(images)
    expected = fitted.transform(images)
    for n_devices in (1, 2, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            np.testing.assert_allclose(fitted.transform(images), expected, atol=1e-4)


@pytest.mark.full
def test_many_calls_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    images = photographs(21)
    fitted = small().fit(images)
    expected = fitted.transform(images)
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(block_rows=1, multiplications_per_call=1)
    )
    np.testing.assert_allclose(fitted.transform(images), expected, atol=1e-4)


class TestPatchFeatures:
    @pytest.mark.quick(1)
    @pytest.mark.parametrize("channels", [1, 3])
    def test_features_are_standardised(self, channels: int) -> None:
        images = photographs(channels=channels)
        fitted = small()
        X = fitted.fit_transform(images)
        assert X.shape == (12, 24)
        assert X.dtype == np.float32
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-4)
        np.testing.assert_allclose(fitted.transform(images), X, atol=1e-6)
        assert fitted.get_feature_names_out()[-1] == "patchfeatures23"

    def test_the_seed_decides(self) -> None:
        images = photographs()
        first = small().fit_transform(images)
        np.testing.assert_array_equal(first, small().fit_transform(images))
        assert not np.allclose(first, small(random_state=1).fit_transform(images))

    def test_brightness_changes_nothing(self) -> None:
        images = photographs() // 2
        fitted = small().fit(images)
        np.testing.assert_allclose(
            fitted.transform(images + np.uint8(100)), fitted.transform(images), atol=1e-3
        )

    def test_a_mirrored_image_is_the_same_with_flip(self) -> None:
        images = photographs()
        fitted = small(flip=True, crop=9).fit(images)
        found = fitted.transform(images)
        assert found.shape == (12, 24)
        np.testing.assert_allclose(fitted.transform(images[:, :, ::-1]), found, atol=1e-3)
        plain = small().fit(images)
        assert not np.allclose(plain.transform(images[:, :, ::-1]), plain.transform(images))

    def test_a_crop_of_the_whole_image_changes_nothing(self) -> None:
        images = photographs(h=10)
        found = small(crop=10).fit_transform(images)
        np.testing.assert_allclose(found, small().fit_transform(images), atol=1e-4)

    def test_the_order_of_images_is_kept(self) -> None:
        images = photographs()
        fitted = small().fit(images)
        np.testing.assert_allclose(
            fitted.transform(images[::-1]), fitted.transform(images)[::-1], atol=1e-5
        )

    def test_fewer_patches_than_the_dictionary_asks_for(self) -> None:
        images = np.repeat(photographs(1, 5, 5), 3, axis=0)  # four different patches
        X = small(n_clusters=10).fit_transform(images)
        assert X.shape == (3, 40)
        assert np.isfinite(X).all()

    def test_saved_and_loaded(self, tmp_path) -> None:
        images = photographs()
        fitted = small().fit(images)
        fitted.save(tmp_path / "patches")
        loaded = persist.load(tmp_path / "patches")
        np.testing.assert_array_equal(loaded.transform(images), fitted.transform(images))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"patch_size": 10}, "expected images of at least 11x11 for patch_size=10, got 12x10"),
            ({"n_patches": 5}, "n_clusters"),
            ({"crop": 11}, "expected crop > patch_size=4 and within images of 12x10, got 11"),
            ({"crop": 4}, "expected crop > patch_size=4 and within images of 12x10, got 4"),
        ],
    )
    def test_what_cannot_be(self, parameters: dict[str, int], message: str) -> None:
        with pytest.raises(InputError, match=message):
            small(**parameters).fit(photographs())

    def test_images_of_another_shape(self) -> None:
        with pytest.raises(InputError, match="as in fit"):
            small().fit(photographs()).transform(photographs(2, 10, 10))
