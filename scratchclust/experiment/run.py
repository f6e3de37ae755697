"""The one function that runs any recipe: load, fit and score each variant, draw, write, rename into
place.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from scratchclust import runs
from scratchclust.errors import InputError
from scratchclust.experiment.images import (
    Images,
    check_labelled,
    in_drawn_order,
    in_groups,
    in_options,
    load,
    record,
)
from scratchclust.files import plain
from scratchclust.recipes.catalogue import find
from scratchclust.recipes.plan import Settings, Tell, Work, describe
from scratchclust.recipes.recipe import Applied, Variant

logger = logging.getLogger("scratchclust.recipes")


@dataclass(frozen=True)
class Outcome:
    """Where a run lies and what is in its metrics.json."""

    folder: Path
    metrics: dict[str, Any]
    was_finished: bool = False  # --resume found it complete: nothing was computed


def run(
    recipe: str = "digits",
    settings: Settings | None = None,
    *,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    tell: Tell | None = None,
    begin: Callable[[], None] | None = None,
) -> Outcome:
    """Runs a recipe and leaves a run's folder.

    Args:
        recipe: A name of `scratchclust.recipes.RECIPES`.
        settings: What differs from the recipe as it stands.
        output: DIR, the run's folder; runs/<recipe> by default.
        resume: Keep the finished stages of DIR.partial; a DIR that is complete with these settings
            is left as it is.
        overwrite: Replace an existing DIR when the new run is complete; without `resume`, clear
            DIR.partial first.
        command: The command line, for the record.
        tell: Called with a line of text before each step.
        begin: Called once, when settings, folder and images are found to be good and JAX is needed:
            until then nothing waits for it. Here a program may set it up.

    Returns:
        The folder and its metrics.

    Raises:
        InputError: If the recipe, a setting, the data or the folder cannot be used; the message
            says what to do.
    """
    work = Work(find(recipe), settings or Settings(), command, tell or (lambda line: None))
    work.check()
    final = Path(output or Path("runs") / recipe)
    if resume and not overwrite and (final / "metrics.json").is_file():
        return _finished(work, final)
    with runs.working(final, resume=resume, overwrite=overwrite) as folder:
        metrics = _compute(work, folder, begin or (lambda: None))
        folder.finish()
    return Outcome(folder.final, metrics)


def check(recipe: str, settings: Settings) -> None:
    """Refuses a recipe or settings that `run` would refuse, before anything is read. Raises
    InputError.
    """
    Work(find(recipe), settings, None, lambda line: None).check()


def _finished(work: Work, final: Path) -> Outcome:
    metrics = runs.read_metrics(final)
    # The pictures last, since reading them takes time: they may have changed, or be gone, under the
    # same name.
    differing = different(work, metrics) or other_images(metrics, _load(work).clustered)
    if differing:
        raise InputError(
            f"{final} is complete, but was made with different {' and '.join(differing)}: "
            "give another --output, or --overwrite"
        )
    return Outcome(final.resolve(), metrics, was_finished=True)


def different(work: Work, metrics: dict[str, Any]) -> list[str]:
    """What of a complete run is not as this work would have it: names in metrics.json."""
    same = {
        "recipe": work.recipe.name,
        "seed": work.settings.seed,
        "parameters": plain(work.parameters),
    }
    return [name for name, value in same.items() if metrics[name] != value]


def other_images(metrics: dict[str, Any], dataset: Any) -> list[str]:
    """["images"], if those of a complete run, or their labels, are not those that are there now;
    else nothing.
    """
    was, now = metrics["dataset"], record(dataset)
    changed = any(was[name] != now[name] for name in now if name in was and name != "taken")
    return ["images"] if changed else []


def _compute(work: Work, folder: runs.RunFolder, begin: Callable[[], None]) -> dict[str, Any]:
    """Everything between the claimed folder and the complete one; gives what is in metrics.json."""
    start = perf_counter()
    logger.info("recipe %s, %s", work.recipe.name, work.settings)
    loaded_images = _load(work)
    loaded = perf_counter() - start
    begin()
    with _compile_seconds() as compiled:
        stages = {
            variant.name: _fitted(work, folder, variant, loaded_images) for variant in work.variants
        }
        curves = {
            "scan": _scanned(work, folder, loaded_images, stages) if work.settings.scan else None,
            "elbow": _elbow(work, folder, loaded_images, stages, work.elbow)
            if work.elbow
            else None,
        }
        from scratchclust.experiment.write import (
            metrics_of,
            write_outputs,
        )  # loads matplotlib: not before it is needed

        write_outputs(work, folder.path, loaded_images.clustered, stages, curves, tell=work.tell)
    seconds = {"total": perf_counter() - start, "load": loaded, "compile": sum(compiled)}
    runs.write_metrics(
        folder.path / "metrics.json",
        metrics_of(work, loaded_images.clustered, stages, curves, seconds, command=work.command),
    )
    return runs.read_metrics(folder.path)


def _load(work: Work) -> Images:
    settings, recipe = work.settings, work.recipe
    test = None if settings.data is not None else recipe.test_split
    splits = (work.split, work.fit_split, test)
    reading = {
        "size": settings.size,
        "fit": settings.fit,
        "strict": settings.strict,
        "seed": settings.seed,
    }
    source = recipe.dataset if settings.data is None else settings.data
    images = load(
        source,
        splits,
        limit=work.limit,
        classes=work.classes,
        needed=work.needed,
        reading=reading,
        tell=work.tell,
    )
    work.check_images(images.clustered.images.shape)
    if recipe.labels_used and any(not variant.blind for variant in work.variants):
        check_labelled(
            images.clustered if images.learned is None else images.learned, recipe.name, source
        )
    if work.applied is not None:
        images = images._replace(applied=_applied(work, work.applied, source, reading))
    if work.groups is not None:
        grouped = {
            name: in_groups(dataset, work.groups)
            for name, dataset in images._asdict().items()
            if dataset
        }
        images = images._replace(**grouped)
    return images


def _applied(work: Work, wanted: Applied, source: str, reading: Mapping[str, Any]) -> Any:
    """The images that everything is tried on in the end."""
    from scratchclust import data

    work.tell(f"loading {source}, {wanted.split}")
    try:
        dataset = data.load(source, split=wanted.split, **reading)
    except InputError as error:
        raise InputError(in_options(str(error))) from error
    n = (
        wanted.n if work.settings.data is None else len(dataset.images)
    )  # of a person's own images all
    return in_drawn_order(dataset, min(n, work.settings.limit or n))


def _fitted(work: Work, folder: runs.RunFolder, variant: Variant, images: Images) -> runs.Stage:
    """The variant's stage: the one that is there from before, or a new one."""
    from scratchclust.experiment.fit import fit_variant

    place, key = (
        folder.stages / runs.slug(variant.name),
        work.fingerprint(images, describe(variant)),
    )
    stage = runs.load_stage(place, key)
    if stage is None:
        seed, labels_used = work.settings.seed, work.recipe.labels_used and not variant.blind
        # named by the configuration too: under --resume, checkpoints of another one would be
        # refused
        checkpoints = folder.path / "checkpoints" / f"{runs.slug(variant.name)}-{key[:12]}"
        every = work.recipe.watched_every
        stage = fit_variant(
            variant,
            images,
            seed=seed,
            tell=work.tell,
            labels_used=labels_used,
            checkpoints=checkpoints,
            watched_every=every,
        )
        runs.save_stage(place, stage, key)
        logger.info("stage %s is finished", place.name)
    return stage


def _scanned(
    work: Work, folder: runs.RunFolder, images: Images, stages: dict[str, runs.Stage]
) -> runs.Stage:
    from scratchclust.experiment.scan import LARGEST, STARTS, scan

    what = {"scan_to": LARGEST, "starts": STARTS}
    return _over_k(work, folder, images, stages, "scan", what, scan)


def _elbow(
    work: Work,
    folder: runs.RunFolder,
    images: Images,
    stages: dict[str, runs.Stage],
    ks: tuple[int, ...],
) -> runs.Stage:
    from scratchclust.experiment.scan import STARTS, elbow

    return _over_k(
        work,
        folder,
        images,
        stages,
        "elbow",
        {"elbow": ks, "starts": STARTS},
        partial(elbow, ks=ks),
    )


def _over_k(
    work: Work,
    folder: runs.RunFolder,
    images: Images,
    stages: dict[str, runs.Stage],
    name: str,
    what: dict[str, Any],
    make: Callable[..., runs.Stage],
) -> runs.Stage:
    """A stage over numbers of clusters, for the first variant: the one that is there from before,
    or a new one.
    """
    variant = work.variants[0]
    place, key = folder.stages / name, work.fingerprint(images, {**what, "of": describe(variant)})
    stage = runs.load_stage(place, key)
    if stage is None:
        pipeline = stages[variant.name].pipeline
        stage = make(
            variant, pipeline, images.clustered.images, seed=work.settings.seed, tell=work.tell
        )
        runs.save_stage(place, stage, key)
        logger.info("stage %s is finished", name)
    return stage


@contextmanager
def _compile_seconds() -> Iterator[list[float]]:
    """Collects the seconds that JAX spends on tracing, lowering and compiling; they are part of the
    steps' seconds.
    """
    import jax

    durations: list[float] = []

    def listen(event: str, duration_secs: float, **kwargs: Any) -> None:
        if event.startswith("/jax/core/compile"):
            durations.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield durations
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
