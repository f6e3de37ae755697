"""Which pictures of a cluster to show, and which of all are strange.

From the cluster of each picture (-1: none), its distance to the cluster (whatever a run means by
that; NaN: not known) and the confidence in [0, 1]:

    representatives  the least distance first, of equal ones the surest; among the surer half, and
                     no near-duplicate of one that is shown already
    random           drawn from the others
    doubtful         the least confidence first, of equal ones the farthest; none that is quite sure

    outliers         of all, (d - m) / s largest first, where it exceeds `STRANGE`

with m the median of the distances of the picture's cluster and s = max(1.4826 MAD, m / 20) of
them. The greatest part of a bell is within 3 s; distances have a longer tail on their far side,
whence `STRANGE` is 5. A cluster of fewer than `FEW` has no outliers, and so has noise: it is
strange as a whole, and shown as one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

NORMAL = 1.4826  # times the MAD of a normal distribution is its standard deviation
STRANGE = 5.0  # spreads beyond the median of the cluster
LEAST_SPREAD = 0.05  # of the median: where distances are all but equal, nothing stands out
FEW = 5  # pictures
MOST_OUTLIERS = 48


class Shown(NamedTuple):
    """The pictures to show of one cluster; -1 are those of none."""

    cluster: int
    n: int
    representatives: tuple[int, ...]  # the most typical first
    random: tuple[int, ...]
    doubtful: tuple[int, ...]  # the least sure first


def shown(
    labels: Integer[np.ndarray, " n"],
    distance: Float[np.ndarray, " n"] | None,
    confidence: Float[np.ndarray, " n"] | None,
    *,
    seed: int,
    n_representatives: int = 12,
    n_random: int = 12,
    n_doubtful: int = 12,
    groups: Sequence[Any] = (),
) -> tuple[Shown, ...]:
    """Choose what to show of each cluster, by rising number; -1, if there is any, last.

    Args:
        labels: the cluster of each picture.
        distance: of each to its cluster; None: not known.
        confidence: that it belongs there; None: not known.
        seed: decides what is drawn.
        n_representatives, n_random, n_doubtful: at most so many of each; no picture is in two.
        groups: near-duplicates (`duplicates.Group`): of a group at most one represents a cluster.
    """
    n = len(labels)
    far = np.nan_to_num(_or_zeros(distance, n), nan=np.inf)
    sure = np.nan_to_num(_or_zeros(confidence, n), nan=0.0)
    may_doubt = np.zeros(n, bool) if confidence is None else sure < 1
    group = _group_of(groups, n)
    found = []
    for cluster in sorted(np.unique(labels).tolist(), key=lambda label: (label < 0, label)):
        members = np.flatnonzero(labels == cluster)
        typical = _representatives(members, far, sure, group)[:n_representatives]
        others = np.setdiff1d(members, typical)
        doubtful = others[may_doubt[others]]
        doubtful = doubtful[np.lexsort((doubtful, -far[doubtful], sure[doubtful]))][:n_doubtful]
        others = np.setdiff1d(others, doubtful)
        rng = np.random.default_rng((seed, cluster + 1))
        drawn = rng.choice(others, min(n_random, len(others)), replace=False)
        parts = (tuple(part.tolist()) for part in (typical, drawn, doubtful))
        found.append(Shown(cluster, len(members), *parts))
    return tuple(found)


def outliers(
    labels: Integer[np.ndarray, " n"],
    distance: Float[np.ndarray, " n"],
    *,
    most: int = MOST_OUTLIERS,
) -> Int[np.ndarray, " m"]:
    """Find the pictures that are far from their cluster as it goes there, the strangest first.

    Args:
        labels: the cluster of each picture; -1 are no outliers.
        distance: of each to its cluster.
        most: how many at most.

    Returns:
        Numbers of pictures; none where nothing stands out.
    """
    strangeness = np.zeros(len(labels))
    for cluster in np.unique(labels[labels >= 0]):
        members = np.flatnonzero((labels == cluster) & np.isfinite(distance))
        if len(members) < FEW:
            continue
        far = distance[members].astype(np.float64)
        middle = np.median(far)
        spread = max(NORMAL * float(np.median(np.abs(far - middle))), LEAST_SPREAD * middle)
        if spread > 0:
            strangeness[members] = (far - middle) / spread
    order = np.argsort(-strangeness, kind="stable")
    return order[strangeness[order] > STRANGE][:most]


def _representatives(
    members: Int[np.ndarray, " m"],
    far: Float[np.ndarray, " n"],
    sure: Float[np.ndarray, " n"],
    group: Int[np.ndarray, " n"],
) -> Int[np.ndarray, " k"]:
    """The members of the surer half, the nearest first, one of each group of near-duplicates."""
    surer = members[sure[members] >= np.median(sure[members])]
    typical = surer[np.lexsort((surer, -sure[surer], far[surer]))]
    return typical[_is_first(group[typical])]


def _is_first(values: Int[np.ndarray, " m"]) -> Bool[np.ndarray, " m"]:
    """Whether each value is there for the first time."""
    first = np.zeros(len(values), bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _group_of(groups: Sequence[Any], n: int) -> Int[np.ndarray, " n"]:
    """A number of each picture that only the members of a group share."""
    group = np.arange(n)
    for duplicates in groups:
        group[list(duplicates.members)] = duplicates.medoid
    return group


def _or_zeros(values: Float[np.ndarray, " n"] | None, n: int) -> Float[np.ndarray, " n"]:
    return np.zeros(n) if values is None else values
