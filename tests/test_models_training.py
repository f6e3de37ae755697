"""Every model learns eight images, lives inside jit and grad, compiles once, and computes in bfloat16 if asked."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from model_cases import SMALL, build, fit, pictures
from sklearn.datasets import load_digits

from scratchclust.models import ConvAutoencoderSpec, UNetSpec, VAESpec

SHAPE = (8, 8, 1)
LABELS = np.arange(8)
each_model = pytest.mark.parametrize("name", SMALL)


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


@pytest.mark.parametrize("downsample", ["stride", "max_pool"])
def test_an_autoencoder_overfits_eight_images(eight, downsample):
    spec = ConvAutoencoderSpec(widths=(8, 16), latent_dim=16, downsample=downsample)
    model = fit(build(spec, SHAPE), lambda m, _: squares(m(eight), eight), steps=300, learning_rate=5e-3)
    assert unexplained(model, eight) < 0.02


def test_an_autoencoder_with_batch_norm_overfits_eight_images(eight):
    model = fit(build(SMALL["conv"], SHAPE), lambda m, _: squares(m(eight), eight), steps=300, learning_rate=5e-3)
    assert unexplained(model, eight) < 0.02


@pytest.mark.parametrize("skips", [True, False])
def test_a_unet_overfits_eight_images(eight, skips):
    spec = UNetSpec(widths=(8, 16), latent_dim=16, skips=skips)
    model = fit(build(spec, SHAPE), lambda m, _: squares(m(eight), eight), steps=300, learning_rate=5e-3)
    assert unexplained(model, eight) < 0.02
    if not skips:  # all that it knew of the picture was in the code
        assert ((model(eight, zero_code=True) - eight) ** 2).mean() > 0.5 * eight.var(0).mean()


def test_a_vae_overfits_eight_images(eight):
    def loss(model, key):
        logits, mean, log_var = model(eight, key=key)
        likelihood = (eight * jax.nn.log_sigmoid(logits) + (1 - eight) * jax.nn.log_sigmoid(-logits)).sum()
        divergence = -0.5 * (1 + log_var - mean**2 - jnp.exp(log_var)).sum()
        return (0.1 * divergence - likelihood) / 8

    model = fit(build(VAESpec(widths=(8, 16), latent_dim=16), SHAPE), loss, steps=500, learning_rate=5e-3)
    assert ((model.decode(model.encode(eight)[0]) - eight) ** 2).mean() < 0.02 * eight.var(0).mean()


@pytest.mark.parametrize(("name", "steps"), [("classifier", 200), ("resnet", 60)])
def test_a_classifier_overfits_eight_images(eight, name, steps):
    def loss(model, key):
        return cross_entropy(model(eight, key=key))

    model = fit(build(SMALL[name], SHAPE), loss, steps=steps, learning_rate=5e-3)
    np.testing.assert_array_equal(model(eight).argmax(1), LABELS)
    assert cross_entropy(model(eight)) < 0.2


def some_loss(result: Any) -> jax.Array:
    return sum(((leaf - 0.5) ** 2).mean() for leaf in jax.tree.leaves(result))


def compiled_step(model: nnx.Module) -> tuple[Callable[..., Any], Any, Any, list[int]]:
    """A gradient as a training loop takes it, its state, and how often it was traced."""
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    traces = []

    def loss(params, rest, images):
        traces.append(1)
        merged = nnx.merge(graphdef, params, rest, copy=True)
        return some_loss(merged(images)), nnx.split(merged, nnx.Param, ...)[2]

    return jax.jit(jax.grad(loss, has_aux=True)), params, rest, traces


@each_model
def test_gradients_inside_jit(name):
    """Finite for every parameter, not all zero, statistics moved in training mode, and one compilation."""
    model = build(SMALL[name], SHAPE)
    model.train()
    step, params, rest, traces = compiled_step(model)
    gradient, new_rest = step(params, rest, pictures(4, SHAPE))
    leaves = jax.tree.leaves(gradient)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    assert all((leaf != 0).any() for leaf in leaves)
    moved = [bool((a != b).any()) for a, b in zip(jax.tree.leaves(rest), jax.tree.leaves(new_rest), strict=True)]
    assert all(moved)
    assert len(moved) == 0 if name == "classifier" else len(moved) >= 4
    step(params, new_rest, pictures(4, SHAPE, seed=1))
    assert len(traces) == 1


@each_model
def test_evaluation_mode_changes_nothing_in_the_model(name):
    model, images = build(SMALL[name], SHAPE), pictures(4, SHAPE)
    model.eval()
    before = jax.tree.map(jnp.copy, nnx.to_pure_dict(nnx.state(model)))
    alone, together = jax.tree.leaves(model(images[:1])), jax.tree.leaves(model(images))
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(model)))
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, all_of_them[:1], atol=1e-5)


@pytest.mark.parametrize("name", ["conv", "unet", "vae", "resnet"])
def test_training_mode_looks_at_the_whole_batch(name):
    model, images = build(SMALL[name], SHAPE), pictures(4, SHAPE)
    model.train()
    alone, together = jax.tree.leaves(model(images[:1]))[0], jax.tree.leaves(model(images))[0]
    assert np.abs(alone - together[:1]).max() > 1e-3


@each_model
def test_bfloat16_in_and_out_with_float32_statistics(name):
    graphdef, params, rest = nnx.split(build(SMALL[name], SHAPE), nnx.Param, ...)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)

    def run(params, rest):
        model = nnx.merge(graphdef, params, rest, copy=True)
        model.train()
        return model(pictures(4, SHAPE).astype(jnp.bfloat16)), nnx.split(model, nnx.Param, ...)[2]

    result, new_rest = jax.eval_shape(run, half, rest)
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(new_rest)} <= {jnp.dtype(jnp.float32)}


@each_model
def test_the_same_seed_builds_the_same_model(name):
    first, again, other = (nnx.to_pure_dict(nnx.state(build(SMALL[name], SHAPE, seed=seed))) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))


@each_model
def test_models_hold_no_random_state(name):
    state = nnx.state(nnx.eval_shape(lambda: build(SMALL[name], SHAPE)))
    kinds = {type(variable) for variable in jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))}
    assert kinds <= {nnx.Param, nnx.BatchStat}
