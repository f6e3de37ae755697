"""Silhouette and Dunn's index of several clusterings, from one pass over the distances."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Real

from scratchclust.metrics.dunn import dunn_of_each
from scratchclust.metrics.inputs import details_in_range, points_in_range
from scratchclust.metrics.labels import Labeling, Labels, encode_for
from scratchclust.metrics.pairs import PairScores, pair_scores
from scratchclust.metrics.silhouette import silhouettes_of
from scratchclust.metrics.tiles import are_many
from scratchclust.rows import AnyArray


def internal_scores(X: Real[AnyArray, "n d"], labelings: Sequence[Labels]) -> list[dict[str, Any]]:
    """Silhouette and Dunn's index of each labeling; every distance is computed once for all.

    But for labelings of very many clusters (more than 64 and half the features): each has a pass of
    its own.

    Args:
        X: points.
        labelings: [n] integers or strings each, such as the labels of k-means for k = 2, 3, ...; -1
            is noise.

    Returns:
        For each labeling a dict of `silhouette` (mean), `silhouette_samples` [n], `dunn`,
        `n_clusters` and `n_noise`. With fewer than two clusters the scores are NaN, so that one
        poor clustering does not end a scan. Cost O(n^2 (d + sum of k)) time.

    Raises:
        InputError: X or labels that cannot be read, or of different lengths; clusters 10^31 times
            as far away as others are wide.
    """
    X = points_in_range(X)
    encoded = [encode_for(X, labels, f"labeling {i}") for i, labels in enumerate(labelings)]
    defined = [labeling for labeling in encoded if labeling.n_clusters >= 2]
    for labeling in defined:
        X = details_in_range(X, labeling)
    passed = pair_scores(X, defined) if defined else []
    found = iter(zip(passed, dunn_of_each(X, defined, passed), strict=True))
    return [
        _scores(X, one, *(next(found) if one.n_clusters >= 2 else (None, math.nan)))
        for one in encoded
    ]


def _scores(
    X: AnyArray, labeling: Labeling, scores: PairScores | None, dunn: float
) -> dict[str, Any]:
    samples = np.full(len(X), np.nan)
    if scores is not None:
        samples = silhouettes_of(
            X, labeling, None if are_many(labeling.n_clusters, X.shape[1]) else scores.sums
        )
    return {
        "silhouette": math.nan if scores is None else float(np.nanmean(samples)),
        "silhouette_samples": samples,
        "dunn": dunn,
        "n_clusters": labeling.n_clusters,
        "n_noise": int((labeling.codes < 0).sum()),
    }
