"""Which library XLA leaves the products and convolutions of each hot program to, on one CPU device
as users have it: what it writes as loops of its own is many times slower.

Read from the compiled text, the same under jaxlib 0.10 and 0.12:

| in the text | who computes it |
|---|---|
| a `dot` inside of a fusion of kind `__ynn_fusion` | XNNPACK's successor, the fastest |
| a `dot` of its own with two operands of two axes or more | Eigen |
| a `dot` within a fusion of loops | loops |
| a `convolution` in the order that Eigen knows, not reversed | Eigen, in a network's step |
| another `convolution`: XLA exchanges a picture and a larger kernel | loops |
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from flax import nnx

from scratchclust import rows
from scratchclust.models import ConvAutoencoderSpec, ResNetSpec, UNetSpec, VAESpec
from scratchclust.train.losses import Batch, classification_loss, reconstruction_loss, vae_loss
from scratchclust.train.runner import Runner
from scratchclust.train.settings import Training
from scratchclust.train.steps import take_batch

pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="reads what XLA's compiler for CPUs has written"
)

COMPUTATION = re.compile(r"^(?:ENTRY )?%(?P<name>\S+) \([^\n]*\{$(?P<body>.*?)^\}", re.M | re.S)
OPERATION = re.compile(r"%\S+ = (?P<type>\S+) (?P<kind>dot|convolution)\((?P<operands>[^)]*)\)")
EIGEN = "dim_labels=b01f_01io->b01f"
REVERSED = "rhs_reversal"


class Found(NamedTuple):
    """A product or a convolution in a compiled text."""

    kind: str  # "dot", "convolution"
    computation: str  # in which it stands
    line: str


def found_in(text: str) -> Iterator[Found]:
    """Find the products and convolutions of a compiled text."""
    for computation in COMPUTATION.finditer(text):
        for line in computation["body"].splitlines():
            operation = OPERATION.search(line)
            if operation:
                yield Found(operation["kind"], computation["name"], line)


def fused_for_ynn(text: str) -> set[str]:
    """The computations that a compiled text leaves to XNNPACK's successor."""
    return {
        match[1]
        for line in text.splitlines()
        if "__ynn_fusion" in line and (match := re.search(r"calls=%(\S+?)[,\s]", line))
    }


def fused_as_loops(text: str) -> set[str]:
    """The computations that are written as loops."""
    return set(re.findall(r"kind=k(?:Loop|Input|Output)\S*, calls=%(\S+?)[,\s]", text + " "))


def in_loops(text: str) -> list[str]:
    """List the products and convolutions that XLA wrote as loops."""
    ynn, fused = fused_for_ynn(text), fused_as_loops(text)
    bad = []
    for found in found_in(text):
        if found.computation in ynn:
            continue
        if found.computation in fused or (
            found.kind == "convolution" and (EIGEN not in found.line or REVERSED in found.line)
        ):
            bad.append(found.line.strip()[:200])
    return bad


def step_of(spec: Any, loss: Any, shape: tuple[int, int, int], labels: Any = None) -> str:
    """Compile a training step for one device as users do; give its text."""
    images = np.zeros((128, *shape), np.uint8)
    model = spec.build(shape, rngs=nnx.Rngs(0))
    with rows.on(rows.all_devices()[:1]):
        runner = Runner(
            model,
            Batch(images, labels),
            loss=loss,
            key=jax.random.key(0),
            training=Training(optimizer="adam", epochs=1, batch_size=128),
        )
        order, key = runner.shuffle(1)
        state = runner.place(runner.start)
        batch = take_batch(runner._data, order, np.int32(0), batch_size=128, mesh=runner._mesh)
        step: Any = runner._programs.step
        return step.lower(state, batch, key, np.int32(0)).compile().as_text()


def test_loops_are_found() -> None:
    """A convolution of 2x2 pixels, as XLA has it, is one of those that are looked for."""
    x = jax.numpy.ones((8, 2, 2, 64))
    w = jax.numpy.ones((3, 3, 64, 128))

    def convolved(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    text = jax.jit(convolved).lower(x, w).compile().as_text()
    assert len(in_loops(text or "")) == 1


@pytest.mark.parametrize("side", [8, 28])
def test_step_of_the_autoencoder_is_left_to_libraries(side: int) -> None:
    text = step_of(ConvAutoencoderSpec(), reconstruction_loss("mse"), (side, side, 1))
    assert [found for found in found_in(text) if found.kind == "dot"]
    assert in_loops(text) == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("spec", "loss", "shape"),
    [
        (VAESpec(), vae_loss("bernoulli"), (8, 8, 1)),
        (UNetSpec(), reconstruction_loss("mse"), (8, 8, 1)),
        (ConvAutoencoderSpec(batch_norm=True), reconstruction_loss("mse"), (32, 32, 3)),
        (ResNetSpec(n_classes=10, depth=8), classification_loss(), (8, 8, 1)),
    ],
)
def test_step_of_other_networks_is_left_to_libraries(spec: Any, loss: Any, shape: Any) -> None:
    labels = np.arange(128, dtype=np.int32) % 10 if isinstance(spec, ResNetSpec) else None
    assert in_loops(step_of(spec, loss, shape, labels)) == []
