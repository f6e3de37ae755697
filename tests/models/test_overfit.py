"""Every model learns eight images."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from scratchclust.models import ConvAutoencoderSpec, UNetSpec, VAESpec
from tests.models.model_cases import SMALL, build, fit

pytestmark = pytest.mark.full

SHAPE = (8, 8, 1)
LABELS = np.arange(8)


@pytest.fixture(scope="module")
def eight() -> jax.Array:
    """The first eight digits, 0 to 7."""
    return jnp.asarray(load_digits().images[:8, :, :, None] / 16, jnp.float32)


def squares(predicted: jax.Array, images: jax.Array) -> jax.Array:
    return ((predicted - images) ** 2).sum() / len(images)


def cross_entropy(logits: jax.Array) -> jax.Array:
    return -jax.nn.log_softmax(logits)[jnp.arange(8), LABELS].mean()


def unexplained(model: Any, images: jax.Array) -> float:
    """Share of the pixels' variance that the reconstruction misses."""
    return float(((model(images) - images) ** 2).mean() / images.var(0).mean())


@pytest.mark.parametrize(
    "fields", [{}, {"downsample": "max_pool", "batch_norm": True}], ids=["plain", "normalised"]
)
def test_an_autoencoder_overfits_eight_images(eight, fields):
    spec = ConvAutoencoderSpec(widths=(8, 16), latent_dim=16, **fields)
    model = fit(
        build(spec, SHAPE), lambda m, _: squares(m(eight), eight), steps=300, learning_rate=5e-3
    )
    assert unexplained(model, eight) < 0.02


@pytest.mark.parametrize("skips", [True, False])
def test_a_unet_overfits_eight_images(eight, skips):
    spec = UNetSpec(widths=(8, 16), latent_dim=16, skips=skips)
    model = fit(
        build(spec, SHAPE), lambda m, _: squares(m(eight), eight), steps=300, learning_rate=5e-3
    )
    assert unexplained(model, eight) < 0.02
    if not skips:  # all that it knew of the picture was in the code
        assert ((model(eight, zero_code=True) - eight) ** 2).mean() > 0.5 * eight.var(0).mean()


def test_a_vae_overfits_eight_images(eight):
    def loss(model, key):
        logits, mean, log_var = model(eight, key=key)
        likelihood = (
            eight * jax.nn.log_sigmoid(logits) + (1 - eight) * jax.nn.log_sigmoid(-logits)
        ).sum()
        divergence = -0.5 * (1 + log_var - mean**2 - jnp.exp(log_var)).sum()
        return (0.1 * divergence - likelihood) / 8

    model = fit(
        build(VAESpec(widths=(8, 16), latent_dim=16), SHAPE), loss, steps=500, learning_rate=5e-3
    )
    assert ((model.decode(model.encode(eight)[0]) - eight) ** 2).mean() < 0.02 * eight.var(0).mean()


@pytest.mark.parametrize(("name", "steps"), [("classifier", 200), ("resnet", 60)])
def test_a_classifier_overfits_eight_images(eight, name, steps):
    def loss(model, key):
        return cross_entropy(model(eight, key=key))

    model = fit(build(SMALL[name], SHAPE), loss, steps=steps, learning_rate=5e-3)
    np.testing.assert_array_equal(model(eight).argmax(1), LABELS)
    assert cross_entropy(model(eight)) < 0.2
