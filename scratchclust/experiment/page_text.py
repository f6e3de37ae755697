"""The words and numbers on a run's page: its head, its scores, its figures, how it was made."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import escaped
from scratchclust.experiment.doubts import why_untrained
from scratchclust.experiment.page_folder import Folder
from scratchclust.experiment.page_words import FEATURES, FIGURES, METHODS, ORDER, SCORES, count
from scratchclust.report import html
from scratchclust.runs import slug
from scratchclust.runs.findings import Findings
from scratchclust.runs.result import Record, Result


def escaped_json(value: Any) -> str:
    """JSON for people, over several lines; odd letters of names are written as numbers."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(map(escaped, text.split("\n")))


def title(there: Folder) -> str:
    """Give the heading: how many images of what, in how many clusters."""
    n_clusters = len(np.unique(there.labels[there.labels >= 0]))
    dataset = escaped(Path(there.record.dataset.name).name or there.record.dataset.name)
    return f"{there.record.dataset.n:,} images of {dataset} in {count(n_clusters, 'cluster')}"


def sentence(there: Folder) -> str:
    """Say in a sentence what was done."""
    record = there.record
    dataset = record.dataset
    height, width, channels = (*dataset.shape, 1)[:3]
    kind = "grey" if channels == 1 else "colour"
    variant = (record.parameters.get("variants") or [{}])[0]
    features = FEATURES.get((variant.get("features") or {}).get("estimator", ""), "their features")
    reduced = (variant.get("reduce") or {}).get("estimator")
    method = METHODS.get(record.results[0].method or "", record.results[0].method or "a clustering")
    how = f", reduced by {reduced}," if reduced else ""
    noise = int((there.labels < 0).sum())
    left = f"; {noise:,} belong to none" if noise else ""
    split = f" ({dataset.split})" if dataset.split else ""
    return (
        f"{count(dataset.n, 'image')} of {escaped(dataset.name)}{split}, {width} × {height} "
        f"pixels, {kind}, were grouped by {method} of {features}{how}{left}, in "
        f"{_duration(record.seconds.total)}."
    )


def about(there: Folder) -> list[str]:
    """Say what was picked, what was taken for what, and where labels took part."""
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


def warnings(record: Record) -> list[str]:
    """Name the networks that have learned nothing."""
    found = [(result.name, why_untrained(result)) for result in record.results]
    return [
        f"{escaped(name)}: the network has learned nothing: {why}; more epochs or images may help."
        for name, why in found
        if why is not None
    ]


def of_scores(first: Result) -> str:
    """Say what the scores are compared with."""
    name = f"Of “{escaped(first.name)}”. " if first.name else ""
    if first.accuracy is None:
        return (
            f"{name}No labels were given, so nothing here says whether the clusters mean what you "
            "mean: look at the contact sheets."
        )
    known = first.n_labelled
    some = f" of {known:,} images" if known is not None and known != first.n_scored else ""
    return f"{name}The first four compare the clusters with the given labels{some}."


def scores(first: Result) -> list[html.Score]:
    """Give the scores that there are, each with its meaning and how far to trust it."""
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


def comparison(record: Record) -> html.Table:
    """Give the scores of all variants, side by side."""
    used = [
        key for key in SCORES if any(one.to_json().get(key) is not None for one in record.results)
    ]
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


def suggestion(findings: Findings | None) -> html.Table | None:
    """Give the numbers of clusters that were tried, with the one that is suggested."""
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


def of_map(there: Folder) -> str:
    """Say what the map is, and what of it not to read too much into."""
    lost = int((~np.isfinite(there.columns["x"] + there.columns["y"])).sum())
    made = there.findings.map if there.findings is not None else None
    text = (
        f"Every image as a point in two dimensions. {escaped(made or '')} Near points are alike in "
        "the features; distances between far groups, and the size of a group, mean little."
    ).replace("  ", " ")
    return f"{text} {lost:,} images have no place on it." if lost else text


# --- figures


def figures(there: Folder) -> list[html.Figure]:
    """Give the figures, those that say most first."""
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


def of_making(record: Record) -> str:
    """Say with what the run was made."""
    return (
        f"This command repeats it, with seed {record.seed}; on a CPU the same versions and number "
        "of threads give the same bits."
    )


def tables(record: Record) -> list[html.Facts]:
    """Give times, what the data are, and versions."""
    seconds = record.seconds.to_json()
    timings = [(name, _duration(value)) for name, value in seconds.items() if value is not None]
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


def _number(value: float | int | None) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}".replace("-", "−")


def _duration(seconds: float | int | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
