"""Ctrl-C that always ends a program within a second."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

GRACE = 0.5  # seconds that Python gets to unwind before the process is ended


@contextmanager
def ended_by_ctrl_c(say_so: Callable[[], None], code: int) -> Iterator[threading.Event]:
    """Within this, Ctrl-C ends the process in less than a second, also in the middle of a long compiled stretch.

    Python raises KeyboardInterrupt only when the main thread is back in Python. Its C code writes the signal's number
    to the wakeup socket at once, though; a thread that reads it gives the main thread its time to unwind and then ends
    the process. That is as safe as it is to kill a run: its folder is whole at every moment. Where the exception is
    lost, in a callback of the garbage collector for one, the same thread ends the process, and nothing is said of that.

    Args:
        say_so: tells the user, where the process has to be ended.
        code: its exit code then.

    Yields:
        An event that is set once Ctrl-C was pressed.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    interrupted, unwound = threading.Event(), threading.Event()

    def watch() -> None:
        while signal.SIGINT not in reader.recv(16):
            pass
        interrupted.set()
        if not unwound.wait(GRACE):
            print("\x1b[?25h" if sys.stderr.isatty() else "", end="", file=sys.stderr)  # the cursor progress has hidden
            say_so()
            os._exit(code)

    def complain(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            complaining(unraisable)

    previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    complaining, sys.unraisablehook = sys.unraisablehook, complain
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield interrupted
    finally:
        unwound.set()
        sys.unraisablehook = complaining
        signal.set_wakeup_fd(previous)
