"""What is said before a person's images are clustered: how many, what is picked, and what it takes.

The time is rough: from rates measured on two cores of 2026, taken to fall with the number of
cores. Nobody should plan by it; it tells a minute from an hour.
"""

import os
from typing import Any

from scratchclust.recipes.lengths import Known, n_features
from scratchclust.recipes.plan import Plan
from scratchclust.recipes.recipe import Step

CORES = 2  # on which the rates were measured
READING = 4e7  # pixels of files in a second
SECONDS = {  # for an image
    "PixelFeatures": 2e-5,
    "GradientFeatures": 4e-4,
    "PatchFeatures": 5e-3,
    "AutoencoderFeatures": 1.5e-2,  # its training with it
    "PretrainedFeatures": 1.2e-2,  # of 128 x 128 pixels
}
MAPPING = 1.5e-3  # seconds for an image on a map of t-SNE
PAIRS = 4e10  # products and sums of pairs of images in a second
PASSES = 3  # over all pairs: neighbours, scores, near-duplicates
SUGGESTING = 15.0  # seconds: of a suggestion of the number of clusters
ALWAYS = 25.0  # seconds: start, compilation, figures and page
PROGRAM = 1 << 30  # bytes of the program itself
MOST_ON_A_MAP = 20_000  # images, as in `cluster`
MAPPED = 1 << 30  # bytes of pixels above which they lie on the disk
PER_IMAGE_ON_DISK = 3_000  # bytes of a thumbnail and a line of the table
TYPICAL = 1_000  # numbers of an image, where the features do not say how many they make


def lines_of(plan: Plan, look: Any) -> list[str]:
    """Say what is coming.

    Args:
        plan: of `recipes.cluster`.
        look: a `scratchclust.data.Look` at the images.
    """
    n = min(look.n, plan.settings.limit or look.n)
    size = plan.source.size if isinstance(plan.source.size, tuple) else look.median_size
    kind = "grey" if look.is_grey else "colour"
    cores = _n_cores()
    (variant,) = plan.variants
    d = _n_numbers(variant.features, look, n, size)
    pixels = look.n_bytes(size) * n / max(1, look.n)
    memory = PROGRAM + min(pixels, MAPPED) + 4 * 4 * n * d
    disk = max(0.0, pixels - MAPPED) + n * (PER_IMAGE_ON_DISK + 2 * 4 * d)
    seconds = ALWAYS + _seconds(plan, look, n, d) * CORES / cores
    described = f"{n:,} images of {size[0]}x{size[1]}, {kind}: {variant.name}"
    lines = [f"{described}; about {_bytes(memory)} of memory, {_bytes(disk)} of disk, "]
    lines[0] += f"{_duration(seconds)} on {cores} core{'' if cores == 1 else 's'}"
    if plan.cluster is not None and plan.cluster.choice is not None:
        lines.append(plan.cluster.choice)
    return lines


def _seconds(plan: Plan, look: Any, n: int, d: int) -> float:
    (variant,) = plan.variants
    height, width = look.median_size
    reading = n * height * width / READING if look.kind == "pictures" else 0.0
    features = n * SECONDS.get(variant.features.estimator, 1e-3)
    reduced = variant.reduce.parameters.get("n_components", 2) if variant.reduce else d
    pairs = PASSES * n * n * reduced / PAIRS
    suggests = plan.cluster is not None and plan.cluster.suggests
    mapped = n * MAPPING if n <= MOST_ON_A_MAP else 0.0
    return reading + features + pairs + mapped + (SUGGESTING if suggests else 0.0)


def _n_numbers(step: Step, look: Any, n: int, size: tuple[int, int]) -> int:
    known = Known(n, (*size, 1 if look.is_grey else 3))
    return n_features(step, known) or TYPICAL


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bytes(number: float) -> str:
    if number >= 1 << 30:
        return f"{number / (1 << 30):.1f} GiB"
    return f"{max(1, round(number / (1 << 20))):,} MiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{10 * max(1, round(seconds / 10))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
