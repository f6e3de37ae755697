"""`scratchclust cluster`: a person's own images, from a folder to sorted clusters."""

import os
import shlex
import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from scratchclust.commands.computing import computing, rates_of
from scratchclust.commands.options import Debug, Device, FitOption, Precision, size_of
from scratchclust.commands.terminal import print_path
from scratchclust.commands.together import Meeting, take_part
from scratchclust.errors import InputError, escaped
from scratchclust.recipes.feature_words import feature_list
from scratchclust.recipes.words import OFFERED, reduction_words


def _valued(metavar: str, text: str) -> Any:
    """An option of one line in the help."""
    return typer.Option(metavar=metavar, help=text, show_default=False)


def cluster_images(
    images: Annotated[str, typer.Argument(metavar="INPUT", hidden=True)],
    clusters: Annotated[str, _valued("K", "How many; auto (default) suggests a number.")] = "auto",
    features: Annotated[
        str, _valued("WORD", f"{', '.join(feature_list())} (default: auto).")
    ] = "auto",
    reduce: Annotated[
        str | None, _valued("WORD", f"Before clustering: {reduction_words()}.")
    ] = None,
    method: Annotated[str, _valued("WORD", f"{', '.join(OFFERED)} (or auto).")] = "auto",
    size: Annotated[str | None, _valued("N", "Bring pictures to N x N pixels; or 64x48.")] = None,
    fit: Annotated[
        FitOption, _valued("WORD", "Other proportions: crop (default), pad or squeeze.")
    ] = FitOption.crop,
    labels: Annotated[
        str | None, _valued("FILE", "A CSV file of image, label: to score, not to fit.")
    ] = None,
    sort_into: Annotated[
        str | None, _valued("DIR", "Sort the pictures into one folder a cluster.")
    ] = None,
    how: Annotated[str | None, _valued("WORD", "Sort by link (default) or copy.")] = None,
    output: Annotated[
        Path | None, _valued("DIR", "The run's folder (default: runs/ and INPUT's name).")
    ] = None,
    seed: Annotated[int, _valued("N", "Decides every random choice (default: 0).")] = 0,
    limit: Annotated[int | None, _valued("N", "Take only so many images.")] = None,
    device: Annotated[Device | None, _valued("WORD", "cpu, gpu or tpu (default: JAX's).")] = None,
    precision: Annotated[
        Precision, _valued("WORD", "bfloat16 trains an autoencoder in that.")
    ] = Precision.float32,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Run as one of several processes.")
    ] = False,
    coordinator: Annotated[str | None, typer.Option(metavar="HOST:PORT", hidden=True)] = None,
    processes: Annotated[int | None, typer.Option(metavar="N", hidden=True)] = None,
    process: Annotated[int | None, typer.Option(metavar="I", hidden=True)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that is there.")
    ] = False,
    debug: Debug = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result's place.")] = False,
) -> None:
    """Cluster your own pictures:  scratchclust cluster FOLDER --clusters 10

    INPUT is a folder of pictures, a .npy, .npz or IDX file, or a data set's name. The run's folder
    gets report.html, a page to look at; your pictures stay as they are.
    """
    from scratchclust.recipes.cluster import Asked, check_apart, check_asked

    asked = Asked(
        data=images,
        clusters=_number_of(clusters),
        features=features,
        reduce=reduce,
        method=method,
        size=size_of(size),
        fit=fit.value,
        limit=limit,
        seed=seed,
        labels=labels,
        sort_into=sort_into,
        how=how,
        precision=precision.value,
    )
    check_asked(asked)
    final = output or Path("runs") / name_of(images)
    check_apart(sort_into, final)
    meeting = Meeting(coordinator, processes, process)
    meeting.check(distributed=distributed)
    run = partial(
        _run,
        asked,
        final,
        device=device,
        resume=resume,
        overwrite=overwrite,
        debug=debug,
        quiet=quiet,
    )
    if not distributed:
        run()
        return
    arguments = {**asdict(asked), "resume": resume, "overwrite": overwrite, "device": device}
    take_part(meeting, arguments, device=device, debug=debug, lead=run)


def _run(
    asked: Any,
    final: Path,
    *,
    device: Device | None,
    resume: bool,
    overwrite: bool,
    debug: bool,
    quiet: bool,
) -> None:
    """The command, once its words are found to be good."""
    _check_output(final, resume=resume, overwrite=overwrite)
    from scratchclust import experiment  # loads scikit-learn: not before all that can be refused is
    from scratchclust.experiment.coming import lines_of

    with computing(device, debug=debug, quiet=quiet) as (tell, begin):
        planned = experiment.plan_cluster(asked, tell=tell)
        coming = lines_of(planned.plan, planned.look, rates_of(device))
        if not quiet:
            typer.echo("\n".join(map(escaped, coming)), err=True)
        outcome = experiment.run(
            planned.plan,
            output=final,
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["scratchclust", *sys.argv[1:]]),
            tell=tell,
            begin=begin,
            coming=coming,
        )
        sorted_lines = _sorted(asked, outcome, tell)
    if not quiet:
        _tell_outcome(outcome)
        for line in sorted_lines:
            typer.echo(line)
    print_path(outcome.folder)


def name_of(images: str) -> str:
    """What a run of these images is called: the last part of their path, without an ending."""
    path = Path(images).expanduser()
    real = path if path.name not in ("", "..") else Path(os.path.realpath(path))
    stem = real.name if real.is_dir() else real.name.split(".")[0]
    return stem.replace(":", "-") or "images"


def _number_of(clusters: str) -> int | None:
    if clusters == "auto":
        return None
    try:
        return int(clusters)
    except ValueError:
        raise InputError(
            f"--clusters expects a whole number, or auto, but is {clusters!r}"
        ) from None


def _check_output(final: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that cannot be claimed before the images are looked at; `runs` checks it
    again.
    """
    if final.expanduser().exists() and not resume and not overwrite:
        raise InputError(
            f"{final} is there already: give another output=, or overwrite= to replace it at the "
            "end of the new run"
        )


def _tell_outcome(outcome: Any) -> None:
    from scratchclust.experiment.show import findings_lines, lines_of

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in [*lines_of(outcome, width), *findings_lines(outcome)]:
        typer.echo(line)


def _sorted(asked: Any, outcome: Any, tell: Any) -> list[str]:
    """Sort the pictures, once the run is complete; what is to be said of it."""
    if asked.sort_into is None:
        return []
    from scratchclust.curation.sorting import sort_into

    tell("sorting the pictures")
    target = Path(asked.sort_into).expanduser()
    found = sort_into(
        target,
        Path(asked.data).expanduser(),
        outcome.paths,
        outcome.clusters,
        how=asked.how or "link",
    )
    n = sum(found.counts.values())
    kind = "copies" if asked.how == "copy" else "links"
    lines = [f"{n:,} {kind} in {len(found.counts)} folders of {escaped(str(target))}"]
    for left in found.skipped:
        lines.append(f"not sorted: {escaped(left.path)}: {escaped(left.reason)}")
    return lines
