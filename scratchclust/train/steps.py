"""One training step, and the programs that are compiled from it.

The step is written once, for a batch that may be spread over several devices. The compiler sees
that the parameters are whole on every device and the batch is not; it lets each device work on its
share, averages the gradients, and takes the statistics of batch normalisation over the whole batch.
So one core, all cores and eight GPUs run the same lines.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from scratchclust import processes, rows
from scratchclust.compiling import TPU_OPTIONS
from scratchclust.errors import InputError
from scratchclust.train.losses import Batch, Loss
from scratchclust.train.state import State


class Precision(NamedTuple):
    """In which numbers a model computes, and what of them a product keeps."""

    dtype: Any
    products: str  # as `jax.default_matmul_precision` has it


# A GPU multiplies float32 in TF32 (10 bits of 23), a TPU in bfloat16 (7 bits), unless told to
# keep them all. On a CPU all three precisions of float32 are the same.
PRECISIONS = {
    "float32": Precision(jnp.float32, "highest"),
    "bfloat16": Precision(jnp.bfloat16, "default"),
    "tf32": Precision(jnp.float32, "default"),
}
Prepare = Callable[[Any, Any], Any]

# By default XLA:CPU leaves products of matrices, sums and some convolutions to YNNPACK. On one
# device with several threads only the products gain by it: a step of the autoencoder (28x28x1,
# 32x32x3) took 1.4 and 1.3 times as long with the rest, one of ResNet-20 1.1 times (jaxlib 0.10.2,
# two cores with AVX-512). With a device for each core the default is as fast or a little faster.
ONE_CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}


def unit_scale(images: Array, key: Any = None) -> Float[Array, "n ..."]:
    """Bring images to float32: bytes divided by 255, floats as they are.

    The key is there for what draws, and unused here.

    Raises:
        InputError: neither bytes nor floats.
    """
    if images.dtype == jnp.uint8:
        return images.astype(jnp.float32) / 255
    if jnp.issubdtype(images.dtype, jnp.floating):
        return images.astype(jnp.float32)
    raise InputError(
        f"expected images of type uint8 or float, got {images.dtype}: "
        "convert them, or give prepare=..."
    )


def make_train_step(
    graphdef: Any,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    prepare: Prepare,
    precision: str,
) -> Callable[..., tuple[Any, Any, Any, dict[str, Array]]]:
    """Make train_step(params, rest, opt_state, batch, key) -> (the first three anew, terms).

    With bfloat16 the model computes on parameters and images that are rounded to it; the parameters
    themselves, the gradients with respect to them, and the losses stay float32.

    Args:
        graphdef: of the model, `nnx.split(model, nnx.Param, ...)[0]`.
        loss: see `losses`.
        optimizer: ours or optax's.
        prepare: what turns the stored images of a batch into float32, `prepare(images, key)`.
        precision: a name of `PRECISIONS`.
    """
    dtype, products = PRECISIONS[precision]
    rounded = partial(jnp.asarray, dtype=dtype)

    @jax.default_matmul_precision(products)
    def train_step(
        params: Any, rest: Any, opt_state: Any, batch: Batch, key: Any
    ) -> tuple[Any, Any, Any, Any]:
        prepare_key, loss_key = jax.random.split(key)
        batch = Batch(rounded(prepare(batch.images, prepare_key)), batch.labels)

        def loss_of(params: Any) -> tuple[Array, Any]:
            # copy=True: without it flax refuses to update batch statistics inside of a gradient.
            model = nnx.merge(graphdef, jax.tree.map(rounded, params), rest, copy=True)
            value, terms = loss(model, batch, loss_key)
            return value, ({"loss": value, **terms}, nnx.split(model, nnx.Param, ...)[2])

        (_, (terms, new_rest)), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), new_rest, opt_state, terms

    return train_step


class Programs(NamedTuple):
    """The step, compiled: once for a batch that is at hand, once as a scan over several."""

    # (state, batch, key of the epoch, number of the step) -> state, terms
    step: Callable[..., tuple[State, dict[str, Array]]]
    # (state, data, order, key, first, *, n_steps, batch_size) -> state, terms
    steps: Callable[..., tuple[State, dict[str, Array]]]


@lru_cache(maxsize=32)
def programs(
    graphdef: Any,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    prepare: Prepare,
    precision: str,
    mesh: Mesh,
) -> Programs:
    """Compile the step; for the same model, loss and optimiser the same programs are given again,
    so that ten like networks are compiled once.

    The state that goes in is given up (donated) for the one that comes out.

    Args:
        graphdef, loss, optimizer, prepare, precision: as in `make_train_step`.
        mesh: of the devices that share a batch, which are those of `rows.mesh()` or the first.
    """
    train_step = make_train_step(graphdef, loss, optimizer, prepare, precision)
    whole = NamedSharding(mesh, PartitionSpec())

    def step(state: State, batch: Batch, key: Any, t: Array) -> tuple[State, dict[str, Array]]:
        params, rest, opt_state, terms = train_step(*state, batch, jax.random.fold_in(key, t))
        return State(params, rest, opt_state), terms

    def steps(
        state: State,
        data: Batch,
        order: Array,
        key: Any,
        first: Array,
        *,
        n_steps: int,
        batch_size: int,
    ) -> tuple[State, dict[str, Array]]:
        def body(state: State, t: Array) -> tuple[State, dict[str, Array]]:
            return step(state, take_batch(data, order, t, batch_size=batch_size, mesh=mesh), key, t)

        return jax.lax.scan(body, state, first + jnp.arange(n_steps))

    compile_ = partial(
        jax.jit,
        donate_argnums=0,
        out_shardings=(whole, whole),
        compiler_options=_options(mesh, precision),
    )
    return Programs(compile_(step), compile_(steps, static_argnames=("n_steps", "batch_size")))


def _options(mesh: Mesh, precision: str) -> dict[str, Any] | None:
    """What XLA is told when it compiles a step."""
    platform = mesh.devices.flat[0].platform
    if platform == "cpu" and mesh.size == 1:
        return ONE_CPU_OPTIONS
    return (
        TPU_OPTIONS if platform == "tpu" and PRECISIONS[precision].products == "highest" else None
    )


@partial(jax.jit, static_argnames=("batch_size", "mesh"))
def take_batch(data: Batch, order: Array, t: Any, *, batch_size: int, mesh: Mesh) -> Batch:
    """Take batch t of an epoch, as it is stored: the images
    order[t batch_size : (t + 1) batch_size], spread over the mesh.

    Where there are neighbours, image order[i] comes with its neighbour of number i mod m: as the
    order is drawn anew for each epoch, so is the neighbour, and all numbers are as frequent.

    Args:
        data: all images and labels, whole on every device, so that each gathers its share without
            asking another.
        order: [n] of the epoch.
        t: number of the batch, from 0.
        batch_size: a multiple of the number of devices.
        mesh: the devices.
    """
    index = jax.lax.dynamic_slice_in_dim(order, t * batch_size, batch_size)
    index = rows.constrain(index, mesh, spread=True)
    batch = jax.tree.map(lambda array: array[index], data._replace(neighbors=None))
    if data.neighbors is not None:
        place = rows.constrain(t * batch_size + jnp.arange(batch_size), mesh, spread=True)
        neighbor = data.neighbors[index, place % data.neighbors.shape[1]]
        pairs = jnp.stack([batch.images, data.images[neighbor]], axis=1)
        batch = batch._replace(images=pairs)
    return rows.constrain(batch, mesh, spread=True)


def devices_for(batch_size: int) -> list[jax.Device]:  # pyright: ignore[reportInvalidTypeForm]
    """Choose as many of the devices of `rows.mesh()` as divide the batch evenly."""
    devices = rows.all_devices()
    if rows.is_shared():
        return _devices_of_processes_for(batch_size)
    n_devices = max(d for d in range(1, len(devices) + 1) if batch_size % d == 0)
    return devices[:n_devices]


def _devices_of_processes_for(batch_size: int) -> list[jax.Device]:  # pyright: ignore[reportInvalidTypeForm]
    """As many of each process, or, where the processes cannot divide the batch, those of this one:
    then each trains alone, and all come to the same.
    """
    n = processes.count()
    here = jax.local_devices()
    if batch_size % n:
        with rows.on(here):
            return devices_for(batch_size)
    of_each = max(d for d in range(1, len(here) + 1) if batch_size % (d * n) == 0)
    return [
        device
        for i in range(n)
        for device in [d for d in processes.devices() if d.process_index == i][:of_each]
    ]
