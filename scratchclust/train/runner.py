"""What runs a training on the devices: it places the data and the state, calls the compiled steps,
and times the calls.
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
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array

from scratchclust import checks, rows, shares
from scratchclust.errors import InputError
from scratchclust.files import sha256_of_array
from scratchclust.train.losses import Batch, Loss
from scratchclust.train.optimizer_specs import build_optimizer
from scratchclust.train.settings import Training
from scratchclust.train.state import Layout, State, without_key
from scratchclust.train.steps import devices_for, programs, take_batch

# On a CPU every step is a call of its own: convolutions inside of a scan were measured 10 times
# slower there, and several CPU devices can lock up when a program that sums over the mesh starts
# before the last has ended.
STEPWISE = {"cpu"}
MOST_STEPS_PER_CALL = 1024
MEASURED_CALL = 3  # the first compiles, the second may still warm up


class Runner:
    """Runs the steps of one training: it holds the data on the devices and the compiled programs,
    and learns from its calls how many steps one of them should take.

    The state of the training is not in it: that goes from call to call, see `advance`.

    Args:
        model: an nnx module; it stays as it is.
        data: the images, the labels or None, and the neighbours or None.
        loss: see `losses`.
        key: decides the shuffles and all that `prepare` and the loss draw.
        training: the settings.

    Attributes:
        n: images.
        batch_size: images in a step.
        n_steps: in an epoch.
        key_numbers: the key's, in JSON's types.
        start: the arrays of the state before the first step.

    Raises:
        InputError: images, labels and model do not go together.
    """

    def __init__(
        self, model: Any, data: Batch, *, loss: Loss, key: Any, training: Training
    ) -> None:
        # every device draws its part of any batch: so each holds all images
        data = Batch(*(None if array is None else shares.whole(array) for array in data))
        _check(data)
        _check_classes(data.labels, getattr(getattr(model, "spec", None), "n_classes", None))
        self.n = len(data.images)
        self.batch_size = min(int(training.batch_size), self.n)
        self.n_steps = self.n // self.batch_size
        self.key_numbers = np.asarray(without_key(key)).ravel().tolist()
        optimizer, described = build_optimizer(
            training.optimizer, int(training.epochs) * self.n_steps
        )
        trained, self._evaluated = _in_both_modes(model)
        self._graphdef, params, rest = nnx.split(trained, nnx.Param, ...)
        state = State(params, rest, optimizer.init(params))
        self._layout = Layout(state)
        self.start = self._layout.to_host(state)
        with rows.on(devices_for(self.batch_size)):
            self._mesh = rows.mesh()
            self._whole = rows.whole()
            self._stepwise = rows.platform() in STEPWISE
        self._programs = programs(
            self._graphdef, loss, optimizer, training.prepare, training.precision, self._mesh
        )
        self._settings = {
            "loss": loss,
            "optimizer": described,
            "prepare": training.prepare,
            "precision": training.precision,
        }
        self._stored = data
        self._data = Batch(
            *(None if array is None else rows.on_every_device(array, self._mesh) for array in data)
        )
        # what every process has alike goes into a program as it is
        shared = not self._whole.is_fully_addressable
        self._key = key if shared else jax.device_put(key, self._whole)
        self._steps_per_call = 1
        self._n_calls = 0

    def place(self, arrays: dict[str, np.ndarray]) -> State:
        """Put the state of these arrays on the devices."""
        return self._layout.to_devices(self.start | arrays, self._whole)

    def fetch(self, state: State) -> dict[str, np.ndarray]:
        """Copy the state to the host."""
        return self._layout.to_host(state)

    def model(self, arrays: dict[str, np.ndarray]) -> Any:
        """Build the model with these arrays, in evaluation mode."""
        state = self._layout.from_host(self.start | arrays)
        return nnx.merge(self._evaluated, state.params, state.rest)

    def shuffle(self, epoch: int) -> tuple[Array, Any]:
        """Draw the order [n] of the images in an epoch, and the key of its steps."""
        return rows.finished(_shuffle(self._key, np.int32(epoch), n=self.n, mesh=self._mesh))

    def advance(
        self, state: State, order: Array, key: Any, first: int
    ) -> tuple[State, dict[str, np.ndarray]]:
        """Take the next step of an epoch, or on an accelerator the next few.

        These are one program, or, where so many are not left, queued one by one: the host reads
        after all of them.

        Args:
            state: given up for the one that is returned.
            order: see `shuffle`.
            key: see `shuffle`.
            first: number of the next step in this epoch, from 0.

        Returns:
            The state after it, and the terms of the loss, one value for each step.
        """
        begin = monotonic()
        left = self.n_steps - first
        if 1 < self._steps_per_call <= left:
            sizes = {"n_steps": self._steps_per_call, "batch_size": self.batch_size}
            state, terms = self._programs.steps(
                state, self._data, order, key, np.int32(first), **sizes
            )
            queued = [rows.finished(terms)]
        else:
            queued = []
            for t in range(first, first + min(self._steps_per_call, left)):
                batch = take_batch(
                    self._data, order, np.int32(t), batch_size=self.batch_size, mesh=self._mesh
                )
                state, terms = self._programs.step(state, batch, key, np.int32(t))
                queued.append(rows.finished(terms))
        found = jax.device_get(queued)
        self._learn_pace(monotonic() - begin)
        return state, {name: np.hstack([terms[name] for terms in found]) for name in found[0]}

    def _learn_pace(self, seconds: float) -> None:
        """Set how many steps a call takes, so that it lasts about `rows.SECONDS_PER_CALL` and an
        epoch is divided well.

        Once, and not again and again as by `rows.Pace`: the number of steps is part of the
        program, so that each new one would be compiled.
        """
        self._n_calls += 1
        if self._n_calls != MEASURED_CALL or self._stepwise:
            return
        seconds = shares.most(seconds)  # every process must take as many
        fitting = min(max(rows.SECONDS_PER_CALL / seconds, 1), MOST_STEPS_PER_CALL)
        most = 1 << int(math.log2(fitting))
        self._steps_per_call = self.n_steps // rows.ceil_div(self.n_steps, most)

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """All that decides how the training goes on, in JSON's types. Functions count by their
        names alone.
        """
        shapes = [(name, array.shape, array.dtype.str) for name, array in self.start.items()]
        model = f"{_without_address(self._graphdef.attributes)} {shapes}"
        return {
            "model": hashlib.sha256(model.encode()).hexdigest(),
            **{name: _without_address(value) for name, value in self._settings.items()},
            "batch_size": self.batch_size,
            "key": self.key_numbers,
            "images": sha256_of_array(self._stored.images),
            **{
                name: None if array is None else sha256_of_array(array)
                for name, array in self._stored._asdict().items()
                if name != "images"
            },
        }


@partial(jax.jit, static_argnames=("n", "mesh"))
def _shuffle(key: Any, epoch: Any, *, n: int, mesh: Mesh) -> tuple[Array, Any]:
    order_key, step_key = jax.random.split(jax.random.fold_in(key, epoch))
    return rows.constrain((jax.random.permutation(order_key, n), step_key), mesh)


def _in_both_modes(model: Any) -> tuple[Any, Any]:
    """A copy of the model in training mode, and the graph of one in evaluation mode."""
    trained = nnx.clone(model)
    evaluated = nnx.clone(model)
    trained.train()
    evaluated.eval()
    return trained, nnx.split(evaluated, nnx.Param, ...)[0]


def _check(data: Batch) -> None:
    n = len(data.images)
    if n == 0:
        raise InputError("expected at least one image to train on, got none")
    if jnp.issubdtype(data.images.dtype, jnp.floating) and not jnp.isfinite(data.images).all():
        raise InputError(
            "expected finite images, got NaN or infinity among the pixels: "
            "drop or fill those images first"
        )
    if data.neighbors is not None:
        _check_neighbors(data.neighbors, n)
    if data.labels is None:
        return
    if len(data.labels) != n:
        raise InputError(f"expected one label for each of {n} images, got {len(data.labels)}")
    if _are_targets(data.labels):
        checks.finite(data.labels, "targets", "they are shares of clusters")
        return
    if not jnp.issubdtype(data.labels.dtype, jnp.integer):
        raise InputError(
            f"expected labels as whole numbers from 0, got {data.labels.dtype}: number the classes"
        )
    if int(np.min(data.labels)) < 0:
        raise InputError(
            f"expected labels of 0 or more, got {int(np.min(data.labels))}: "
            "leave images without a label out"
        )


def _check_neighbors(neighbors: Any, n: int) -> None:
    shape = np.shape(neighbors)
    if len(shape) != 2 or shape[0] != n or shape[1] < 1:
        raise InputError(
            f"expected neighbours of shape [{n} m], a row for each image, got {list(shape)}: "
            "give the indices of nearest_neighbors"
        )
    least, most = int(np.min(neighbors)), int(np.max(neighbors))
    if least < 0 or most >= n:
        raise InputError(
            f"expected neighbours from 0 to {n - 1}, the numbers of the images, got {least} to "
            f"{most}: give those among the images of the training"
        )


def _check_classes(labels: Any, n_classes: int | None) -> None:
    if labels is None or n_classes is None or _are_targets(labels):
        return
    if int(np.max(labels)) >= n_classes:
        raise InputError(
            f"expected labels from 0 to {n_classes - 1}, as the model has {n_classes} classes, "
            f"got {np.max(labels)}: number the classes from 0, or build the model for more"
        )


def _are_targets(labels: Any) -> bool:
    """Whether these are [n k] numbers that a loss of its own kind compares outputs with."""
    return labels.ndim == 2 and jnp.issubdtype(labels.dtype, jnp.floating)


def _without_address(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
