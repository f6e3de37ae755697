"""How near images are to their clusters, fitted and new: measured alike, and kept for new ones.

    nearness/nearness.json        how it is measured, and the distance that is usual
    nearness/arrays.safetensors   the fitted vectors, their clusters, and what a rule needs
    nearness/manifest.json        schema version, and the SHA-256 of the other two

Which rule a method has, whoever fits it says (`Rule`); here no estimator is asked what it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float, Int, Num, Real

from scratchclust.errors import InputError
from scratchclust.files import whole_folder, write_json
from scratchclust.runs.digests import check_manifest, write_manifest

NEARNESS = "nearness"
SCHEMA = 1
RECORD = "nearness.json"
ARRAYS = "arrays.safetensors"
USUAL_SHARE = 0.99  # of the fitted images keep the distance beyond which one is unusual
LARGEST_KEPT = 2**27  # bytes of vectors; longer ones are kept by their leading principal axes
SAMPLE = 10_000  # vectors that tell those axes

AMID = 5  # fitted images, in the middle of which a new one has its place on a map without axes

Kind = Literal["centers", "posterior", "neighbors"]
Map = tuple[np.ndarray, np.ndarray]  # x and y of the fitted images, [n] each


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a method's nearness is measured.

    Attributes:
        kind: "centers", by distances to centres; "posterior", the same with a confidence that is a
            probability; "neighbors", by the nearest fitted images.
        n_neighbors: of "neighbors".
        eps: how near one of the `core` must be to draw a new image into its cluster; None: the
            neighbours vote.
        centers: [k d] of "posterior"; k-means knows its own.
        core: [m] the fitted images that draw others, where there is an eps.
        points_in_model: whether the clustering keeps the vectors, as `points_`.
    """

    kind: Kind
    n_neighbors: int | None = None
    eps: float | None = None
    centers: Real[np.ndarray, "k d"] | None = None
    core: Int[np.ndarray, " m"] | None = None
    points_in_model: bool = False

    @property
    def instead(self) -> str | None:
        """How new images find their clusters where the method has no way of its own, else None."""
        if self.kind != "neighbors" or self.points_in_model:
            return None
        if self.eps is None:
            return f"the {self.n_neighbors} nearest fitted images vote"
        return f"the nearest core image within {self.eps:.4g} decides; beyond, all is noise"

    @property
    def meanings(self) -> tuple[str, str]:
        """What the columns distance and confidence are, in a sentence each."""
        if self.kind == "neighbors":
            k = self.n_neighbors
            return (
                f"Mean distance to the {k} nearest other images of its cluster (of noise: of any "
                "cluster), between the vectors that were clustered.",
                f"Share of its {k} nearest images that are in its cluster.",
            )
        distance = "Distance to the centre of its cluster, between the vectors that were clustered."
        if self.kind == "posterior":
            return distance, "Probability of its cluster, given the image."
        return (
            distance,
            "1 - d1 / d2, with d1 and d2 the distances to the nearest and the second nearest "
            "centre: 0 on the border of two clusters, 1 on a centre.",
        )


class Measured(NamedTuple):
    """Of each image; NaN where it is not known."""

    distance: Float[np.ndarray, " n"]
    confidence: Float[np.ndarray, " n"]


class Kept(NamedTuple):
    """Vectors as they are kept: those that were clustered, or what their leading axes tell."""

    vectors: Float[np.ndarray, "n q"]
    # [q + 1, d]: the mean, and the axes; None: nothing was reduced
    projection: Float[np.ndarray, "a d"] | None


class Place(NamedTuple):
    """A new image among the fitted ones."""

    cluster: Int[np.ndarray, " m"]
    distance: Float[np.ndarray, " m"]
    confidence: Float[np.ndarray, " m"]
    x: Float[np.ndarray, " m"]
    y: Float[np.ndarray, " m"]


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """What is kept of the fitted images; made by `read`."""

    rule: Rule
    usual_distance: float | None  # that 99% of the clustered images keep
    fitted: Any  # a `cluster.nearness.FittedPoints`
    projection: Float[np.ndarray, "a d"] | None
    plane: Float[np.ndarray, "3 d"] | None  # the map's mean and its two axes; None: see `places`
    is_map: bool  # the vectors have two numbers, which are the map

    def kept(self, X: Real[np.ndarray, "m d"]) -> Float[np.ndarray, "m q"]:
        """Give new vectors as the fitted ones are kept."""
        return projected(X, self.projection)

    def place(self, clustering: Any, X: Real[np.ndarray, "m d"], map_of_fitted: Map) -> Place:
        """Find cluster, nearness and place on the map of new vectors, each on its own."""
        kept = self.kept(X)
        if self.rule.kind == "neighbors":
            near = self.fitted.new(kept)
            cluster = near.labels
            measured = Measured(near.distance.astype(np.float32), near.confidence)
            neighbors = near.neighbors
        else:
            cluster = np.asarray(clustering.predict(X)).astype(np.int32)
            measured = self._by_centers(clustering, X, cluster)
            neighbors = None
        x, y = self._on_map(X, kept, neighbors, map_of_fitted)
        confidence = measured.confidence.astype(np.float32)
        return Place(cluster, measured.distance, confidence, x, y)

    def _by_centers(
        self, clustering: Any, X: Real[np.ndarray, "m d"], cluster: Int[np.ndarray, " m"]
    ) -> Measured:
        if self.rule.kind == "posterior":
            return measure(self.rule, X, cluster, probabilities=clustering.predict_proba(X))
        from scratchclust.cluster.nearness import distances_to_all

        distances = distances_to_all(X, clustering.cluster_centers_).astype(np.float32)
        return measure(self.rule, X, cluster, distances=distances)

    def _on_map(
        self,
        X: Real[np.ndarray, "m d"],
        kept: Real[np.ndarray, "m q"],
        neighbors: Int[np.ndarray, "m k"] | None,
        map_of_fitted: Map,
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """The place on the fitted images' map: on its axes, or amid the nearest fitted images."""
        if self.is_map:
            return X[:, 0].astype(np.float32), X[:, 1].astype(np.float32)
        if self.plane is not None:
            mean, *axes = self.plane.astype(np.float64)
            # by rows, not by a product: companions must not change a bit
            x, y = (((X - mean[None]) * axis[None]).sum(axis=1) for axis in axes)
            return x.astype(np.float32), y.astype(np.float32)
        if neighbors is None:
            n = min(AMID, len(self.fitted.points))
            neighbors = np.asarray(self.fitted.neighbors(kept, n).indices)
        x, y = (values[neighbors].mean(axis=1) for values in map_of_fitted)
        return x.astype(np.float32), y.astype(np.float32)


def measure(
    rule: Rule,
    X: Real[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    *,
    kept: Kept | None = None,
    distances: Real[Any, "n k"] | None = None,
    probabilities: Real[Any, "n k"] | None = None,
) -> Measured:
    """Measure how near images are to their clusters; of "neighbors", fitted ones alone.

    Args:
        rule: of the method that found the labels.
        X: the vectors that were clustered.
        labels: [n]; -1 is noise.
        kept: what `keep` gave for X, of "neighbors".
        distances: to all centres, of "centers".
        probabilities: of all clusters, of "posterior".
    """
    from scratchclust.cluster import nearness as points

    if rule.kind == "neighbors":
        assert kept is not None
        near = fitted_points(rule, kept.vectors, labels).fitted()
        return Measured(near.distance.astype(np.float32), near.confidence.astype(np.float32))
    if rule.kind == "posterior":
        assert rule.centers is not None
        found = points.distances_to_own(X, np.asarray(rule.centers), labels)
        return Measured(found.astype(np.float32), np.asarray(probabilities).max(axis=1))
    to_all = np.asarray(distances)
    own = np.take_along_axis(to_all, labels[:, None], axis=1)[:, 0]
    return Measured(own, points.centroid_confidence(to_all))


def fitted_points(
    rule: Rule, vectors: Real[np.ndarray, "n q"], labels: Int[np.ndarray, " n"]
) -> Any:
    """Give the fitted images as a place to look for neighbours."""
    from scratchclust.cluster.nearness import FittedPoints

    return FittedPoints(vectors, labels, rule.n_neighbors or 1, core=rule.core, eps=rule.eps)


def keep(X: Num[np.ndarray, "n d"]) -> Kept:
    """Give the vectors as they are kept: as they are, up to `LARGEST_KEPT` bytes in float32.

    Beyond, what their leading principal axes tell, as many as there is room for. Distances between
    those are a little smaller, of fitted images and of new ones alike.
    """
    X = np.asarray(X, np.float32)
    n, d = X.shape
    n_axes = max(2, LARGEST_KEPT // (4 * n))
    if n_axes >= min(d, n):
        return Kept(X, None)
    from scratchclust.estimators.pca import PCA

    sample = X[np.linspace(0, n - 1, min(n, SAMPLE)).astype(int)]
    pca = PCA(min(n_axes, len(sample)), random_state=0).fit(sample)
    projection = np.concatenate([np.asarray(pca.mean_)[None], np.asarray(pca.components_)])
    return Kept(projected(X, projection), projection)


def projected(
    X: Real[np.ndarray, "m d"], projection: Float[np.ndarray, "a d"] | None
) -> Float[np.ndarray, "m q"]:
    """Give the vectors on the axes of what was kept."""
    if projection is None:
        return np.asarray(X, np.float32)
    return (X - projection[:1]).astype(np.float32) @ projection[1:].T


def usual_of(
    rule: Rule, labels: Int[np.ndarray, " n"], distance: Real[np.ndarray, " n"]
) -> float | None:
    """Give the distance that 99% of the clustered images keep, all clusters together.

    It is that of images as if they were new: a fitted one has drawn its centre towards itself.
    None: no distance is known.
    """
    from_means = rule.kind != "neighbors"
    from scratchclust.cluster.nearness import usual_distance

    return usual_distance(distance, labels, USUAL_SHARE, from_means=from_means)


def write(
    run_folder: Path,
    rule: Rule,
    *,
    kept: Kept | None,
    labels: Int[np.ndarray, " n"],
    distance: Real[np.ndarray, " n"],
    plane: Float[np.ndarray, "3 d"] | None,
) -> None:
    """Write nearness/ of a run's folder, in the place of an older one.

    Args:
        run_folder: DIR.partial.
        rule: of the clustering.
        kept: what `keep` gave for the vectors that were clustered; None where the clustering has
            them (`points_in_model`).
        labels: [n] their clusters.
        distance: [n] as `measure` gave it.
        plane: the mean and the two axes of the map; None where the vectors are the map (they have
            two numbers), or where it has no axes: new images then come amid their nearest.

    Raises:
        OSError: it could not be written.
    """
    from safetensors.numpy import save_file

    arrays = {
        "vectors": None if kept is None else kept.vectors,
        "projection": None if kept is None else kept.projection,
        "labels": labels.astype(np.int32),
        "centers": rule.centers,
        "core": rule.core,
        "plane": plane,
    }
    there = {name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}
    usual = usual_of(rule, labels, distance)
    with whole_folder(run_folder / NEARNESS) as draft:
        save_file(there, draft / ARRAYS)
        write_json(draft / RECORD, {"schema": SCHEMA, **_told(rule), "usual_distance": usual})
        write_manifest(draft, (RECORD, ARRAYS))


def _told(rule: Rule) -> dict[str, Any]:
    known = {"kind": rule.kind, "n_neighbors": rule.n_neighbors, "eps": rule.eps}
    return {**known, "points_in_model": rule.points_in_model}


def read(run_folder: Path, clustering: Any) -> Nearness | None:
    """Read nearness/ of a run's folder; None where there is none.

    Args:
        run_folder: DIR.
        clustering: the fitted one, which may keep the vectors.

    Raises:
        InputError: a file is missing or damaged, or of a newer schema.
    """
    folder = run_folder / NEARNESS
    if not folder.exists():
        return None
    check_manifest(folder, (RECORD, ARRAYS))
    from safetensors.numpy import load_file

    record = json.loads((folder / RECORD).read_bytes())
    if record["schema"] != SCHEMA:
        raise InputError(
            f"{folder / RECORD} has schema {record['schema']!r}, this version of scratchclust "
            f"reads {SCHEMA}: use the version that made it, or make the run again"
        )
    try:
        return _made(record, load_file(folder / ARRAYS), clustering)
    # the digests agree, so it is no damage; what a stranger wrote may fail in any way
    except Exception as error:
        raise InputError(
            f"{folder} was not written by a run ({error}): make it again with overwrite="
        ) from error


def _made(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], clustering: Any) -> Nearness:
    if record["kind"] not in get_args(Kind):
        raise ValueError(record["kind"])
    rule = Rule(
        kind=record["kind"],
        n_neighbors=record["n_neighbors"],
        eps=record["eps"],
        centers=arrays.get("centers"),
        core=arrays.get("core"),
        points_in_model=record["points_in_model"],
    )
    vectors = arrays.get("vectors")
    if vectors is None:
        vectors = np.asarray(clustering.points_)
    plane = arrays.get("plane")
    projection = arrays.get("projection")
    return Nearness(
        rule=rule,
        usual_distance=record["usual_distance"],
        fitted=fitted_points(rule, vectors, arrays["labels"]),
        projection=projection,
        plane=plane,
        is_map=plane is None and vectors.shape[1] == 2,
    )
