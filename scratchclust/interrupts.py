"""Ctrl-C that ends the program at once, at any moment, and leaves the terminal as it was."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

LATEST_SECONDS = 0.5  # that the last words may take
# the line of a spinner deleted, and the cursor shown that it has hidden
_CLEARED = "\r\x1b[2K\x1b[?25h"


def end_at_ctrl_c(last_words: Callable[[], str], code: int) -> None:
    """Let Ctrl-C, from here on, end the process with this code; nothing is raised or unwound.

    That is as safe as it is to kill a run, whose folder is whole at every moment, and safer than
    KeyboardInterrupt: one that meets C++ code half-way through an import makes it abort, and one in
    a callback is lost. For one process only, the program's own, since nothing is restored but by
    `die_of_ctrl_c`.

    Python calls a handler only when the main thread is back in Python, and one compiled stretch may
    last. Its C code writes the signal's number to the wakeup socket at once, though: a thread waits
    for that. Until that thread is there, which takes some imports, the handler itself ends the
    process.

    Args:
        last_words: the line to leave on standard error.
        code: the exit code.
    """
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        return  # in the background of a shell: to be left alone

    def end(number: int, frame: FrameType | None) -> None:
        _end(last_words, code)

    signal.signal(signal.SIGINT, end)
    import logging
    import socket
    import threading

    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def wait() -> None:
        while signal.SIGINT not in reader.recv(16):
            pass
        # whatever waits for the terminal, or for the log's lock
        threading.Timer(LATEST_SECONDS, os._exit, (code,)).start()
        logging.getLogger("scratchclust").info("interrupted")
        _end(last_words, code)

    threading.Thread(target=wait, daemon=True).start()
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, lambda number, frame: None)


def die_of_ctrl_c() -> None:
    """Let Ctrl-C, from here on, kill the process without a word, as it does any other program.

    For the end, where Python tidies up: all is said then, and KeyboardInterrupt would show a
    traceback.
    """
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)


def _descriptor() -> int:
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or something in its place
        return 2


def _end(last_words: Callable[[], str], code: int) -> None:
    try:
        line = last_words() + "\n"
        stderr = _descriptor()
        on_terminal = os.isatty(stderr) and os.environ.get("TERM") not in ("dumb", "unknown")
        terminal = os.dup(stderr)
        # The main thread, and the one that turns a spinner, are still at work: what they write now
        # goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stderr)
        os.write(
            terminal, ((_CLEARED if on_terminal else "") + line).encode(errors="backslashreplace")
        )
    finally:
        os._exit(code)
