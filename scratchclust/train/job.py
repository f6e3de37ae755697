"""One training on the devices: its settings, checked; its data, placed; its programs; and its state
at the start.
"""

import hashlib
import math
import re
from functools import cached_property, partial
from time import monotonic
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.train.losses import Batch, Loss
from scratchclust.train.optimizers import OPTIMIZERS
from scratchclust.train.state import Layout, State, without_key
from scratchclust.train.steps import PRECISIONS, Prepare, mesh_for, programs, take_batch

# On a CPU every step is a call of its own: convolutions inside of a scan were measured 10 times
# slower there, and several CPU devices can lock up when a program that sums over the mesh starts
# before the last has ended.
STEPWISE = {"cpu"}
STRETCH_SECONDS, LONGEST_STRETCH = 0.5, 1024  # of a compiled call elsewhere
MEASURED_CALL = 3  # the first compiles, the second may still warm up


class Job:
    """What stays the same through a training."""

    def __init__(
        self,
        model: Any,
        data: Batch,
        *,
        loss: Loss,
        optimizer: Any,
        epochs: int,
        batch_size: int,
        key: Any,
        prepare: Prepare,
        precision: str,
    ) -> None:
        _check(data, epochs, batch_size, precision)
        _check_classes(data.labels, getattr(getattr(model, "spec", None), "n_classes", None))
        self.n = len(data.images)
        self.batch_size = min(int(batch_size), self.n)
        self.n_steps = self.n // self.batch_size
        self.key_numbers = np.asarray(without_key(key)).ravel().tolist()
        built, described = build_optimizer(optimizer, epochs * self.n_steps)
        trained, self._evaluated = _in_both_modes(model)
        self._graphdef, params, rest = nnx.split(trained, nnx.Param, ...)
        self._mesh = mesh_for(self.batch_size)
        self._whole = NamedSharding(self._mesh, PartitionSpec())
        self._programs = programs(self._graphdef, loss, built, prepare, precision, self._mesh)
        state = State(params, rest, built.init(params))
        self._layout = Layout(state)
        self.start = self._layout.to_host(state)
        self._settings = {
            "loss": loss,
            "optimizer": described,
            "prepare": prepare,
            "precision": precision,
        }
        self._stored = data
        self._data = Batch(
            *(None if array is None else rows.on_every_device(array, self._mesh) for array in data)
        )
        self._key = jax.device_put(key, self._whole)
        self._stretch, self._n_calls = 1, 0

    def place(self, arrays: dict[str, np.ndarray]) -> State:
        """The state of these arrays, on the devices."""
        return self._layout.to_devices(self.start | arrays, self._whole)

    def fetch(self, state: State) -> dict[str, np.ndarray]:
        """A copy of the state on the host."""
        return self._layout.to_host(state)

    def model(self, arrays: dict[str, np.ndarray]) -> Any:
        """The model with these arrays, in evaluation mode."""
        state = self._layout.from_host(self.start | arrays)
        return nnx.merge(self._evaluated, state.params, state.rest)

    def shuffle(self, epoch: int) -> tuple[Array, Any]:
        """The order [n] of the images in an epoch, and the key of its steps."""
        return rows.finished(_shuffle(self._key, np.int32(epoch), n=self.n, mesh=self._mesh))

    def advance(
        self, state: State, order: Array, key: Any, first: int
    ) -> tuple[State, dict[str, np.ndarray]]:
        """The next step of an epoch, or on an accelerator the next stretch of steps.

        Args:
            state: given up for the one that is returned.
            order: see `shuffle`.
            key: see `shuffle`.
            first: number of the next step in this epoch, from 0.

        Returns:
            The state after it, and the terms of the loss, one value for each step.
        """
        begin = monotonic()
        if 1 < self._stretch <= self.n_steps - first:
            sizes = {"n_steps": self._stretch, "batch_size": self.batch_size}
            state, terms = self._programs.stretch(
                state, self._data, order, key, np.int32(first), **sizes
            )
        else:
            batch = take_batch(
                self._data, order, np.int32(first), batch_size=self.batch_size, mesh=self._mesh
            )
            state, terms = self._programs.step(state, batch, key, np.int32(first))
        rows.finished(state)
        self._learn_pace(monotonic() - begin)
        return state, {
            name: np.atleast_1d(values) for name, values in jax.device_get(terms).items()
        }

    def _learn_pace(self, seconds: float) -> None:
        """Sets the length of the stretches, once, so that they last about STRETCH_SECONDS and
        divide an epoch well.
        """
        self._n_calls += 1
        if self._n_calls == MEASURED_CALL and self._mesh.devices.flat[0].platform not in STEPWISE:
            longest = 1 << int(math.log2(min(max(STRETCH_SECONDS / seconds, 1), LONGEST_STRETCH)))
            self._stretch = self.n_steps // math.ceil(self.n_steps / longest)

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """All that decides how the training goes on, in JSON's types. Functions count by their
        names alone.
        """
        shapes = [(name, array.shape, array.dtype.str) for name, array in self.start.items()]
        return {
            "model": hashlib.sha256(
                f"{_without_address(self._graphdef.attributes)} {shapes}".encode()
            ).hexdigest(),
            **{name: _without_address(value) for name, value in self._settings.items()},
            "batch_size": self.batch_size,
            "key": self.key_numbers,
            "images": _sha256(self._stored.images),
            "labels": None if self._stored.labels is None else _sha256(self._stored.labels),
        }


def build_optimizer(optimizer: Any, n_steps: int) -> tuple[optax.GradientTransformation, str]:
    """The transformation for a run of so many steps, and a line that says what it is.

    Args:
        optimizer: a name, a spec (what has `build`), or a transformation of optax.
        n_steps: of the whole run; part of the line where a schedule depends on it.

    Raises:
        InputError: none of these.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise InputError(
                f"expected optimizer to be one of {', '.join(OPTIMIZERS)}, got {optimizer!r}"
            )
        optimizer = OPTIMIZERS[optimizer]()
    if hasattr(optimizer, "build"):
        varies = hasattr(getattr(optimizer, "learning_rate", None), "build")
        return optimizer.build(n_steps), f"{optimizer}, {n_steps} steps" if varies else str(
            optimizer
        )
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise InputError(
            f"expected a name, a spec or an optax transformation as optimizer, got {optimizer!r}"
        )
    return optimizer, "a transformation of optax"


@partial(jax.jit, static_argnames=("n", "mesh"))
def _shuffle(key: Any, epoch: Any, *, n: int, mesh: Mesh) -> tuple[Array, Any]:
    order_key, step_key = jax.random.split(jax.random.fold_in(key, epoch))
    return rows.constrain((jax.random.permutation(order_key, n), step_key), mesh)


def _in_both_modes(model: Any) -> tuple[Any, Any]:
    """A copy of the model in training mode, and the graph of one in evaluation mode."""
    trained, evaluated = nnx.clone(model), nnx.clone(model)
    trained.train()
    evaluated.eval()
    return trained, nnx.split(evaluated, nnx.Param, ...)[0]


def _check(data: Batch, epochs: int, batch_size: int, precision: str) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"expected {name} to be a whole number of at least 1, got {value!r}")
    if precision not in PRECISIONS:
        raise InputError(
            f"expected precision to be one of {', '.join(PRECISIONS)}, got {precision!r}"
        )
    if len(data.images) == 0:
        raise InputError("expected at least one image to train on, got none")
    if data.labels is not None and len(data.labels) != len(data.images):
        raise InputError(
            f"expected one label for each of {len(data.images)} images, got {len(data.labels)}"
        )
    if data.labels is not None and not jnp.issubdtype(data.labels.dtype, jnp.integer):
        raise InputError(
            f"expected labels as whole numbers from 0, got {data.labels.dtype}: number the classes"
        )
    if data.labels is not None and int(np.min(data.labels)) < 0:
        raise InputError(
            f"expected labels of 0 or more, got {int(np.min(data.labels))}: leave images without a label out"
        )
    if jnp.issubdtype(data.images.dtype, jnp.floating) and not bool(
        jnp.isfinite(data.images).all()
    ):
        raise InputError(
            "expected finite images, got NaN or infinity among the pixels: drop or fill those images first"
        )


def _check_classes(labels: Any, n_classes: int | None) -> None:
    if labels is not None and n_classes is not None and int(np.max(labels)) >= n_classes:
        raise InputError(
            f"expected labels from 0 to {n_classes - 1}, as the model has {n_classes} classes, got {np.max(labels)}: "
            "number the classes from 0, or build the model for more"
        )


def _without_address(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def _sha256(array: Any) -> str:
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.shape} {array.dtype.str} ".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)  # bytes: bfloat16 has no buffer of its own
    return digest.hexdigest()
