"""`--distributed`: the command in one of several processes, from their meeting to their end."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from scratchclust.commands.options import Device
from scratchclust.commands.terminal import errors_kept, output_silenced
from scratchclust.errors import InputError, LostProcessError, escaped

CURE = "the same command with --resume continues the run"


class Meeting(NamedTuple):
    """Where the processes meet; None each where the cluster's environment tells."""

    coordinator: str | None
    processes: int | None
    process: int | None

    def check(self, *, distributed: bool) -> None:
        """Refuse the details where nothing was said of several processes.

        Raises:
            InputError: it is so.
        """
        if not distributed and any(value is not None for value in self):
            raise InputError(
                "--coordinator, --processes and --process are of --distributed: give it, too"
            )


def take_part(
    meeting: Meeting,
    arguments: dict[str, Any],
    *,
    device: Device | None,
    debug: bool,
    lead: Callable[[], None],
) -> None:
    """Meet the other processes; on process 0 `lead` the run, else follow it.

    Args:
        meeting: where.
        arguments: of the command, which must be the same for all processes.
        device: as of the command.
        debug: whether libraries may write to standard error.
        lead: runs the command.

    Raises:
        InputError: the processes do not meet, or differ in their arguments; or process 0 met it.
        LostProcessError: another process has ended.
    """
    from scratchclust import processes

    with errors_kept(debug) as told, output_silenced():  # JAX's service and gloo tell a lot
        _set_up()
        processes.end_with_the_others(_say_lost, told)
        processes.start(*meeting)
        try:
            _work(arguments, device, lead)
        except InputError:
            processes.part()
            raise
        except Exception as error:
            if debug or not processes.is_of_a_loss(error):
                raise
            raise LostProcessError(f"{processes.LOST}: {CURE}") from error


def _set_up() -> None:
    """What of JAX must be chosen before the processes meet; the device is looked for after it."""
    from scratchclust.devices import keep_compiled_programs, use_all_cores

    use_all_cores()
    keep_compiled_programs()


def _work(arguments: dict[str, Any], device: Device | None, lead: Callable[[], None]) -> None:
    from scratchclust import processes
    from scratchclust.devices import use_device
    from scratchclust.experiment import together
    from scratchclust.experiment.images import load_clustered

    use_device(device and device.value)
    processes.check_same(arguments, "arguments")
    if processes.is_first():
        with together.leading():
            lead()
    else:
        together.follow(load_clustered)


def _say_lost(what: str) -> None:
    from scratchclust import processes

    line = f"{what}: {CURE}" if what == processes.LOST else what
    print("scratchclust: failed:", escaped(line), file=sys.stderr, flush=True)
