"""Make the tables and plots of benchmarks/README.md and the few lines in README.md from the files
of results: `python -m benchmarks.report`.

What stands between the markers is made here and nowhere else; a test compares it with the files.
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import goals, peers, plots, result_file
from benchmarks.harness import ratios_of

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(<!-- made by `python -m benchmarks\.report`: (\w+) -->\n).*?(<!-- end -->)", re.S
)
PAGES = (ROOT / "benchmarks" / "README.md", ROOT / "README.md")


class Duel(NamedTuple):
    """Ours beside the best rival of the same run."""

    problem: str
    ours: dict[str, Any]
    rival: dict[str, Any]
    ratio: float  # the rival's time over ours, the median of the rounds
    low: float
    high: float


def main() -> int:
    """Write the pages and draw the plots."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        path.write_text(with_results(text), encoding="utf-8")
        print(path.relative_to(ROOT))
    for path in plots.draw_all():
        print(path.relative_to(ROOT))
    return 0


def with_results(text: str) -> str:
    """The page with what the files of results say between its markers."""
    makers: dict[str, Callable[[], Iterable[str]]] = {
        "brief": brief,
        "goals": goal_table,
        "summary": summary,
        "tables": tables,
    }
    return BLOCK.sub(lambda found: found[1] + "\n".join(makers[found[2]]()) + f"\n{found[3]}", text)


# --- README.md


def brief() -> Iterator[str]:
    """For each device, between which factors ours is faster than the best rival, part by part."""
    for path in result_file.result_files():
        found = result_file.read(path)
        duels = list(duels_of(found))
        device = found["device"]
        yield f"\n**{device['kind']}, {device['cores']} cores ({device['architecture']})**\n"
        yield from table(
            ("part", "best rivals", "their time over ours"),
            (_brief_row(name, these) for name, these in _parts(found)),
        )
        n_lost = sum(duel.ratio < 1 for duel in duels)
        yield f"\nOurs is slower in {n_lost} of {len(duels)} rows.\n"


def _brief_row(name: str, duels: list[Duel]) -> tuple[str, ...]:
    ratios = [duel.ratio for duel in duels]
    return name, _rivals(duels), f"{_ratio(min(ratios))} to {_ratio(max(ratios))}"


def _parts(found: dict[str, Any]) -> Iterator[tuple[str, list[Duel]]]:
    for name in found["sections"]:
        if duels := list(duels_of(found, name)):
            yield name, duels


def _rivals(duels: list[Duel]) -> str:
    return ", ".join(sorted({duel.rival["name"].partition(",")[0] for duel in duels}))


# --- benchmarks/README.md


def summary() -> Iterator[str]:
    """For each device, how much faster ours is than the best rival, part by part."""
    for path in result_file.result_files():
        found = result_file.read(path)
        yield f"\n{device_line(found)}\n"
        yield from table(
            ("part", "problems", "best rivals", "least of its time over ours", "greatest"),
            (_part_row(name, duels) for name, duels in _parts(found)),
        )
        yield ""


def _part_row(name: str, duels: list[Duel]) -> tuple[str, ...]:
    least = min(duels, key=lambda duel: duel.ratio)
    greatest = max(duels, key=lambda duel: duel.ratio)
    ends = (f"**{_ratio(duel.ratio)}**, {duel.problem}" for duel in (least, greatest))
    return name, str(len(duels)), _rivals(duels), *ends


def _value(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _where_we_lose(duels: list[Duel]) -> str:
    lost = [duel for duel in duels if duel.ratio < 1]
    if not lost:
        return f"Ours is the fastest in each of the {len(duels)} rows."
    rows = "; ".join(
        f"{duel.problem} ({duel.rival['name']}, {_ratio(duel.ratio)})" for duel in lost
    )
    return f"Where we lose, {len(lost)} of {len(duels)} rows: {rows}."


def device_line(found: dict[str, Any]) -> str:
    """The device and the versions that the sections of a file were measured with."""
    device = found["device"]
    versions: dict[str, set[str]] = {}
    for section in found["sections"].values():
        for name, version in section["environment"]["versions"].items():
            versions.setdefault(name, set()).add(version)
    said = ", ".join(f"{name} {' / '.join(sorted(these))}" for name, these in versions.items())
    return f"**{device['kind']}, {device['cores']} cores ({device['architecture']})**: {said}."


def goal_table() -> Iterator[str]:
    """For each device, what was wanted of it, what was measured, and why it is not more."""
    for path in result_file.result_files():
        found = result_file.read(path)
        yield f"\n{path.stem}\n"
        yield from table(
            ("what", "wanted", "measured", "if missed, why"),
            (_goal_row(each) for each in goals.measured(found, list(duels_of(found)))),
        )
        yield ""


def _goal_row(each: goals.Measured) -> tuple[str, ...]:
    value = _number(each.value)
    return (
        each.what,
        f"{_number(each.goal.wanted)} {each.goal.unit}",
        f"**{value}**" if each.is_met else value,
        "" if each.is_met else each.goal.floor,
    )


def tables() -> Iterator[str]:
    """Of each device: where we lose, how rivals were set, and a table for each part."""
    for path in result_file.result_files():
        found = result_file.read(path)
        duels = list(duels_of(found))
        yield f"\n### {path.stem}\n\n{device_line(found)}\n\n{_where_we_lose(duels)}\n"
        yield "How each rival was set:\n"
        for rival, setting in _settings(found):
            yield f"- {rival}: {setting}"
        for name, section in found["sections"].items():
            yield from _section(name, section)
        yield ""
        yield from _pictures(path, "results")


def _settings(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names = {row["name"] for _, contenders in comparisons_of(found) for row in contenders}
    for start, setting in peers.SETTINGS.items():
        if any(name.startswith(start) for name in names):
            yield start, setting


def _section(name: str, section: dict[str, Any]) -> Iterator[str]:
    comparisons = section.get("comparisons", [])
    if not comparisons:
        return
    yield f"\n#### {name}\n\n`{section['command']}`{_rounds(section)}"
    for comparison in comparisons:
        yield f"\n{comparison['problem']}\n"
        if "contenders" in comparison:
            yield from _contenders(comparison)
        for kind, columns in ROWS.items():
            if kind in comparison:
                yield from _rows(comparison[kind], columns)


def _rounds(section: dict[str, Any]) -> str:
    return f", at most {section['repeats']} rounds"


def _contenders(comparison: dict[str, Any]) -> Iterator[str]:
    rows = comparison["contenders"]
    best = best_rival(rows)
    yield from table(
        (
            "contender",
            "first call, s",
            "moving X, s",
            "median, s",
            "rounds",
            "best rival's time over it",
            "quality",
        ),
        (
            (
                row["name"],
                _number(row["first"]),
                _number(row["transfer"]),
                _number(row["median"]),
                str(len(row["seconds"])),
                _over(row, best),
                _quality(row["quality"]),
            )
            for row in rows
        ),
    )


def _over(row: dict[str, Any], best: dict[str, Any] | None) -> str:
    if best is None or row is best:
        return ""
    ratio, low, high = ratios_of(row["seconds"], best["seconds"])
    return f"{_ratio(ratio)} ({_ratio(low)} to {_ratio(high)})"


def _quality(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in found.items())


# Other rows that a part may have: columns, each with how its numbers are written.
ROWS: dict[str, dict[str, Callable[[Any], str]]] = {
    "rates": {"rate": str, "value": str},
    "startup": {"what": str, "seconds": lambda value: _number(value)},
    "per_iteration": {"n": lambda n: f"{n:,}", "seconds": lambda value: _number(value)},
    "scaling": {
        "algorithm": str,
        "along": str,
        "from": str,
        "to": str,
        "time's exponent": lambda value: f"{value:.2f}",
        "memory's exponent": lambda value: "" if value is None else f"{value:.2f}",
        "seconds at the end": lambda value: _number(value),
        "floor, seconds": lambda value: _number(value),
        "time over floor": lambda value: _ratio(value),
        "memory at the end, MB": lambda value: _number(value),
    },
    "estimates": {
        "algorithm": str,
        "sizes": str,
        "estimated, s": lambda value: _number(value),
        "measured, s": lambda value: _number(value),
        "time: measured over estimated": lambda value: _ratio(value),
        "estimated, MB": lambda value: _number(value),
        "measured, MB": lambda value: _number(value),
    },
}


def _rows(rows: list[dict[str, Any]], columns: dict[str, Callable[[Any], str]]) -> Iterator[str]:
    yield from table(
        tuple(columns), (tuple(write(row[name]) for name, write in columns.items()) for row in rows)
    )


def _pictures(path: Path, folder: str) -> Iterator[str]:
    for picture in plots.pictures_of(path):
        yield f"![{plots.ALT[picture.kind]}]({folder}/{picture.path.name})\n"


# --- what is in a file


def comparisons_of(
    found: dict[str, Any], part: str | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Problem and contenders of each comparison of a part (None: of all), in the file's order."""
    for name, section in found["sections"].items():
        if part not in (None, name):
            continue
        for comparison in section.get("comparisons", []):
            if "contenders" in comparison:
                yield comparison["problem"], comparison["contenders"]


def best_rival(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest of the rivals by its median; None where there is none."""
    rivals = [row for row in rows if row["kind"] == "rival"]
    return min(rivals, key=lambda row: row["median"], default=None)


def duels_of(found: dict[str, Any], part: str | None = None) -> Iterator[Duel]:
    """Ours as it stands, on NumPy's arrays, beside the best rival, problem by problem."""
    for problem, rows in comparisons_of(found, part):
        rival = best_rival(rows)
        ours = next((row for row in rows if row["kind"] == "ours"), None)
        if rival is not None and ours is not None:
            yield Duel(problem, ours, rival, *ratios_of(ours["seconds"], rival["seconds"]))


# --- writing


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table in Markdown, line by line."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float | None) -> str:
    """Three digits that count."""
    if value is None or math.isnan(value):
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 6)}f}"


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
