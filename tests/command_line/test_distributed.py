"""`scratchclust cluster --distributed`: several processes over loopback, their death, going on."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.experiment.picture_cases import make_folder
from tests.processes_at_work import free_port

CLI = [sys.executable, "-m", "scratchclust.cli", "cluster"]
SECONDS_TO_END = 60
SECONDS = 240  # a busy machine takes its time to compile
# meets, or says why not, in five seconds
MEET = """
import sys
from scratchclust import processes
processes.end_with_the_others(lambda line: print(line, flush=True))
processes.start(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), seconds=5)
print("met", flush=True)
"""


class Started:
    """The processes of one run."""

    def __init__(self, count: int, *arguments: object, differing: tuple[str, ...] = ()) -> None:
        where = f"127.0.0.1:{free_port()}"
        self.all = []
        for index in range(count):
            given = [*arguments, *(differing if index == count - 1 else ())]
            given += ["--distributed", "--coordinator", where, "--processes", count]
            words = [*CLI, *map(str, given), "--process", str(index)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            self.all.append(subprocess.Popen(words, text=True, **pipes))

    def ended(self, seconds: float = SECONDS) -> list[tuple[int, str, str]]:
        """Exit code, output and errors of each."""
        told = [process.communicate(timeout=seconds) for process in self.all]
        return [(process.returncode, *words) for process, words in zip(self.all, told, strict=True)]

    def kill(self, index: int, when: Callable[[], bool]) -> None:
        """Kill one as soon as that is so."""
        latest = time.monotonic() + SECONDS
        while not when() and time.monotonic() < latest:
            assert self.all[index].poll() is None, self.all[index].communicate()
            time.sleep(0.05)
        os.kill(self.all[index].pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("own") / "pictures")


def clusters_in(run: Path) -> dict[str, str]:
    with (run / "assignments.csv").open() as file:
        return {row["image"]: row["cluster"] for row in csv.DictReader(file)}


@pytest.mark.full
@pytest.mark.parametrize("features", ["gradients", "autoencoder"])
def test_two_processes_leave_the_run_of_one(features: str, pictures: Path, tmp_path: Path):
    given = [pictures, "--clusters", 3, "--features", features, "--reduce", "pca:5"]
    given += ["--method", "kmeans", "--size", 16, "--output"]
    words = [*CLI, *map(str, given), str(tmp_path / "one")]
    subprocess.run(words, check=True, capture_output=True, timeout=SECONDS)
    (first, out, err), (second, nothing, silent) = Started(2, *given, tmp_path / "two").ended()
    assert (first, second) == (0, 0), err + silent
    assert out.splitlines()[-1] == str(tmp_path / "two")
    assert "Gloo" not in out + err
    assert nothing + silent == ""
    assert clusters_in(tmp_path / "two") == clusters_in(tmp_path / "one")


@pytest.mark.full
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_dies_ends_the_others_and_the_run_can_go_on(
    killed: int, pictures: Path, tmp_path: Path
):
    run = tmp_path / "run"
    given = [pictures, "--clusters", 3, "--features", "autoencoder", "--method", "kmeans"]
    given += ["--size", 16, "--output", run]
    started = Started(2, *given)
    checkpoints = run.with_name("run.partial") / "checkpoints"
    started.kill(killed, lambda: any(checkpoints.glob("*/epoch-*")))
    code, out, err = started.ended(SECONDS_TO_END)[1 - killed]
    assert code == 1
    assert out == ""
    assert err.splitlines()[-1] == (
        "scratchclust: failed: another process has ended, or cannot be reached any more: the same "
        "command with --resume continues the run"
    )
    assert "Check failure stack trace" not in err
    assert any(checkpoints.glob("*/epoch-*"))
    (first, out, err), (second, _, silent) = Started(2, *given, "--resume").ended()
    assert (first, second) == (0, 0), err + silent
    assert out.splitlines()[-1] == str(run)


@pytest.mark.full
def test_what_process_0_refuses_all_refuse(pictures: Path, tmp_path: Path):
    (tmp_path / "there").mkdir()
    given = [pictures, "--clusters", 3, "--output", tmp_path / "there"]
    for code, _, err in Started(2, *given).ended(SECONDS_TO_END):
        assert code == 2
        assert len(err.splitlines()) == 1
        assert "there is there already: give another --output, or --overwrite" in err


@pytest.mark.full
def test_other_arguments_are_refused(pictures: Path, tmp_path: Path):
    given = [pictures, "--clusters", 3, "--output", tmp_path / "run"]
    for code, _, err in Started(2, *given, differing=("--seed", "7")).ended(SECONDS_TO_END):
        assert code == 2
        assert len(err.splitlines()) == 1
        assert "process 1 has other arguments than process 0" in err
        assert "'seed': 7" in err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--processes", "2"], "--coordinator, --processes and --process are of --distributed"),
        (
            ["--distributed", "--processes", "2"],
            "expected --coordinator, --processes and --process together",
        ),
    ],
)
def test_half_a_meeting_is_refused(given: list[str], message: str, pictures: Path, tmp_path: Path):
    words = [*CLI, str(pictures), "--output", str(tmp_path / "run"), *given]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS_TO_END)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("count", "index", "message"),
    [(2, 1, "not all processes met at"), (2, 0, "not all processes met at")],
)
def test_processes_that_do_not_meet_say_so(count: int, index: int, message: str):
    words = [sys.executable, "-c", MEET, f"127.0.0.1:{free_port()}", str(count), str(index)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS_TO_END)
    assert ended.returncode == 1
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stdout.startswith(message)
