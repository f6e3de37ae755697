"""Which images a run's page shows: contact sheets of the clusters, near-duplicates, outliers; and
the files left out.
"""

import numpy as np
from jaxtyping import Float

from scratchclust.errors import escaped
from scratchclust.experiment.page_folder import Folder
from scratchclust.experiment.page_words import count, more, name_of
from scratchclust.report import html
from scratchclust.runs.findings import ClusterFindings, Findings

_FEW = 12  # the most typical images on a contact sheet
_FEWER = 8  # random ones, and doubtful ones
_FARTHEST = 48  # outliers, where findings.json has none
_GROUPS = 100  # of near-duplicates
_MEMBERS = 24  # of a group
_LEFT_OUT = 1000


# --- clusters


def contact_sheets(there: Folder) -> list[html.Cluster]:
    """Give a sheet for each cluster, the largest first; noise is last."""
    from scratchclust.report._style import NOISE_COLOR, PALETTE

    clusters = np.unique(there.labels).tolist()
    found = there.findings.clusters if there.findings else _chosen(there)
    sheets = []
    for one in sorted(found, key=lambda one: (one.cluster < 0, -one.n, one.cluster)):
        if one.cluster not in clusters:
            continue
        rows = [
            html.Row("Most typical", one.representatives[:_FEW]),
            html.Row("Random", one.random[:_FEWER]),
            html.Row("Most doubtful", one.doubtful[:_FEWER]),
        ]
        color = NOISE_COLOR if one.cluster < 0 else PALETTE[one.cluster % len(PALETTE)]
        sheets.append(
            html.Cluster(
                name=name_of(one.cluster).capitalize(),
                group=clusters.index(one.cluster),
                color=color,
                size=count(one.n, "image"),
                about=_makeup(there.columns["label"][there.labels == one.cluster]),
                rows=rows,
            )
        )
    return sheets


def _makeup(labels: np.ndarray) -> str:
    """The commonest labels of a cluster, in words."""
    known = labels[labels != ""]
    if not len(known):
        return ""
    names, counts = np.unique(known, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shares = [f"{escaped(str(names[i]))} ({counts[i] / len(known):.0%})" for i in order[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Labels: {', '.join(shares)}{more}"


def _chosen(there: Folder) -> list[ClusterFindings]:
    """What to show of each cluster where findings.json does not say: by distance, confidence."""
    distance = there.columns["distance"]
    confidence = there.columns["confidence"]
    rng = np.random.default_rng(there.record.seed)
    found = []
    for cluster in np.unique(there.labels).tolist():
        members = np.flatnonzero(there.labels == cluster)
        typical = members[np.lexsort((-_last(confidence[members]), _last(distance[members])))]
        known = members[np.isfinite(confidence[members])]
        doubtful = known[np.argsort(confidence[known], kind="stable")]
        some = rng.choice(members, min(_FEW, len(members)), replace=False)
        found.append(
            ClusterFindings(
                cluster=cluster,
                n=len(members),
                representatives=[] if cluster < 0 else typical[:_FEW].tolist(),
                random=some.tolist(),
                doubtful=[] if cluster < 0 else doubtful[:_FEW].tolist(),
            )
        )
    return found


def _last(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The values with what is not known as the worst."""
    return np.where(np.isfinite(values), values, np.inf)


def farthest(there: Folder) -> list[int]:
    """The images farthest out, in multiples of their cluster's median distance, above 1.5."""
    distance = there.columns["distance"]
    relative = np.full(len(distance), -np.inf)
    for cluster in np.unique(there.labels[there.labels >= 0]):
        inside = (there.labels == cluster) & np.isfinite(distance)
        median = np.median(distance[inside]) if inside.any() else 0.0
        if median > 0:
            relative[inside] = distance[inside] / median
    far = np.flatnonzero(relative > 1.5)
    return far[np.argsort(-relative[far], kind="stable")][:_FARTHEST].tolist()


def of_clusters(there: Folder) -> str:
    """Say what the sheets show, and what distance and confidence are."""
    text = (
        "Contact sheets, the largest cluster first: its most typical images, random ones, and "
        "those it is least sure of."
    )
    if there.findings is None:
        return text
    distance = escaped(there.findings.distance)
    meanings = f"Distance: {distance} Confidence: {escaped(there.findings.confidence)}"
    return f"{text} {meanings}".strip()


# --- duplicates, outliers, files


def duplicates(there: Folder) -> list[html.Duplicates]:
    """Give the groups of near-duplicates, the one to keep first."""
    names = there.names
    shown = []
    for group in (there.findings.duplicates if there.findings else ())[:_GROUPS]:
        images = [group.best, *(image for image in group.members if image != group.best)]
        shown.append(
            html.Duplicates(
                images=images[:_MEMBERS],
                best=escaped(names[group.best]),
                reason=escaped(group.reason),
                more=more(len(images) - _MEMBERS, "more in this group"),
            )
        )
    return shown


def of_duplicates(findings: Findings | None) -> str:
    """Say how many groups there are, and what holds one together."""
    if findings is None or not findings.duplicates:
        return ""
    n = len(findings.duplicates)
    shown = f" The first {_GROUPS} are shown." if n > _GROUPS else ""
    return (
        f"{count(n, 'group')} of images that look the same: every member is near the group’s "
        f"middle one. The suggested one to keep stands first.{shown}"
    )


def of_outliers(findings: Findings | None) -> str:
    """Say by what the outliers were found."""
    if findings is None:
        return (
            "The images farthest from the middle of their cluster, in multiples of what is usual "
            "in it, the strangest first."
        )
    usual = findings.usual_distance
    kept = "" if usual is None else f" 99% of the images keep a distance of {usual:.4g}."
    return f"The images farthest from what is usual, the strangest first.{kept}"


def left_out(findings: Findings | None) -> list[html.LeftOut]:
    """Give the files that are not among the images, with the reasons."""
    files = (findings.left_out if findings else ())[:_LEFT_OUT]
    return [html.LeftOut(path=escaped(one.path), reason=escaped(one.reason)) for one in files]


def of_left_out(findings: Findings | None) -> str:
    """Say how many files were left out."""
    n = len(findings.left_out) if findings else 0
    shown = f"; the first {_LEFT_OUT:,} are listed" if n > _LEFT_OUT else ""
    return f"{count(n, 'file')} of the input could not be taken{shown}." if n else ""
