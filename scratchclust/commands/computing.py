"""What commands that compute have in common: progress, the device, silent libraries."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from scratchclust.commands.options import Device
from scratchclust.commands.terminal import libraries_silenced, spinner

if TYPE_CHECKING:
    from scratchclust.rates import Rates


class Computing(NamedTuple):
    """What a command tells its steps to, and what it calls once the images are read."""

    tell: Callable[[str], None]
    begin: Callable[[], None]


def rates_of(device: Device | None) -> "Rates | None":
    """Rates of a device that was asked for, and is there, since JAX was started for it; None where
    JAX is started later.
    """
    if device is None:
        return None
    from scratchclust.rates import device_rates

    return device_rates()


@contextmanager
def computing(device: Device | None, *, debug: bool, quiet: bool) -> Iterator[Computing]:
    """Show progress, and start JAX: before images are read where a device was asked for, since one
    that is not there is to be told first; else when `begin` is called.

    Libraries in C are silent until `begin`: they decode pictures.
    """
    from scratchclust.devices import keep_compiled_programs, use_device

    # to log.txt only: some library sets up the root logger
    logging.getLogger("scratchclust").propagate = False
    with spinner(quiet) as tell, ExitStack() as reading:

        def start() -> None:
            tell("starting JAX")
            use_device(device and device.value)
            keep_compiled_programs()

        def begin() -> None:
            reading.close()
            if device is None:
                start()

        if device is not None:
            start()
        reading.enter_context(libraries_silenced(debug))
        yield Computing(tell, begin)
