"""Peak memory: what should grow linearly with the points, or not at all in a stream, measured at
two sizes.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

FEW, MANY = 2_000, 8_000
# Bytes that one more point may take; in a float32 matrix of all pairs it would take 40,000. Between
# these sizes the blocks of scores of the nearest neighbours grow, up to 32 MB at 32,768 points.
MOST = 10_000
CLUSTERINGS = {
    "DBSCAN",
    "single linkage",
    "Ward",
    "mini-batch k-means",
    "mini-batch k-means, a stream",
}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="Linux alone tells the peak of a piece of work",
)
def test_memory_grows_linearly() -> None:
    command = [sys.executable, "-m", "benchmarks.memory", "--json", "--sizes", str(FEW), str(MANY)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    peaks = {name: found["again"] for name, found in json.loads(done.stdout)["peaks"].items()}
    each = {name: (most - least) / (MANY - FEW) for name, (least, most) in peaks.items()}
    assert set(each) == {*CLUSTERINGS, "all pairs, a byte each"}
    assert each.pop("all pairs, a byte each") == pytest.approx(
        FEW + MANY, rel=0.2
    )  # the measure sees it
    assert max(each.values()) < MOST, each
