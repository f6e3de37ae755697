"""The line counts of the site's table of algorithms, which a test checks.

python -m tests.project.readme    writes them anew
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALGORITHMS = ROOT / "tutorials" / "site" / "algorithms.md"
COUNTED = re.compile(r"(\]\(\.\./\.\./(scratchclust/[\w/]+(?:\.py)?)\) \()([\d,]+)")


def with_line_counts(text: str) -> str:
    """The text with the number of lines that each linked file or folder has now."""

    def count(link: re.Match[str]) -> str:
        path = ROOT / link[2]
        files = path.glob("*.py") if path.is_dir() else [path]
        n_lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        return f"{link[1]}{n_lines:,}"

    return COUNTED.sub(count, text)


if __name__ == "__main__":
    ALGORITHMS.write_text(
        with_line_counts(ALGORITHMS.read_text(encoding="utf-8")), encoding="utf-8"
    )
