"""The page of a run, made from its folder alone: what is shown is gathered here from metrics.json,
assignments.csv, findings.json, figures/ and thumbnails/; `scratchclust.report.html` writes it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int

import scratchclust
from scratchclust.errors import escaped
from scratchclust.experiment import page_clusters as clusters
from scratchclust.experiment import page_text as text
from scratchclust.experiment.page_folder import Folder, read
from scratchclust.experiment.page_words import more, name_of
from scratchclust.files import write_text
from scratchclust.report import html
from scratchclust.runs.thumbnails import Thumbnails

PAGE = "report.html"
_SHEETS = 200  # contact sheets; the largest clusters
_OUTLIERS = 48


def write_page(folder: Path) -> Path:
    """Write report.html of a run's folder as a whole, from what else is in the folder.

    Args:
        folder: the run's, with metrics.json and assignments.csv at least.

    Returns:
        the page's path. The same folder gives the same bytes.

    Raises:
        InputError: something is missing or damaged.
    """
    there = read(folder)
    write_text(folder / PAGE, html.render(_page_of(there), _explorer_of(there)))
    return folder / PAGE


def images_shown(folder: Path) -> list[int]:
    """The images that a run's page shows one by one: on contact sheets, among the near-duplicates
    and the outliers.
    """
    page = _page_of(read(folder))
    shown = set(page.outliers)
    for cluster in page.clusters:
        shown.update(*(row.images for row in cluster.rows))
    for group in page.duplicates:
        shown.update(group.images)
    return sorted(shown)


# --- the map


def _explorer_of(there: Folder) -> html.Explorer:
    from scratchclust.report._style import NOISE_COLOR, PALETTE

    columns = there.columns
    names = there.names
    numbered = names == [str(i) for i in range(len(names))]
    thumbnails = there.thumbnails
    larger = thumbnails and thumbnails.larger
    return html.Explorer(
        names=None if numbered else names,
        x=columns["x"],
        y=columns["y"],
        distance=columns["distance"],
        confidence=columns["confidence"],
        colourings=_colourings(columns),
        palette=PALETTE,
        noise_color=NOISE_COLOR,
        thumbnails=thumbnails and _small_pictures(thumbnails),
        larger=larger and _small_pictures(larger.thumbnails),
        larger_of=larger.images if larger else (),
    )


def _small_pictures(thumbnails: Thumbnails) -> html.SmallPictures:
    names = ("n", "height", "width", "columns", "rows", "media_type")
    return html.SmallPictures(
        {name: getattr(thumbnails, name) for name in names}, thumbnails.sheets
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
        html.Group(name_of(cluster), str(cluster) if cluster >= 0 else "", cluster, count)
        for cluster, count in zip(clusters.tolist(), counts.tolist(), strict=True)
    ]
    return html.Colouring(name, groups, of)


def _by_label(labels: np.ndarray) -> html.Colouring:
    names, of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_known = names != ""
    colors = np.where(is_known, np.cumsum(is_known) - 1, -1)
    groups = [
        html.Group(name or "no label", name, color, count)
        for name, color, count in zip(names.tolist(), colors.tolist(), counts.tolist(), strict=True)
    ]
    return html.Colouring("label", groups, of, is_label=True)


# --- the text


def _page_of(there: Folder) -> html.Page:
    record = there.record
    first = record.results[0]
    findings = there.findings
    sheets = clusters.contact_sheets(there)
    outliers = list(findings.outliers) if findings else clusters.farthest(there)
    return html.Page(
        title=text.title(there),
        kind=escaped(record.recipe),
        sentence=text.sentence(there),
        about=text.about(there),
        warnings=text.warnings(record),
        of_scores=text.of_scores(first),
        scores=text.scores(first),
        comparison=text.comparison(record) if len(record.results) > 1 else None,
        suggestion=text.suggestion(findings),
        of_map=text.of_map(there),
        of_clusters=clusters.of_clusters(there),
        clusters=sheets[:_SHEETS],
        more_clusters=more(len(sheets) - _SHEETS, "smaller clusters are on the map only"),
        of_duplicates=clusters.of_duplicates(findings),
        duplicates=clusters.duplicates(there),
        of_outliers=clusters.of_outliers(findings),
        outliers=outliers[:_OUTLIERS],
        of_left_out=clusters.of_left_out(findings),
        left_out=clusters.left_out(findings),
        notes=[escaped(note) for note in (findings.notes if findings else ())],
        figures=text.figures(there),
        of_making=text.of_making(record),
        command=escaped(record.command or "run from Python: scratchclust.experiment.run"),
        tables=text.tables(record),
        parameters=text.escaped_json(record.parameters),
        version=str(record.environment.get("scratchclust", scratchclust.__version__)),
    )
