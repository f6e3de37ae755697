"""How fast this device is, measured once in a process, in a second or so: what an estimate divides
operations and bytes by.

Each rate is that of all devices of the mesh together, on work that does nothing else:

    products   products in float32 of a block's size, as this package's are
    elements   arithmetic on numbers that a cache holds: the sum, minimum and root of a tile
    bytes      a copy of what no cache holds, read and written
    scattered  numbers fetched from places in no order
    exact      a product in float64 on the host, where decompositions are done
    calls      compiled programs started one after the other

Where JAX has not been set up yet, `host_rates` measures the same with NumPy.
"""

import math
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

REPEATS = 3  # of which the fastest counts
FUSED = 3  # steps that a compiled program does for each number it fetches; NumPy does one
CHAINED = 32  # steps of arithmetic on the same numbers


class Rates(NamedTuple):
    """So many a second."""

    products: float  # multiplications and additions
    elements: float
    bytes: float
    scattered: float
    exact: float
    calls: float


class _Sizes(NamedTuple):
    """Of the work on each device: long beside the start of a program, short beside a second."""

    rows: int  # of a product
    columns: int  # of both factors
    cached: int  # numbers
    copied: int


_CPU = _Sizes(2**12, 2**7, 2**18, 2**23)
_ACCELERATOR = _Sizes(2**18, 2**8, 2**22, 2**27)


def _seconds(run: Callable[[], Any]) -> float:
    """Of the fastest of a few calls, after one to warm up."""
    run()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return max(min(taken), 1e-9)


def _exact_rate() -> float:
    A = np.ones((384, 384))
    return 2 * len(A) ** 3 / _seconds(lambda: A @ A)


@cache
def host_rates() -> Rates:
    """Of the host's cores, by NumPy, which uses one of them but for products."""
    cores = _n_cores()
    A = np.ones((1024, 1024), np.float32)
    cached = np.ones(2**14, np.float32)
    long = np.ones(2**22, np.float32)
    copy = np.empty_like(long)
    places = np.random.default_rng(0).integers(len(long), size=2**18)
    small = np.ones(8, np.float32)
    return Rates(
        products=2 * len(A) ** 3 / _seconds(lambda: A @ A),
        elements=FUSED * cores * len(cached) / _seconds(lambda: np.minimum(cached, 2, out=cached)),
        bytes=2 * long.nbytes / _seconds(lambda: np.copyto(copy, long)),
        scattered=cores * len(places) / _seconds(lambda: long[places]),
        exact=_exact_rate(),
        calls=1 / _seconds(lambda: small.sum()),
    )


def device_rates() -> Rates:
    """Of the devices that `rows` computes on; measured at the first call."""
    from scratchclust import rows

    return _rates_of(tuple(rows.all_devices()))


@cache
def _rates_of(devices: tuple[Any, ...]) -> Rates:
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from scratchclust.distances import PRECISION
    from scratchclust.rows import AXIS

    mesh = Mesh(np.array(devices), (AXIS,))
    spread = PartitionSpec(AXIS)
    sizes = _CPU if devices[0].platform == "cpu" else _ACCELERATOR

    def made(*shape: int) -> jax.Array:
        """Ones on every device, made there."""
        full = (shape[0] * len(devices), *shape[1:])
        return jax.jit(
            lambda: jnp.ones(full, jnp.float32), out_shardings=NamedSharding(mesh, spread)
        )()

    def rate(f: Callable[..., jax.Array], amount: float, *given: jax.Array) -> float:
        """How much of f's amount all devices do in a second, each on its part of the arrays."""
        specs = tuple(spread for _ in given)
        run = jax.jit(
            jax.shard_map(f, mesh=mesh, in_specs=specs, out_specs=spread, check_vma=False)
        )
        return len(devices) * amount / _seconds(lambda: jax.block_until_ready(run(*given)))

    def arithmetic(x: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, CHAINED, lambda i, y: jnp.minimum(y, i + x) * x, x)

    def fetched(x: jax.Array) -> jax.Array:
        places = (jnp.arange(sizes.cached, dtype=jnp.uint32) * jnp.uint32(2654435761)) % len(x)
        return x[places.astype(jnp.int32)]

    square = made(sizes.rows, sizes.columns)
    weights = made(sizes.columns, sizes.columns)
    long = made(sizes.copied)
    return Rates(
        products=rate(
            lambda x, w: jnp.matmul(x, w, precision=PRECISION),
            2.0 * sizes.rows * sizes.columns**2,
            square,
            weights,
        ),
        elements=rate(arithmetic, 3.0 * CHAINED * sizes.cached, made(sizes.cached)),
        bytes=rate(lambda x: x + 1, 8.0 * sizes.copied, long),
        scattered=rate(fetched, float(sizes.cached), long),
        exact=_exact_rate(),
        calls=rate(lambda x: x + 1, 1.0 / len(devices), made(1)),
    )


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rounded(rates: Rates) -> dict[str, float]:
    """The rates with three digits, for people."""
    return {
        name: float(f"{value:.3g}") if math.isfinite(value) else value
        for name, value in rates._asdict().items()
    }


def forget() -> None:
    """Measure anew at the next call."""
    _rates_of.cache_clear()
    host_rates.cache_clear()
