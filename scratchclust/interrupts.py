"""Ctrl-C that always ends a program within a second."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE = 0.5  # seconds that Python gets to unwind before the process is ended


@contextmanager
def ended_by_ctrl_c(say_so: Callable[[], None], code: int) -> Iterator[threading.Event]:
    """Within this, Ctrl-C ends the process in less than a second, also in the middle of a long compiled stretch.

    Python raises KeyboardInterrupt only when the main thread is back in Python. Its C code writes the signal's number
    to the wakeup socket at once, though; a thread that reads it gives the main thread its time to unwind and then ends
    the process. That is as safe as it is to kill a run: its folder is whole at every moment.

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

    previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield interrupted
    finally:
        unwound.set()
        signal.set_wakeup_fd(previous)
