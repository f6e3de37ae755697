"""`scratchclust cluster`: what it says before, after and instead; death and going on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from scratchclust import commands, data, devices
from scratchclust.commands.cluster import name_of
from scratchclust.commands.wording import in_options
from scratchclust.errors import InputError
from scratchclust.experiment import write
from tests.experiment.picture_cases import make_folder

CLI = [sys.executable, "-m", "scratchclust.cli"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("own") / "pictures")


@pytest.fixture
def in_process(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """The command in this process, in an empty folder: what it printed, and said meanwhile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "use_device", lambda device: None)
    monkeypatch.setattr(devices, "keep_compiled_programs", lambda: None)
    monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)

    def call(*arguments: object) -> tuple[list[str], list[str]]:
        command: Any = typer.main.get_command(commands.app)
        given = [str(argument) for argument in arguments]
        command.commands["cluster"].main(given, standalone_mode=False)
        told = capsys.readouterr()
        return told.out.splitlines(), told.err.splitlines()

    return call


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- the help


def test_help_fits_on_a_screen_and_starts_with_what_most_need() -> None:
    environment = {**os.environ, "COLUMNS": "80"}
    finished = subprocess.run(
        [*CLI, "cluster", "--help"], capture_output=True, text=True, env=environment
    )
    lines = finished.stdout.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    assert lines[2].strip().endswith("scratchclust cluster FOLDER --clusters 10")


# --- done


def test_a_folder_is_clustered_sorted_and_told(
    pictures: Path, in_process: Any, tmp_path: Path
) -> None:
    labels = pictures.with_suffix(".csv")
    words = ("--clusters", 3, "--labels", labels, "--sort-into", "sorted")
    printed, said = in_process(pictures, *words)
    assert said[0].startswith("60 images of 12x12, grey: gradients + spectral; about ")
    assert "of memory" in said[0]
    assert "Picked by the look of the images" in said[1]
    assert "3 clusters, of 20, 20, 20 images" in printed
    assert any(line.endswith("0 files left out") for line in printed)
    assert "60 links in 3 folders of sorted" in printed
    assert printed[-1] == "runs/pictures"
    links = [path for path in (tmp_path / "sorted").rglob("*") if path.is_symlink()]
    assert len(links) == 60
    assert all(path.resolve().is_relative_to(pictures.resolve()) for path in links)
    kinds = {path.parent.name: set() for path in links}
    for path in links:
        kinds[path.parent.name].add(int(path.stem) % 3)
    assert sorted(map(len, kinds.values())) == [1, 1, 1]
    with pytest.raises(InputError, match="runs/pictures is there already"):
        in_process(pictures, "--clusters", 3)
    again, _ = in_process(
        pictures, "--clusters", 3, "--labels", labels, "--resume", "--sort-into", "copies",
        "--how", "copy",
    )  # fmt: skip
    assert "this run is complete already: nothing was computed" in again
    assert "60 copies in 3 folders of copies" in again


def test_quiet_prints_the_place_alone(pictures: Path, in_process: Any) -> None:
    assert in_process(pictures, "--clusters", 3, "--quiet", "--output", "out") == (["out"], [])


def test_an_array_is_clustered_as_it_is(in_process: Any, pictures: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", data.load(pictures, size=12).images)
    printed, said = in_process("own.npy", "--clusters", 3)
    assert said[0].startswith("60 images of 12x12, grey")
    assert printed[-1] == "runs/own"
    header = (tmp_path / "runs/own/assignments.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "image,label,cluster,distance,confidence,x,y"


@pytest.mark.parametrize(
    ("images", "name"),
    [("a/b", "b"), ("b/", "b"), ("b.npy", "b"), ("b.npy.gz", "b"), ("mnist:3.0.1", "mnist-3")],
)
def test_the_name_of_a_run(images: str, name: str) -> None:
    assert name_of(images) == name


# --- instead


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clusters", "many"], "--clusters expects a whole number, or auto, but is 'many'"),
        (["--clusters", "1"], "expected --clusters to be 2 or more, or auto, got 1"),
        (["--clusters", "60"], "has 60 images, too few for 60 clusters"),
        (["--features", "eyes"], "expected --features to be one of auto, pixels"),
        (["--method", "luck"], "expected --method to be one of auto, kmeans"),
        (["--method", "dbscan", "--clusters", "3"], "--method dbscan finds that number"),
        (["--reduce", "umap"], "expected --reduce to be one of none"),
        (["--labels", "nowhere.csv"], "--labels nowhere.csv is no file"),
        (["--how", "link"], "--how says how pictures are sorted: give --sort-into too"),
        (["--sort-into", "d", "--how", "move"], "expected --how to be one of link, copy"),
        (["--size", "big"], "--size expects pixels"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_leaves_nothing(
    arguments: list[str], message: str, pictures: Path, in_process: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refusal:
        in_process(pictures, *arguments)
    assert message in in_options(str(refusal.value))
    assert not list(tmp_path.iterdir())


def test_equal_images_have_no_distances_to_choose_from(in_process: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "black.npy", np.zeros((40, 8, 8), np.uint8))
    with pytest.raises(InputError) as refusal:
        in_process("black.npy", "--features", "pixels", "--method", "dbscan")
    assert "give --method dbscan:EPS, any EPS above 0" in in_options(str(refusal.value))


def test_pictures_are_not_sorted_into_themselves(in_process: Any, tmp_path: Path) -> None:
    make_folder(tmp_path / "few", 6)
    with pytest.raises(InputError, match="lies in few"):
        in_process("few", "--clusters", 2, "--sort-into", "few/sorted")
    assert len(files_in(tmp_path)) == 7


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        ("out", "out", "lie in each other"),
        ("out", "out/sorted", "lie in each other"),
        ("all/out", "all", "lie in each other"),
        ("out", "out.partial/sorted", "lie in each other"),
        ("out", "a.file/sorted", "cannot be made, since .*a.file is no folder"),
    ],
)
def test_sorting_that_cannot_work_is_refused_before_the_run(
    output: str, target: str, message: str, pictures: Path, in_process: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.file").touch()
    with pytest.raises(InputError, match=message):
        in_process(pictures, "--clusters", 3, "--output", output, "--sort-into", target)
    assert files_in(tmp_path) == [tmp_path / "a.file"]


def test_an_input_that_is_not_there(in_process: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        in_process("no/where")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        in_process("empty")
    assert not files_in(tmp_path)


def test_a_folder_that_cannot_be_written(pictures: Path, in_process: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o555)
    if os.access(tmp_path / "runs", os.W_OK):
        pytest.skip("needs a user whom permissions bind")
    with pytest.raises(InputError, match="cannot make"):
        in_process(pictures, "--clusters", 3)


def test_an_output_that_is_a_file(pictures: Path, in_process: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="cannot make"):
        in_process(pictures, "--clusters", 3)
    assert (tmp_path / "runs").read_bytes() == b""


# --- death, and going on


# A program that was started in the background ignores Ctrl-C, and so would what it starts.
HEARING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from scratchclust.cli import main
main()
"""


def started(pictures: Path, cwd: Path, *more: str) -> subprocess.Popen:
    program = [sys.executable, "-c", HEARING]
    command = [*program, "cluster", str(pictures), "--clusters", "3", "--output", "run", *more]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(sign: Path, process: subprocess.Popen) -> None:
    """Until the sign is there, or the process has ended."""
    for _ in range(6000):
        if sign.exists() or process.poll() is not None:
            return
        time.sleep(0.02)


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
@pytest.mark.parametrize(
    "sign", ["log.txt", "stages/vectors", "stages/gradients-spectral", "stages/checks", "figures"]
)
def test_killed_in_any_stage_a_run_goes_on(
    sign: str, number: int, pictures: Path, tmp_path: Path
) -> None:
    process = started(pictures, tmp_path)
    wait_for(tmp_path / "run.partial" / sign, process)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert said.splitlines()[-1].endswith("the same command with --resume continues the run")
    assert not (tmp_path / "run").exists()
    again = started(pictures, tmp_path, "--resume")
    printed, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert printed.splitlines()[-1] == "run"
    lines = (tmp_path / "run" / "assignments.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 61
    assert not (tmp_path / "run.partial").exists()
    assert not list((tmp_path / "run").glob("*.npy"))


@pytest.mark.full
def test_two_runs_into_one_folder(pictures: Path, tmp_path: Path) -> None:
    first = started(pictures, tmp_path)
    wait_for(tmp_path / "run.partial" / "log.txt", first)
    second = started(pictures, tmp_path)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 2
    assert "another run is at work in" in said or "is there already" in said
    first.communicate(timeout=300)
    assert first.returncode == 0
    shutil.rmtree(tmp_path / "run")


FILL = """
mount -t tmpfs -o size=$SIZE tmpfs disk || exit 77
"$@"; echo "code $?"; ls disk
mount -o remount,size=200m disk
"$@" --resume; echo "code $?"; ls disk
"""


@pytest.mark.full
@pytest.mark.parametrize("size", ["40k", "400k", "1200k"])
def test_a_full_disk_loses_nothing(size: str, pictures: Path, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small disk of its own")
    (tmp_path / "disk").mkdir()
    command = [*CLI, "cluster", str(pictures), "--clusters", "3", "--output", "disk/run", "--quiet"]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", FILL, "sh", *command],
        cwd=tmp_path,
        env={**os.environ, "SIZE": size},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    said = [line for line in done.stderr.splitlines() if line]
    assert len(said) == 1, said
    assert "there is no room on the disk for" in said[0]
    assert "with --resume continues the run" in said[0]
    assert done.stdout.splitlines() == ["code 1", "run.partial", "disk/run", "code 0", "run"]
