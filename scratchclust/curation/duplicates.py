"""Groups of near-duplicates, in which every picture is near the group's medoid.

Which two pictures are near is defined in `scratchclust/reference/fingerprints.py`. Groups are no
chains, where a is near b and b near c and so on until thousands are swallowed, but covers: as long
as two uncovered pictures are near each other,

    the picture with the most uncovered near ones becomes a medoid, and with them a group

and all of these are covered. Of pictures with equally many it is the first. Pictures of the same
fingerprint, as exact copies are, count as one, so that a thousand copies make no million pairs.

Where more than `MOST_WARPED` pairs would have to be looked at, in a set whose pictures are all much
alike, no warp is allowed for; and where more than `MOST_PAIRS` are near without, the largest groups
are taken first from counts alone, which needs no list of pairs (`_cover_crowds`).
"""

import heapq
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int16, Int32, UInt8

from scratchclust.constants import FINGERPRINT_UNIT, NEAR_PICTURES
from scratchclust.curation.fingerprints import fingerprints, meet_all
from scratchclust.curation.meetings import TooManyPairs, count_within
from scratchclust.curation.quality import Quality

MOST_WARPED = 2**20  # (70,000 digits have 700,000)
MOST_PAIRS = 2**22
DISTANCES_AT_A_TIME = 2**22

Cover = tuple[int, Int[np.ndarray, " m"]]  # a medoid, and its members with it


class Group(NamedTuple):
    """Near-duplicates: every member is near the medoid."""

    medoid: int
    members: tuple[int, ...]  # rising, with the medoid and the best
    best: int  # the one to keep
    reason: str  # why that one


def near_duplicates(
    images: UInt8[np.ndarray, "n h w c"],
    *,
    quality: Quality,
    tell: Callable[[str], None] | None = None,
) -> tuple[Group, ...]:
    """Find all groups of near-duplicates, by their first members.

    The best of a group is the largest original, of equally large ones the sharpest, then the first.

    Args:
        images: at their working size, of 1 or 3 channels, in memory or memory-mapped.
        quality: of the same pictures.
        tell: is told how far the work has come, in a line.

    Returns:
        Groups of two pictures and more, no picture in two of them. Cost O(n^2) meetings of 259
        numbers at most, O(n) memory and at most `MOST_PAIRS` pairs.
    """
    if not len(images):
        return ()
    F, copies = _distinct(fingerprints(images))
    covers = cover(F, tell)
    covered = np.zeros(len(F), bool)
    for _, members in covers:
        covered[members] = True
    covers += [(i, np.array([i])) for i in range(len(F)) if not covered[i] and len(copies[i]) > 1]
    groups = [_as_group(medoid, members, copies, quality) for medoid, members in covers]
    return tuple(sorted(groups, key=lambda group: group.members))


def duplicate_of(groups: tuple[Group, ...], n: int) -> Int32[np.ndarray, " n"]:
    """Give the best of its group for each of n pictures; -1 for the best themselves and others."""
    best = np.full(n, -1, np.int32)
    for group in groups:
        best[list(group.members)] = group.best
        best[group.best] = -1
    return best


def _distinct(
    F: Int16[np.ndarray, "n d"],
) -> tuple[Int16[np.ndarray, "m d"], list[np.ndarray]]:
    """Each fingerprint once, as they come first; and the pictures that have it, rising."""
    as_bytes = np.ascontiguousarray(F).view(np.dtype((np.void, F.dtype.itemsize * F.shape[1])))
    _, first, which = np.unique(as_bytes.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    copies = np.split(order, np.cumsum(np.bincount(which))[:-1])
    by_first = np.argsort(first)
    return F[first[by_first]], [copies[i] for i in by_first]


def cover(F: Int16[np.ndarray, "n d"], tell: Callable[[str], None] | None = None) -> list[Cover]:
    """Cover distinct fingerprints by medoids and what is near to them; the rule is in this file.

    Args:
        F: fingerprints.
        tell: is told how far the work has come, in a line.

    Returns:
        The covers of two and more, in the order in which they were chosen.
    """
    try:
        return _cover_by_pairs(len(F), _pairs(F, tell, closely=True, limit=MOST_WARPED))
    except TooManyPairs:
        pass
    try:
        return _cover_by_pairs(len(F), _pairs(F, tell, closely=False, limit=MOST_PAIRS))
    except TooManyPairs:
        pass
    covers, left = _cover_crowds(F)
    rest = _cover_by_pairs(len(left), _pairs(F[left], tell, closely=False, limit=MOST_PAIRS))
    return covers + [(int(left[medoid]), left[members]) for medoid, members in rest]


def _pairs(
    F: Int16[np.ndarray, "n d"],
    tell: Callable[[str], None] | None,
    *,
    closely: bool,
    limit: int,
) -> Int[np.ndarray, "pairs 2"]:
    """The near pairs, as `meet_all` finds them, and how far it has come."""
    found = [np.empty((0, 2), np.int64)]
    for done, near in meet_all(F, closely=closely, limit=limit) if len(F) else ():
        found.append(near)
        if tell is not None:
            tell(f"near-duplicates: {done:,} of {len(F):,} pictures compared")
    return np.concatenate(found)


def _cover_by_pairs(n: int, pairs: Int[np.ndarray, "pairs 2"]) -> list[Cover]:
    """Cover n pictures, whose near pairs are listed.

    A heap holds how many each covers. A number that has fallen since is put back: so what comes out
    as it went in is the largest, and of equal ones the first.
    """
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    near = np.split(j[np.argsort(i, kind="stable")], np.cumsum(np.bincount(i, minlength=n))[:-1])
    covered = np.zeros(n, bool)
    heap = [(-len(near[k]), k) for k in range(n) if len(near[k])]
    heapq.heapify(heap)
    covers = []
    while heap:
        size, k = heapq.heappop(heap)
        if covered[k]:
            continue
        members = near[k][~covered[near[k]]]
        if not len(members):
            continue
        if len(members) < -size:
            heapq.heappush(heap, (-len(members), k))
            continue
        covered[members] = True
        covered[k] = True
        covers.append((k, np.sort(np.append(members, k))))
    return covers


def _cover_crowds(F: Int16[np.ndarray, "n d"]) -> tuple[list[Cover], Int[np.ndarray, " left"]]:
    """Take the largest covers until the near pairs that are left are few enough to list.

    How many each covers is counted once, on all devices; then those of the pictures that are left
    are lowered by what was covered, which in all is no more than a second count.
    """
    most = (NEAR_PICTURES * FINGERPRINT_UNIT) ** 2
    x = F.astype(np.float32)  # whole numbers below 2^24: products are exact
    norms = np.square(x).sum(axis=1)
    counts = count_within(F, NEAR_PICTURES * FINGERPRINT_UNIT) - 1
    left = np.arange(len(F))
    covers = []
    while counts[left].sum() > 2 * MOST_PAIRS:
        medoid = left[counts[left].argmax()]
        is_near = norms[left] - 2 * x[left] @ x[medoid] + norms[medoid] <= most
        members = left[is_near]
        left = left[~is_near]
        covers.append((int(medoid), members))
        step = max(DISTANCES_AT_A_TIME // max(len(left), 1), 1)
        for begin in range(0, len(members), step):
            part = members[begin : begin + step]
            squares = norms[left][:, None] - 2 * x[left] @ x[part].T + norms[part][None, :]
            counts[left] -= (squares <= most).sum(axis=1)
    return covers, left


def _as_group(
    medoid: int,
    distinct: Int[np.ndarray, " m"],
    copies: list[np.ndarray],
    quality: Quality,
) -> Group:
    """The group of all copies of some distinct pictures, and its best.

    Args:
        medoid: a distinct picture.
        distinct: those of the group.
        copies: of each distinct picture, the numbers of the pictures that are it [copies].
        quality: of the pictures.
    """
    members = np.sort(np.concatenate([copies[i] for i in distinct]))
    best, reason = _best(members, quality)
    return Group(int(copies[medoid][0]), tuple(members.tolist()), best, reason)


def _best(members: Int[np.ndarray, " m"], quality: Quality) -> tuple[int, str]:
    """The picture of a group to keep, and why."""
    width = quality.width[members].astype(np.int64)
    height = quality.height[members].astype(np.int64)
    area = width * height
    blur = quality.blur[members]
    largest = area == area.max()
    sharpest = largest & (blur == blur[largest].min())
    best = int(sharpest.argmax())
    n_sizes = len(np.unique(np.stack([width, height]), axis=1).T)
    reasons = []
    if not largest.all():
        reasons.append(f"largest, {width[best]}x{height[best]} of {n_sizes} sizes")
    if sharpest.sum() < largest.sum():
        reasons.append(f"sharpest of {largest.sum()} of this size")
    if sharpest.sum() > 1:
        reasons.append(f"first of {sharpest.sum()} equally good")
    return int(members[best]), ", ".join(reasons)
