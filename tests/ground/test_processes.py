"""Several processes as one program, over loopback: what they compute is what one computes."""

from pathlib import Path

import numpy as np
import pytest

from scratchclust import processes, rows, shares
from scratchclust.errors import InputError
from tests.processes_at_work import WORKS, by_processes


@pytest.fixture
def all_devices_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process, too, computes on all its devices, as several do."""
    few = rows.LIMITS["cpu"]._replace(alone=0)
    monkeypatch.setitem(rows.LIMITS, "cpu", few)


def check_equal(work: str, count: int, folder: Path, *, rtol: float = 2e-6) -> None:
    """Compare each process with one alone: labels and numbers of steps to the last one, numbers
    but for the order of sums.
    """
    alone = WORKS[work](0, 1)
    of_each = by_processes(work, count, folder)
    for name, expected in alone.items():
        found = [arrays[name] for arrays in of_each]
        if name.endswith("_of_rows"):
            joined = np.concatenate(found)
        else:
            joined = found[0]
            for other in found:  # the same bits for all
                np.testing.assert_array_equal(other, joined, err_msg=name)
        if joined.dtype.kind == "i":
            np.testing.assert_array_equal(joined, expected, err_msg=name)
        else:
            atol = rtol * np.abs(expected).max()
            np.testing.assert_allclose(joined, expected, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.full
@pytest.mark.usefixtures("all_devices_at_once")
def test_two_processes_cluster_as_one(tmp_path: Path):
    check_equal("one_kmeans", 2, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("work", ["all_kmeans", "estimators"])
@pytest.mark.usefixtures("all_devices_at_once")
def test_several_processes_find_what_one_finds(work: str, count: int, tmp_path: Path):
    check_equal(work, count, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_train_as_one(count: int, tmp_path: Path):
    check_equal("training", count, tmp_path, rtol=1e-4)  # a gradient's rounding grows by the step


@pytest.mark.full
def test_what_needs_all_points_is_refused_by_every_process(tmp_path: Path):
    one, other = (arrays["said"].tolist() for arrays in by_processes("refusals", 2, tmp_path))
    assert one == other
    dbscan, stream, score, differing, first = one
    assert dbscan.startswith("DBSCAN needs all points in one process")
    assert stream.startswith("partial_fit needs all points in one process")
    assert score.startswith("this score needs all points in one process")
    assert differing == (
        "process 1 has other numbers than process 0: 1 for 0; give all processes the same"
    )
    assert first == "process 0 says no"


# --- one process


def test_one_process_is_the_first_of_one():
    assert (processes.index(), processes.count()) == (0, 1)
    assert processes.share(7) == slice(0, 7)
    assert processes.of_all(b"mine") == [b"mine"]
    assert processes.numbers_of_all(3) == [3]
    np.testing.assert_array_equal(processes.gathered(np.arange(3)), [0, 1, 2])
    assert processes.from_first(lambda: "found") == "found"
    assert processes.devices() == rows.all_devices()
    assert not rows.is_shared()
    assert shares.total(5) == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("host:1", 2, None), "expected coordinator=, processes= and process= together"),
        (("host", 2, 0), "expected coordinator= to be HOST:PORT, got 'host'"),
        (("host:1", 0, 0), "expected processes= to be 1 or more, got 0"),
        (("host:1", 2, 2), "expected process= to be from 0 to 1, since there are 2 processes, got"),
    ],
)
def test_where_processes_meet_must_be_told_whole(given: tuple, message: str):
    with pytest.raises(InputError, match=message):
        processes.start(*given)
