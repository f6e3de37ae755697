"""The one function that runs any plan: load, fit and score, draw, write, rename into place."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import scratchclust
from scratchclust import runs
from scratchclust.errors import InputError
from scratchclust.experiment.images import load, record
from scratchclust.experiment.staged import Work, fingerprint, kept_or_made
from scratchclust.files import plain
from scratchclust.recipes.lengths import Known, check_axes
from scratchclust.recipes.plan import Plan, Settings, Tell, describe, plan
from scratchclust.recipes.recipe import Recipe, Variant
from scratchclust.runs.records import ASSIGNMENTS

logger = logging.getLogger("scratchclust.recipes")
PIXELS = "pixels.npy"  # in DIR.partial, where a person's own images are too many for memory


@dataclass(frozen=True)
class Outcome:
    """Where a run lies and what is in its metrics.json."""

    folder: Path
    metrics: dict[str, Any]
    was_finished: bool = False  # a resumed run was complete: nothing was computed
    paths: tuple[str, ...] | None = None  # of pictures, relative to the folder that was read
    clusters: np.ndarray | None = None  # [n] of each image, -1: noise


class _Computed(NamedTuple):
    metrics: dict[str, Any]
    paths: tuple[str, ...] | None
    clusters: np.ndarray


def run(
    recipe: str | Recipe | Plan = "digits",
    settings: Settings | None = None,
    *,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    tell: Tell | None = None,
    begin: Callable[[], None] | None = None,
    coming: Sequence[str] = (),
) -> Outcome:
    """Run a recipe and leave a run's folder.

    Args:
        recipe: a name of `scratchclust.recipes.RECIPES`, a recipe, or the plan of one.
        settings: what differs from the recipe as it stands; a plan has its own.
        output: DIR, the run's folder; runs/<recipe> by default.
        resume: keep the finished stages of DIR.partial; a DIR that is complete with these settings
            is left as it is.
        overwrite: replace an existing DIR when the new run is complete; without `resume`, clear
            DIR.partial first.
        command: the command line, for the record.
        tell: called with a line of text before each step.
        begin: called once, when settings, folder and images are found to be good and JAX is needed:
            until then nothing waits for it. Here a program may set it up.
        coming: what was said of the run before it starts, for its log.

    Returns:
        The folder and its metrics.

    Raises:
        InputError: the recipe, a setting, the data or the folder cannot be used; the message says
            what to do.
    """
    planned = recipe if isinstance(recipe, Plan) else plan(recipe, settings)
    tell = tell or (lambda line: None)
    final = Path(output or Path("runs") / planned.recipe.name)
    if resume and not overwrite and (final / "metrics.json").is_file():
        return _finished(planned, final, tell)
    with runs.working(final, resume=resume, overwrite=overwrite) as folder:
        for line in coming:
            logger.info(line)
        found = _compute(planned, folder, command, tell, begin or (lambda: None))
        folder.finish()
    return Outcome(folder.final, found.metrics, paths=found.paths, clusters=found.clusters)


def _finished(planned: Plan, final: Path, tell: Tell) -> Outcome:
    metrics = runs.read_metrics(final)
    # The pictures last, since reading them takes time: they may have changed, or be gone, under the
    # same name.
    differing = different(planned, metrics)
    dataset = None
    if not differing:
        with TemporaryDirectory() as place:
            dataset = load(planned, tell=tell, memory_map=Path(place) / PIXELS).clustered
            differing = other_images(metrics, dataset)
    if differing or dataset is None:
        raise InputError(
            f"{final} is complete, but was made with different {' and '.join(differing)}: "
            "give another output=, or overwrite="
        )
    clusters = runs.read_assignments(final / ASSIGNMENTS)["cluster"]
    return Outcome(
        final.resolve(), metrics, was_finished=True, paths=dataset.paths, clusters=clusters
    )


def different(planned: Plan, metrics: Mapping[str, Any]) -> list[str]:
    """What of a complete run is not as this plan would have it: names in metrics.json."""
    same = {
        "recipe": planned.recipe.name,
        "seed": planned.settings.seed,
        "parameters": plain(planned.parameters),
    }
    return [name for name, value in same.items() if metrics[name] != value]


def other_images(metrics: Mapping[str, Any], dataset: Any) -> list[str]:
    """["images"], where those of a complete run, or their labels, are not those there are now."""
    was = metrics["dataset"]
    now = record(dataset)
    changed = any(was[name] != now[name] for name in now if name in was and name != "taken")
    return ["images"] if changed else []


def _compute(
    planned: Plan,
    folder: runs.RunFolder,
    command: str | None,
    tell: Tell,
    begin: Callable[[], None],
) -> _Computed:
    """Everything between the claimed folder and the complete one."""
    start = perf_counter()
    logger.info("recipe %s, %s", planned.recipe.name, planned.settings)
    pixels = folder.path / PIXELS
    try:
        images = load(planned, tell=tell, memory_map=pixels)
        loaded = perf_counter() - start
        return _compute_of(Work(planned, folder, images, tell), command, begin, start, loaded)
    finally:
        pixels.unlink(missing_ok=True)  # a resumed run reads the pictures anew: they may differ


def _compute_of(
    work: Work,
    command: str | None,
    begin: Callable[[], None],
    start: float,
    loaded: float,
) -> _Computed:
    planned = work.plan
    folder = work.folder.path
    dataset = work.images.clustered
    begin()
    _check_networks_of_ones_own(work)
    with _compile_seconds() as compiled:
        stages, curves = _stages(work)
        checks = _checks(work)
        # loads matplotlib: not before it is needed
        from scratchclust.experiment.findings import findings_of
        from scratchclust.experiment.write import metrics_of, write_outputs, write_page_of

        first = next(iter(stages.values()))
        write_outputs(planned, folder, dataset, stages, curves, checks, tell=work.tell)
        findings = findings_of(planned, dataset, first, curves.get("suggestion"), checks)
        runs.write_findings(folder, findings)
    seconds = {"total": perf_counter() - start, "load": loaded, "compile": sum(compiled)}
    metrics = metrics_of(planned, dataset, stages, curves, seconds, command=command)
    runs.write_metrics(folder / "metrics.json", metrics)
    write_page_of(folder, dataset, tell=work.tell)
    runs.seal(folder)
    return _Computed(runs.read_metrics(folder), dataset.paths, first.arrays["labels"])


def _check_networks_of_ones_own(work: Work) -> None:
    """Refuse reductions to more axes than a network of one's own gives: only its file knows."""
    clustered = work.images.clustered.images
    known = Known(len(clustered), clustered.shape[1:], is_read=True)
    for variant in work.plan.variants:
        step = variant.features
        is_known = work.plan.lengths[variant.name]["features"] is not None
        if step.estimator == "PretrainedFeatures" and variant.reduce and not is_known:
            features = scratchclust.PretrainedFeatures(**step.parameters).fit(clustered[:1])
            check_axes(variant, known, n_features=features.n_features_out_)


# --- stages


def _stages(work: Work) -> tuple[dict[str, runs.Stage], dict[str, runs.Stage]]:
    """The stages of the variants, and those over numbers of clusters."""
    if work.plan.cluster is None:
        stages = {variant.name: _fitted(work, variant) for variant in work.plan.variants}
        return stages, _curves(work, stages)
    from scratchclust.experiment.cluster import clustered

    found = clustered(work)
    suggested = {} if found.suggestion is None else {"suggestion": found.suggestion}
    return {found.variant.name: found.stage}, suggested


def _checks(work: Work) -> runs.Stage | None:
    """The checks of a person's own images, and near-duplicates; None of a data set's."""
    dataset = work.images.clustered
    if work.plan.cluster is None and dataset.original_sizes is None:
        return None
    from scratchclust.experiment.checked import check

    key = fingerprint(work.plan, work.images, {"checks": 1})
    return kept_or_made(work, "checks", key, lambda: check(dataset, tell=work.tell))


def _fitted(work: Work, variant: Variant) -> runs.Stage:
    """The variant's stage: the one that is there from before, or a new one."""
    from scratchclust.experiment.fit import fit_variant

    name = runs.slug(variant.name)
    key = fingerprint(work.plan, work.images, describe(variant))

    def make() -> runs.Stage:
        return fit_variant(
            variant,
            work.images,
            **_settings(work, variant, f"{name}-{key[:12]}"),
            for_new_images=variant is work.plan.variants[0],
            prepared=_shared_features(work, variant),
        )

    return kept_or_made(work, name, key, make)


def _shared_features(work: Work, variant: Variant) -> runs.Stage | None:
    """The stage of the features that the variant has with others: trained once, with the first of
    them; None where it has its own.
    """
    from scratchclust.experiment.fit import fit_features, shared

    first, *others = work.plan.trained_with(variant)
    if not others:
        return None
    name = f"features-{runs.slug(first.name)}"
    key = fingerprint(work.plan, work.images, {"features": 1, "of": describe(first)})

    def make() -> runs.Stage:
        return fit_features(first, work.images, **_settings(work, first, f"{name}-{key[:12]}"))

    stage = kept_or_made(work, name, key, make)
    return stage if variant is first else shared(stage)


def _settings(work: Work, variant: Variant, name: str) -> dict[str, Any]:
    """What every fit of a variant is given; name: of its checkpoints, by the configuration too, as
    those of another one would be refused.
    """
    return {
        "seed": work.plan.settings.seed,
        "tell": work.tell,
        "labels_used": work.plan.labels_used and not variant.blind,
        "checkpoints": work.folder.path / "checkpoints" / name,
        "watched_every": work.plan.recipe.watched_every,
    }


def _curves(work: Work, stages: Mapping[str, runs.Stage]) -> dict[str, runs.Stage]:
    """The stages over numbers of clusters that the plan asks for, of the first variant."""
    from scratchclust.experiment.scan import LARGEST, STARTS, elbow, scan

    ks = work.plan.elbow
    found = {}
    if work.plan.settings.scan:
        what = {"scan_to": LARGEST, "starts": STARTS}
        found["scan"] = _over_k(work, stages, "scan", what, scan)
    if ks:
        what = {"elbow": ks, "starts": STARTS}
        found["elbow"] = _over_k(work, stages, "elbow", what, partial(elbow, ks=ks))
    return found


def _over_k(
    work: Work,
    stages: Mapping[str, runs.Stage],
    name: str,
    what: Mapping[str, Any],
    over_k: Callable[..., runs.Stage],
) -> runs.Stage:
    variant = work.plan.variants[0]

    def make() -> runs.Stage:
        pipeline = stages[variant.name].pipeline
        images = work.images.clustered.images
        return over_k(variant, pipeline, images, seed=work.plan.settings.seed, tell=work.tell)

    key = fingerprint(work.plan, work.images, {**what, "of": describe(variant)})
    return kept_or_made(work, name, key, make)


@contextmanager
def _compile_seconds() -> Iterator[list[float]]:
    """Collect the seconds of tracing, lowering and compiling, which are part of the steps' own."""
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
