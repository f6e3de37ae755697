"""An autoencoder that sees its images turned and moved, and set upright before: what it is trained
on, and what its code is then.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust.errors import InputError
from scratchclust.features.autoencoder import encode, loss_of
from scratchclust.features.drawn_views import ENCODED_VIEWS, DrawnFromView, views_of
from scratchclust.features.gradients import straighten
from scratchclust.models import VAESpec
from scratchclust.train.losses import Batch, mse
from scratchclust.train.view_specs import DIGITS, ViewSpec, draw_parameters
from scratchclust.train.views import Views, apply_parameters
from tests.features.network_cases import IMAGES, NEW, SMALL, same
from tests.features.network_cases import autoencoder as features

SHAPE = (8, 8, 1)
PIXELS = jnp.asarray(IMAGES[:6], jnp.float32) / 255
KEY = jax.random.key(3)


def built(spec=SMALL):
    model = spec.build(SHAPE, rngs=nnx.Rngs(0))
    model.eval()
    return model


def test_the_image_is_drawn_from_its_view():
    model = built()
    views = Views(DIGITS, 1)
    loss, terms = DrawnFromView(loss_of(SMALL, "mse"), views)(model, Batch(PIXELS, None), KEY)
    view = views(PIXELS, jax.random.split(KEY)[0])[0]
    assert float(jnp.abs(view - PIXELS).max()) > 0.1
    assert float(loss) == pytest.approx(float(mse(PIXELS, model(view))), rel=1e-5)
    assert set(terms) == {"mse", "mse_per_pixel"}


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SMALL, "mse"),
        (SMALL, "bernoulli"),
        (VAESpec(widths=(2,), latent_dim=3, likelihood="gaussian"), "mse"),
    ],
)
def test_views_that_change_nothing_change_no_loss(spec, kind):
    model = built(spec)
    loss = loss_of(spec, kind)
    same_view = DrawnFromView(loss, Views(ViewSpec(), 1))
    found, _ = same_view(model, Batch(PIXELS, None), KEY)
    expected, _ = loss(model, Batch(PIXELS, None), jax.random.split(KEY)[1])
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.full
def test_its_gradient_is_that_of_finite_differences():
    model = built()
    loss = DrawnFromView(loss_of(SMALL, "mse"), Views(DIGITS, 1))
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)

    def of(scale):
        moved = jax.tree.map(lambda x: x * scale, params)
        return loss(nnx.merge(graphdef, moved, rest, copy=True), Batch(PIXELS, None), KEY)[0]

    difference = (of(1.01) - of(0.99)) / 0.02
    assert float(jax.grad(of)(1.0)) == pytest.approx(float(difference), rel=2e-2)


class TestMeanCode:
    @pytest.mark.full
    def test_it_is_the_mean_of_the_codes_of_views(self):
        model = built()
        key = jax.random.key(ENCODED_VIEWS)
        drawn = draw_parameters(key, DIGITS, 3, (8, 8))
        pictures = jnp.asarray(NEW, jnp.float32) / 255
        codes = []
        for i in range(3):
            one = jax.tree.map(lambda x, i=i: jnp.stack([x[i]] * len(NEW)), drawn)
            codes.append(model.encode(apply_parameters(pictures, one, (8, 8), 1)))
        found = encode(model, NEW, views=DIGITS, n_views=3)
        np.testing.assert_allclose(found, np.mean(codes, axis=0), rtol=1e-4, atol=1e-5)
        assert np.abs(found - encode(model, NEW)).max() > 1e-3

    def test_an_image_has_the_same_code_wherever_it_stands(self):
        model = built()
        found = encode(model, NEW, views=DIGITS, n_views=4)
        alone = encode(model, NEW[5:6], views=DIGITS, n_views=4)
        np.testing.assert_allclose(alone, found[5:6], rtol=1e-5, atol=1e-6)

    def test_without_a_number_it_is_the_code_of_the_image(self):
        model = built()
        np.testing.assert_array_equal(encode(model, NEW, views=DIGITS), encode(model, NEW))


def test_views_and_their_number():
    assert views_of(None, None, SHAPE) == (None, None)
    assert views_of("digits", 8, SHAPE) == (DIGITS, 8)
    assert views_of(ViewSpec(), None, SHAPE) == (ViewSpec(), None)
    for views, n_views, message in (
        (None, 8, "n_views=8 says of how many views a code is the mean, but there are none"),
        (ViewSpec(size=(4, 4)), 2, "expected views of the images' size, 8x8, got 4x4"),
        ("patches", None, "expected views to be .*'digits' or a ViewSpec, got 'patches'"),
    ):
        with pytest.raises(InputError, match=message):
            views_of(views, n_views, SHAPE)


class TestAutoencoderFeatures:
    def test_views_are_another_training(self):
        seen = features(views="digits").fit(IMAGES)
        assert same(seen, features(views=DIGITS).fit(IMAGES))
        assert not same(seen, features().fit(IMAGES))
        assert set(seen.history_) == {"loss", "mse", "mse_per_pixel"}
        assert seen.transform(NEW).tobytes() != seen.set_params(n_views=3).transform(NEW).tobytes()

    def test_a_killed_training_of_views_goes_on_to_the_same_bits(self, tmp_path):
        features(views="digits", epochs=1, checkpoint_dir=tmp_path).fit(IMAGES)
        resumed = features(views="digits", checkpoint_dir=tmp_path).fit(IMAGES)
        assert same(resumed, features(views="digits").fit(IMAGES))

    def test_upright_images_are_straightened_first(self):
        upright = features(upright=True).fit(IMAGES)
        straight = np.asarray(straighten(jnp.asarray(IMAGES[..., 0], jnp.float32) / 255))
        straight = straight.clip(0, 1)[..., None]
        np.testing.assert_allclose(upright.prepared(IMAGES), straight, atol=1e-5)
        again = features().fit(straight)
        found = upright.transform(IMAGES)
        np.testing.assert_allclose(again.transform(straight), found, rtol=1e-2, atol=1e-3)

    def test_colours_are_not_set_upright(self):
        colours = np.repeat(IMAGES[:20], 3, axis=3)
        with pytest.raises(
            InputError, match="one channel to set upright, got 3: give color='luma'"
        ):
            features(upright=True).fit(colours)
        assert features(upright=True, color="luma").fit(colours).transform(colours).shape == (20, 4)
