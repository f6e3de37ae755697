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
<<<<<<< HEAD
IN_OPTIONS = {  # the library's cures, in the words of the command line
    "choose fewer clusters": "give more images that differ, or --method dbscan, which finds its number of clusters",
}
=======

app = typer.Typer(
    help="Cluster images, with algorithms written from scratch in NumPy and JAX.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Device(StrEnum):
    """Where JAX computes."""

    cpu = "cpu"
    gpu = "gpu"
    tpu = "tpu"


class Precision(StrEnum):
    """The numbers that networks compute with; their parameters are float32 in any case."""

    float32 = "float32"
    bfloat16 = "bfloat16"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no table: print only the result's place.")]
# Every command takes these, so that a script can give the same ones to all; where nothing is computed they do nothing.
NoDevice = Annotated[Device | None, typer.Option("--device", hidden=True)]
NoPrecision = Annotated[Precision, typer.Option("--precision", hidden=True)]
NoResume = Annotated[bool, typer.Option("--resume", hidden=True)]
NoOverwrite = Annotated[bool, typer.Option("--overwrite", hidden=True)]


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"scratchclust {scratchclust.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("run")
def run_recipe(
    recipe: Annotated[str, typer.Argument(help="Its name; `scratchclust recipes` lists them.")] = "digits",
    output: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/RECIPE")] = None,
    seed: Annotated[int, typer.Option(help="Decides every random choice.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Take only so many images.", min=1)] = None,
    epochs: Annotated[int | None, typer.Option(help="Train networks for so many epochs.", min=1)] = None,
    full: Annotated[bool, typer.Option("--full", help="The recipe in full size: all images, all epochs.")] = False,
    split: Annotated[str | None, typer.Option(help="Take this split: train, test, val or all.")] = None,
    digits: Annotated[str | None, typer.Option(help="Take only these labels, as 5,6,8,9; as many clusters.")] = None,
    data: Annotated[str | None, typer.Option(help="Take other images: a data set's name, or a path.")] = None,
    size: Annotated[int | None, typer.Option(help="Bring images to so many pixels in height and width.", min=1)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a folder with unreadable files.")] = False,
    scan: Annotated[bool, typer.Option("--scan", help="Also try k = 2..20: elbow, silhouette, Dunn.")] = False,
    method: Annotated[
        str | None, typer.Option(help="Cluster by: kmeans, gmm, dbscan[:EPS], agglomerative[:LINKAGE], spectral.")
    ] = None,
    reduce: Annotated[
        str | None, typer.Option(help="Reduce the features before: none, pca:50, kernel-pca:200, tsne.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Take another pretrained network: a file, a folder, or a name on the hub.")
    ] = None,
    device: Annotated[Device | None, typer.Option(help="Where to compute.", show_default="JAX's choice")] = None,
    precision: Annotated[Precision, typer.Option(help="In which networks are trained.")] = Precision.float32,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that is there.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe: cluster its images, score the clusters, draw them, and keep it all in a folder."""
    from scratchclust.devices import keep_compiled_programs, use_device
    from scratchclust.recipes import Settings, find, run

    logging.getLogger("scratchclust").propagate = False  # to log.txt only: some library sets up the root logger
    find(recipe)  # a misspelt name is told before JAX takes its seconds to start
    images = {"data": data, "split": split, "limit": limit, "size": size, "strict": strict, "classes": _labels(digits)}
    settings = Settings(
        seed=seed,
        full=full,
        epochs=epochs,
        scan=scan,
        method=method,
        reduce=reduce,
        weights=weights,
        precision=precision.value,
        **images,
    )
    with _telling(quiet) as tell:
        tell("starting JAX")
        use_device(device and device.value)
        keep_compiled_programs()
        outcome = run(
            recipe,
            settings,
            output=output,
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["scratchclust", *sys.argv[1:]]),
            tell=tell,
        )
    if not quiet:
        _show(outcome)
    typer.echo(_short(outcome.folder))


@app.command("recipes")
def list_recipes(
    debug: Debug = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the names.")] = False,
    device: NoDevice = None,
    precision: NoPrecision = Precision.float32,
    resume: NoResume = False,
    overwrite: NoOverwrite = False,
) -> None:
    """List the recipes: data, method, what each should reach, and how long it takes on two cores."""
    from rich.console import Console
    from rich.table import Table

    from scratchclust.recipes import RECIPES

    if quiet:
        typer.echo("\n".join(RECIPES))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("recipe", "data", "method", "should reach", "takes"):
        table.add_column(column, no_wrap=column == "recipe")
    for recipe in RECIPES.values():
        table.add_row(recipe.name, f"{recipe.dataset} ({recipe.split})", recipe.method, recipe.target, recipe.duration)
    Console().print(table)


@app.command("data")
def prepare_data(
    name: Annotated[str, typer.Argument(help="digits, mnist, fashion_mnist, cifar10, or another of TFDS.")],
    debug: Debug = False,
    quiet: Quiet = False,
    device: NoDevice = None,
    precision: NoPrecision = Precision.float32,
    resume: NoResume = False,
    overwrite: NoOverwrite = False,
) -> None:
    """Prepare a data set with TensorFlow Datasets, or check one that is there."""
    from scratchclust.data import prepare

    prepared = prepare(name, verbose=not quiet and sys.stderr.isatty())
    if not quiet:
        counts = ", ".join(f"{count:,} {split}" for split, count in prepared.n_images.items())
        shape = "x".join(str(size or "?") for size in prepared.shape)
        classes = f"{prepared.n_classes} classes" if prepared.n_classes else "no labels"
        typer.echo(f"{prepared.name} {prepared.version}: {counts}; images {shape}, {classes}")
    typer.echo(prepared.folder or "comes with scratchclust: nothing to prepare")
>>>>>>> data


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
        # What we say goes by a descriptor of its own: that of libraries in C, which write past Python, can be silenced.
        sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)
        warnings.showwarning = _show_warning
        logging.lastResort = _handler_of_others()
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
    from scratchclust.errors import FULL, InputError

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    code = getattr(error, "exit_code", None)
    usage = getattr(
        error, "format_message", None
    )  # typer's own errors, by their looks: the classes moved with versions
    if isinstance(error, InputError):
        _say(_in_options(str(error)))
        return WRONG_INPUT
    if usage is not None:
        _say(f"{usage()} (`scratchclust --help` and `scratchclust COMMAND --help` tell more)")
        return WRONG_INPUT
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        _say(_last_words())
        return INTERRUPTED
    if type(error).__name__ == "Exit" and isinstance(code, int):
        return code
    if isinstance(error, OSError) and error.errno in FULL and error.filename is not None:
        cure = "make room, then the same command with --resume continues the run" if _is_run() else "make room"
        _say(f"failed: there is no room on the disk for {error.filename}: {cure}")
        return FAILED
    text = " ".join(str(error).split())
    _say(f"failed: {type(error).__name__}: {text} (--debug shows where)")
    return FAILED


def _say(line: str) -> None:
    from scratchclust.errors import escaped

    print("scratchclust:", escaped(line), file=sys.stderr, flush=True)


def _in_options(text: str) -> str:
    for ours, theirs in IN_OPTIONS.items():
        text = text.replace(ours, theirs)
    return text


def _is_run() -> bool:
    return "run" in sys.argv[1:2]


def _last_words() -> str:
    """What Ctrl-C leaves on the terminal."""
    if _is_run():
        return "scratchclust: interrupted: the same command with --resume continues the run"
    return "scratchclust: interrupted"


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
<<<<<<< HEAD
    """Shows a warning of our own, once; one of another library says nothing to the user, and goes to log.txt."""
    import logging
=======
    if str(message) not in _warned:
        _warned.add(str(message))
        _say(f"warning: {_in_options(str(message))}")


def _in_options(message: str) -> str:
    """The message in words of the command line."""
    from scratchclust.recipes.images import in_options

    return in_options(message)
>>>>>>> data

    if str(message) in _warned:
        return
    _warned.add(str(message))
    # NumPy's RuntimeWarning comes out of C, so that our line seems to give it.
    if _who_warns().startswith("scratchclust") and not issubclass(category, RuntimeWarning):
        _say(f"warning: {_in_options(str(message))}")
    else:
        logging.getLogger("scratchclust").info("%s: %s", category.__name__, message)


def _who_warns() -> str:
    """The name of the module that has called `warnings.warn`; stacklevel, and so the file that is told, may mislead."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "warnings":
        frame = frame.f_back
    return frame.f_globals.get("__name__", "")


def _handler_of_others() -> Any:
    """What becomes of the log lines of other libraries: to log.txt, but what JAX says of devices to the user."""
    import logging

    def pass_on(record: logging.LogRecord) -> None:
        if record.name.startswith("jax"):
            _say(f"warning: {' '.join(record.getMessage().split())}")
            return
        for handler in logging.getLogger("scratchclust").handlers:
            handler.handle(record)

    passing = logging.Handler(logging.WARNING)
    passing.emit = pass_on
    return passing


if __name__ == "__main__":
    main()
