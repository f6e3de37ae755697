"""A run's folder as a run leaves it, made without one: images whose colour tells their number."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scratchclust.files import write_json
from scratchclust.runs import write_assignments, write_metrics
from scratchclust.runs.findings import (
    ClusterFindings,
    DuplicateGroup,
    Findings,
    LeftOut,
    Suggestion,
    write_findings,
)
from scratchclust.runs.result import DatasetRecord, Record, Result, Seconds, StepSeconds
from scratchclust.runs.thumbnails import write_thumbnails

EVIL = (
    "<img src=x onerror=alert(1)>.png",
    "</script><script>alert(2)</script>.png",
    "folder/\"quotes\" & 'more' <b>.png",
    "line\u2028separator\u2029and\nnewline.png",
    "turned \u202egnp.exe",
    "<!--<script>.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "javascript:alert(3)",
)
EVIL_LABEL = "\"quoted\" <i onclick='alert(4)'>label</i></script>"


def color_of(image: int) -> tuple[int, int, int]:
    """The colour of an image: no two of 1,000 are nearer than 25 in every channel."""
    return (25 * (image % 10), 25 * (image // 10 % 10), 25 * (image // 100 % 10))


def images_of(n: int, side: int = 16) -> np.ndarray:
    colors = np.array([color_of(image) for image in range(n)], np.uint8)
    return np.broadcast_to(colors[:, None, None], (n, side, side, 3)).copy()


def record_of(n: int, **more: Any) -> Record:
    result = Result(
        name="pixels + k-means",
        method="kmeans",
        n_clusters=3,
        n_scored=n,
        accuracy=0.9,
        silhouette=0.25,
        dunn=0.1,
        seconds=StepSeconds(cluster=1.0),
    )
    kept = {
        "recipe": "digits",
        "command": "scratchclust run 'digits' --output '<b>&'",
        "seed": 0,
        "labels_used": False,
        "dataset": DatasetRecord(name="pictures", split="all", n=n, shape=[16, 16, 3], sha256="0"),
        "parameters": {"method": "<script>alert(5)</script>"},
        "environment": {"scratchclust": "0.1", "numpy": "2"},
        "seconds": Seconds(total=2.0),
        "results": [result],
    }
    return Record(**{**kept, **more})


def names_of(n: int) -> list[str]:
    return [*EVIL, *(f"folder {i % 7}/picture-{i:04}.png" for i in range(len(EVIL), n))]


def make_run(folder: Path, n: int = 600, *, findings: bool = True, thumbnails: bool = True) -> Path:
    """Make a run's folder of n images on a grid, in three clusters and three labels."""
    folder.mkdir(parents=True, exist_ok=True)
    number = np.arange(n)
    clusters = (number % 3).astype(np.int32)
    labels = [(EVIL_LABEL, "cat", "")[i % 3] for i in range(n)]
    columns = {
        "image": names_of(n),
        "label": labels,
        "cluster": clusters,
        "distance": number / n + 0.001,
        "confidence": 1 - number / n,
        "x": (number % 25).astype(float),
        "y": (number // 25).astype(float),
        "cluster_<u>other</u>": 2 - clusters,
    }
    write_assignments(folder / "assignments.csv", columns)
    write_metrics(folder / "metrics.json", record_of(n))
    if thumbnails:
        write_thumbnails(folder, images_of(n))
    if findings:
        write_findings(folder, findings_of(n))
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "embedding.png").write_bytes(png(np.zeros((40, 60, 3), np.uint8)))
    return folder


def findings_of(n: int) -> Findings:
    one_each = [
        ClusterFindings(
            cluster=cluster,
            n=n // 3,
            representatives=[cluster, cluster + 3],
            random=[cluster + 6],
            doubtful=[cluster + 9],
        )
        for cluster in range(3)
    ]
    return Findings(
        distance="The distance is <b>far</b>.",
        confidence="Confidence is a share.",
        choice="Picked because <i>small</i>.",
        suggestion=Suggestion(
            n_clusters=[2, 3],
            silhouette=[0.1, 0.2],
            calinski_harabasz=[10.0, 20.0],
            davies_bouldin=[1.0, 0.5],
            stability=[0.9, 0.95],
            suggested=3,
            rule="the most stable.",
        ),
        clusters=one_each,
        outliers=[20, 21],
        usual_distance=1.5,
        duplicates=[DuplicateGroup(medoid=12, members=[12, 0], best=0, reason="<u>sharp</u>")],
        left_out=[LeftOut(path=EVIL[0] + "\n.jpg", reason="<b>zero</b> bytes")],
        notes=["cat.gif: first of <s>12</s> frames"],
    )


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def change_metrics(folder: Path, **more: Any) -> None:
    """Write metrics.json of 600 images again, with other values under some keys."""
    content = record_of(600).to_json() | more
    write_json(folder / "metrics.json", content)
