"""The VAE: the reparameterisation, its reduction to the autoencoder, what key and likelihood
change.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust.models import ConvAutoencoderSpec, VAESpec
from tests.models.model_cases import build, pictures

SHAPE = (8, 8, 1)
TINY = {"widths": (4, 5), "latent_dim": 3}


def vae_and_autoencoder(likelihood: str) -> tuple:
    """A VAE and an autoencoder with the same parameters; the layer of log_var stands alone."""
    vae = build(VAESpec(**TINY, likelihood=likelihood, beta=0), SHAPE)
    autoencoder = build(ConvAutoencoderSpec(**TINY), SHAPE, seed=1)
    state = nnx.to_pure_dict(nnx.state(vae, nnx.Param))
    state["to_code"] = state.pop("to_mean")
    del state["to_log_var"]
    nnx.update(autoencoder, state)
    return vae, autoencoder


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_without_noise_it_is_the_autoencoder(likelihood):
    (vae, autoencoder), images = vae_and_autoencoder(likelihood), pictures(5, SHAPE)
    logits, mean, _ = vae(images)
    np.testing.assert_array_equal(logits, autoencoder.logits(images))
    np.testing.assert_array_equal(mean, autoencoder.encode(images))
    np.testing.assert_array_equal(vae.decode(mean), autoencoder(images))


def test_with_beta_0_and_no_noise_the_gradients_are_the_autoencoders():
    (vae, autoencoder), images = vae_and_autoencoder("gaussian"), pictures(5, SHAPE)

    def elbo(model, images):
        logits, mean, log_var = model(images)
        divergence = -0.5 * (1 + log_var - mean**2 - jnp.exp(log_var)).sum()
        return ((jax.nn.sigmoid(logits) - images) ** 2).sum() + model.spec.beta * divergence

    gradient = gradient_of(vae, lambda model: elbo(model, images))
    expected = gradient_of(autoencoder, lambda model: ((model(images) - images) ** 2).sum())
    log_var, expected["to_mean"] = gradient.pop("to_log_var"), expected.pop("to_code")
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(log_var))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), gradient, expected
    )


def gradient_of(model, loss) -> dict:
    graphdef, params = nnx.split(model, nnx.Param)
    gradient = jax.jit(jax.grad(lambda params: loss(nnx.merge(graphdef, params, copy=True))))(
        params
    )
    return nnx.to_pure_dict(gradient)


def test_mean_and_spread_of_the_samples():
    vae = build(VAESpec(**TINY), SHAPE)
    mean, log_var = jnp.array([[0.0, 2.0, -1.0]]), jnp.log(jnp.array([[1.0, 4.0, 0.01]]))
    keys = jax.random.split(jax.random.key(0), 20_000)
    samples = np.asarray(jax.vmap(lambda key: vae.sample_code(mean, log_var, key))(keys))[:, 0]
    std = np.exp(log_var / 2)[0]
    assert (np.abs(samples.mean(axis=0) - mean[0]) < 5 * std / 20_000**0.5).all()
    assert (np.abs(samples.std(axis=0) / std - 1) < 5 / 40_000**0.5).all()


def test_a_sample_is_its_formula():
    vae, key = build(VAESpec(**TINY), SHAPE), jax.random.key(3)
    mean, log_var = pictures(2, (2, 3, 1))[:, :, :, 0].reshape(4, 3), jnp.full((4, 3), -1.5)
    noise = jax.random.normal(key, (4, 3))
    np.testing.assert_allclose(
        vae.sample_code(mean, log_var, key), mean + np.exp(-0.75) * noise, rtol=1e-6
    )
    gradient = jax.grad(lambda log_var: vae.sample_code(mean, log_var, key).sum())(log_var)
    np.testing.assert_allclose(gradient, np.exp(-0.75) * noise / 2, rtol=1e-5)


def test_a_key_adds_noise_to_the_code_and_nothing_else():
    vae, images, key = build(VAESpec(**TINY), SHAPE), pictures(5, SHAPE), jax.random.key(0)
    logits, mean, log_var = vae(images, key=key)
    np.testing.assert_array_equal((mean, log_var), vae.encode(images))
    np.testing.assert_array_equal(logits, vae.decode_logits(vae.sample_code(mean, log_var, key)))
    assert (logits != vae(images)[0]).any()
    assert (logits != vae(images, key=jax.random.key(1))[0]).any()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_decode_squashes_the_logits(likelihood):
    vae, code = build(VAESpec(**TINY, likelihood=likelihood), SHAPE), jnp.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(
        vae.decode(code), 1 / (1 + np.exp(-vae.decode_logits(code))), rtol=1e-5
    )
