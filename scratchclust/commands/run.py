"""`scratchclust run`: a recipe, from its name to its folder."""

import logging
import shlex
import shutil
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scratchclust.commands.options import (
    Debug,
    Device,
    FitOption,
    Precision,
    Quiet,
    labels_of,
    size_of,
)
from scratchclust.commands.terminal import libraries_silenced, print_path, spinner
from scratchclust.errors import escaped
from scratchclust.recipes.words import method_words, reduction_words

if TYPE_CHECKING:
    from scratchclust.experiment import Outcome


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
    """Run a recipe: cluster its images, score and draw the clusters, keep it all in a folder."""
    from scratchclust.devices import keep_compiled_programs, use_device
    from scratchclust.recipes.plan import Settings, plan

    # to log.txt only: some library sets up the root logger
    logging.getLogger("scratchclust").propagate = False
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

    with spinner(quiet) as tell, ExitStack() as reading:

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
        reading.enter_context(libraries_silenced(debug))
        outcome = experiment.run(
            planned,
            output=output,
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["scratchclust", *sys.argv[1:]]),
            tell=tell,
            begin=begin,
        )
    if not quiet:
        _show(outcome)
    print_path(outcome.folder)


def _show(outcome: "Outcome") -> None:
    """Prints the table of results."""
    from scratchclust.experiment.doubts import why_untrained

    metrics = outcome.metrics
    dataset, seconds = metrics["dataset"], metrics["seconds"]["total"]
    if outcome.was_finished:
        typer.echo("this run is complete already: nothing was computed")
    typer.echo(
        _table(
            metrics["results"], shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        )
    )
    labels = " Labels took part in training." if metrics["labels_used"] else ""
    without = [
        result["name"] for result in metrics["results"] if result.get("labels_used") is False
    ]
    if labels and without:
        labels = f" Labels took part in training, but for {' and '.join(map(repr, without))}."
    source = f"{escaped(dataset['name'])} ({dataset['split']})"
    typer.echo(f"{dataset['n']:,} images of {source}, {seconds:.1f} s in all.{labels}")
    if dataset.get("taken"):
        typer.echo(f"taken as: {escaped(dataset['taken'])}")
    for result in metrics["results"]:
        applied = result.get("applied", {})
        if "accuracy" in applied:
            found = (
                f"accuracy {applied['accuracy']:.3f}, standard error {applied['accuracy_se']:.3f}"
            )
            typer.echo(
                f"{result['name']}, applied to {applied['n_scored']:,} other images: {found} "
                f"(one cluster for all: {applied['majority']:.3f})"
            )
        why = why_untrained(result)
        if why is not None:
            typer.echo(
                f"{result['name']}: the network has learned nothing: {why}; more --epochs or images may help"
            )
        if "test_accuracy" in result:
            purity, unseen = result["mean_cluster_purity"], result.get("test_mean_cluster_purity")
            alone = (
                "" if unseen in (None, purity) else f" ({unseen:.4f} among the test images alone)"
            )
            typer.echo(
                f"test accuracy {result['test_accuracy']:.4f}, mean purity of the clusters {purity:.4f}{alone}"
            )
    if metrics.get("scan"):
        ks, chosen = metrics["scan"]["n_clusters"], metrics["scan"]["chosen"]
        typer.echo(f"scan over k = {ks[0]}..{ks[-1]}: the silhouette is largest at k = {chosen}")


def _table(results: list[dict[str, Any]], width: int | None) -> str:
    """A line for each result; where the width has no room for that, a paragraph with each number
    beside its name.
    """
    keys = {"accuracy": "accuracy", "purity": "purity", "NMI": "nmi", "ARI": "ari"}
    keys |= {"silhouette": "silhouette", "Dunn": "dunn"}
    rows = []
    for result in results:
        scores = [_number(result[key], 3) for key in keys.values()]
        rows.append([escaped(result["name"]), *scores, _number(sum(result["seconds"].values()), 1)])
    header = ["variant", *keys, "seconds"]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is None or sum(widths) + 2 * len(widths) - 2 <= width:
        lines = [
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
            for row in [header, *rows]
        ]
        return "\n".join("  ".join(line) for line in lines)
    lines = []
    for row in rows:
        lines += textwrap.wrap(row[0], width)
        known = [
            f"{name}\xa0{cell}"
            for name, cell in zip(header[1:], row[1:], strict=True)
            if cell != "-"
        ]
        text = ", ".join(known) or "no score is known"
        paragraph = textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
        lines += [line.replace("\xa0", " ") for line in paragraph]
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
