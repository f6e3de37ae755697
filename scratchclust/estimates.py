"""What a piece of work takes before it is begun: operations, bytes, memory, and seconds here.

    seconds = sum over kinds of work: count / rate of this device

The counts are formulas (`costs.py`), the rates are measured once in a process (`rates.py`). What
compiling takes is not in it: some seconds once for each size.
"""

import inspect
from typing import Any, NamedTuple

from scratchclust.costs import COSTS, Work
from scratchclust.errors import InputError
from scratchclust.rates import Rates, device_rates

BLOCKS = 8  # of a device, with intermediates, that are held at a time


class Estimate(NamedTuple):
    """What a piece of work takes.

    Attributes:
        operations: multiplications, additions, comparisons.
        bytes: read and written that no cache holds.
        memory: bytes held at a time, beyond X itself.
        seconds: on this device, compiling apart; within a factor of two, as a rule.
    """

    operations: float
    bytes: float
    memory: float
    seconds: float


def estimate(
    algorithm: str,
    n: int,
    d: int,
    k: int | None = None,
    *,
    rates: Rates | None = None,
    **settings: Any,
) -> Estimate:
    """Say what an algorithm takes on n points of d features, on this device.

        scratchclust.estimate("kmeans", 60_000, 784, 10).seconds

    Args:
        algorithm: "kmeans", "minibatch_kmeans", "gmm", "dbscan", "agglomerative", "spectral",
            "pca", "kernel_pca", "tsne", "silhouette", "dunn", "neighbors" or "autoencoder".
        n: points (or images).
        d: features (or numbers of an image).
        k: clusters, axes, neighbours or the length of a code; None: what the estimator has.
        rates: of the device; None: measured, at the first call, in a second or so.
        settings: of the algorithm's function in `scratchclust.costs`, such as `n_iter`, `n_init`,
            `covariance_type`, `linkage`, `max_iter`, `epochs`.

    Raises:
        InputError: there is no such algorithm or setting, or a number is less than 1.
    """
    work = work_of(algorithm, n, d, k, **settings)
    return Estimate(
        operations=work.products + work.elements + work.exact,
        bytes=work.bytes,
        memory=work.memory + _of_blocks(rates),
        seconds=seconds_of(work, rates or device_rates()),
    )


def work_of(algorithm: str, n: int, d: int, k: int | None = None, **settings: Any) -> Work:
    """The counts of an algorithm at a size.

    Raises:
        InputError: there is no such algorithm or setting, or a number is less than 1.
    """
    name = algorithm.replace("-", "_")
    if name not in COSTS:
        raise InputError(
            f"expected algorithm to be one of {', '.join(COSTS)}, got {algorithm!r}: give one"
        )
    for what, number in (("n", n), ("d", d), ("k", 1 if k is None else k)):
        if number < 1:
            raise InputError(
                f"expected {what} of at least 1, got {number}: give how many there are"
            )
    count = COSTS[name]
    known = [name for name in inspect.signature(count).parameters if name not in ("n", "d", "k")]
    if unknown := sorted(set(settings) - set(known)):
        raise InputError(
            f"expected settings of {name} ({', '.join(known) or 'it has none'}), got "
            f"{', '.join(unknown)}: leave that out"
        )
    return count(n, d, **({} if k is None else {"k": k}), **settings)


def seconds_of(work: Work, rates: Rates) -> float:
    """How long the work takes at these rates: kind after kind, since they wait for each other."""
    return (
        work.products / rates.products
        + work.elements / rates.elements
        + work.bytes / rates.bytes
        + work.scattered / rates.scattered
        + work.exact / rates.exact
        + work.calls / rates.calls
    )


def floor_of(work: Work, rates: Rates) -> float:
    """What no program for this work can go below here: the longer of its products and its bytes."""
    return max(work.products / rates.products, work.bytes / rates.bytes)


def _of_blocks(rates: Rates | None) -> float:
    """Bytes of the blocks that all devices hold at a time; nothing where JAX is not in use."""
    if rates is not None:
        return 0.0
    from scratchclust import rows

    return float(BLOCKS * 4 * rows.limits().block_elements * len(rows.all_devices()))
