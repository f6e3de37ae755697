"""Apply a function to blocks of rows on every local device: the one place that knows devices,
blocks and memory.

Nearly everything heavy in this package is a sum or a map over the rows of a matrix. Such a function
is written once, for one block of rows; `map_sum` runs it over all blocks, one share of them on each
device, joined by a sum over the mesh. The same program runs on one core, on all cores (one XLA
device each), and on eight GPUs.

    X [n d]  --split-->  Rows of [n_blocks block d]
             --map_sum-->  total (on all devices), kept [n_blocks block ...]

The last block is filled up with zeros, and every `Rows` carries a weight for each row that is zero
in the filling.

On a mesh of several processes (`rows.on(processes.devices())`) X are the rows of this process, the
others have theirs, and all of them call the same functions: every process gets as many blocks, so
that the filling stands at the end of each one's, `join` gives back its own rows, and a total is the
same everywhere. What else they must agree in stands in `shares.py`.
"""

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from scratchclust import processes, shipping
from scratchclust.errors import InputError

AXIS = "rows"
MIN_PART = 2**20  # elements that are worth a thread


class Limits(NamedTuple):
    """What one device of a platform does at a time.

    A CPU's core computes out of its cache, and starting a program costs it next to nothing: so many
    small blocks. An accelerator starts a kernel in some microseconds, in which it could have done
    10^8 products: so few large ones.
    """

    block_rows: int  # of a block, at most
    # of the widest intermediate of a block, at most. On a CPU 1 MB in float32, which stays in a
    # core's cache (measured from 128 to 4,096 rows). On a GPU 512 MB: the passes over a block are
    # some 30 kernels of 2 microseconds, in each of which 7 MB could have been read, so that blocks
    # for a second-level cache of 50 MB, which is 1.6 times as fast as memory, would cost more in
    # starting than they gain (10^7 x 64 with k = 1,000, an iteration: 1,723 kernels and 45 ms for
    # them, by the text; by blocks of 32 MB 25,670 and 108); and what is a single block is not
    # copied out of an array of them. On a TPU 32 MB: XLA keeps what fits into a quarter of its
    # 128 MB of vector memory there, and starts nothing from outside
    block_elements: int
    block_multiple: int  # rows of a block come in multiples of so many, for an accelerator's tiles
    # rows and columns of two sets of points that meet: on a CPU 1 MB of distances, which stay in a
    # core's cache; on a GPU 64 MB, so that 70,000 points are 18 tiles and not 137; on a TPU 16 MB,
    # for its vector memory
    tile: int
    # multiplications that one compiled call may have, so that Ctrl-C ends the program and progress
    # shows, since none can be interrupted: at about 100 GFLOP/s of a CPU's core, and 50 TFLOP/s in
    # float32 of a large accelerator, a fraction of a second
    multiplications_per_call: float
    # elements below which one device is faster than several, where many short steps follow each
    # other: joining sums takes two CPU cores some microseconds, eight GPUs 20 to 30, in which one
    # reads 2^24 elements
    alone: int
    # bytes of X from the host that may stay on a device where that spares sending parts of it again
    # and again: half of the memory of a small accelerator, which needs as much for the blocks
    resident_bytes: int


LIMITS = {
    "cpu": Limits(2**11, 2**18, 1, 2**9, 2e10, 2**20, 0),
    "gpu": Limits(2**17, 2**27, 2**7, 2**12, 1e13, 2**26, 2**33),
    "tpu": Limits(2**15, 2**23, 2**7, 2**11, 1e13, 2**26, 2**32),
}
# A block off the CPU is a multiple of such a part of the power of two below it: so few shapes are
# compiled, and no more than an eighth of it is filling.
BLOCK_SIZES_PER_OCTAVE = 8

FEW_TAKEN = 16  # entries that a TPU takes one by one

# What one compiled call may last where its cost is not known before: see `Pace`.
SECONDS_PER_CALL = 0.5

AnyArray = Array | np.ndarray

_devices: ContextVar[tuple[jax.Device, ...] | None] = ContextVar("devices", default=None)  # pyright: ignore[reportInvalidTypeForm]


@contextmanager
def on(devices: list[jax.Device]) -> Iterator[None]:  # pyright: ignore[reportInvalidTypeForm]
    """Run what is inside on these devices instead of all local ones: `with
    rows.on(jax.local_devices()[:2]): ...`.
    """
    token = _devices.set(tuple(devices))
    try:
        yield
    finally:
        _devices.reset(token)


def mesh() -> Mesh:
    """The mesh of all local devices (or of those that `on` names), with the single axis "rows"."""
    return Mesh(np.array(_devices.get() or jax.local_devices()), (AXIS,))


def all_devices() -> list[jax.Device]:  # pyright: ignore[reportInvalidTypeForm]
    """The devices of the mesh, in its order."""
    return list(mesh().devices.flat)


def first_device() -> jax.Device:  # pyright: ignore[reportInvalidTypeForm]
    """The first device of the mesh that is this process's: where what is not spread lives."""
    return mesh().local_devices[0]


def is_shared() -> bool:
    """Whether the mesh is that of several processes, each of which has rows of its own."""
    chosen = _devices.get() or ()  # asked for without a device being looked for
    return len({device.process_index for device in chosen}) > 1


def platform() -> str:
    """ "cpu", "gpu" or "tpu": what the devices of the mesh are."""
    return first_device().platform


def limits() -> Limits:
    """What a device of the mesh does at a time."""
    return LIMITS.get(platform(), LIMITS["gpu"])  # an accelerator is called "cuda" or "rocm", too


def is_on_host(X: Any) -> bool:
    """Whether NumPy reads X where it is: a NumPy array, or a JAX array on CPU devices."""
    return not isinstance(X, jax.Array) or all(device.platform == "cpu" for device in X.devices())


def resident(X: Any) -> Any:
    """X on the first device if that is an accelerator and holds it, else X itself.

    It is put there as it is: a NumPy array in memory, of a type whose numbers float32 holds, so
    that nothing is rounded, and of at most `Limits.resident_bytes`.
    """
    is_array = isinstance(X, np.ndarray) and not _is_mapped(X) and not is_shared()
    is_exact = is_array and shipping.is_exact(X, np.dtype(np.float32))
    fits = is_exact and 0 < X.nbytes <= limits().resident_bytes
    return jax.device_put(X, first_device()) if fits else X


def _is_mapped(X: Any) -> bool:
    """Whether X is a file, or a view of one."""
    while isinstance(X, np.ndarray) and not isinstance(X, np.memmap):
        X = X.base
    return isinstance(X, np.memmap)


def worthwhile(n_elements: int) -> list[jax.Device]:  # pyright: ignore[reportInvalidTypeForm]
    """The devices for many passes over so many elements: one alone where joining the sums of
    several takes longer. Of a mesh of several processes always all of them.
    """
    alone = n_elements < limits().alone and not is_shared()
    return all_devices()[: 1 if alone else None]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Arrays with one entry a row, cut into blocks that are spread over the mesh."""

    # JAX arrays (and what JAX puts in their place), [n_blocks block ...], sharded by blocks
    arrays: tuple[Any, ...]
    mesh: Mesh = field(metadata={"static": True})

    def beside(self, *more: Any) -> "Rows":
        """The same blocks with further arrays behind their own."""
        return Rows((*self.arrays, *more), self.mesh)


def ceil_div(a: int, b: int) -> int:
    """The smallest whole number of at least a / b."""
    return -(-a // b)


def items_per_call(cost: int | float, block: int) -> int:
    """So many items fill a compiled call: a multiple of one block for each device.

    Args:
        cost: multiplications that an item takes.
        block: items that a device takes at a time.
    """
    blocks = max(int(limits().multiplications_per_call / max(cost, 1)) // block, 1)
    return blocks * block * mesh().size


def calls(n: int, cost: int | float, block: int) -> list[slice]:
    """The items 0 to n - 1 in spans, each of which is one compiled call, short enough to interrupt.

    Args:
        n: items in all.
        cost: multiplications that an item takes.
        block: items that a device takes at a time.

    Returns:
        Slices of the same length but for the last, a multiple of one block for each device: about
        `Limits.multiplications_per_call` on each device, which is less than a second.
    """
    length = items_per_call(cost, block)
    return [slice(begin, min(begin + length, n)) for begin in range(0, n, length)]


class Pace:
    """How many steps of an iteration one compiled call takes, for a loop whose steps no one can
    count in multiplications: the clock decides.

        pace = Pace(first=2, longest=64)
        while ...:
            with pace.timed() as call:
                state = finished(stretch(state, pace.steps))
                call.steps = int(state.n_iter)

    It begins with few steps, since the first call compiles and tells nothing of the next; then a
    call takes as many as fill `SECONDS_PER_CALL`, and at most twice as many as the last one, since
    one measurement may mislead. So Ctrl-C is heard and progress shown about twice a second, and a
    host read costs nothing beside that.

    Args:
        first: steps of the first call.
        longest: steps that a call may take at most, such as the room of its history.
    """

    def __init__(self, first: int = 1, longest: int | None = None) -> None:
        self.steps = first
        self._longest = longest

    @contextmanager
    def timed(self) -> Iterator["_Call"]:
        """Inside, one call is made; how many steps it took, if fewer than `steps`, is put there."""
        call = _Call(self.steps)
        began = time.perf_counter()
        yield call
        seconds = max(time.perf_counter() - began, 1e-9)
        fitting = round(SECONDS_PER_CALL / seconds * call.steps)
        if is_shared():  # every process has a clock of its own, and must take as many steps
            fitting = processes.numbers_of_all(fitting)[0]
        self.steps = max(1, min(2 * self.steps, fitting, self._longest or fitting))


@dataclass
class _Call:
    """A call that `Pace` measures."""

    steps: int  # that it took


def float_type(X: Any) -> np.dtype:
    """float32, or float64 for float64 data when `jax_enable_x64` is on."""
    return jax.dtypes.canonicalize_dtype(np.float64 if X.dtype == np.float64 else np.float32)


def offset_type(X: Any) -> np.dtype:
    """The precision in which `split` subtracts an offset from X."""
    return float_type(X) if isinstance(X, jax.Array) else np.result_type(X.dtype, np.float32)


def block_size(n: int, columns: int) -> int:
    """Rows in a block: of few sizes, so that few shapes are compiled, with bounded memory.

    On a CPU a power of two. Elsewhere, where n rows may be one or two blocks, as many as fill it
    but for an eighth.

    Args:
        n: number of rows in all.
        columns: entries that the widest intermediate has for each row.
    """
    here = limits()
    share = ceil_div(n, mesh().size)
    fitting = max(here.block_elements // max(columns, 1), 8)
    most = min(here.block_rows, 1 << (fitting.bit_length() - 1))
    needed = 1 << max(share - 1, 0).bit_length()
    if here.block_multiple == 1 or share <= here.block_multiple:
        return min(most, needed)
    of_each = ceil_div(share, ceil_div(share, most))  # blocks of the same size
    step = max(_power_of_two_below(of_each) // BLOCK_SIZES_PER_OCTAVE, here.block_multiple)
    return min(most, ceil_div(of_each, step) * step)


def _power_of_two_below(n: int) -> int:
    """The largest power of two of at most n."""
    return 1 << (n.bit_length() - 1)


def split(
    X: Any, *, block: int, offset: Any = None, group: Any = None, dtype: Any = None
) -> jax.Array:
    """Cut X [n ...] into blocks [n_blocks block ...] on the mesh, filled up with zeros, less
    `offset` if it is given.

    With `group` [n], NumPy's integers, row i loses offset[group[i]]; all lose the same without. A
    NumPy array is shifted in its own precision before it is rounded to `dtype`, so that float64
    data far from zero lose nothing. A JAX array stays on its devices (on a CPU it is read where it
    is, as a NumPy array would be).
    """
    dtype = np.dtype(dtype or float_type(X))
    n_blocks = _blocks_of_a_process(len(X), block)
    sharding = NamedSharding(mesh(), PartitionSpec(AXIS))
    if isinstance(X, jax.Array):
        if not is_shared() and platform() != "cpu" and mesh().size > 1:
            return _split_over_devices(X, offset, group, n_blocks, block, dtype)
        if not is_shared() and (X.dtype != dtype or not is_on_host(X)):
            return jax.device_put(
                _split_on_device(X, offset, group, n_blocks, block, dtype), sharding
            )
        X = np.asarray(X)
    if platform() != "cpu" and not is_shared() and shipping.is_worth_it(X, dtype):
        shift = None if offset is None else np.asarray(offset).astype(offset_type(X))
        return shipping.in_blocks(X, shift, group, n_blocks=n_blocks, block=block, mesh=mesh())
    filled = aligned((n_blocks * block, *X.shape[1:]), dtype)
    filled[len(X) :] = 0
    if offset is None:
        filled[: len(X)] = X
    else:
        shift = np.asarray(offset).astype(offset_type(X))
        shifted = filled[: len(X)]
        _in_threads(
            lambda part: _subtract(
                X[part], shift, None if group is None else group[part], shifted[part]
            ),
            X,
        )
    return _put_own(filled.reshape(n_blocks, block, *X.shape[1:]), sharding)


def _blocks_of_a_process(n: int, block: int) -> int:
    """The blocks that hold n rows, as many on each device, and as many in each process."""
    n_devices = len(mesh().local_devices)
    most = max(processes.numbers_of_all(n)) if is_shared() else n
    return ceil_div(max(most, 1), block * n_devices) * n_devices


def _put_own(blocks: np.ndarray, sharding: NamedSharding) -> jax.Array:
    """The blocks of this process on its devices, between those of the others."""
    if sharding.is_fully_addressable:
        return jax.device_put(blocks, sharding)
    return jax.make_array_from_process_local_data(sharding, blocks)


def put(values: np.ndarray, sharding: NamedSharding) -> jax.Array:
    """An array that every process has whole, on the mesh: each gives its own devices their part."""
    if sharding.is_fully_addressable:
        return jax.device_put(values, sharding)
    return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])


def _subtract(X: np.ndarray, shift: np.ndarray, group: np.ndarray | None, out: np.ndarray) -> None:
    """X less the shift, or each row less that of its group, a few rows at a time: these shifts are
    as large as X.
    """
    step = len(X) if group is None else max(1, MIN_PART // max(X[:1].size, 1))
    for first in range(0, len(X), step or 1):
        part = slice(first, first + step)
        np.subtract(
            X[part],
            shift if group is None else shift[group[part]],
            out=out[part],
            casting="same_kind",
        )


def on_every_device(array: Any, mesh: Mesh) -> jax.Array:
    """The array whole on every device of the mesh. CPU devices share one copy, which is theirs
    alone.
    """
    if mesh.devices.flat[0].platform == "cpu":
        shared = aligned(array.shape, jax.dtypes.canonicalize_dtype(array.dtype))
        shared[...] = np.asarray(array)
        array = shared
    return put(array, NamedSharding(mesh, PartitionSpec()))


def _in_threads(f: Callable[[slice], Any], X: np.ndarray) -> None:
    """f of a part of the rows of X for each core at once: NumPy itself uses one."""
    n_parts = max(min(os.cpu_count() or 1, X.size // MIN_PART), 1)
    ends = [len(X) * i // n_parts for i in range(n_parts + 1)]
    with ThreadPoolExecutor(n_parts) as pool:
        list(pool.map(f, itertools.starmap(slice, itertools.pairwise(ends))))


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that begins at a multiple of 64 bytes: such a one CPU devices take
    without a copy.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    raw = np.empty(n_bytes + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + n_bytes].view(dtype).reshape(shape)


def _split_over_devices(
    X: jax.Array, offset: Any, group: Any, n_blocks: int, block: int, dtype: Any
) -> jax.Array:
    """The blocks of each device made where they are to lie: the device of X, which holds X, never
    holds those of all others beside it.
    """
    here = mesh()
    per_device = n_blocks // here.size
    parts = []
    for i, device in enumerate(here.devices.flat):
        span = slice(i * per_device * block, (i + 1) * per_device * block)
        own = jax.device_put(X[span], device)
        of_own = None if group is None else group[span]
        parts.append(_split_on_device(own, offset, of_own, per_device, block, dtype))
    shape = n_blocks, block, *X.shape[1:]
    return jax.make_array_from_single_device_arrays(shape, by_blocks(), parts)


@partial(jax.jit, static_argnames=("n_blocks", "block", "dtype"))
def _split_on_device(
    X: jax.Array, offset: Any, group: Any, n_blocks: int, block: int, dtype: Any
) -> jax.Array:
    X = X.astype(dtype)
    if offset is not None:
        X = X - jnp.asarray(offset, dtype)[None if group is None else group]
    filling = [(0, n_blocks * block - len(X))] + [(0, 0)] * (X.ndim - 1)
    return jnp.pad(X, filling).reshape(n_blocks, block, *X.shape[1:])


def join(blocks: jax.Array, n: int) -> jax.Array:
    """The first n rows of [n_blocks block ...] as one array on one device: the way back from
    `split`. Of several processes each gets the first n of its own.

    Raises:
        InputError: some of the blocks lie on devices of another process, and the mesh is not that
            of several: nothing says whose rows are wanted.
    """
    if not blocks.is_fully_addressable and not is_shared():
        raise InputError(
            "expected blocks on devices of this process, got some that only other processes can "
            "read: use rows.on(jax.local_devices())"
        )
    local = jax.local_devices()[0] if not blocks.is_fully_addressable else None
    device = local or blocks.sharding.mesh.devices.flat[0]  # pyright: ignore[reportAttributeAccessIssue]
    if local is None and device.platform != "cpu":
        shape = blocks.shape[0] * blocks.shape[1], *blocks.shape[2:]
        return jax.device_put(blocks, device).reshape(shape)[:n]
    # on the host there is nothing to compile
    shards = sorted(blocks.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    n_blocks = sum(len(shard.data) for shard in shards)
    filled = aligned((n_blocks, *blocks.shape[1:]), blocks.dtype)
    begin = 0
    for shard in shards:
        filled[begin : begin + len(shard.data)] = np.asarray(shard.data)
        begin += len(shard.data)
    shape = n_blocks * blocks.shape[1], *blocks.shape[2:]
    return jax.device_put(filled.reshape(shape)[:n], device)


def map_sum(f: Callable[..., tuple[Any, Any]], rows: Rows, *shared: Any) -> tuple[Any, Any]:
    """Apply f to every block: sum its first result over all blocks, keep its second block by block.

        total = sum_b f(*block_b, *shared)[0]        kept[b] = f(*block_b, *shared)[1]

    Args:
        f: a function of one block of each array in `rows`, [block ...], and of `shared`; either
            result can be None.
        rows: the blocks.
        shared: arrays that every device holds whole. Those without elements are made anew on each
            device; what f closes over must have elements, though it cannot be seen from here.

    Returns:
        total, the same on every device, and kept [n_blocks block ...], spread as the rows are.
        Memory: one block.

    Raises:
        ValueError: the rows have no elements.
    """
    _refuse_empty(rows.arrays)
    operands, whole_again = _without_empty(shared)

    def on_one_device(arrays: tuple[jax.Array, ...], given: Any) -> tuple[Any, Any]:
        shared = whole_again(given)

        def step(total: Any, block: tuple[jax.Array, ...]) -> tuple[Any, Any]:
            part, kept = f(*block, *shared)
            return jax.tree.map(jnp.add, total, part), kept

        shapes, _ = jax.eval_shape(f, *(array[0] for array in arrays), *shared)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        total, kept = jax.lax.scan(step, zeros, arrays)
        return jax.lax.psum(total, AXIS), kept

    spread = PartitionSpec(AXIS)
    whole = PartitionSpec()
    run = jax.shard_map(
        on_one_device,
        mesh=rows.mesh,
        in_specs=(spread, whole),
        out_specs=(whole, spread),
        check_vma=False,
    )
    return run(rows.arrays, operands)


def _refuse_empty(operands: Any) -> None:
    """jaxlib 0.11.2 ends the process where an operand of a program over several devices has no
    elements.
    """
    empty = [np.shape(operand) for operand in jax.tree.leaves(operands) if 0 in np.shape(operand)]
    if empty:
        raise ValueError(
            f"expected operands with elements, got one of shape {list(empty[0])}: leave it out"
        )


def _without_empty(operands: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The arrays with elements, in a list, and the function that puts them and the empty ones in
    their places again.
    """
    leaves, tree = jax.tree.flatten(operands)
    empty = [jax.eval_shape(jnp.asarray, leaf) if 0 in np.shape(leaf) else None for leaf in leaves]

    def whole_again(given: list[Any]) -> Any:
        rest = iter(given)
        return tree.unflatten(
            [next(rest) if e is None else jnp.zeros(e.shape, e.dtype) for e in empty]
        )

    return [leaf for leaf, e in zip(leaves, empty, strict=True) if e is None], whole_again


def finished(results: Any) -> Any:
    """The results of a compiled program that sums over the mesh, once every device has ended it.

    Several CPU devices can lock up when such a program starts before the last one has ended (XLA
    then aborts the process after 40 seconds), so whoever calls one from Python waits for it here.
    Accelerators take one program after the other from a queue of their own: there nobody waits.
    """
    return jax.block_until_ready(results) if platform() == "cpu" else results


def constrain(arrays: Any, mesh: Mesh, *, spread: bool = False) -> Any:
    """Inside `jit`: the same arrays, whole on every device, or spread by their first axis."""
    sharding = NamedSharding(mesh, PartitionSpec(AXIS) if spread else PartitionSpec())
    return jax.tree.map(lambda array: jax.lax.with_sharding_constraint(array, sharding), arrays)


def take(blocks: jax.Array, index: tuple[jax.Array, ...], mesh: Mesh) -> jax.Array:
    """blocks[index] of an array that is spread over the mesh by its first axis; each device gives
    what it has.

    Args:
        blocks: [n_blocks ...].
        index: one integer array [m] for the first axis, or one for each of the first axes; m is at
            least 1.
        mesh: where the blocks are.

    Raises:
        ValueError: an array without elements comes in.
    """
    _refuse_empty((blocks, index))

    def on_one_device(part: jax.Array, index: tuple[jax.Array, ...]) -> jax.Array:
        local = index[0] - jax.lax.axis_index(AXIS) * len(part)
        mine = (local >= 0) & (local < len(part))
        own = (jnp.clip(local, 0, len(part) - 1), *index[1:])
        few = len(local) <= FEW_TAKEN
        found = jax.lax.platform_dependent(
            part, own, tpu=taken_one_by_one if few else _taken, default=_taken
        )
        return jax.lax.psum(jnp.where(mine.reshape(-1, *[1] * (found.ndim - 1)), found, 0), AXIS)

    spread = PartitionSpec(AXIS)
    whole = PartitionSpec()
    run = jax.shard_map(
        on_one_device, mesh=mesh, in_specs=(spread, whole), out_specs=whole, check_vma=False
    )
    return run(blocks, index)


def _taken(part: jax.Array, index: tuple[jax.Array, ...]) -> jax.Array:
    return part[index]


def taken_one_by_one(part: jax.Array, index: tuple[jax.Array, ...]) -> jax.Array:
    """The same by slices, as for a gather (and for a loop of slices) a TPU lays all of an array out
    anew: the points of k-means++ for every centroid, which takes longer than the rest.
    """
    return jnp.stack([part[tuple(of_axis[i] for of_axis in index)] for i in range(len(index[0]))])


def by_blocks() -> NamedSharding:
    """The sharding of an array of blocks [n_blocks ...], a share of them on each device."""
    return NamedSharding(mesh(), PartitionSpec(AXIS))


def whole() -> NamedSharding:
    """The sharding of an array that every device of the mesh holds whole."""
    return NamedSharding(mesh(), PartitionSpec())
