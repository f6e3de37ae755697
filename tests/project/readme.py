"""The line counts of README's tables, which a test checks.

python -m tests.project.readme    writes them anew
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COUNTED = re.compile(r"(\]\((scratchclust/[\w/]+\.py)\) \()(\d+)")


def with_line_counts(text: str) -> str:
    """The text with the number of lines that each linked file has now."""

    def count(link: re.Match[str]) -> str:
        n_lines = len((ROOT / link[2]).read_text(encoding="utf-8").splitlines())
        return f"{link[1]}{n_lines}"

    return COUNTED.sub(count, text)


if __name__ == "__main__":
    README.write_text(with_line_counts(README.read_text(encoding="utf-8")), encoding="utf-8")
