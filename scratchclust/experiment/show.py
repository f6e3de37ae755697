"""What a person reads of a finished run on a terminal, as lines of text."""

import textwrap
from typing import Any

from scratchclust.errors import escaped
from scratchclust.experiment.doubts import why_untrained

COLUMNS = {  # of the table: its heading -> the score's name in metrics.json
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
    metrics = outcome.metrics
    lines = []
    if outcome.was_finished:
        lines.append("this run is complete already: nothing was computed")
    lines += table(metrics["results"], width)
    lines += _of_images(metrics)
    for result in metrics["results"]:
        lines += _of_result(result)
    if metrics.get("scan"):
        ks = metrics["scan"]["n_clusters"]
        chosen = metrics["scan"]["chosen"]
        lines.append(f"scan over k = {ks[0]}..{ks[-1]}: the silhouette is largest at k = {chosen}")
    return lines


def _of_images(metrics: dict[str, Any]) -> list[str]:
    dataset = metrics["dataset"]
    source = f"{escaped(dataset['name'])} ({dataset['split']})"
    seconds = metrics["seconds"]["total"]
    labels = _of_labels(metrics)
    lines = [f"{dataset['n']:,} images of {source}, {seconds:.1f} s in all.{labels}"]
    if dataset.get("taken"):
        lines.append(f"taken as: {escaped(dataset['taken'])}")
    return lines


def _of_labels(metrics: dict[str, Any]) -> str:
    if not metrics["labels_used"]:
        return ""
    results = metrics["results"]
    without = [result["name"] for result in results if result.get("labels_used") is False]
    if not without:
        return " Labels took part in training."
    return f" Labels took part in training, but for {' and '.join(map(repr, without))}."


def _of_result(result: dict[str, Any]) -> list[str]:
    lines = []
    applied = result.get("applied", {})
    if "accuracy" in applied:
        lines.append(
            f"{result['name']}, applied to {applied['n_scored']:,} other images: "
            f"accuracy {applied['accuracy']:.3f}, standard error {applied['accuracy_se']:.3f} "
            f"(one cluster for all: {applied['majority']:.3f})"
        )
    why = why_untrained(result)
    if why is not None:
        lines.append(
            f"{result['name']}: the network has learned nothing: {why}; "
            "more --epochs or images may help"
        )
    if "test_accuracy" in result:
        purity = result["mean_cluster_purity"]
        unseen = result.get("test_mean_cluster_purity")
        alone = "" if unseen in (None, purity) else f" ({unseen:.4f} among the test images alone)"
        lines.append(
            f"test accuracy {result['test_accuracy']:.4f}, "
            f"mean purity of the clusters {purity:.4f}{alone}"
        )
    return lines


def table(results: list[dict[str, Any]], width: int | None) -> list[str]:
    """Show each result on a line; where the width has no room for that, as a paragraph with each
    number beside its name.
    """
    header = ["variant", *COLUMNS, "seconds"]
    rows = []
    for result in results:
        scores = [number(result[key], 3) for key in COLUMNS.values()]
        seconds = number(sum(result["seconds"].values()), 1)
        rows.append([escaped(result["name"]), *scores, seconds])
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if width is not None and sum(widths) + 2 * len(widths) - 2 > width:
        return [line for row in rows for line in _paragraph(header, row, width)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in [header, *rows]
    ]


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
