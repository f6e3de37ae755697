"""The command line: `scratchclust run`, `recipes` and `data`.

Exit codes: 0 done, 1 failed, 2 wrong use or input, 130 interrupted. An error is one line on standard error; --debug
shows the traceback as well. Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import scratchclust
from scratchclust.errors import InputError
from scratchclust.interrupts import ended_by_ctrl_c

if TYPE_CHECKING:
    from scratchclust.recipes import Outcome

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
_warned: set[str] = set()  # what was said already

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


def main() -> None:
    """Runs the command line and exits with its code."""
    debug = "--debug" in sys.argv
    # The host decomposes small matrices only; on a busy machine the threads of its BLAS wait for each other instead.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    logging.raiseExceptions = debug  # a log that cannot be written (a full disk) is no news beside the error itself
    if not debug:
        warnings.showwarning = _show_warning
    with ended_by_ctrl_c(lambda: _say(_interrupted_line()), INTERRUPTED) as interrupted:
        try:
            code = app(prog_name="scratchclust", standalone_mode=False) or 0
        except BaseException as error:
            if debug:
                traceback.print_exc()
            code = INTERRUPTED if interrupted.is_set() else _explain(error)
        if code == INTERRUPTED:
            _say(_interrupted_line())
    sys.exit(code)


def _explain(error: BaseException) -> int:
    """Prints the error in one line and gives the exit code for it."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED
    if isinstance(error, SystemExit | typer.Exit):
        code = error.code if isinstance(error, SystemExit) else error.exit_code
        return code if isinstance(code, int) else 0
    if isinstance(error, InputError):
        _say(_in_options(str(error)))
        return WRONG_INPUT
    usage = getattr(error, "format_message", None)  # typer's own errors, by their looks: the class moved with versions
    if usage is not None:
        _say(f"{usage()} (`scratchclust --help` and `scratchclust COMMAND --help` tell more)")
        return WRONG_INPUT
    _say(f"failed: {type(error).__name__}: {error} (--debug shows where)")
    return FAILED


def _say(line: str) -> None:
    print("scratchclust:", " ".join(line.split()), file=sys.stderr, flush=True)


def _interrupted_line() -> str:
    if "run" in sys.argv[1:2]:
        return "interrupted: the same command with --resume continues the run"
    return "interrupted"


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if str(message) not in _warned:
        _warned.add(str(message))
        _say(f"warning: {_in_options(str(message))}")


def _in_options(message: str) -> str:
    """The message in words of the command line."""
    from scratchclust.recipes.images import in_options

    return in_options(message)


def _labels(digits: str | None) -> tuple[int, ...] | None:
    """The labels of --digits."""
    if digits is None:
        return None
    parts = digits.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--digits expects labels between commas, as 5,6,8,9, but is {digits!r}")
    return tuple(int(part) for part in parts)


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner with the present step and its time on standard error; nothing when quiet or not on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")

        def tell(line: str) -> None:
            step = progress.tasks[0].description.split(":")[0]
            if line.split(":")[0] == step:  # only the count behind it has changed: the time goes on
                progress.update(task, description=line)
            else:
                progress.reset(task, description=line)

        yield tell


def _show(outcome: "Outcome") -> None:
    """Prints the table of results."""
    from rich.console import Console
    from rich.table import Table

    metrics = outcome.metrics
    dataset, seconds = metrics["dataset"], metrics["seconds"]["total"]
    if outcome.was_finished:
        typer.echo("this run is complete already: nothing was computed")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("variant")
    for column in ("accuracy", "purity", "NMI", "ARI", "silhouette", "Dunn", "seconds"):
        table.add_column(column, justify="right")
    for result in metrics["results"]:
        scores = [_number(result[key], 3) for key in ("accuracy", "purity", "nmi", "ari", "silhouette", "dunn")]
        table.add_row(result["name"], *scores, _number(sum(result["seconds"].values()), 1))
    Console().print(table)
    labels = " Labels took part in training." if metrics["labels_used"] else ""
    without = [result["name"] for result in metrics["results"] if result.get("labels_used") is False]
    if labels and without:
        labels = f" Labels took part in training, but for {' and '.join(map(repr, without))}."
    typer.echo(f"{dataset['n']:,} images of {dataset['name']} ({dataset['split']}), {seconds:.1f} s in all.{labels}")
    if dataset.get("taken"):
        typer.echo(f"taken as: {dataset['taken']}")
    for result in metrics["results"]:
        applied = result.get("applied", {})
        if "accuracy" in applied:
            found = f"accuracy {applied['accuracy']:.3f}, standard error {applied['accuracy_se']:.3f}"
            typer.echo(
                f"{result['name']}, applied to {applied['n_scored']:,} other images: {found} "
                f"(one cluster for all: {applied['majority']:.3f})"
            )
        if "test_accuracy" in result:
            purity, unseen = result["mean_cluster_purity"], result.get("test_mean_cluster_purity")
            alone = "" if unseen in (None, purity) else f" ({unseen:.4f} among the test images alone)"
            typer.echo(f"test accuracy {result['test_accuracy']:.4f}, mean purity of the clusters {purity:.4f}{alone}")
    if metrics.get("scan"):
        ks, chosen = metrics["scan"]["n_clusters"], metrics["scan"]["chosen"]
        typer.echo(f"scan over k = {ks[0]}..{ks[-1]}: the silhouette is largest at k = {chosen}")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _short(folder: Path) -> str:
    """The path as one would type it here."""
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


if __name__ == "__main__":
    main()
