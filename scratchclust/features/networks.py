"""What all learned features need: a trained network as plain arrays, and images through it batch by
batch.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Num, Shaped

from scratchclust import rows, shares
from scratchclust.compiling import TPU_OPTIONS
from scratchclust.errors import InputError
from scratchclust.train.steps import unit_scale

# at a time when nothing is learned; 512 of 32x32 need some 100 MB in a network of 64 channels
BATCH_IMAGES = 512


def arrays_of(model: nnx.Module) -> dict[str, np.ndarray]:
    """Give every parameter and running statistic of a model, by its path in it:
    "encoder.layers.0.conv.kernel".
    """
    leaves = jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(nnx.state(model)))[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.array(leaf)
        for path, leaf in leaves
    }


def model_of(
    spec: Any, image_shape: tuple[int, int, int], arrays: dict[str, np.ndarray]
) -> nnx.Module:
    """Build the model of a spec with these arrays, in evaluation mode: the way back of `arrays_of`.

    Raises:
        InputError: the arrays are those of another model.
    """
    graphdef, outline = _outline_of(spec, image_shape)
    state = jax.tree.map(lambda leaf: leaf, outline)  # a copy: the outline stays as it is
    pure = nnx.to_pure_dict(state)
    expected = {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf.shape
        for path, leaf in jax.tree_util.tree_flatten_with_path(pure)[0]
    }
    wrong = sorted(
        name
        for name in expected | arrays
        if name not in arrays or expected.get(name) != np.shape(arrays[name])
    )
    if wrong:
        raise InputError(
            f"the arrays are not those of {spec} for {image_shape}: "
            f"{wrong[0]} is missing, not known or of another shape; "
            "give the spec and the image shape that they were trained with"
        )
    leaves = [jax.numpy.asarray(arrays[name]) for name in expected]
    nnx.replace_by_pure_dict(state, jax.tree.unflatten(jax.tree.structure(pure), leaves))
    return nnx.merge(graphdef, state)


@cache
def _outline_of(spec: Any, image_shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """The graph of a spec's model, in evaluation mode, and the shapes of its arrays.

    No parameter is drawn. Tracing a deep network takes a second, which those who encode a few
    images at a time would wait for again and again.
    """
    model = nnx.eval_shape(lambda: spec.build(image_shape, rngs=nnx.Rngs(0)))
    model.eval()
    return nnx.split(model)


def in_batches(
    model: nnx.Module,
    f: Callable[..., Any],
    values: Num[np.ndarray, "n ..."],
    *,
    prepare: Callable[..., Any] = unit_scale,
    batch_size: int = BATCH_IMAGES,
) -> Shaped[np.ndarray, "n ..."]:
    """Compute f(model, prepare(batch)) for all values, on all local devices.

    The last batch is filled up with zeros.

    Args:
        model: in the mode that is wanted; it does not change.
        f: a function of (model, batch) that returns one array with an entry for each of the batch.
            It is compiled once for each function object and shape, so give one that is defined at
            the top of a module.
        values: images or codes, at least one.
        prepare: applied to each batch on the device; bytes become floats in [0, 1].
        batch_size: values at a time, rounded up to a multiple of the number of devices.
    """
    if rows.is_shared():  # each process has images of its own, and need ask no other
        with shares.alone():
            return in_batches(model, f, values, prepare=prepare, batch_size=batch_size)
    mesh = rows.mesh()
    spread = NamedSharding(mesh, PartitionSpec(rows.AXIS))
    size = rows.ceil_div(min(batch_size, len(values)), mesh.size) * mesh.size
    graphdef, state = nnx.split(model)
    state = jax.device_put(state, rows.whole())
    apply = _apply_on_tpu if rows.platform() == "tpu" else _apply

    def results() -> Iterator[tuple[slice, Any]]:
        for begin in range(0, len(values), size):
            batch = np.asarray(values[begin : begin + size])
            filling = np.zeros((size - len(batch), *batch.shape[1:]), batch.dtype)
            placed = jax.device_put(np.concatenate([batch, filling]), spread)
            result = rows.finished(apply(graphdef, state, placed, f, prepare))
            yield slice(begin, begin + len(batch)), result

    found = None  # one array from the start: joining batches would hold all of it twice
    for span, result in _one_behind(results()):
        if found is None:
            found = np.empty((len(values), *result.shape[1:]), result.dtype)
        found[span] = np.asarray(result)[: span.stop - span.start]
    assert found is not None  # there is at least one value
    return found


def _one_behind(started: Iterator[Any]) -> Iterator[Any]:
    """Each of these once the next one is started, so that an accelerator computes while the host
    reads.
    """
    before = next(started)
    for one in started:
        yield before
        before = one
    yield before


@jax.default_matmul_precision("highest")  # the same codes on every device
def _apply_in_full(
    graphdef: Any, state: Any, batch: Any, f: Callable[..., Any], prepare: Callable[..., Any]
) -> Any:
    return f(nnx.merge(graphdef, state), prepare(batch))


_compiled = partial(jax.jit, _apply_in_full, static_argnames=("graphdef", "f", "prepare"))
_apply = _compiled()
_apply_on_tpu = _compiled(compiler_options=TPU_OPTIONS)
