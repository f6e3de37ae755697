"""The experiments, as data: which images, through which steps, and what should come out."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchclust.errors import InputError


@dataclass(frozen=True)
class Step:
    """One estimator of the package, by its public name, and the parameters that differ from its defaults."""

    estimator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One pipeline of an experiment: images -> features -> (reduce ->) cluster."""

    name: str
    features: Step
    cluster: Step
    reduce: Step | None = None
    n_repeats: int = 1  # independent fits of the clustering; the one of median inertia stands for all of them

    @property
    def steps(self) -> dict[str, Step]:
        """The steps in order, by the names they have in the sklearn Pipeline and in metrics.json's seconds."""
        steps = {"features": self.features, "reduce": self.reduce, "cluster": self.cluster}
        return {name: step for name, step in steps.items() if step is not None}


@dataclass(frozen=True)
class Recipe:
    """An experiment: a data set and the variants that are compared on it; the first gives the run's model."""

    name: str
    dataset: str
    split: str  # of `scratchclust.data.load`
    variants: tuple[Variant, ...]
    method: str  # for people
    target: str  # what it should reach, for people
    duration: str  # on two cores, for people
    full_split: str | None = None  # what --full clusters; None where `split` is everything
    labels_used: bool = False  # whether labels take part in training


# No label chose a setting: 10 clusters is the number of classes that both data sets are known to have, 10 restarts is
# custom, and 32 components are half the pixels.
DIGITS = Recipe(
    name="digits",
    dataset="digits",
    split="all",
    variants=(
        Variant("pixels + k-means", Step("PixelFeatures"), Step("KMeans", {"n_clusters": 10, "n_init": 10})),
        Variant(
            "PCA + k-means",
            Step("PixelFeatures"),
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
            reduce=Step("PCA", {"n_components": 32}),
        ),
    ),
    method="pixels, and their first 32 principal components; k-means, k = 10, best of 10 starts",
    target="accuracy 0.79",
    duration="under a minute",
)

# As published: random starting points, one start, until no label changes. The largest number of iterations is out of
# reach, so that the run ends by convergence. One random start is luck (silhouettes from 0.049 to 0.062 were seen), so
# it is done eleven times, and the median is shown with the spread of all, not the best.
PIXELS = Recipe(
    name="pixels",
    dataset="cifar10",
    split="test",
    full_split="all",
    variants=(
        Variant(
            "pixels + k-means",
            Step("PixelFeatures", {"color": "luma", "scale": "unit"}),
            Step("KMeans", {"n_clusters": 10, "init": "random", "n_init": 1, "tol": 0.0, "max_iter": 10_000}),
            n_repeats=11,
        ),
    ),
    method="luma grey pixels / 255; k-means, k = 10, one random start, until no label changes; median of 11 such runs",
    target="silhouette 0.050-0.060, Dunn 0.07-0.11 (published: 0.054, 0.0899)",
    duration="a minute",
)

RECIPES = {recipe.name: recipe for recipe in (DIGITS, PIXELS)}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: If there is none, with the nearest name.
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    cure = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(RECIPES)}"
    raise InputError(f"there is no recipe {name!r}: {cure} (`scratchclust recipes` lists them)")
