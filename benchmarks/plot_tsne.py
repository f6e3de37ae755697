"""Draws the time of an iteration of t-SNE against n from a result file: `python -m
benchmarks.plot_tsne [FILE]`.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np


def main(path: Path) -> Path:
    """Draw the file's figures beside a straight line, and return the picture's path."""
    comparisons = json.loads(path.read_text(encoding="utf-8"))["comparisons"]
    rows = next(each["per_iteration"] for each in comparisons if "per_iteration" in each)
    n, milliseconds = (np.array([row[name] for row in rows]) for name in ("n", "seconds"))
    milliseconds = 1e3 * milliseconds
    figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
    slope = (n * milliseconds).sum() / np.square(n).sum()
    ax.plot(n, milliseconds, "o-", label="measured")
    ax.plot(n, slope * n, "--", color="0.6", label=f"{1e3 * slope:.2f} microseconds a point")
    ax.set(
        xlabel="points",
        ylabel="milliseconds",
        title="One iteration of t-SNE through the grid",
        ylim=0,
        xlim=0,
    )
    ax.legend(frameon=False)
    place = path.with_suffix(".png")
    figure.savefig(place, dpi=120)
    return place


if __name__ == "__main__":
    results = Path(__file__).parent / "results"
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else next(results.glob("tsne-*.json"))))
