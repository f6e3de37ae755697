"""Every model lives inside jit and grad, compiles once, tells training from evaluation, computes in
bfloat16.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.models.model_cases import SMALL, build, pictures, run

SHAPE = (8, 8, 1)
each_model = pytest.mark.parametrize("name", SMALL)


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


@pytest.mark.quick(every=2)
@each_model
def test_gradients_inside_jit(name):
    """Finite for every parameter, not all zero, statistics moved in training mode, and one
    compilation.
    """
    model = build(SMALL[name], SHAPE)
    model.train()
    step, params, rest, traces = compiled_step(model)
    gradient, new_rest = step(params, rest, pictures(4, SHAPE))
    leaves = jax.tree.leaves(gradient)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    assert all((leaf != 0).any() for leaf in leaves)
    moved = [
        bool((a != b).any())
        for a, b in zip(jax.tree.leaves(rest), jax.tree.leaves(new_rest), strict=True)
    ]
    assert all(moved)
    assert len(moved) == 0 if name == "classifier" else len(moved) >= 4
    step(params, new_rest, pictures(4, SHAPE, seed=1))
    assert len(traces) == 1


@pytest.mark.quick(every=2)
@each_model
def test_evaluation_mode_changes_nothing_in_the_model(name):
    model, images = build(SMALL[name], SHAPE), pictures(4, SHAPE)
    model.eval()
    before = jax.tree.map(jnp.copy, nnx.to_pure_dict(nnx.state(model)))
    together, of_others = (
        jax.tree.leaves(run(model, images)),
        jax.tree.leaves(run(model, images.at[1:].mul(0.5))),
    )
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(model)))
    for a, b in zip(together, of_others, strict=True):
        np.testing.assert_allclose(a[0], b[0], atol=1e-5)
        assert np.abs(a[1] - b[1]).max() > 1e-4


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("name", ["conv", "unet", "vae", "resnet", "strided"])
def test_training_mode_looks_at_the_whole_batch(name):
    model, images = build(SMALL[name], SHAPE), pictures(4, SHAPE)
    model.train()
    together, of_others = (
        jax.tree.leaves(run(model, images))[0],
        jax.tree.leaves(run(model, images.at[1:].mul(0.5)))[0],
    )
    assert np.abs(together[0] - of_others[0]).max() > 1e-4


@pytest.mark.quick(every=3)
@each_model
def test_bfloat16_in_and_out_with_float32_statistics(name):
    graphdef, params, rest = nnx.split(build(SMALL[name], SHAPE), nnx.Param, ...)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)

    def trained(params, rest):
        model = nnx.merge(graphdef, params, rest, copy=True)
        model.train()
        return model(pictures(4, SHAPE).astype(jnp.bfloat16)), nnx.split(model, nnx.Param, ...)[2]

    result, new_rest = jax.eval_shape(trained, half, rest)
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(new_rest)} <= {jnp.dtype(jnp.float32)}


@pytest.mark.quick(every=3)
@each_model
def test_the_same_seed_builds_the_same_model(name):
    first, again, other = (
        nnx.to_pure_dict(nnx.state(build(SMALL[name], SHAPE, seed=seed))) for seed in (0, 0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert any(
        (a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True)
    )


@each_model
def test_models_hold_no_random_state(name):
    state = nnx.state(nnx.eval_shape(lambda: build(SMALL[name], SHAPE)))
    kinds = {
        type(variable)
        for variable in jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    }
    assert kinds <= {nnx.Param, nnx.BatchStat}
