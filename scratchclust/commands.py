"""The command line: `scratchclust run`, `recipes` and `data`.

Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

import logging
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import scratchclust
from scratchclust.errors import InputError, escaped

if TYPE_CHECKING:
    from scratchclust.experiment import Outcome
    from scratchclust.recipes.recipe import Recipe


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


class FitOption(StrEnum):
    """How images of other proportions come to a size."""

    crop = "crop"
    pad = "pad"
    squeeze = "squeeze"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress and no table: print only the result's place.")
]
# Every command takes these, so that a script can give the same ones to all; where nothing is
# computed they do nothing.
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
    recipe: Annotated[
        str, typer.Argument(help="Its name; `scratchclust recipes` lists them.")
    ] = "digits",
    output: Annotated[
        Path | None, typer.Option(help="The run's folder.", show_default="runs/RECIPE")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every random choice.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Take only so many images.", min=1)] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Train networks for so many epochs.", min=1)
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="The recipe in full size: all images, all epochs.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="Take this split: train, test, val or all.")
    ] = None,
    digits: Annotated[
        str | None, typer.Option(help="Take only these labels, as 5,6,8,9; as many clusters.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Take other images: a data set's name, or a path.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Bring images to so many pixels: 64, or height x width, as 64x48."),
    ] = None,
    fit: Annotated[
        FitOption,
        typer.Option(
            help="Other proportions than the size's: cut them, add black, or squeeze the picture."
        ),
    ] = FitOption.crop,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a folder with unreadable files.")
    ] = False,
    scan: Annotated[
        bool, typer.Option("--scan", help="Also try k = 2..20: elbow, silhouette, Dunn.")
    ] = False,
    method: Annotated[
        str | None,
        typer.Option(
            help="Cluster by: kmeans, gmm, dbscan[:EPS], agglomerative[:LINKAGE], spectral."
        ),
    ] = None,
    reduce: Annotated[
        str | None,
        typer.Option(help="Reduce the features before: none, pca:50, kernel-pca:200, tsne."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Take another pretrained network: a file, a folder, or a name on the hub."
        ),
    ] = None,
    device: Annotated[
        Device | None, typer.Option(help="Where to compute.", show_default="JAX's choice")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="In which networks are trained.")
    ] = Precision.float32,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that is there.")
    ] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe: cluster its images, score the clusters, draw them, and keep it all in a folder."""
    from scratchclust.devices import keep_compiled_programs, use_device
    from scratchclust.experiment import check, run
    from scratchclust.recipes import Settings

    logging.getLogger(
        "scratchclust"
    ).propagate = False  # to log.txt only: some library sets up the root logger
    images = {"data": data, "split": split, "limit": limit, "classes": _labels(digits)}
    images |= {"size": _size(size), "fit": fit.value, "strict": strict}
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
    check(recipe, settings)
    with _telling(quiet) as tell, ExitStack() as reading:

        def start() -> None:
            tell("starting JAX")
            use_device(device and device.value)
            keep_compiled_programs()

        def begin() -> None:
            reading.close()
            if device is None:
                start()

        if device is not None:  # one that is not there is to be told before a large folder is read
            start()
        reading.enter_context(_libraries_silenced(debug))
        outcome = run(
            recipe,
            settings,
            output=output,
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["scratchclust", *sys.argv[1:]]),
            tell=tell,
            begin=begin,
        )
    if not quiet:
        _show(outcome)
    _print_path(outcome.folder)


@app.command("recipes")
def list_recipes(
    name: Annotated[
        str | None, typer.Argument(help="Tell all of this one.", show_default=False)
    ] = None,
    debug: Debug = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the names.")] = False,
    device: NoDevice = None,
    precision: NoPrecision = Precision.float32,
    resume: NoResume = False,
    overwrite: NoOverwrite = False,
) -> None:
    """List the recipes, a line each; or tell all of one: data, method, what it should reach, and
    how long it takes.
    """
    from scratchclust.recipes import RECIPES, find

    if name is not None:
        recipe = find(name)
        typer.echo(recipe.name if quiet else _all_of(recipe))
        return
    if quiet:
        typer.echo("\n".join(RECIPES))
        return
    for recipe in (
        RECIPES.values()
    ):  # of 80 columns at most, so that a plain terminal keeps a recipe on its line
        typer.echo(
            f"{recipe.name:<14}  {recipe.summary:<41}  {recipe.duration.split(';')[0]}".rstrip()
        )
    typer.echo("\n`scratchclust recipes NAME` tells all of one, `scratchclust run NAME` runs it.")


def _all_of(recipe: "Recipe") -> str:
    """A recipe for people, a paragraph for each of its parts; times are those of two cores."""
    parts = {
        "data": f"{recipe.dataset} ({recipe.split})",
        "method": recipe.method,
        "should reach": recipe.target,
        "takes": f"{recipe.duration}, on two cores",
        "labels": "used in training"
        if recipe.labels_used
        else "not used: they serve to score only",
        "run it": f"scratchclust run {recipe.name}",
    }
    width = min(shutil.get_terminal_size().columns, 100)
    lines = [f"{recipe.name}: {recipe.summary}", ""]
    for what, text in parts.items():
        lines += textwrap.wrap(
            text,
            width,
            break_on_hyphens=False,
            initial_indent=f"{what:<14}",
            subsequent_indent=" " * 14,
        )
    return "\n".join(lines)


@app.command("data")
def prepare_data(
    name: Annotated[
        str, typer.Argument(help="digits, mnist, fashion_mnist, cifar10, or another of TFDS.")
    ],
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


def _labels(digits: str | None) -> tuple[int, ...] | None:
    """The labels of --digits."""
    if digits is None:
        return None
    parts = digits.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--digits expects labels between commas, as 5,6,8,9, but is {digits!r}")
    return tuple(int(part) for part in parts)


def _size(size: str | None) -> int | tuple[int, int] | None:
    """The pixels of --size: one number for a square, also where it was written as two."""
    if size is None:
        return None
    sides = size.lower().split("x")
    if len(sides) > 2 or not all(
        side.isascii() and side.isdecimal() and int(side) for side in sides
    ):
        raise InputError(
            f"--size expects pixels, as 64, or height x width, as 64x48, but is {size!r}"
        )
    height, width = int(sides[0]), int(sides[-1])
    return height if height == width else (height, width)


@contextmanager
def _libraries_silenced(debug: bool) -> Iterator[None]:
    """Inside, descriptor 2 leads nowhere. Python's own sys.stderr goes by another one (see
    `cli.main`).

    Libraries in C that decode pictures (libtiff) write their remarks there, past everything that
    Python could do.
    """
    if debug:
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner with the present step and its time on standard error; nothing when quiet or not on
    a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    on_one_line = Column(no_wrap=True, overflow="ellipsis")  # one line is what Ctrl-C wipes away
    told = TextColumn("{task.description}", markup=False, table_column=on_one_line)
    columns = SpinnerColumn(), told, TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")

        def tell(line: str) -> None:
            step = progress.tasks[0].description.split(":")[0]
            if (
                escaped(line).split(":")[0] == step
            ):  # only the count behind it has changed: the time goes on
                progress.update(task, description=escaped(line))
            else:
                progress.reset(task, description=escaped(line))

        yield tell


def _show(outcome: "Outcome") -> None:
    """Prints the table of results."""
    from scratchclust.experiment.show import lines_of

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines_of(outcome, width):
        typer.echo(line)


def _print_path(folder: Path) -> None:
    """The path as one would type it here: safe to look at on a terminal, and byte for byte for a
    program.
    """
    try:
        here = Path.cwd()
    except OSError:  # the working folder is gone
        here = None
    if here is not None and folder.is_relative_to(here):
        folder = folder.relative_to(here)
    typer.echo(escaped(str(folder)) if sys.stdout.isatty() else os.fsencode(folder))
