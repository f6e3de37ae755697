"""The page of a run, made from its folder alone: what is shown is gathered here from metrics.json,
assignments.csv, findings.json, figures/ and thumbnails/; `scratchclust.report.html` writes it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

import scratchclust
from scratchclust.errors import InputError, escaped
from scratchclust.experiment.doubts import why_untrained
from scratchclust.experiment.page_words import FEATURES, FIGURES, METHODS, ORDER, SCORES
from scratchclust.files import write_text
from scratchclust.report import html
from scratchclust.runs import read_metrics, slug
from scratchclust.runs.findings import ClusterFindings, Findings, read_findings
from scratchclust.runs.loading import read_assignments
from scratchclust.runs.records import ASSIGNMENTS
from scratchclust.runs.result import Record, Result
from scratchclust.runs.thumbnails import Thumbnails, read_thumbnails

PAGE = "report.html"
_FEW = 12  # images in a row of a contact sheet
_OUTLIERS = 48
_SHEETS = 200  # contact sheets; the largest clusters
_GROUPS = 100  # of near-duplicates
_MEMBERS = 24  # of a group
_LEFT_OUT = 1000


class _Folder(NamedTuple):
    """What a run's folder holds, as far as the page needs it."""

    metrics: Mapping[str, Any]
    record: Record
    columns: Mapping[str, np.ndarray]  # assignments.csv
    findings: Findings | None
    thumbnails: Thumbnails | None
    figures: Mapping[str, bytes]

    @property
    def names(self) -> list[str]:
        return self.columns["image"].tolist()

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        return self.columns["cluster"]


def write_page(folder: Path) -> Path:
    """Write report.html of a run's folder as a whole, from what else is in the folder.

    Args:
        folder: the run's, with metrics.json and assignments.csv at least.

    Returns:
        the page's path. The same folder gives the same bytes.

    Raises:
        InputError: something is missing or damaged.
    """
    there = _read(folder)
    text = html.render(_page_of(there), _explorer_of(there))
    write_text(folder / PAGE, text)
    return folder / PAGE


def _read(folder: Path) -> _Folder:
    metrics = read_metrics(folder)
    try:
        record = Record.from_json(metrics)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / 'metrics.json'} is damaged ({error}): run the recipe again with overwrite="
        ) from error
    columns = read_assignments(folder / ASSIGNMENTS)
    n = len(columns["image"])
    if n != record.dataset.n or not n:
        raise InputError(
            f"{folder / ASSIGNMENTS} has {n} images, metrics.json {record.dataset.n}: they are not "
            "of the same run; run the recipe again with overwrite="
        )
    findings = read_findings(folder)
    thumbnails = read_thumbnails(folder)
    if (thumbnails is not None and thumbnails.n != n) or _beyond(findings, n):
        raise InputError(
            f"{folder}: its findings or thumbnails tell of other images than {ASSIGNMENTS}: run "
            "the recipe again with overwrite="
        )
    figures = {path.stem: _figure(path) for path in sorted((folder / "figures").glob("*.png"))}
    return _Folder(metrics, record, columns, findings, thumbnails, figures)


def _figure(path: Path) -> bytes:
    png = path.read_bytes()
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise InputError(f"{path} is damaged (no PNG): run the recipe again with overwrite=")
    return png


def _beyond(findings: Findings | None, n: int) -> bool:
    """Whether findings.json names an image that there is not."""
    if findings is None:
        return False
    named = [*findings.outliers]
    for cluster in findings.clusters:
        named += [*cluster.representatives, *cluster.random, *cluster.doubtful]
    for group in findings.duplicates:
        named += [group.medoid, group.best, *group.members]
    return any(not 0 <= image < n for image in named)


# --- the map


def _explorer_of(there: _Folder) -> html.Explorer:
    from scratchclust.report._style import NOISE_COLOR, PALETTE

    columns = there.columns
    names = there.names
    numbered = names == [str(i) for i in range(len(names))]
    thumbnails = there.thumbnails
    kept = ("n", "height", "width", "columns", "rows", "media_type")
    return html.Explorer(
        names=None if numbered else names,
        x=columns["x"],
        y=columns["y"],
        distance=columns["distance"],
        confidence=columns["confidence"],
        colourings=_colourings(columns),
        palette=PALETTE,
        noise_color=NOISE_COLOR,
        thumbnails=thumbnails and {name: getattr(thumbnails, name) for name in kept},
        sheets=() if thumbnails is None else thumbnails.sheets,
    )


def _colourings(columns: Mapping[str, np.ndarray]) -> list[html.Colouring]:
    found = [_by_cluster("cluster", columns["cluster"])]
    if (columns["label"] != "").any():
        found.append(_by_label(columns["label"]))
    for name, labels in columns.items():
        if name.startswith("cluster_"):
            found.append(_by_cluster(f"cluster, {name.removeprefix('cluster_')}", labels))
    return found


def _by_cluster(name: str, labels: Int[np.ndarray, " n"]) -> html.Colouring:
    clusters, of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    groups = [
        html.Group(_name_of(cluster), str(cluster) if cluster >= 0 else "", cluster, count)
        for cluster, count in zip(clusters.tolist(), counts.tolist(), strict=True)
    ]
    return html.Colouring(name, groups, of)


def _by_label(labels: np.ndarray) -> html.Colouring:
    names, of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_known = names != ""
    colors = np.where(is_known, np.cumsum(is_known) - 1, -1)
    groups = [
        html.Group(name or "no label", name, color, count)
        for name, color, count in zip(
            names.tolist(), colors.tolist(), counts.tolist(), strict=True
        )
    ]
    return html.Colouring("label", groups, of, is_label=True)


def _name_of(cluster: int) -> str:
    return "noise" if cluster < 0 else f"cluster {cluster}"


# --- the text


def _page_of(there: _Folder) -> html.Page:
    record = there.record
    first = record.results[0]
    findings = there.findings
    clusters = _contact_sheets(there)
    outliers = list(findings.outliers) if findings else _farthest(there)
    return html.Page(
        title=_title(there),
        kind=escaped(record.recipe),
        sentence=_sentence(there),
        about=_about(there),
        warnings=_warnings(record),
        of_scores=_of_scores(first),
        scores=_scores(first),
        comparison=_comparison(record) if len(record.results) > 1 else None,
        suggestion=_suggestion(findings),
        of_map=_of_map(there),
        of_clusters=_of_clusters(there),
        clusters=clusters[:_SHEETS],
        more_clusters=_more(len(clusters) - _SHEETS, "smaller clusters are on the map only"),
        of_duplicates=_of_duplicates(findings),
        duplicates=_duplicates(there),
        of_outliers=_of_outliers(findings),
        outliers=outliers[:_OUTLIERS],
        of_left_out=_of_left_out(findings),
        left_out=_left_out(findings),
        notes=[escaped(note) for note in (findings.notes if findings else ())],
        figures=_figures(there),
        of_making=_of_making(record),
        command=escaped(record.command or "run from Python: scratchclust.experiment.run"),
        tables=_tables(record),
        parameters=escaped_json(record.parameters),
        version=str(record.environment.get("scratchclust", scratchclust.__version__)),
    )


def escaped_json(value: Any) -> str:
    """JSON for people, over several lines; odd letters of names are written as numbers."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(map(escaped, text.split("\n")))


def _title(there: _Folder) -> str:
    n_clusters = len(np.unique(there.labels[there.labels >= 0]))
    dataset = escaped(Path(there.record.dataset.name).name or there.record.dataset.name)
    return f"{there.record.dataset.n:,} images of {dataset} in {_count(n_clusters, 'cluster')}"


def _sentence(there: _Folder) -> str:
    record = there.record
    dataset = record.dataset
    height, width, channels = (*dataset.shape, 1)[:3]
    kind = "grey" if channels == 1 else "colour"
    variant = (record.parameters.get("variants") or [{}])[0]
    features = FEATURES.get((variant.get("features") or {}).get("estimator"), "their features")
    reduced = (variant.get("reduce") or {}).get("estimator")
    method = METHODS.get(record.results[0].method or "", record.results[0].method or "a clustering")
    how = f", reduced by {reduced}," if reduced else ""
    noise = int((there.labels < 0).sum())
    left = f"; {noise:,} belong to none" if noise else ""
    split = f" ({dataset.split})" if dataset.split else ""
    return (
        f"{_count(dataset.n, 'image')} of {escaped(dataset.name)}{split}, {width} × {height} pixels, "
        f"{kind}, were grouped by {method} of {features}{how}{left}, in "
        f"{_duration(record.seconds.total)}."
    )


def _about(there: _Folder) -> list[str]:
    record = there.record
    lines = []
    if there.findings is not None and there.findings.choice:
        lines.append(escaped(there.findings.choice))
    if record.dataset.taken:
        lines.append(f"Taken as: {escaped(record.dataset.taken)}.")
    trained_on = there.metrics.get("features_from")
    labels = (
        "Labels of these images took part in the training."
        if record.labels_used
        else "No label of these images took part in the clustering."
    )
    outside = (
        f"The features come from a network that was trained on {escaped(str(trained_on))}."
        if trained_on
        else ""
    )
    return [*lines, f"{labels} {outside}".strip()]


def _warnings(record: Record) -> list[str]:
    found = [(result.name, why_untrained(result)) for result in record.results]
    return [
        f"{escaped(name)}: the network has learned nothing: {why}; more epochs or images may help."
        for name, why in found
        if why is not None
    ]


def _of_scores(first: Result) -> str:
    name = f"Of {escaped(first.name)}. " if first.name else ""
    if first.accuracy is None:
        return (
            f"{name}No labels were given, so nothing here says whether the clusters mean what you "
            "mean: look at the contact sheets."
        )
    known = first.n_labelled
    some = f" of {known:,} images" if known is not None and known != first.n_scored else ""
    return f"{name}The first four compare the clusters with the given labels{some}."


def _scores(first: Result) -> list[html.Score]:
    known = first.to_json()
    shown = []
    for key, words in SCORES.items():
        value = known.get(key)
        if value is None:
            continue
        share = None
        if words.lowest is not None:
            share = round(100 * min(1.0, max(0.0, (value - words.lowest) / (1 - words.lowest))), 1)
        shown.append(
            html.Score(
                name=words.name,
                value=_number(value),
                share=share,
                meaning=words.meaning,
                trust=words.trust,
            )
        )
    return shown


def _comparison(record: Record) -> html.Table:
    used = [key for key in SCORES if any(one.to_json().get(key) is not None for one in record.results)]
    head = ["variant", *(SCORES[key].name for key in used), "seconds"]
    rows = [
        [
            escaped(one.name),
            *(_number(one.to_json().get(key)) for key in used),
            f"{one.seconds.total():.1f}",
        ]
        for one in record.results
    ]
    return html.Table(head, rows)


def _suggestion(findings: Findings | None) -> html.Table | None:
    if findings is None or findings.suggestion is None:
        return None
    tried = findings.suggestion
    curves = {
        "silhouette": tried.silhouette,
        "Calinski-Harabasz": tried.calinski_harabasz,
        "Davies-Bouldin": tried.davies_bouldin,
        "stability": tried.stability,
    }
    rows = [
        [str(k), *(_number(values[at]) for values in curves.values())]
        for at, k in enumerate(tried.n_clusters)
    ]
    text = (
        f"{tried.suggested} is a suggestion, no finding: {escaped(tried.rule)} Silhouette, "
        "Calinski-Harabasz and stability are better where larger, Davies-Bouldin where smaller."
    )
    at = list(tried.n_clusters).index(tried.suggested) if tried.suggested in tried.n_clusters else 0
    return html.Table(["clusters", *curves], rows, at, text)


def _of_map(there: _Folder) -> str:
    lost = int((~np.isfinite(there.columns["x"] + there.columns["y"])).sum())
    text = (
        "Every image as a point in two dimensions. Near points are alike in the features; distances "
        "between far groups, and the size of a group, mean little."
    )
    return f"{text} {lost:,} images have no place on it." if lost else text


# --- clusters


def _contact_sheets(there: _Folder) -> list[html.Cluster]:
    from scratchclust.report._style import NOISE_COLOR, PALETTE

    clusters = np.unique(there.labels).tolist()
    found = there.findings.clusters if there.findings else _chosen(there)
    sheets = []
    for one in sorted(found, key=lambda one: (one.cluster < 0, -one.n, one.cluster)):
        if one.cluster not in clusters:
            continue
        rows = [
            html.Row("Most typical", one.representatives[:_FEW]),
            html.Row("Random", one.random[:_FEW]),
            html.Row("Most doubtful", one.doubtful[:_FEW]),
        ]
        color = NOISE_COLOR if one.cluster < 0 else PALETTE[one.cluster % len(PALETTE)]
        sheets.append(
            html.Cluster(
                name=_name_of(one.cluster).capitalize(),
                group=clusters.index(one.cluster),
                color=color,
                size=_count(one.n, "image"),
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
    shares = [f"{escaped(str(names[i]))} {counts[i] / len(known):.0%}" for i in order[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Labels: {', '.join(shares)}{more}"


def _chosen(there: _Folder) -> list[ClusterFindings]:
    """What to show of each cluster, where findings.json does not say: by distance and confidence."""
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


def _farthest(there: _Folder) -> list[int]:
    """The images farthest out, in multiples of their cluster's median distance, above one and a half."""
    distance = there.columns["distance"]
    relative = np.full(len(distance), -np.inf)
    for cluster in np.unique(there.labels[there.labels >= 0]):
        inside = (there.labels == cluster) & np.isfinite(distance)
        median = np.median(distance[inside]) if inside.any() else 0.0
        if median > 0:
            relative[inside] = distance[inside] / median
    far = np.flatnonzero(relative > 1.5)
    return far[np.argsort(-relative[far], kind="stable")][:_OUTLIERS].tolist()


def _of_clusters(there: _Folder) -> str:
    text = (
        "Contact sheets, the largest cluster first: its most typical images, random ones, and those "
        "it is least sure of."
    )
    if there.findings is None:
        return text
    meanings = f"{escaped(there.findings.distance)} {escaped(there.findings.confidence)}"
    return f"{text} {meanings}".strip()


# --- duplicates, outliers, files


def _duplicates(there: _Folder) -> list[html.Duplicates]:
    names = there.names
    shown = []
    for group in (there.findings.duplicates if there.findings else ())[:_GROUPS]:
        images = [group.best, *(image for image in group.members if image != group.best)]
        shown.append(
            html.Duplicates(
                images=images[:_MEMBERS],
                best=escaped(names[group.best]),
                reason=escaped(group.reason),
                more=_more(len(images) - _MEMBERS, "more in this group"),
            )
        )
    return shown


def _of_duplicates(findings: Findings | None) -> str:
    if findings is None or not findings.duplicates:
        return ""
    n = len(findings.duplicates)
    shown = f" The first {_GROUPS} are shown." if n > _GROUPS else ""
    return (
        f"{_count(n, 'group')} of images that look the same: every member is near the group’s "
        f"middle one. The suggested one to keep stands first.{shown}"
    )


def _of_outliers(findings: Findings | None) -> str:
    if findings is None:
        return (
            "The images farthest from the middle of their cluster, in multiples of what is usual "
            "in it, the strangest first."
        )
    usual = findings.usual_distance
    kept = "" if usual is None else f" 99% of the images keep a distance of {usual:.4g}."
    return f"The images farthest from what is usual, the strangest first.{kept}"


def _left_out(findings: Findings | None) -> list[html.LeftOut]:
    files = (findings.left_out if findings else ())[:_LEFT_OUT]
    return [html.LeftOut(path=escaped(one.path), reason=escaped(one.reason)) for one in files]


def _of_left_out(findings: Findings | None) -> str:
    n = len(findings.left_out) if findings else 0
    shown = f"; the first {_LEFT_OUT:,} are listed" if n > _LEFT_OUT else ""
    return f"{_count(n, 'file')} of the input could not be taken{shown}." if n else ""


# --- figures


def _figures(there: _Folder) -> list[html.Figure]:
    variants = {slug(result.name): result.name for result in there.record.results[1:]}
    shown = []
    for name, png in there.figures.items():
        variant = next((one for one in variants if one and name.endswith(f"-{one}")), None)
        kind = name if variant is None else name.removesuffix(f"-{variant}")
        caption = FIGURES.get(kind, kind.replace("_", " ").capitalize())
        of = "" if variant is None else escaped(variants[variant])
        where = f"{caption} ({of})" if of else caption
        shown.append((kind, html.Figure(caption=f"{where}.", alt=where, png=png, of_variant=of)))
    rank = {kind: place for place, kind in enumerate((*ORDER, *FIGURES))}
    return [figure for _, figure in sorted(shown, key=lambda one: rank.get(one[0], len(rank)))]


# --- how it was made


def _of_making(record: Record) -> str:
    return (
        f"This command repeats it, with seed {record.seed}; on a CPU the same versions and number of "
        "threads give the same bits."
    )


def _tables(record: Record) -> list[html.Facts]:
    seconds = record.seconds.to_json()
    timings = [
        (name, _duration(value)) for name, value in seconds.items() if value is not None
    ]
    versions = [(name, str(value)) for name, value in record.environment.items()]
    dataset = record.dataset
    data = [
        ("images", f"{dataset.n:,}"),
        ("height, width, channels", " × ".join(map(str, dataset.shape))),
        ("SHA-256 of the pixels", dataset.sha256),
        ("labels used", "yes" if record.labels_used else "no"),
        ("seed", str(record.seed)),
    ]
    facts = {"Time": timings, "Data": data, "Versions and device": versions}
    return [
        html.Facts(title, [(escaped(name), escaped(value)) for name, value in rows])
        for title, rows in facts.items()
    ]


# --- numbers


def _number(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}".replace("-", "−")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _more(n: int, what: str) -> str:
    return f"{n:,} {what}." if n > 0 else ""

