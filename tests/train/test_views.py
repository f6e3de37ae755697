"""Views: each change by hand, against its twin and a peer; what is drawn, over many draws; what
never happens.
"""

import colorsys
import dataclasses
import json
import math
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from PIL import Image

import scratchclust
from scratchclust import persist, rows
from scratchclust.errors import InputError
from scratchclust.reference import views as reference
from scratchclust.results import ViewParameters
from scratchclust.train import view_frames, views
from scratchclust.train.steps import unit_scale
from scratchclust.train.view_specs import (
    DIGITS,
    PATCHES,
    SIMCLR_CIFAR,
    ViewSpec,
    blur_radius,
    draw_parameters,
)
from scratchclust.train.views import Views, make_views

KEY = jax.random.key(0)
EVERYTHING = ViewSpec(
    rotation=30,
    scale=(0.7, 1.4),
    shift=0.2,
    crop_area=(0.08, 1),
    size=(10, 13),
    flip_rate=0.5,
    jitter=(0.8, 0.8, 0.8, 0.5),
    grey_rate=0.3,
    blur_rate=0.5,
    solarise_rate=0.3,
    cutout_rate=0.5,
)


def pictures(n=6, shape=(12, 16, 3), seed=0):
    return np.random.default_rng(seed).random((n, *shape), np.float32)


def bytes_of(n=8, shape=(12, 16, 3), seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


def draws(spec, n, image_size=(32, 32), seed=0):
    drawn = draw_parameters(jax.random.key(seed), spec, n, image_size)
    return jax.tree.map(np.asarray, drawn)


def both(name, images, *arguments):
    """What the two twins make of it, compared: the reference's."""
    slow = getattr(reference, name)(images, *arguments)
    settings = tuple(i for i, one in enumerate(arguments, 1) if type(one) in (int, tuple))
    quick = compiled(name, settings)(*on_device((images, *arguments)))
    np.testing.assert_allclose(quick, slow, atol=1e-5)
    return slow


@cache
def compiled(name, settings):
    """As in a step: one program, where each operation of its own would take ten times as long."""
    return jax.jit(getattr(views, name), static_argnums=settings)


def on_device(arguments):
    """Arrays as JAX's, wherever they are."""
    return jax.tree.map(
        lambda one: jnp.asarray(one) if isinstance(one, np.ndarray) else one, arguments
    )


def f32(*values):
    """As many rows as arguments."""
    return np.array(values, np.float32)


@pytest.fixture
def unchecked():
    """Without the shape checks of the tests, as everybody else calls the functions."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


class TestByHand:
    def test_crop(self):
        image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
        cut = both("crop_and_resize", image, f32([1, 2, 2, 2]), (2, 2))
        np.testing.assert_array_equal(cut[0, :, :, 0], [[6, 7], [10, 11]])
        # four columns of two: at -1/4 (the border's), 1/4, 3/4, 5/4 (the border's)
        wide = both("crop_and_resize", image, f32([1, 2, 2, 2]), (2, 4))
        np.testing.assert_allclose(wide[0, 0, :, 0], [6, 6.25, 6.75, 7])
        narrow = both("crop_and_resize", image, f32([0, 0, 4, 4]), (1, 2))
        np.testing.assert_allclose(narrow[0, 0, :, 0], [6.5, 8.5])

    def test_pose(self):
        image = pictures(1, (5, 5, 1))
        turned = both("pose", image, f32([math.pi / 2, 1, 0, 0]))
        np.testing.assert_allclose(turned[0], np.rot90(image[0]), atol=1e-6)
        moved = both("pose", image, f32([0, 1, 1, -2]))
        np.testing.assert_allclose(moved[0, 1:, :3], image[0, :4, 2:])
        assert not moved[0, 0].any()
        assert not moved[0, :, 3:].any()
        point = np.zeros((1, 5, 5, 1), np.float32)
        point[0, 2, 3] = 1
        larger = both("pose", point, f32([0, 2, 0, 0]))
        np.testing.assert_allclose(larger[0, 2, :, 0], [0, 0, 0, 0.5, 1])

    def test_products_read_between_the_pixels_as_fetching_does(self):
        """Those that a TPU is given; also at places on the border and outside."""
        images = pictures(3, (5, 7, 2))
        rng = np.random.default_rng(0)
        places = [rng.uniform(-3, n + 2, (3, 5, 7)).astype(np.float32) for n in (5, 7)]
        fetched = jax.jit(jax.vmap(view_frames._bilinear))(images, *places)
        found = jax.jit(view_frames.bilinear_by_products)(images, *places)
        np.testing.assert_allclose(found, fetched, atol=1e-5)

    def test_flip(self):
        image = np.arange(1, 4, dtype=np.float32).reshape(1, 3, 1)
        flipped = both("flip", np.stack([image, image]), np.array([True, False]))
        assert flipped[:, 0, :, 0].tolist() == [[3, 2, 1], [1, 2, 3]]

    @pytest.mark.parametrize(
        ("colours", "expected"),
        [
            ([2, 1, 1, 0], [[1, 0, 0], [0.4, 0.4, 0.4]]),
            # the mean of the lumas .1495 and .2 is .17475
            ([1, 0.5, 1, 0], [[0.337375, 0.087375, 0.087375], [0.187375] * 3]),
            ([1, 1, 0, 0], [[0.1495] * 3, [0.2] * 3]),
            ([1, 1, 1, 1 / 3], [[0, 0.5, 0], [0.2] * 3]),
            ([1, 1, 1, -1 / 6], [[0.5, 0, 0.5], [0.2] * 3]),
        ],
        ids=["brightness", "contrast", "saturation", "a third", "a sixth back"],
    )
    def test_colours(self, colours, expected):
        image = f32([[0.5, 0, 0], [0.2, 0.2, 0.2]])
        changed = both("change_colours", image[None], f32(colours))
        np.testing.assert_allclose(changed[0, 0], expected, atol=1e-6)

    def test_grey(self):
        image = np.broadcast_to(f32([1, 0.5, 0]), (2, 1, 1, 3))
        greyed = both("grey", image, np.array([True, False]))
        np.testing.assert_allclose(greyed[:, 0, 0], [[0.5925] * 3, [1, 0.5, 0]], rtol=1e-6)

    def test_blur(self):
        point = np.zeros((1, 3, 3, 1), np.float32)
        point[0, 1, 1] = 1
        sigma = math.sqrt(1 / (2 * math.log(2)))  # the neighbours weigh half as much: 1/4 1/2 1/4
        blurred = both("blur", point, f32(sigma), 1)
        # a mirror beyond the border: the first row sees the second twice
        across = np.array([0.5, 0.5, 0.5])
        np.testing.assert_allclose(blurred[0, :, :, 0], np.outer(across, across), atol=1e-6)

    def test_solarise(self):
        image = f32(0, 0.4, 0.5, 1).reshape(1, 1, 4, 1)
        turned = both("solarise", image, f32(0.5))
        np.testing.assert_allclose(turned.ravel(), [0, 0.4, 0.5, 0])

    def test_cut_out(self):
        image = f32([1, 2], [3, 6])[None, :, :, None]
        cut = both("cut_out", image, f32([0, 1, 1]))
        assert cut[0, :, :, 0].tolist() == [[1, 3], [3, 6]]
        cut = both("cut_out", image, f32([1, 1, 2]))
        assert cut[0, :, :, 0].tolist() == [[3, 3], [3, 3]]
        cut = both("cut_out", image, f32([0, 0, 2]))  # only its lower right pixel is inside
        assert cut[0, :, :, 0].tolist() == [[3, 2], [3, 6]]


class TestTwinsAndPeers:
    @pytest.mark.quick(1)
    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize(
        ("spec", "shape"),
        [(EVERYTHING, (12, 16, 3)), (dataclasses.replace(EVERYTHING, size=None), (9, 7, 1))],
    )
    def test_every_change_of_everything_drawn(self, spec, shape, seed):
        parameters = draws(spec, 6, shape[:2], seed)
        size = spec.size_of(shape[:2])
        each = {name: ViewParameters(**{name: one}) for name, one in parameters._asdict().items()}
        for only in [*each.values(), parameters]:
            both("apply_parameters", pictures(6, shape, seed), only, size, 2)

    @pytest.mark.parametrize(
        "spec", [SIMCLR_CIFAR, PATCHES, DIGITS], ids=["simclr", "patches", "digits"]
    )
    def test_views_are_the_twins_of_what_was_drawn(self, spec):
        images = bytes_of(6, (32, 32, 3))
        made = make_views(images, KEY, spec, 2)
        size = spec.size_of((32, 32))
        assert made.shape == (2, 6, *size, 3)
        for key, view in zip(jax.random.split(KEY, 2), made, strict=True):
            parameters = jax.tree.map(np.asarray, draw_parameters(key, spec, 6, (32, 32)))
            expected = reference.apply_parameters(
                np.asarray(images, np.float32) / 255, parameters, size, blur_radius(size)
            )
            np.testing.assert_allclose(view, expected, atol=1e-5)

    def test_products_give_what_is_fetched(self):
        boxes = draws(ViewSpec(crop_area=(0.05, 1)), 50, (12, 16)).boxes
        arguments = (jnp.asarray(pictures(50)), jnp.asarray(boxes))
        for size in ((12, 16), (5, 20)):
            weighted, fetched = (
                jax.jit(partial(of, size=size))(*arguments)
                for of in (view_frames._weighted, view_frames._fetched)
            )
            np.testing.assert_allclose(weighted, fetched, atol=1e-6)

    def test_an_enlarged_crop_is_pillows(self):
        images = pictures(20, (12, 16, 1))
        boxes = draws(ViewSpec(crop_area=(0.05, 1)), 20, (12, 16)).boxes
        found = both("crop_and_resize", images, boxes, (16, 20))
        for image, box, view in zip(images, boxes, found, strict=True):
            top, left, height, width = map(int, box)
            cut = Image.fromarray(image[top : top + height, left : left + width, 0])
            expected = cut.resize((20, 16), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(view[:, :, 0], np.asarray(expected), atol=1e-5)

    def test_the_hue_is_pythons(self):
        image = pictures(1, (8, 8, 3))
        image[0, 0] = image[0, 0, :, :1]  # grey
        image[0, 1, :, 2] = image[0, 1, :, 1]  # two channels alike
        image[0, 2, :4] = 0
        image[0, 2, 4:] = 1
        for turn in (-0.5, -0.2, 0, 0.1, 0.5):
            expected = []
            for pixel in image.reshape(-1, 3):
                h, s, v = colorsys.rgb_to_hsv(*map(float, pixel))
                expected.append(colorsys.hsv_to_rgb((h + turn) % 1, s, v))
            found = both("change_colours", image, f32([1, 1, 1, turn]))
            np.testing.assert_allclose(found.reshape(-1, 3), expected, atol=1e-5)


NEUTRAL = ViewParameters(
    poses=f32([0, 1, 0, 0]),
    boxes=f32([0, 0, 12, 16]),
    mirrored=np.array([False]),
    colours=f32([1, 1, 1, 0]),
    greyed=np.array([False]),
    sigmas=f32(0),
    thresholds=f32(2),
    squares=f32([3, 4, 0]),
)


class TestWhatChangesNothing:
    @pytest.mark.parametrize("name", ViewParameters._fields)
    def test_neutral_numbers(self, name):
        images = pictures(1)
        only = ViewParameters(**{name: getattr(NEUTRAL, name)})
        kept = both("apply_parameters", images, only, (12, 16), 1)
        np.testing.assert_allclose(kept, images, atol=1e-6)

    def test_the_default_is_the_images_themselves(self):
        images = bytes_of()
        made = make_views(images, KEY, ViewSpec(), 2)
        np.testing.assert_array_equal(made, np.stack([unit_scale(images)] * 2))
        assert draws(ViewSpec(), 5) == ViewParameters()

    def test_strengths_and_rates_of_zero(self):
        spec = ViewSpec(jitter=(0.9, 0.9, 0.9, 0.5), jitter_rate=0, cutout_share=0, cutout_rate=1)
        images = bytes_of()
        np.testing.assert_array_equal(make_views(images, KEY, spec, 1)[0], unit_scale(images))
        assert not ViewSpec(jitter=(0, 0, 0, 0), jitter_rate=1).changes_colours()

    def test_no_boxes_but_the_whole_image(self):
        spec = ViewSpec(crop_area=(1, 1), size=(12, 16))
        np.testing.assert_array_equal(draws(spec, 9, (12, 16)).boxes, [[0, 0, 12, 16]] * 9)

    def test_a_picture_flipped_twice(self):
        images, all_of_them = pictures(), np.ones(6, bool)
        twice = both("flip", both("flip", images, all_of_them), all_of_them)
        np.testing.assert_array_equal(twice, images)


class TestInvariants:
    @pytest.mark.parametrize("shape", [(12, 16, 3), (8, 8, 1), (2, 3, 3)], ids=str)
    def test_views_stay_between_black_and_white(self, shape):
        images = np.random.default_rng(1).integers(0, 2, (16, *shape), dtype=np.uint8) * 255
        made = make_views(jnp.asarray(images), KEY, EVERYTHING, 4)
        assert made.dtype == jnp.float32
        assert made.min() >= 0
        assert made.max() <= 1

    def test_grey_pictures_have_equal_channels_and_stay_so(self):
        spec = dataclasses.replace(EVERYTHING, grey_rate=1)
        made = np.asarray(make_views(bytes_of(), KEY, spec, 2))
        np.testing.assert_array_equal(made[..., 0], made[..., 1])
        np.testing.assert_array_equal(made[..., 0], made[..., 2])
        grey = jnp.broadcast_to(bytes_of(8, (12, 16, 1)), (8, 12, 16, 3))
        jittered = ViewSpec(jitter=(0, 0, 0.9, 0.5), jitter_rate=1)
        np.testing.assert_allclose(
            make_views(grey, KEY, jittered, 1)[0], unit_scale(grey), atol=1e-6
        )

    def test_a_cutout_covers_its_square(self):
        images = jnp.asarray(pictures(200, (10, 12, 1)))
        made = np.asarray(make_views(images, KEY, ViewSpec(cutout_rate=1, cutout_share=0.4), 1)[0])
        parameters = draw_parameters(
            jax.random.split(KEY, 1)[0], ViewSpec(cutout_rate=1, cutout_share=0.4), 200, (10, 12)
        )
        covered = (made != images).sum((1, 2, 3))
        row, column, side = np.asarray(parameters.squares).T
        assert set(side) == {4}
        high = np.minimum(row + 2, 10) - np.maximum(row - 2, 0)
        wide = np.minimum(column + 2, 12) - np.maximum(column - 2, 0)
        np.testing.assert_array_equal(covered, high * wide)
        assert covered.max() == 16
        assert covered.min() == 4  # a corner's

    def test_patches_are_cut_out_as_they_are(self):
        images = bytes_of(4, (32, 32, 3))
        spec = ViewSpec(crop_area=(0.25, 0.25), crop_aspect=(1, 1), size=(16, 16))
        found = np.rint(np.asarray(make_views(images, KEY, spec, 5)) * 255)
        for patches in found:
            for image, patch in zip(np.asarray(images), patches, strict=True):
                windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16, 3))[:, :, 0]
                assert (windows == patch).all((2, 3, 4)).sum() == 1

    def test_views_differ_and_the_key_decides_them(self):
        images = bytes_of()
        made = make_views(images, KEY, SIMCLR_CIFAR, 3)
        np.testing.assert_array_equal(make_views(images, KEY, SIMCLR_CIFAR, 3), made)
        others = [made[1], made[2], make_views(images, jax.random.key(1), SIMCLR_CIFAR, 3)[0]]
        for other in others:
            assert (np.abs(other - made[0]).max((1, 2, 3)) > 0.01).all()

    def test_images_do_not_see_each_other(self):
        images = bytes_of(16)
        whole = make_views(images, KEY, EVERYTHING, 4)
        changed = make_views(images.at[1:].set(0), KEY, EVERYTHING, 4)
        np.testing.assert_array_equal(whole[:, 0], changed[:, 0])


class TestStatistics:
    N = 20_000  # draws: a share has a standard error of at most 0.0035

    def test_boxes_lie_inside_and_have_the_area_and_the_aspect_asked_for(self):
        spec = ViewSpec(crop_area=(0.2, 0.5), crop_aspect=(0.5, 2))
        row, column, height, width = draws(spec, self.N, (400, 400)).boxes.T
        assert min(row.min(), column.min()) >= 0
        assert max((row + height).max(), (column + width).max()) <= 400
        area = height * width / 400**2
        assert abs(area.mean() - 0.35) < 0.003
        assert abs((area < 0.275).mean() - 0.25) < 0.015  # uniform
        assert area.min() > 0.197
        assert area.max() < 0.503
        aspect = np.log2(width / height)  # 1/2 to 2 fit into any square whose area is below 1/2
        assert abs(aspect.mean()) < 0.02
        assert abs((np.abs(aspect) < 0.5).mean() - 0.5) < 0.015  # its logarithm uniform
        assert np.abs(aspect).max() < 1.02
        # all places are as likely
        assert abs((row / (400 - height)).mean() - 0.5) < 0.01
        assert abs((column / (400 - width)).mean() - 0.5) < 0.01

    @pytest.mark.parametrize("image_size", [(32, 32), (8, 40), (1, 1), (3, 2)], ids=str)
    def test_boxes_fit_into_every_image(self, image_size):
        h, w = image_size
        row, column, height, width = draws(SIMCLR_CIFAR, 2_000, image_size).boxes.T
        assert min(height.min(), width.min()) >= 1
        assert min(row.min(), column.min()) >= 0
        assert (row + height).max() <= h
        assert (column + width).max() <= w
        if image_size == (32, 32):
            assert height.max() == width.max() == 32
            assert {0} < set(row)

    def test_rates(self):
        spec = dataclasses.replace(EVERYTHING, flip_rate=0.3, jitter_rate=0.8)
        drawn = draws(spec, self.N)
        shares = {
            0.3: drawn.mirrored.mean(),
            0.8: (drawn.colours[:, 0] != 1).mean(),
            0.30001: drawn.greyed.mean(),
            0.5: (drawn.sigmas > 0).mean(),
            0.30002: (drawn.thresholds < 1).mean(),
            0.50001: (drawn.squares[:, 2] > 0).mean(),
        }
        np.testing.assert_allclose(list(shares.values()), list(shares), atol=0.015)
        # drawn one by one: what one change does says nothing of another
        flags = [drawn.mirrored, drawn.colours[:, 0] != 1, drawn.greyed, drawn.sigmas > 0]
        assert np.abs(np.corrcoef(flags) - np.eye(4)).max() < 0.03

    def test_factors_are_uniform(self):
        spec = ViewSpec(jitter=(0.4, 1.5, 0.2, 0.1), jitter_rate=1)
        colours = draws(spec, self.N).colours
        low, high = np.array([0.6, 0, 0.8, -0.1]), np.array([1.4, 2.5, 1.2, 0.1])
        np.testing.assert_allclose(colours.min(0), low, atol=0.002)
        np.testing.assert_allclose(colours.max(0), high, atol=0.002)
        np.testing.assert_allclose(colours.mean(0), (low + high) / 2, atol=0.02)
        np.testing.assert_allclose(colours.std(0), (high - low) / math.sqrt(12), rtol=0.02)

    def test_poses(self):
        spec = ViewSpec(rotation=10, scale=(0.5, 2), shift=0.1)
        poses = draws(spec, self.N, (20, 40)).poses.copy()
        most = np.array([math.radians(10), math.log(2), 2, 4])
        poses[:, 1] = np.log(poses[:, 1])
        np.testing.assert_allclose(np.abs(poses).max(0), most, rtol=1e-3)
        np.testing.assert_allclose(poses.mean(0) / most, 0, atol=0.02)
        np.testing.assert_allclose(poses.std(0) / most, 1 / math.sqrt(3), rtol=0.02)

    def test_sigmas_and_squares(self):
        spec = ViewSpec(blur_rate=1, blur_sigma=(0.5, 1.5), cutout_rate=1)
        drawn = draws(spec, self.N, (4, 6))
        assert abs(drawn.sigmas.mean() - 1) < 0.01
        assert drawn.sigmas.min() >= 0.5
        assert drawn.sigmas.max() <= 1.5
        places, counts = np.unique(drawn.squares[:, :2], axis=0, return_counts=True)
        assert len(places) == 24  # every pixel
        assert counts.min() > 0.85 * self.N / 24

    def test_the_blur_is_a_tenth_of_the_side_wide(self):
        assert [blur_radius((side, 40)) for side in (1, 2, 3, 16, 32, 40)] == [0, 1, 1, 1, 2, 2]


class TestInsideOfATraining:
    @pytest.mark.quick(1)
    @pytest.mark.parametrize("spec", [EVERYTHING, PATCHES], ids=["everything", "patches"])
    def test_two_devices_make_the_views_of_one_and_keep_their_share(self, spec):
        images = bytes_of(8, (32, 32, 3))
        alone = make_views(images, KEY, spec, 3)
        with rows.on(jax.local_devices()[:2]):
            spread = NamedSharding(rows.mesh(), PartitionSpec(rows.mesh().axis_names))
        shared = jax.device_put(images, spread)
        program = jax.jit(partial(make_views, spec=spec, n_views=3)).lower(shared, KEY).compile()
        made = program(shared, KEY)
        np.testing.assert_allclose(made, alone, atol=1e-6)
        assert {shard.data.shape[:2] for shard in made.addressable_shards} == {(3, 4)}
        assert "all-" not in str(program.as_text())

    def test_only_the_batch_becomes_floats(self):
        data, order = bytes_of(500, (8, 8, 3)), jnp.arange(4)

        def step(data, order, key):
            return Views(SIMCLR_CIFAR, 2)(data[order], key)

        assert jax.eval_shape(step, data, order, KEY).shape == (2, 4, 8, 8, 3)
        text = jax.jit(step).lower(data, order, KEY).as_text()
        assert "tensor<500x8x8x3xui8>" in text
        assert "tensor<500x8x8x3xf32>" not in text

    def test_nothing_is_compiled_twice(self):
        images = bytes_of(3)
        cache_size: Any = vars(views)["_make_views"]._cache_size
        make_views(images, KEY, DIGITS, 2)
        n_programs = cache_size()
        make_views(
            bytes_of(3, seed=1), jax.random.key(7), ViewSpec(**dataclasses.asdict(DIGITS)), 2
        )
        assert cache_size() == n_programs
        assert Views(PATCHES, 20) == Views(dataclasses.replace(PATCHES), 20)
        assert hash(Views(PATCHES, 20)) == hash(Views(dataclasses.replace(PATCHES), 20))

    def test_floats_are_views_of_the_same_bytes(self):
        images = bytes_of()
        np.testing.assert_allclose(
            make_views(unit_scale(images), KEY, PATCHES, 1),
            make_views(images, KEY, PATCHES, 1),
            atol=1e-6,
        )


class TestSpecs:
    @pytest.mark.parametrize("spec", [ViewSpec(), SIMCLR_CIFAR, PATCHES, DIGITS, EVERYTHING])
    def test_a_spec_goes_through_json_and_is_public(self, spec):
        assert ViewSpec(**json.loads(json.dumps(dataclasses.asdict(spec)))) == spec
        assert scratchclust.ViewSpec is ViewSpec
        assert persist._encode(spec, "", {})["spec"] == "ViewSpec"

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"crop_area": (0, 1)}, "expected crop_area to be two shares above 0"),
            ({"crop_area": (0.5,)}, "expected crop_area to be two shares above 0"),
            ({"crop_aspect": (2, 1)}, "the smaller first"),
            ({"size": (16,)}, r"expected size to be None or \(height, width\) in pixels, got"),
            ({"size": (0, 3)}, "in pixels"),
            ({"flip_rate": 1.5}, "expected flip_rate to be a finite number of at least 0"),
            ({"jitter": (1, 1, 1)}, "expected jitter to be four strengths"),
            ({"jitter": (1, 1, 1, 0.6)}, "that of hue at most 0.5"),
            ({"blur_sigma": (-1, 1)}, "expected blur_sigma to be two numbers of pixels"),
            ({"scale": (0, 1)}, "expected scale to be two numbers above 0"),
            ({"rotation": 200}, "expected rotation to be a finite number of at least 0"),
        ],
    )
    def test_what_cannot_be_is_refused(self, fields, message):
        with pytest.raises(InputError, match=message):
            ViewSpec(**fields)

    def test_images_that_cannot_be_are_refused(self):
        with pytest.raises(InputError, match="images of 1 or 3 channels to change their colours"):
            make_views(jnp.zeros((2, 8, 8, 2)), KEY, SIMCLR_CIFAR, 1)
        assert make_views(jnp.zeros((2, 8, 8, 2)), KEY, DIGITS, 1).shape == (1, 2, 8, 8, 2)
        with pytest.raises(InputError, match="expected images of type uint8 or float"):
            make_views(jnp.zeros((2, 8, 8, 3), jnp.int32), KEY, SIMCLR_CIFAR, 1)
        with pytest.raises(InputError, match="expected n_views to be a whole number of at least 1"):
            make_views(jnp.zeros((2, 8, 8, 3)), KEY, SIMCLR_CIFAR, 0)
        with pytest.raises(InputError, match="expected views of at least 2x2 to blur"):
            make_views(jnp.zeros((2, 1, 8, 3)), KEY, ViewSpec(blur_rate=0.5), 1)

    def test_so_are_flat_images_and_words(self, unchecked):
        with pytest.raises(
            InputError, match=r"expected images \[n, h, w, c\], got shape \[2, 64\]"
        ):
            make_views(jnp.zeros((2, 64)), KEY, SIMCLR_CIFAR, 1)
        with pytest.raises(InputError, match="expected spec to be a ViewSpec"):
            Views("simclr", 2)  # pyright: ignore[reportArgumentType]
