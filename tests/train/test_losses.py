"""The losses: by hand, against SciPy and optax, gradients by finite differences, large logits, and
whole models.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats
from flax import nnx

from scratchclust.errors import InputError
from scratchclust.models import ConvAutoencoderSpec, UNetSpec, VAESpec
from scratchclust.train import losses
from scratchclust.train.losses import Batch, classification_loss, reconstruction_loss, vae_loss

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(3, 2, 2, 1))
LOGITS = RNG.normal(size=(3, 2, 2, 1))
MEAN, LOG_VAR = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
CLASS_LOGITS, LABELS = RNG.normal(size=(3, 5)), np.array([0, 4, 2])


class TestByHand:
    def test_mse_sums_over_pixels_and_averages_over_the_batch(self):
        images = jnp.array([[[[1.0]], [[0.0]]], [[[0.5]], [[0.5]]]])  # [2 2 1 1]
        assert losses.mse(images, jnp.zeros_like(images)) == pytest.approx((1 + 0.5) / 2)

    def test_bernoulli_cross_entropy(self):
        images = jnp.array([[1.0, 0.0, 0.5]])
        logits = jnp.array([[0.0, jnp.log(3.0), 0.0]])  # sigmoids 1/2, 3/4, 1/2
        assert losses.bernoulli_cross_entropy(images, logits) == pytest.approx(
            np.log(2) + np.log(4) + np.log(2)
        )

    def test_gaussian_kl(self):
        assert losses.gaussian_kl(jnp.zeros((2, 3)), jnp.zeros((2, 3))) == 0
        # latents N(1, 1), N(0, e): 1/2 and (e - 2)/2; the other image is at the prior
        mean, log_var = jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[0.0, 1.0], [0.0, 0.0]])
        assert losses.gaussian_kl(mean, log_var) == pytest.approx((0.5 + (np.e - 2) / 2) / 2)

    def test_cross_entropy(self):
        logits = jnp.log(jnp.array([[1.0, 3.0], [1.0, 1.0]]))
        assert losses.cross_entropy(logits, jnp.array([1, 0])) == pytest.approx(
            (np.log(4 / 3) + np.log(2)) / 2
        )

    def test_elbo(self):
        images, logits = jnp.array([[1.0]]), jnp.array([[0.0]])
        mean, log_var = jnp.array([[1.0]]), jnp.array([[0.0]])
        assert losses.elbo(images, logits, mean, log_var) == pytest.approx(-np.log(2) - 0.5)
        assert losses.elbo(images, logits, mean, log_var, beta=4.0) == pytest.approx(-np.log(2) - 2)
        gaussian = losses.elbo(images, logits, mean, log_var, likelihood="gaussian")
        assert gaussian == pytest.approx(scipy.stats.norm.logpdf(1, loc=0.5) - 0.5)


class TestAgainstPeers:
    def test_gaussian_cross_entropy_is_minus_the_log_density(self):
        density = scipy.stats.norm.logpdf(IMAGES, loc=LOGITS).sum(axis=(1, 2, 3)).mean()
        found = losses.gaussian_cross_entropy(jnp.asarray(IMAGES), jnp.asarray(LOGITS))
        assert found == pytest.approx(-density, rel=1e-6)

    def test_optax(self):
        logits, images = jnp.asarray(LOGITS), jnp.asarray(IMAGES)
        theirs = optax.sigmoid_binary_cross_entropy(logits, images).sum(axis=(1, 2, 3)).mean()
        assert losses.bernoulli_cross_entropy(images, logits) == pytest.approx(
            float(theirs), rel=1e-6
        )
        theirs = optax.softmax_cross_entropy_with_integer_labels(
            jnp.asarray(CLASS_LOGITS), jnp.asarray(LABELS)
        ).mean()
        assert losses.cross_entropy(
            jnp.asarray(CLASS_LOGITS), jnp.asarray(LABELS)
        ) == pytest.approx(float(theirs))

    def test_kl_is_the_mean_of_the_log_ratio(self):
        z = MEAN[0] + np.exp(LOG_VAR[0] / 2) * RNG.normal(size=(400_000, 4))
        ratio = scipy.stats.norm.logpdf(
            z, MEAN[0], np.exp(LOG_VAR[0] / 2)
        ) - scipy.stats.norm.logpdf(z)
        kl = losses.gaussian_kl(jnp.asarray(MEAN[:1]), jnp.asarray(LOG_VAR[:1]))
        assert kl == pytest.approx(ratio.sum(axis=1).mean(), abs=0.02)


DIFFERENTIABLE = [
    (lambda y: losses.mse(jnp.asarray(IMAGES), y), LOGITS),
    (lambda y: losses.gaussian_cross_entropy(jnp.asarray(IMAGES), y), LOGITS),
    (lambda y: losses.bernoulli_cross_entropy(jnp.asarray(IMAGES), y), LOGITS),
    (lambda mean: losses.gaussian_kl(mean, jnp.asarray(LOG_VAR)), MEAN),
    (lambda log_var: losses.gaussian_kl(jnp.asarray(MEAN), log_var), LOG_VAR),
    (lambda logits: losses.cross_entropy(logits, jnp.asarray(LABELS)), CLASS_LOGITS),
    (
        lambda y: losses.elbo(jnp.asarray(IMAGES), y, jnp.asarray(MEAN), jnp.asarray(LOG_VAR)),
        LOGITS,
    ),
    (
        lambda v: losses.elbo(
            jnp.asarray(IMAGES), jnp.asarray(LOGITS), jnp.asarray(MEAN), v, beta=3.0
        ),
        LOG_VAR,
    ),
    (
        lambda y: losses.elbo(
            jnp.asarray(IMAGES),
            y,
            jnp.asarray(MEAN),
            jnp.asarray(LOG_VAR),
            likelihood="gaussian",
            beta=0.5,
        ),
        LOGITS,
    ),
]
NAMES = [
    "mse",
    "gaussian",
    "bernoulli",
    "kl-mean",
    "kl-log-var",
    "cross-entropy",
    "elbo",
    "elbo-beta",
    "elbo-gaussian",
]


@pytest.mark.parametrize(("loss", "at"), DIFFERENTIABLE, ids=NAMES)
def test_gradients_by_finite_differences(loss, at):
    with jax.enable_x64(True):
        at, h = np.asarray(at, float), 1e-5
        value, gradient = jax.jit(loss), jax.jit(jax.grad(loss))(at)
        assert gradient.dtype == jnp.float64
        gradient = np.asarray(gradient)
        for index in np.ndindex(at.shape):
            step = np.zeros_like(at)
            step[index] = h
            difference = value(at + step) - value(at - step)
            assert gradient[index] == pytest.approx(float(difference) / (2 * h), rel=1e-6, abs=1e-9)


@pytest.mark.quick(1)
@pytest.mark.parametrize("size", [30.0, 1e4])
def test_large_logits_give_finite_losses_and_gradients(size):
    logits = jnp.array([[size, -size]])
    right, wrong = jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0]])
    value, gradient = jax.value_and_grad(losses.bernoulli_cross_entropy, argnums=1)(right, logits)
    assert value == pytest.approx(0, abs=1e-12)
    assert jnp.isfinite(gradient).all()
    assert losses.bernoulli_cross_entropy(wrong, logits) == pytest.approx(2 * size)
    value, gradient = jax.value_and_grad(losses.cross_entropy)(logits, jnp.array([1]))
    assert value == pytest.approx(2 * size)
    assert jnp.isfinite(gradient).all()


def test_the_kl_of_a_nearly_collapsed_code_keeps_its_digits():
    log_var = jnp.full((1, 1), 1e-3)
    exact = (np.expm1(1e-3) - 1e-3) / 2
    assert losses.gaussian_kl(jnp.zeros((1, 1)), log_var) == pytest.approx(exact, rel=1e-3)


def test_sums_are_float32_when_the_model_computes_in_bfloat16():
    images = jnp.full((1, 1000), 0.5, jnp.bfloat16)
    zeros, labels = jnp.zeros_like(images), jnp.array([3])
    values = [
        losses.mse(images, zeros),
        losses.bernoulli_cross_entropy(images, zeros),
        losses.gaussian_kl(images, zeros),
    ]
    values.append(losses.cross_entropy(zeros, labels))
    assert all(value.dtype == jnp.float32 for value in values)
    np.testing.assert_allclose(values, [250, 1000 * np.log(2), 125, np.log(1000)], rtol=1e-5)


class Sketch(nnx.Module):
    """Just enough of a model: one number that everything is multiplied by."""

    def __init__(self, factor):
        self.factor = nnx.Param(jnp.array(factor))

    def encode(self, images):
        return images * self.factor[...]

    def logits(self, images):
        return self.encode(images) - 0.5

    def __call__(self, images):
        return jax.nn.sigmoid(self.logits(images))


class NoisySketch(nnx.Module):
    def __init__(self):
        self.shift = nnx.Param(jnp.array(0.3))

    def __call__(self, images, *, key=None):
        noise = 0.0 if key is None else jax.random.normal(key, (len(images), 2))
        mean = images.reshape(len(images), -1)[:, :2] + self.shift[...]
        return images - 0.5 + noise.sum() * 0, mean + noise * 0.1, -mean


class ClassSketch(nnx.Module):
    def __call__(self, images, *, key=None):
        return images.reshape(len(images), -1) * 10


BATCH = Batch(jnp.asarray(IMAGES, jnp.float32), jnp.asarray(LABELS % 4, jnp.int32))
KEY = jax.random.key(0)


class TestModelLosses:
    def test_mse_of_reconstructions(self):
        model = Sketch(2.0)
        value, terms = reconstruction_loss("mse")(model, BATCH, KEY)
        assert value == losses.mse(BATCH.images, model(BATCH.images))
        assert terms["mse"] == value
        assert terms["mse_per_pixel"] == pytest.approx(
            float(((BATCH.images - model(BATCH.images)) ** 2).mean())
        )

    def test_bernoulli_takes_logits(self):
        model = Sketch(300.0)  # its sigmoids are rounded to 1
        value, terms = reconstruction_loss("bernoulli")(model, BATCH, KEY)
        logits = model.logits(BATCH.images)
        assert value == losses.bernoulli_cross_entropy(BATCH.images, logits)
        assert set(terms) == {"bernoulli", "mse_per_pixel"}
        assert terms["mse_per_pixel"] == pytest.approx(
            float(((BATCH.images - model(BATCH.images)) ** 2).mean())
        )

    @pytest.mark.quick(1)
    @pytest.mark.parametrize("spec", [ConvAutoencoderSpec, UNetSpec])
    def test_bernoulli_of_our_models(self, spec):
        model = spec(widths=(2,), latent_dim=3).build((2, 2, 1), rngs=nnx.Rngs(0))
        value, terms = reconstruction_loss("bernoulli")(model, BATCH, KEY)
        y, x = model(BATCH.images), BATCH.images  # probabilities, far from 0 and 1
        by_definition = -(x * jnp.log(y) + (1 - x) * jnp.log(1 - y)).sum() / len(x)
        assert value == pytest.approx(float(by_definition), rel=1e-5)
        assert terms["mse_per_pixel"] == pytest.approx(float(((x - y) ** 2).mean()), rel=1e-5)

    def test_the_gaussian_of_our_vae_has_the_mean_that_it_decodes(self):
        model = VAESpec(widths=(2,), latent_dim=3, likelihood="gaussian").build(
            (2, 2, 1), rngs=nnx.Rngs(0)
        )
        mean, log_var = model.encode(BATCH.images)
        _, terms = vae_loss("gaussian")(model, BATCH, KEY)
        drawn = model.decode(model.sample_code(mean, log_var, KEY))
        density = scipy.stats.norm.logpdf(BATCH.images, loc=drawn).sum() / len(drawn)
        assert terms["reconstruction"] == pytest.approx(-density, rel=1e-5)

    @pytest.mark.quick(1)
    @pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
    def test_the_vae_loss_is_minus_the_elbo_at_the_drawn_code(self, likelihood):
        model = NoisySketch()
        value, terms = vae_loss(likelihood, beta=2.0)(model, BATCH, KEY)
        logits, mean, log_var = model(BATCH.images, key=KEY)
        bound = losses.elbo(BATCH.images, logits, mean, log_var, likelihood=likelihood, beta=2.0)
        assert value == pytest.approx(-float(bound), rel=1e-6)
        assert value == pytest.approx(float(terms["reconstruction"] + 2 * terms["kl"]), rel=1e-6)
        assert set(terms) == {"reconstruction", "kl"}
        assert value != vae_loss(likelihood, beta=2.0)(model, BATCH, jax.random.key(1))[0]

    def test_beta_zero_is_the_autoencoder(self):
        model = NoisySketch()
        value, terms = vae_loss("bernoulli", beta=0.0)(model, BATCH, KEY)
        assert value == terms["reconstruction"]

    def test_classification(self):
        value, terms = classification_loss()(ClassSketch(), BATCH, KEY)
        logits = ClassSketch()(BATCH.images)
        assert value == losses.cross_entropy(logits, BATCH.labels)
        assert terms["accuracy"] == pytest.approx(float((logits.argmax(1) == BATCH.labels).mean()))

    def test_equal_settings_make_equal_losses(self):
        assert (
            vae_loss("bernoulli", 2.0) == vae_loss("bernoulli", 2.0) != vae_loss("bernoulli", 1.0)
        )
        assert (
            len(
                {
                    reconstruction_loss(),
                    reconstruction_loss("mse"),
                    classification_loss(),
                    classification_loss(),
                }
            )
            == 2
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: reconstruction_loss("l1"),
            "expected kind to be one of 'mse', 'bernoulli', got 'l1'",
        ),
        (
            lambda: vae_loss("poisson"),
            "expected likelihood to be one of 'bernoulli', 'gaussian', got 'poisson'",
        ),
        (lambda: vae_loss(beta=float("nan")), "expected beta to be at least 0, got nan"),
        (
            lambda: vae_loss(beta=-1.0),
            "expected beta to be at least 0, got -1.0: 1 gives the bound",
        ),
        (
            lambda: losses.elbo(
                BATCH.images, BATCH.images, jnp.zeros((3, 1)), jnp.zeros((3, 1)), likelihood="x"
            ),
            "expected likelihood to be one of 'bernoulli', 'gaussian', got 'x'",
        ),
        (
            lambda: classification_loss()(ClassSketch(), Batch(BATCH.images, None), KEY),
            "trained with labels, but none",
        ),
    ],
)
def test_errors_teach(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_wrong_shape_is_refused():
    with pytest.raises(TypeError, match="reconstructions"):
        losses.mse(jnp.zeros((2, 3)), jnp.zeros((2, 4)))
