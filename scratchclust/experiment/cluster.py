"""A person's own images: looked at, planned, and clustered in stages that a resumed run keeps.

    vectors      what features and reduction make of the images
    suggestion   scores over numbers of clusters, where a person gave no number
    <variant>    the clustering of these vectors, with its scores
    map          t-SNE of them, for the eye alone: no cluster comes from it

Every stage is named by all that decides it, so that a folder which changed while a run was dead
changes the stages that are kept.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from scratchclust import runs
from scratchclust.experiment.staged import Work, fingerprint, kept_or_made
from scratchclust.recipes.choice import Seen
from scratchclust.recipes.cluster import Asked, check_asked, check_sortable, plan_of
from scratchclust.recipes.plan import Plan, Tell, describe
from scratchclust.recipes.recipe import Variant
from scratchclust.recipes.words import method_of, with_n_clusters
from scratchclust.runs.findings import Suggestion

FEWEST_ON_A_MAP = 31  # images: one more than t-SNE's perplexity
MOST_ON_A_MAP = 20_000  # images: of more, the first two principal components are the map


class Planned(NamedTuple):
    """What is to be done, and what was seen of the images."""

    plan: Plan
    look: Any  # a `scratchclust.data.Look`


class Clustered(NamedTuple):
    """The stages of a person's own images."""

    variant: Variant  # with its number of clusters
    stage: runs.Stage
    suggestion: runs.Stage | None


def plan_cluster(asked: Asked, *, tell: Tell | None = None) -> Planned:
    """Look at the images that a person asks to cluster, and plan it.

    Args:
        asked: what is refused in any case is refused before anything is read.
        tell: is told the step.

    Raises:
        InputError: it cannot be done; the message says what to give.
    """
    check_asked(asked)
    from scratchclust import data

    (tell or (lambda line: None))(f"looking at {asked.data}")
    look = data.look(asked.data)
    if look.readable_share == 0:  # of all files or of a sample: refused, unless there is another
        data.load(asked.data, limit=1, size=1)
    height, width = look.median_size
    seen = Seen(look.n, height, width, look.is_grey, look.kind == "pictures")
    check_sortable(asked, seen)
    return Planned(plan_of(asked, seen), look)


def clustered(work: Work) -> Clustered:
    """Make or keep the stages of the plan's one variant."""
    from scratchclust.experiment.fit import fit_variant

    (variant,) = work.plan.variants
    vectors = _vectors(work, variant)
    images, X = work.images.clustered.images, vectors.arrays["X"]
    suggestion = None
    suggests = work.plan.cluster is not None and work.plan.cluster.suggests
    if suggests and n_distinct(images, X, 2) > 1:
        suggestion = _suggestion(work, variant, vectors)
        variant = with_n_clusters(variant, Suggestion.from_json(suggestion.scores).suggested)
    elif suggests:
        variant = with_n_clusters(variant, 2)
    variant = _of_distinct(variant, images, X)

    def make() -> runs.Stage:
        seed = work.plan.settings.seed
        return fit_variant(variant, work.images, seed=seed, tell=work.tell, prepared=vectors)

    key = fingerprint(work.plan, work.images, describe(variant))
    stage = kept_or_made(work, runs.slug(variant.name), key, make)
    if (
        vectors.arrays["X"].shape[1] > 2
        and FEWEST_ON_A_MAP <= len(vectors.arrays["X"]) <= MOST_ON_A_MAP
    ):
        stage = _on_a_map(stage, _map(work, variant, vectors))
    return Clustered(variant, stage, suggestion)


def n_distinct(images: UInt8[np.ndarray, "n h w c"], X: Float[np.ndarray, "n d"], most: int) -> int:
    """Count the distinct vectors of distinct images, up to so many.

    Equal images may get vectors that differ in rounding, and unlike ones may get equal vectors.
    """
    pixels: set[bytes] = set()
    found: set[bytes] = set()
    for image, x in zip(images, X, strict=True):
        bytes_of_image = image.tobytes()
        if bytes_of_image in pixels:
            continue
        pixels.add(bytes_of_image)
        found.add((x + 0.0).tobytes())  # -0 becomes 0
        if len(found) == most:
            break
    return len(found)


def _of_distinct(variant: Variant, images: np.ndarray, X: np.ndarray) -> Variant:
    """The variant with no more clusters than distinct images, which is told in a warning."""
    counts = method_of(variant.cluster).counts
    if counts is None:
        return variant
    asked = variant.cluster.parameters[counts]
    n = n_distinct(images, X, asked)
    if n == asked:
        return variant
    warnings.warn(
        f"found {n} distinct image{'' if n == 1 else 's'}, fewer than {asked} clusters: "
        f"{'it is one cluster' if n == 1 else f'they are {n} clusters'}",
        stacklevel=2,
    )
    return with_n_clusters(variant, n)


def _vectors(work: Work, variant: Variant) -> runs.Stage:
    from scratchclust.experiment.fit import prepare_variant

    key = fingerprint(work.plan, work.images, _before_clustering(variant))

    def make() -> runs.Stage:
        return prepare_variant(
            variant,
            work.images,
            seed=work.plan.settings.seed,
            tell=work.tell,
            checkpoints=work.folder.path / "checkpoints" / f"vectors-{key[:12]}",
        )

    return kept_or_made(work, "vectors", key, make)


def _map(work: Work, variant: Variant, vectors: runs.Stage) -> runs.Stage:
    from scratchclust.experiment.fit import map_of

    key = fingerprint(work.plan, work.images, {"map": 1, **_before_clustering(variant)})

    def make() -> runs.Stage:
        seed = work.plan.settings.seed
        folder = work.folder.path / "checkpoints" / f"map-{key[:12]}"
        points = map_of(vectors.arrays["X"], seed=seed, tell=work.tell, checkpoints=folder)
        return runs.Stage({}, {"x": points[:, 0], "y": points[:, 1]})

    return kept_or_made(work, "map", key, make)


def _on_a_map(stage: runs.Stage, places: runs.Stage) -> runs.Stage:
    """The clustering with its images on the map, which has no axes for new ones."""
    kept = {name: array for name, array in stage.arrays.items() if name != "plane"}
    return replace(stage, arrays={**kept, **places.arrays})


def _suggestion(work: Work, variant: Variant, vectors: runs.Stage) -> runs.Stage:
    from scratchclust.experiment.how_many import suggest

    def make() -> runs.Stage:
        X = np.asarray(vectors.arrays["X"])
        seed = work.plan.settings.seed
        found = suggest(X, variant.cluster, seed=seed, tell=work.tell)
        return runs.Stage(found.to_json())

    key = fingerprint(work.plan, work.images, {"suggestion": 1, "of": describe(variant)})
    return kept_or_made(work, "suggestion", key, make)


def _before_clustering(variant: Variant) -> Mapping[str, Any]:
    steps = describe(variant)
    return {name: steps[name] for name in ("features", "reduce", "embed") if name in steps}
