"""What an experiment is made of: estimators by their public names, pipelines of them, and what
people read of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spec:
    """A spec of the package, by its public name: this list is read without loading what builds
    networks.
    """

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One estimator of the package, by its public name, and the parameters that differ from its
    defaults.
    """

    estimator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """Images that a fitted pipeline is applied to and scored on, while no step is fitted to them."""

    split: str
    n: int  # so many, the first in an order that is drawn once for all


@dataclass(frozen=True)
class Variant:
    """One pipeline of an experiment: images -> features -> (reduce -> (embed ->)) cluster."""

    name: str
    features: Step
    cluster: Step
    reduce: Step | None = None
    embed: Step | None = None  # a map of what `reduce` gives
    blind: bool = False  # no label takes part, whatever the recipe says of the others
    # independent fits of the clustering; the one of median inertia stands for all of them
    n_repeats: int = 1

    @property
    def steps(self) -> dict[str, Step]:
        """The steps in order, by the names they have in the sklearn Pipeline and in metrics.json's
        seconds.
        """
        steps = {
            "features": self.features,
            "reduce": self.reduce,
            "embed": self.embed,
            "cluster": self.cluster,
        }
        return {name: step for name, step in steps.items() if step is not None}


@dataclass(frozen=True)
class Recipe:
    """An experiment: a data set and the variants that are compared on it; the first gives the run's
    model.
    """

    name: str
    summary: str  # one line for the list, at most 41 characters
    dataset: str
    split: str  # of `scratchclust.data.load`
    variants: tuple[Variant, ...]
    method: str  # for people
    target: str  # what it should reach, for people
    duration: str  # on two cores, for people
    full_split: str | None = None  # what --full clusters; None where `split` is everything
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
    full_epochs: int | None = None  # of the networks under --full
    # epochs after which the codes are clustered and scored, for a curve
    watched_every: int | None = None
    elbow: tuple[int, ...] | None = None  # numbers of clusters over which the inertia is drawn
