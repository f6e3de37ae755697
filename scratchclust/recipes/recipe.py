"""What an experiment is made of: steps by public names, pipelines of them, words for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spec:
    """A spec of the package, by its public name: what builds networks need not be loaded."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One estimator, by its public name, and the parameters that differ from its defaults."""

    estimator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """Images that a fitted pipeline is applied to and scored on; no step is fitted to them."""

    split: str
    n: int | None  # so many, the first in an order that is drawn once for all; None: all


@dataclass(frozen=True)
class Variant:
    """One pipeline of an experiment: images -> features -> (reduce -> (embed ->)) cluster.

    With `refine`, the features are trained first, then those of `refine` on the same images with
    the trained ones as their parameter `features`; and these take their place.
    """

    name: str
    features: Step
    cluster: Step
    reduce: Step | None = None
    embed: Step | None = None  # a map of what `reduce` gives
    refine: Step | None = None
    blind: bool = False  # no label takes part, whatever the recipe says of the others
    # independent fits of the clustering; the one of median inertia stands for all of them
    n_repeats: int = 1

    @property
    def steps(self) -> dict[str, Step]:
        """The steps in order, by the names they have in the Pipeline and in metrics.json."""
        steps = {
            "features": self.features,
            "reduce": self.reduce,
            "embed": self.embed,
            "cluster": self.cluster,
        }
        return {name: step for name, step in steps.items() if step is not None}

    @property
    def last_features(self) -> Step:
        """The step whose features are reduced and clustered."""
        return self.refine or self.features


@dataclass(frozen=True)
class Recipe:
    """An experiment: a data set, and the variants that are compared on it.

    The first variant gives the run's model.
    """

    name: str  # with hyphens, where the file's name has underscores
    summary: str  # one line for the list, at most 39 characters
    dataset: str
    split: str  # of `scratchclust.data.load`
    variants: tuple[Variant, ...]
    method: str  # for people
    target: str  # what it should reach, for people
    duration: str  # on two cores, for people
    rank: int = 1000  # the place in the list, from small to large; equal ranks by name
    full_split: str | None = None  # what is clustered in full size; None where it is `split`
    labels_used: bool = False  # whether labels take part in training
    # what the features learn from; None: from the images that are clustered
    fit_split: str | None = None
    test_split: str | None = None  # what a classifier is tested on
    limit: int | None = None  # the first so many images of the recipe's own data
    applied: Applied | None = None  # other images that everything is tried on in the end
    # labels that count as one; the scores look at these groups
    groups: Mapping[str, tuple[int, ...]] | None = None
    # only images of these classes take part; the labels choose them
    classes: tuple[int, ...] | None = None
    full_epochs: int | None = None  # of the networks in full size
    full_variants: tuple[Variant, ...] | None = None  # in full size; None: the same
    # epochs after which the codes are clustered and scored, for a curve
    watched_every: int | None = None
    elbow: tuple[int, ...] | None = None  # numbers of clusters over which the inertia is drawn
    has_all_methods: bool = False  # its variants are the methods, so that no other fits in
