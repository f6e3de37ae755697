"""What the products of a network keep of their numbers: float32 is float32 on every device."""

import re
from typing import Any

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from scratchclust.features.autoencoder import encode
from scratchclust.features.networks import _apply
from scratchclust.models import ConvAutoencoderSpec
from scratchclust.train.losses import Batch, reconstruction_loss
from scratchclust.train.steps import make_train_step, unit_scale

IMAGES = np.zeros((4, 8, 8, 1), np.uint8)


def products_of(program: Any) -> list[str]:
    """The precision of each product and convolution of a program, as StableHLO has it."""
    lines = [line for line in program.splitlines() if re.search("dot_general|convolution", line)]
    return [match[1] if (match := re.search(r"(HIGHEST|DEFAULT)", line)) else "" for line in lines]


@pytest.mark.parametrize(
    ("precision", "expected"),
    [("float32", "HIGHEST"), ("tf32", "DEFAULT"), ("bfloat16", "DEFAULT")],
)
def test_products_of_a_training_step(precision: str, expected: str) -> None:
    model = ConvAutoencoderSpec().build((8, 8, 1), rngs=nnx.Rngs(0))
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.sgd(0.1)
    step = make_train_step(graphdef, reconstruction_loss("mse"), optimizer, unit_scale, precision)
    state = params, rest, optimizer.init(params)
    text = jax.jit(step).lower(*state, Batch(IMAGES, None), jax.random.key(0)).as_text()
    found = products_of(text)
    assert len(found) > 10
    assert set(found) == {expected}


def test_products_of_codes() -> None:
    model = ConvAutoencoderSpec().build((8, 8, 1), rngs=nnx.Rngs(0))
    assert encode(model, IMAGES).shape == (4, 32)
    graphdef, state = nnx.split(model)
    lowered: Any = _apply
    text = lowered.lower(graphdef, state, IMAGES, _code, unit_scale).as_text()
    assert set(products_of(text)) == {"HIGHEST"}


def _code(model: Any, images: Any) -> Any:
    return model.encode(images)
