"""`scratchclust run`: a recipe, from its name to its folder."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from scratchclust.commands.computing import computing, rates_of
from scratchclust.commands.options import (
    Debug,
    Device,
    FitOption,
    Precision,
    Quiet,
    labels_of,
    size_of,
)
from scratchclust.commands.terminal import print_path
from scratchclust.errors import escaped
from scratchclust.recipes.words import method_words, reduction_words


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
        typer.Option(help=f"Cluster by: {method_words()}."),
    ] = None,
    reduce: Annotated[
        str | None,
        typer.Option(help=f"Reduce the features before: {reduction_words()}."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Take another pretrained network: efficientnet-lite0, a file, a folder, or a "
            "name on the hub."
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
    """Run a recipe: cluster its images, score and draw the clusters, keep it all in a folder."""
    from scratchclust.recipes.plan import Settings, plan

    settings = Settings(
        seed=seed,
        limit=limit,
        split=split,
        full=full,
        scan=scan,
        epochs=epochs,
        data=data,
        size=size_of(size),
        fit=fit.value,
        strict=strict,
        weights=weights,
        classes=labels_of(digits),
        method=method,
        reduce=reduce,
        precision=precision.value,
    )
    planned = plan(recipe, settings)
    from scratchclust import experiment  # loads scikit-learn: not before all that can be refused is
    from scratchclust.experiment.coming import lines_of_recipe
    from scratchclust.experiment.show import lines_of

    with computing(device, debug=debug, quiet=quiet) as (tell, begin):
        coming = lines_of_recipe(planned, rates_of(device))

        def begin_and_say() -> None:  # once the images are found to be there
            if not quiet and coming:
                typer.echo("\n".join(map(escaped, coming)), err=True)
            begin()

        outcome = experiment.run(
            planned,
            output=output,
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["scratchclust", *sys.argv[1:]]),
            tell=tell,
            begin=begin_and_say,
            coming=coming,
        )
    if not quiet:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        typer.echo("\n".join(lines_of(outcome, width)))
    print_path(outcome.folder)
