"""Log-log plots of the files of results: time and peak memory against n, d, k and the number of
devices, beside the floor.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import result_file

AXES = ("n", "d", "k", "devices")
ALT = {
    "time": "Time against points, features, clusters and devices, on logarithmic axes, with the "
    "floor of each",
    "memory": "Peak memory against points, features, clusters and devices, on logarithmic axes",
    "tsne": "The time of one iteration of t-SNE against the number of points",
}
MEGA = 1e6


class Picture(NamedTuple):
    """A plot of a file of results: "time", "memory" or "tsne", and its place."""

    kind: str
    path: Path


def pictures_of(path: Path) -> Iterator[Picture]:
    """The plots that a file of results has something for."""
    sections = result_file.read(path)["sections"]
    if "scaling" in sections:
        yield Picture("time", path.with_name(f"{path.stem}-time.png"))
        yield Picture("memory", path.with_name(f"{path.stem}-memory.png"))
    if _iterations(sections):
        yield Picture("tsne", path.with_name(f"{path.stem}-tsne.png"))


def draw_all(folder: Path = result_file.FOLDER) -> Iterator[Path]:
    """Draw the plots of every file; their paths."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("without matplotlib, which is not installed here: no plots")
        return
    mpl.use("agg")
    for path in result_file.result_files(folder):
        sections = result_file.read(path)["sections"]
        for picture in pictures_of(path):
            if picture.kind == "tsne":
                _draw_iterations(_iterations(sections), picture.path)
            else:
                _draw_scaling(_rows(sections), picture)
            yield picture.path


def _rows(sections: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        row
        for comparison in sections["scaling"]["comparisons"]
        for row in comparison.get("scaling", [])
    ]


def _iterations(sections: dict[str, Any]) -> list[dict[str, Any]]:
    found = sections.get("tsne", {}).get("comparisons", [])
    return next((each["per_iteration"] for each in found if "per_iteration" in each), [])


def _draw_scaling(rows: list[dict[str, Any]], picture: Picture) -> None:
    """A panel for each axis, a line for each algorithm; dotted is its floor."""
    from matplotlib import lines
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(AXES), figsize=(13, 3.6), layout="constrained", squeeze=False
    )
    algorithms = list(dict.fromkeys(row["algorithm"] for row in rows))
    for axis, panel in zip(AXES, panels[0], strict=True):
        for row in (row for row in rows if row["along"] == axis):
            colour = f"C{algorithms.index(row['algorithm'])}"
            _draw_line(panel, row, axis, picture.kind, colour)
        panel.set(xscale="log", yscale="log", xlabel=axis, title=f"against {axis}")
        panel.grid(alpha=0.3)
    unit = "seconds (dotted: floor)" if picture.kind == "time" else "peak, MB"
    panels[0][0].set_ylabel(unit)
    handles = [lines.Line2D([], [], color=f"C{i}", label=name) for i, name in enumerate(algorithms)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(picture.path, dpi=100)
    plt.close(figure)


def _draw_line(panel: Any, row: dict[str, Any], axis: str, kind: str, colour: str) -> None:
    points = row["points"]
    if kind == "time":
        at = [point[axis] for point in points]
        panel.plot(at, [point["median"] for point in points], "o-", ms=3, color=colour)
        panel.plot(at, [point["floor"] for point in points], ":", color=colour, alpha=0.7)
        return
    known = [point for point in points if point["peak"]]
    peaks = [point["peak"] / MEGA for point in known]
    panel.plot([point[axis] for point in known], peaks, "o-", ms=3, color=colour)


def _draw_iterations(rows: list[dict[str, Any]], place: Path) -> None:
    from matplotlib import pyplot as plt

    n = [row["n"] for row in rows]
    milliseconds = [1e3 * row["seconds"] for row in rows]
    slope = sum(map(float.__mul__, map(float, n), milliseconds)) / sum(each**2 for each in n)
    figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    ax.plot(n, milliseconds, "o-", label="measured")
    straight = [slope * each for each in n]
    ax.plot(n, straight, "--", color="0.6", label=f"{1e3 * slope:.2f} microseconds a point")
    ax.set(xscale="log", yscale="log", xlabel="points", ylabel="milliseconds")
    ax.set_xticks(n, [f"{each:,}" for each in n], fontsize="small", rotation=30)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200) if tick < 2 * max(milliseconds)]
    ax.set_yticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_title("One iteration of t-SNE through the grid")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    figure.savefig(place, dpi=100)
    plt.close(figure)
