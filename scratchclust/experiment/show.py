"""What a person reads of a finished run on a terminal, as lines of text."""

import textwrap
from pathlib import Path
from typing import Any

from scratchclust.errors import escaped
from scratchclust.experiment.doubts import why_untrained
from scratchclust.runs.findings import read_findings
from scratchclust.runs.result import Record, Result

PAGE = "report.html"
COLUMNS = {  # of the table: its heading -> the score's name in a result
    "accuracy": "accuracy",
    "purity": "purity",
    "NMI": "nmi",
    "ARI": "ari",
    "silhouette": "silhouette",
    "Dunn": "dunn",
}


def lines_of(outcome: Any, width: int | None) -> list[str]:
    """Tell a run: its table, its images, and what is to be said of each result.

    Args:
        outcome: an `experiment.Outcome`.
        width: columns of the terminal; None: as many as it takes.
    """
    record = Record.from_json(outcome.metrics)
    lines = []
    if outcome.was_finished:
        lines.append("this run is complete already: nothing was computed")
    lines += table(record.results, width)
    lines += _of_images(record)
    for result in record.results:
        lines += _of_result(result)
    if record.scan is not None:
        ks = record.scan.n_clusters
        chosen = record.scan.chosen
        lines.append(f"scan over k = {ks[0]}..{ks[-1]}: the silhouette is largest at k = {chosen}")
    return lines


def findings_lines(outcome: Any) -> list[str]:
    """Tell what a finished run of a person's own images found beside its scores.

    Args:
        outcome: an `experiment.Outcome`.
    """
    findings = read_findings(outcome.folder)
    if findings is None:
        return []
    lines = [escaped(findings.choice)] if findings.choice else []
    suggestion = findings.suggestion
    if suggestion is not None:
        lines.append(f"suggested, not found: {suggestion.suggested} clusters: {suggestion.rule}")
    sizes = [f"{one.n:,}" for one in findings.clusters if one.cluster >= 0]
    noise = sum(one.n for one in findings.clusters if one.cluster < 0)
    of_none = f"; {noise:,} in none" if noise else ""
    lines.append(f"{_counted(len(sizes), 'cluster')}, of {', '.join(sizes)} images{of_none}")
    n_copies = sum(len(group.members) - 1 for group in findings.duplicates)
    lines.append(
        f"{_counted(n_copies, 'near-duplicate')} in {_counted(len(findings.duplicates), 'group')}, "
        f"{_counted(len(findings.outliers), 'outlier')}, "
        f"{_counted(len(findings.left_out), 'file')} left out"
    )
    lines += [escaped(note) for note in findings.notes]
    if (outcome.folder / PAGE).is_file():
        lines.append(f"look at {escaped(str(_from_here(outcome.folder / PAGE)))}")
    return lines


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _of_images(record: Record) -> list[str]:
    dataset = record.dataset
    source = f"{escaped(dataset.name)} ({dataset.split})"
    seconds = number(record.seconds.total, 1)
    lines = [f"{dataset.n:,} images of {source}, {seconds} s in all.{_of_labels(record)}"]
    if dataset.taken:
        lines.append(f"taken as: {escaped(dataset.taken)}")
    return lines


def _of_labels(record: Record) -> str:
    if not record.labels_used:
        return ""
    without = [result.name for result in record.results if result.labels_used is False]
    if not without:
        return " Labels took part in training."
    return f" Labels took part in training, but for {' and '.join(map(repr, without))}."


def _of_result(result: Result) -> list[str]:
    lines = []
    applied = result.applied
    if applied is not None and applied.accuracy is not None:
        lines.append(
            f"{result.name}, applied to {applied.n_scored:,} other images: "
            f"accuracy {applied.accuracy:.3f}, standard error {applied.accuracy_se:.3f} "
            f"(one cluster for all: {applied.majority:.3f})"
        )
    shared = result.seconds.shared_features
    if shared is not None:
        lines.append(
            f"{result.name}: {number(shared, 1)} of its seconds are of features that a variant "
            "before it has too; they were made once"
        )
    why = why_untrained(result)
    if why is not None:
        lines.append(
            f"{result.name}: the network has learned nothing: {why}; "
            "more --epochs or images may help"
        )
    if result.test_accuracy is not None:
        purity = result.mean_cluster_purity
        unseen = result.test_mean_cluster_purity
        alone = "" if unseen in (None, purity) else f" ({unseen:.4f} among the test images alone)"
        lines.append(
            f"test accuracy {result.test_accuracy:.4f}, "
            f"mean purity of the clusters {number(purity, 4)}{alone}"
        )
    return lines


def table(results: list[Result], width: int | None) -> list[str]:
    """Show each result on a line; where the width has no room for that, as a paragraph with each
    number beside its name.
    """
    header = ["variant", *COLUMNS, "seconds"]
    rows = [_row(result) for result in results]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is not None and sum(widths) + 2 * len(widths) - 2 > width:
        return [line for row in rows for line in _paragraph(header, row, width)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in [header, *rows]
    ]


def _row(result: Result) -> list[str]:
    known = result.to_json()
    scores = [number(known[name], 3) for name in COLUMNS.values()]
    return [escaped(result.name), *scores, number(result.seconds.total(), 1)]


def _paragraph(header: list[str], row: list[str], width: int) -> list[str]:
    cells = zip(header[1:], row[1:], strict=True)
    # a name and its number stay on one line: the space between them breaks none
    known = [f"{name}\xa0{cell}" for name, cell in cells if cell != "-"]
    text = ", ".join(known) or "no score is known"
    scores = textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
    return textwrap.wrap(row[0], width) + [line.replace("\xa0", " ") for line in scores]


def number(value: float | None, digits: int) -> str:
    """Show a number with so many digits behind the point; "-" where it is not known."""
    return "-" if value is None else f"{value:.{digits}f}"
