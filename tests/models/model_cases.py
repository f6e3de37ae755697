"""What the tests of the models share: every spec, images of any size, and a small training loop."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from scratchclust.models import (
    ClassifierSpec,
    ConvAutoencoderSpec,
    ResNetSpec,
    StridedSpec,
    UNetSpec,
    VAESpec,
)

SMALL: dict[str, Any] = {
    "conv": ConvAutoencoderSpec(widths=(8, 16), latent_dim=16, batch_norm=True),
    "unet": UNetSpec(widths=(8, 16), latent_dim=16, batch_norm=True),
    "vae": VAESpec(widths=(8, 16), latent_dim=16, batch_norm=True),
    "classifier": ClassifierSpec(widths=(8, 16), dense_width=32),
    "resnet": ResNetSpec(depth=8),
    "strided": StridedSpec(widths=(8, 16)),
}


def pictures(n: int, shape: tuple[int, int, int], *, seed: int = 0) -> jax.Array:
    """Random pictures in [0, 1], float32 [n h w c]."""
    return jnp.asarray(np.random.default_rng(seed).random((n, *shape), dtype=np.float32))


def build(spec: Any, shape: tuple[int, int, int], *, seed: int = 0) -> Any:
    return spec.build(shape, rngs=nnx.Rngs(seed))


@nnx.jit
def run(module: Any, x: Any, **keywords: Any) -> Any:
    """module(x) as one program: operation by operation, each would be compiled for itself."""
    return module(x, **keywords)


def shape_of(call: Callable[[Any], Any], spec: Any, shape: tuple[int, int, int]) -> Any:
    """The shapes of what `call(model)` returns; nothing is computed."""
    results = jax.eval_shape(lambda: call(build(spec, shape)))
    return jax.tree.map(lambda result: result.shape, results)


def fit(
    model: Any, loss: Callable[[Any, jax.Array], jax.Array], *, steps: int, learning_rate: float
) -> Any:
    """The model after so many steps of Adam on loss(model, key), in training mode; left in
    evaluation mode.
    """
    model.train()
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.adam(learning_rate)

    def loss_of(params, rest, key):
        merged = nnx.merge(graphdef, params, rest, copy=True)
        value = loss(merged, key)
        return value, nnx.split(merged, nnx.Param, ...)[2]

    def step(carry, key):
        params, rest, state = carry
        gradient, rest = jax.grad(loss_of, has_aux=True)(params, rest, key)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), rest, state), None

    keys = jax.random.split(jax.random.key(0), steps)
    scan = jax.jit(
        lambda params, rest: jax.lax.scan(step, (params, rest, optimizer.init(params)), keys)[0]
    )
    params, rest, _ = scan(params, rest)
    model = nnx.merge(graphdef, params, rest, copy=True)
    model.eval()
    return model
