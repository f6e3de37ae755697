"""The program `scratchclust`: its exit code, and what it says when it ends as it should not.

Exit codes: 0 done, 1 failed, 2 wrong use or input, 130 interrupted. An error is one line on
standard error; --debug shows the traceback as well. What the commands do is in `commands`, which is
imported late: Ctrl-C comes first.
"""

import os
import sys

from scratchclust.interrupts import die_of_ctrl_c, end_at_ctrl_c

FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130
_warned: set[str] = set()  # what was said already


def main() -> None:
    """Run the command line and exit with its code."""
    end_at_ctrl_c(_last_words, INTERRUPTED)
    import logging
    import traceback
    import warnings

    debug = "--debug" in sys.argv
    # The host decomposes small matrices only; on a busy machine the threads of its BLAS wait for
    # each other instead.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # a log that cannot be written (a full disk) is no news beside the error itself
    logging.raiseExceptions = debug
    if not debug:
        # What we say goes by a descriptor of its own: that of libraries in C, which write past
        # Python, can be silenced.
        sys.stderr = os.fdopen(
            os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1
        )
        warnings.showwarning = _show_warning
        _pass_on_lines_of_others()
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
    """Print the error in one line; give the exit code for it."""
    from scratchclust.errors import FULL, InputError

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    # typer's own errors, by their looks: the classes moved with versions
    code = getattr(error, "exit_code", None)
    usage = getattr(error, "format_message", None)
    if isinstance(error, InputError):
        _say(_in_options(str(error)))
        return WRONG_INPUT
    if usage is not None:
        _say(f"{usage()} (`scratchclust --help` and `scratchclust COMMAND --help` tell more)")
        return WRONG_INPUT
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _say(_last_words().removeprefix("scratchclust: "))
        return INTERRUPTED
    if type(error).__name__ == "Exit" and isinstance(code, int):
        return code
    if isinstance(error, OSError) and error.errno in FULL and error.filename is not None:
        cure = (
            "make room, then the same command with --resume continues the run"
            if _is_run()
            else "make room"
        )
        _say(f"failed: there is no room on the disk for {error.filename}: {cure}")
        return FAILED
    text = " ".join(str(error).split())
    _say(f"failed: {type(error).__name__}: {text} (--debug shows where)")
    return FAILED


def _say(line: str) -> None:
    from scratchclust.errors import escaped

    print("scratchclust:", escaped(line), file=sys.stderr, flush=True)


def _in_options(text: str) -> str:
    """A message of the library in words of the command line."""
    from scratchclust.commands.wording import in_options

    return in_options(text)


def _is_run() -> bool:
    return sys.argv[1:2] in (["run"], ["cluster"])


def _last_words() -> str:
    """What Ctrl-C leaves on the terminal."""
    line = "scratchclust: interrupted"
    if _is_run():
        line += ": the same command with --resume continues the run"
    sorting = sys.modules.get("scratchclust.curation.sorting")  # if it is at work, it is there
    for draft in sorting.drafts if sorting else ():
        line += f"; {draft} holds what was sorted so far, and the next sort clears it"
    return line


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    """Show a warning of our own, once; those of other libraries go to log.txt."""
    import logging

    if str(message) in _warned:
        return
    _warned.add(str(message))
    # NumPy's RuntimeWarning comes out of C, so that our line seems to give it.
    if _who_warns().startswith("scratchclust") and not issubclass(category, RuntimeWarning):
        _say(f"warning: {_in_options(str(message))}")
    else:
        logging.getLogger("scratchclust").info("%s: %s", category.__name__, message)


def _who_warns() -> str:
    """The module that has called `warnings.warn`; stacklevel, and so the file told, may mislead."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "warnings":
        frame = frame.f_back
    return frame.f_globals.get("__name__", "")


def _pass_on_lines_of_others() -> None:
    """Send the log lines of other libraries to log.txt, but JAX's of devices to the user."""
    import logging

    def pass_on(record: logging.LogRecord) -> None:
        if record.name.startswith("jax"):
            _say(f"warning: {' '.join(record.getMessage().split())}")
            return
        for handler in logging.getLogger("scratchclust").handlers:
            handler.handle(record)

    passing = logging.Handler(logging.WARNING)
    passing.emit = pass_on
    logging.lastResort = passing


if __name__ == "__main__":
    main()
