"""The program `scratchclust`: its exit code, and what it says when it ends otherwise than it should.

Exit codes: 0 done, 1 failed, 2 wrong use or input, 130 interrupted. An error is one line on standard error; --debug
shows the traceback as well. What the commands do is in `commands`, which is imported late: Ctrl-C comes first.
"""

import os
import sys
from typing import Any

from scratchclust.interrupts import die_of_ctrl_c, end_at_ctrl_c

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
_warned: set[str] = set()  # what was said already


def main() -> None:
    """Runs the command line and exits with its code."""
    end_at_ctrl_c(_last_words, INTERRUPTED)
    import logging
    import traceback
    import warnings

    debug = "--debug" in sys.argv
    # The host decomposes small matrices only; on a busy machine the threads of its BLAS wait for each other instead.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.raiseExceptions = debug  # a log that cannot be written (a full disk) is no news beside the error itself
    if not debug:
        warnings.showwarning = _show_warning
    try:
        from scratchclust.commands import app

        code = app(prog_name="scratchclust", standalone_mode=False) or 0
    except BaseException as error:
        if debug:
            traceback.print_exc()
        code = _explain(error)
    die_of_ctrl_c()
    sys.exit(code)


def _explain(error: BaseException) -> int:
    """Prints the error in one line and gives the exit code for it."""
    from scratchclust.errors import InputError

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    code = getattr(error, "exit_code", None)
    usage = getattr(
        error, "format_message", None
    )  # typer's own errors, by their looks: the classes moved with versions
    if isinstance(error, InputError):
        _say(str(error))
        return WRONG_INPUT
    if usage is not None:
        _say(f"{usage()} (`scratchclust --help` and `scratchclust COMMAND --help` tell more)")
        return WRONG_INPUT
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _say(_last_words())
        return INTERRUPTED
    if type(error).__name__ == "Exit" and isinstance(code, int):
        return code
    text = " ".join(str(error).split())
    _say(f"failed: {type(error).__name__}: {text} (--debug shows where)")
    return FAILED


def _say(line: str) -> None:
    from scratchclust.errors import escaped

    print("scratchclust:", escaped(line), file=sys.stderr, flush=True)


def _last_words() -> str:
    """What Ctrl-C leaves on the terminal."""
    if "run" in sys.argv[1:2]:
        return "scratchclust: interrupted: the same command with --resume continues the run"
    return "scratchclust: interrupted"


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if str(message) not in _warned:
        _warned.add(str(message))
        _say(f"warning: {message}")


if __name__ == "__main__":
    main()
