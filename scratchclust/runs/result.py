"""The one typed form of metrics.json: who computes makes it, who shows or draws a run reads it.

The fields stand in the order of the file. Most are written always, as null where they are not
known; `TOLD` marks those that are written only where there is something to tell. All this stands
here, and not beside the code that computes: a run's folder is written and read here, and whoever
does that need not know who computes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

SCHEMA = 1
APart = TypeVar("APart", bound="Part")
Number = int | float  # JSON does not tell 1 from 1.0
Numbers = Sequence[Number | None]


TOLD = {"told": True}  # metadata of a field that is left out of the file where it is None


@dataclass(frozen=True, kw_only=True)
class Part:
    """An object in the file."""

    def to_json(self) -> dict[str, Any]:
        """Give the object as `files.write_json` takes it: NaN and infinities are still numbers."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        left_out = {one.name for one in fields(self) if one.metadata.get("told")}
        return {
            name: _written(value)
            for name, value in values.items()
            if value is not None or name not in left_out
        }

    @classmethod
    def from_json(cls: type[APart], value: Mapping[str, Any]) -> APart:
        """Make the part again; what this version does not know is left aside.

        Raises:
            KeyError: a key that every such file has is missing.
        """
        found = {
            one.name: _read(value[one.name], one.metadata)
            for one in fields(cls)
            if one.name in value
        }
        try:
            return cls(**found)
        except TypeError as error:
            raise KeyError(f"{cls.__name__}: {error}") from error


def _written(value: Any) -> Any:
    if isinstance(value, Part):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: _written(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_written(one) for one in value]
    return value


def _read(value: Any, metadata: Mapping[str, Any]) -> Any:
    part = metadata.get("of")
    if value is None:
        # what is written only where it is known, and is null: a NaN, for which JSON has no word
        return math.nan if metadata.get("told") and part is None else None
    if part is None:
        return value
    if isinstance(value, list):
        return [part.from_json(one) for one in value]
    if metadata.get("by_name"):
        return {name: part.from_json(one) for name, one in value.items()}
    return part.from_json(value)


def keys(part: type[Part]) -> tuple[str, ...]:
    """The keys that the file has in any case."""
    return tuple(one.name for one in fields(part) if not one.metadata.get("told"))


@dataclass(frozen=True, kw_only=True)
class DatasetRecord(Part):
    """The images that were clustered."""

    name: str
    split: str
    n: int
    shape: list[int]  # height, width, channels
    sha256: str  # of their pixels
    labels_sha256: str | None = None
    taken: str | None = None  # how they were chosen and brought to their size, for people


@dataclass(frozen=True, kw_only=True)
class StepSeconds(Part):
    """What one variant took, by step."""

    features: Number | None = field(default=None, metadata=TOLD)
    # of the same features, which a variant before this one made: not twice in the run's
    shared_features: Number | None = field(default=None, metadata=TOLD)
    reduce: Number | None = field(default=None, metadata=TOLD)  # a map included
    cluster: Number | None = field(default=None, metadata=TOLD)
    score: Number | None = field(default=None, metadata=TOLD)

    def total(self) -> Number:
        """The sum of the steps that there were, with those that are shared."""
        return sum(self.to_json().values())


@dataclass(frozen=True, kw_only=True)
class Seconds(Part):
    """What the run took; a step's are those of all variants, when each was made."""

    total: Number | None = None  # of the last process
    load: Number | None = None
    compile: Number | None = None  # part of the steps'
    features: Number | None = None
    reduce: Number | None = None
    cluster: Number | None = None
    score: Number | None = None


@dataclass(frozen=True, kw_only=True)
class Spread(Part):
    """One score over several clusterings of the same points."""

    mean: Number | None
    std: Number | None
    min: Number | None
    max: Number | None


@dataclass(frozen=True, kw_only=True)
class AppliedResult(Part):
    """The scores of a fitted pipeline on images that no step of it was fitted to."""

    n_scored: int
    reconstruction_mse: Number | None = field(default=None, metadata=TOLD)
    reconstruction_mse_se: Number | None = field(default=None, metadata=TOLD)
    mean_image_mse: Number | None = field(default=None, metadata=TOLD)
    n_labelled: int | None = field(default=None, metadata=TOLD)
    accuracy: Number | None = field(default=None, metadata=TOLD)
    purity: Number | None = field(default=None, metadata=TOLD)
    mean_cluster_purity: Number | None = field(default=None, metadata=TOLD)
    nmi: Number | None = field(default=None, metadata=TOLD)
    ari: Number | None = field(default=None, metadata=TOLD)
    homogeneity: Number | None = field(default=None, metadata=TOLD)
    completeness: Number | None = field(default=None, metadata=TOLD)
    accuracy_se: Number | None = field(default=None, metadata=TOLD)
    # what one cluster for all would have
    majority: Number | None = field(default=None, metadata=TOLD)


@dataclass(frozen=True, kw_only=True)
class ByEpoch(Part):
    """Scores while a network was learning: lists over `epoch`."""

    epoch: list[int]
    accuracy: Numbers | None = field(default=None, metadata=TOLD)
    # the vote of neighbours in the code, and how much room it takes
    knn_accuracy: Numbers | None = field(default=None, metadata=TOLD)
    effective_rank: Numbers | None = field(default=None, metadata=TOLD)
    uniformity: Numbers | None = field(default=None, metadata=TOLD)
    reconstruction_mse: Numbers | None = field(default=None, metadata=TOLD)
    applied_accuracy: Numbers | None = field(default=None, metadata=TOLD)
    applied_accuracy_se: Numbers | None = field(default=None, metadata=TOLD)
    applied_reconstruction_mse: Numbers | None = field(default=None, metadata=TOLD)
    applied_reconstruction_mse_se: Numbers | None = field(default=None, metadata=TOLD)


@dataclass(frozen=True, kw_only=True)
class Result(Part):
    """One variant: what it found, and how good that is; _se is the standard error of a mean."""

    name: str
    method: str | None = None
    n_clusters: int | None = None
    n_fitted: int | None = None  # images that the features learned from
    n_scored: int | None = None
    accuracy: Number | None = None
    purity: Number | None = None
    nmi: Number | None = None
    ari: Number | None = None
    silhouette: Number | None = None
    dunn: Number | None = None
    inertia: Number | None = None
    n_iter: int | None = None
    converged: bool | None = None
    n_noise: int | None = field(default=None, metadata=TOLD)
    eps: Number | None = field(default=None, metadata=TOLD)
    n_neighbors: int | None = field(default=None, metadata=TOLD)
    n_connected_components: int | None = field(default=None, metadata=TOLD)
    coordinates: str | None = field(default=None, metadata=TOLD)  # of the graph, that were taken
    # whether labels took part in its training
    labels_used: bool | None = field(default=None, metadata=TOLD)
    n_labelled: int | None = field(default=None, metadata=TOLD)
    mean_cluster_purity: Number | None = field(default=None, metadata=TOLD)
    homogeneity: Number | None = field(default=None, metadata=TOLD)
    completeness: Number | None = field(default=None, metadata=TOLD)
    # the true labels, as a yardstick
    silhouette_of_labels: Number | None = field(default=None, metadata=TOLD)
    dunn_of_labels: Number | None = field(default=None, metadata=TOLD)
    n_repeats: int | None = field(default=None, metadata=TOLD)
    spread: dict[str, Spread] | None = field(
        default=None, metadata={**TOLD, "of": Spread, "by_name": True}
    )
    # of a classifier, on images that it has not seen
    test_accuracy: Number | None = field(default=None, metadata=TOLD)
    # the share of their largest class
    test_majority: Number | None = field(default=None, metadata=TOLD)
    test_mean_cluster_purity: Number | None = field(default=None, metadata=TOLD)
    reconstruction_mse: Number | None = field(default=None, metadata=TOLD)
    reconstruction_mse_se: Number | None = field(default=None, metadata=TOLD)
    # of one that draws the mean image always
    mean_image_mse: Number | None = field(default=None, metadata=TOLD)
    applied: AppliedResult | None = field(default=None, metadata={**TOLD, "of": AppliedResult})
    by_epoch: ByEpoch | None = field(default=None, metadata={**TOLD, "of": ByEpoch})
    n_features: int | None = None
    seconds: StepSeconds = field(metadata={"of": StepSeconds})


@dataclass(frozen=True, kw_only=True)
class Elbow(Part):
    """The inertia over numbers of clusters."""

    n_clusters: list[int]
    inertia: Numbers


@dataclass(frozen=True, kw_only=True)
class Scan(Part):
    """Scores over numbers of clusters."""

    n_clusters: list[int]
    # where the method has one
    inertia: Numbers | None = field(default=None, metadata=TOLD)
    silhouette: Numbers
    dunn: Numbers
    chosen: int | None  # the number with the largest silhouette


@dataclass(frozen=True, kw_only=True)
class Record(Part):
    """metrics.json."""

    recipe: str
    command: str | None = None
    seed: int
    labels_used: bool
    dataset: DatasetRecord = field(metadata={"of": DatasetRecord})
    parameters: Mapping[str, Any]  # everything but the seed that decides the result
    features_from: str | None = (
        None  # what a network of others' was trained on; None: there is none
    )
    environment: Mapping[str, Any]  # see `runs.environment`
    seconds: Seconds = field(metadata={"of": Seconds})
    results: list[Result] = field(metadata={"of": Result})
    scan: Scan | None = field(default=None, metadata={**TOLD, "of": Scan})
    elbow: Elbow | None = field(default=None, metadata={**TOLD, "of": Elbow})

    def to_json(self) -> dict[str, Any]:
        """Give the file's content, with the number of its schema."""
        return {"schema": SCHEMA, **super().to_json()}
