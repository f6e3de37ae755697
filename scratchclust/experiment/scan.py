"""How many clusters? Inertia, silhouette and Dunn's index over k, without a look at the labels."""

from typing import Any

import numpy as np
from jaxtyping import Num
from sklearn.pipeline import Pipeline

from scratchclust import metrics
from scratchclust.experiment.build import build
from scratchclust.experiment.telling import ask_clustering
from scratchclust.recipes.plan import Tell
from scratchclust.recipes.recipe import Variant
from scratchclust.recipes.words import with_n_clusters
from scratchclust.runs import Stage
from scratchclust.runs.result import Elbow, Scan

SMALLEST = 2  # clusters
LARGEST = 20
# Whatever start the variant has: over k, one unlucky random start (a cluster of a single outlier)
# makes a curve jump.
STARTS = {"init": "k-means++", "n_init": 3}


def elbow(
    variant: Variant,
    pipeline: Pipeline,
    images: Num[np.ndarray, "n h w c"],
    ks: tuple[int, ...],
    *,
    seed: int,
    tell: Tell,
) -> Stage:
    """Find the inertia for each k: the variant's vectors, clustered anew as in `scan`.

    Returns:
        A stage with the scores of an `Elbow`, over k up to the number of images.
    """
    X = np.asarray(pipeline[:-1].transform(images))
    tried = [k for k in ks if k <= len(X)]
    inertia = []
    for k in tried:
        tell(f"elbow: k = {k} of {tried[0]} to {tried[-1]}")
        inertia.append(float(_with_clusters(variant, k, seed).fit(X).inertia_))
    return Stage(Elbow(n_clusters=tried, inertia=inertia).to_json())


def scan(
    variant: Variant,
    pipeline: Pipeline,
    images: Num[np.ndarray, "n h w c"],
    *,
    seed: int,
    tell: Tell,
) -> Stage:
    """Cluster the variant's vectors with each k from 2 to 20 and score all labelings in one pass
    over the distances.

    Args:
        variant: its cluster step is fitted anew for each k, from the best of three k-means++
            starts.
        pipeline: the variant's fitted pipeline, whose first steps give the vectors.
        images: [n, h, w, c], n > 2.
        seed: the random state of each fit.
        tell: is told each k.

    Returns:
        A stage with the scores of a `Scan`, whose `chosen` is the k of the largest silhouette (None
        where none is defined, all images being equal), and the array "labels" [number of k, n].
    """
    X = np.asarray(pipeline[:-1].transform(images))
    ks = list(range(SMALLEST, min(LARGEST, len(X) - 1) + 1))
    fitted: list[Any] = []
    for k in ks:
        tell(f"scan: k = {k} of {ks[0]} to {ks[-1]}")
        fitted.append(_with_clusters(variant, k, seed).fit(X))
    tell(f"scan: scores of {len(ks)} labelings")
    told = [ask_clustering(clustering) for clustering in fitted]
    labelings = [clustering.labels for clustering in told]
    inertia = [clustering.inertia for clustering in told]
    internal = metrics.internal_scores(X, labelings)
    silhouette = [float(one["silhouette"]) for one in internal]
    defined = np.isfinite(silhouette)
    scores = Scan(
        n_clusters=ks,
        inertia=None if inertia[0] is None else inertia,
        silhouette=list(silhouette),
        dunn=[float(one["dunn"]) for one in internal],
        chosen=ks[int(np.nanargmax(silhouette))] if defined.any() else None,
    )
    return Stage(scores.to_json(), {"labels": np.stack(labelings)})


def _with_clusters(variant: Variant, k: int, seed: int) -> Any:
    starts = STARTS if variant.cluster.estimator == "KMeans" else {}
    return build(with_n_clusters(variant, k).cluster, seed, **starts)
