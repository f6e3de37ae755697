"""`scratchclust assign`: what goes in, the table that comes out, and what is refused."""

import csv
import io
import logging
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image

from scratchclust import cli, commands, data, devices, runs
from scratchclust.commands import assign as module
from scratchclust.curation.quality import quality
from scratchclust.data import stores
from scratchclust.errors import InputError
from scratchclust.experiment import run as run_recipe
from scratchclust.experiment import write
from scratchclust.recipes import Settings

COLUMNS = ["image", "label", "cluster", "distance", "confidence", "x", "y", "unusual"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of a hundred digits."""
    return made(tmp_path_factory, Settings(data="digits", limit=100))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clustering that has no place for new images of its own."""
    return made(tmp_path_factory, Settings(data="digits", limit=100, method="agglomerative"))


def made(factory: pytest.TempPathFactory, settings: Settings) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "draw_all", lambda *_, **__: None)
        return run_recipe("graph", settings, output=factory.mktemp("runs") / "run").folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Nine digits as pictures, in colour, of two sizes."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(data.load("digits", limit=109).images[100:]):
        side = 8 if i % 2 else 16
        picture = Image.fromarray(image[..., 0]).convert("RGB").resize((side, side))
        picture.save(folder / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command sets for its process is not for other tests."""
    monkeypatch.setattr(logging.getLogger("scratchclust"), "propagate", True)
    monkeypatch.setattr(devices, "use_device", lambda device: None)
    monkeypatch.setattr(devices, "keep_compiled_programs", lambda: None)


def call(*arguments: Any) -> None:
    command: Any = typer.main.get_command(commands.app)
    command.commands["assign"].main([str(each) for each in arguments], standalone_mode=False)


def refusal(*arguments: Any) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert cli._explain(caught.value) == 2
    return cli._in_options(str(caught.value))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# --- the table


def test_a_folder_of_pictures(
    run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(run, pictures, "--output", tmp_path / "new.csv")
    shown = capsys.readouterr()
    assert shown.err == ""
    first, path = shown.out.splitlines()
    assert first.startswith("9 images assigned; ")
    assert first.endswith(" unusual")
    assert Path(path).name == "new.csv"
    rows = table((tmp_path / "new.csv").read_text(encoding="utf-8"))
    assert list(rows[0]) == COLUMNS
    assert [row["image"] for row in rows] == [f"{i}.png" for i in range(9)]
    loaded = runs.load(run)
    images = data.load(pictures, size=8, channels=1).images
    found = loaded.assign(images)
    assert [int(row["cluster"]) for row in rows] == found.cluster.tolist()
    assert [np.float32(row["distance"]) for row in rows] == found.distance.tolist()
    assert {row["unusual"] for row in rows} <= {"True", "False"}


def test_pictures_are_checked_where_those_of_the_run_were(
    run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checking = Path(shutil.copytree(run, tmp_path / "checking"))
    with (checking / "assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("blur", "brightness", "width", "height", "duplicate_of")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    runs.write_assignments(checking / "assignments.csv", columns | dict.fromkeys(names))
    runs.seal(checking)
    call(checking, pictures, "--quiet")
    found = table(capsys.readouterr().out)
    assert list(found[0]) == [*COLUMNS[:-1], *names, "unusual"]
    assert [(row["width"], row["height"]) for row in found[:2]] == [("16", "16"), ("8", "8")]
    call(checking, pictures / "7.png", "--quiet")  # alone, to the last bit
    assert table(capsys.readouterr().out) == [found[7]]
    checked = quality(data.load(pictures, size=8, channels=1).images)
    blur = [float(row["blur"]) for row in found]
    np.testing.assert_allclose(blur, checked.blur, rtol=1e-5)


def test_without_output_the_table_is_printed_and_nothing_else(
    run: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(run, pictures / "3.png")
    shown = capsys.readouterr()
    (row,) = table(shown.out)
    assert row["image"] == "3.png"
    assert shown.err.startswith("1 image assigned; ")
    call(run, pictures / "3.png", "--quiet")
    assert capsys.readouterr() == (shown.out, "")


def test_a_name_with_escape_sequences_is_kept_for_programs_and_shown_to_people(
    run: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = (pictures / "3.png").rename(pictures / "\x1b[31mred,\u00e9.png")
    call(run, odd, "--quiet")
    assert table(capsys.readouterr().out)[0]["image"] == odd.name
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    call(run, odd, "--quiet")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\\x1b[31mred,\u00e9.png" in shown


def test_lines_do_not_depend_on_order_companions_or_parts(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = data.load("digits", limit=270).images[100:]
    order = np.random.default_rng(0).permutation(len(images))
    np.save(tmp_path / "one.npy", images)
    np.save(tmp_path / "other.npy", images[order])
    call(run, tmp_path / "one.npy", "--quiet")
    one = table(capsys.readouterr().out)
    monkeypatch.setattr(module, "CHUNK", 64)
    call(run, tmp_path / "other.npy", "--quiet")
    other = table(capsys.readouterr().out)
    assert [{**one[i], "image": ""} for i in order] == [{**row, "image": ""} for row in other]


def test_a_prepared_set_has_its_labels(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(run, "digits", "--limit", "3", "--quiet")
    assert [row["label"] for row in table(capsys.readouterr().out)] == ["0", "1", "2"]


def test_a_method_without_a_place_for_new_images_says_what_decides(
    tree: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(tree, pictures, "--output", tmp_path / "new.csv")
    assert (
        "agglomerative has no place for new images, so the 10 nearest fitted images vote"
        in capsys.readouterr().out
    )


def test_what_is_no_picture_is_named_and_not_fatal(
    run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "text.jpg").write_text("no picture")
    (pictures / "empty.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="skipped 2 of 11 files"):
        call(run, pictures, "--output", tmp_path / "new.csv")
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["left out empty.png", "left out text.jpg"]
    assert len(table((tmp_path / "new.csv").read_text(encoding="utf-8"))) == 9


def test_pictures_smaller_than_the_run_s_are_enlarged(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (1, 1), 200).save(tmp_path / "dot.png")
    call(run, tmp_path / "dot.png", "--quiet")
    (row,) = table(capsys.readouterr().out)
    assert row["unusual"] == "True"


@pytest.mark.full
def test_a_run_in_colour_takes_grey_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
    colours = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3)).astype(np.uint8)
    np.save(tmp_path / "colours.npy", colours)
    settings = Settings(data=str(tmp_path / "colours.npy"))
    folder = run_recipe("graph", settings, output=tmp_path / "run").folder
    grey = colours[:4, ..., :1]
    np.save(tmp_path / "grey.npy", grey)
    call(folder, tmp_path / "grey.npy", "--quiet")
    rows = table(capsys.readouterr().out)
    expected = runs.load(folder).assign(np.repeat(grey, 3, axis=3))
    assert [int(row["cluster"]) for row in rows] == expected.cluster.tolist()


def test_more_pixels_than_memory_is_to_hold_lie_in_a_file_meanwhile(
    run: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call(run, pictures, "--quiet")
    expected = capsys.readouterr().out
    seen = []
    assign = runs.Run.assign

    def looking(self: runs.Run, images: np.ndarray) -> runs.Assigned:
        seen.append((isinstance(images, np.memmap), sorted(os.listdir(tmp_path))))
        return assign(self, images)

    monkeypatch.setattr(stores, "MAPPED_ABOVE", 8 * 8 * 5)
    monkeypatch.setattr(runs.Run, "assign", looking)
    call(run, pictures, "--output", tmp_path / "new.csv", "--quiet")
    assert seen == [(True, [".new.csv.draft", "pictures"])]  # the file has no name any more
    assert (tmp_path / "new.csv").read_text(encoding="utf-8").split() == expected.split()
    assert sorted(os.listdir(tmp_path)) == ["new.csv", "pictures"]


def test_an_animation_is_told_and_its_first_frame_taken(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.new("L", (8, 8), value) for value in (10, 200, 90)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    call(run, tmp_path, "--quiet")
    shown = capsys.readouterr()
    assert [row["image"] for row in table(shown.out)] == ["moving.gif"]
    assert "moving.gif" in shown.err


# --- refusals


def test_an_output_that_is_there(
    run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("old")
    assert "new.csv is there already: give another --output, or --overwrite to replace it" in (
        refusal(run, pictures, "--output", path)
    )
    assert path.read_text() == "old"
    call(run, pictures, "--output", path, "--overwrite", "--quiet")
    assert len(table(path.read_text())) == 9
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new.csv", "pictures"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (".", "is a folder: give the name of a file as --output"),
        ("nowhere/new.csv", "nowhere is no folder: make it, or give another --output"),
    ],
)
def test_an_output_that_cannot_be(
    output: str, message: str, run: Path, pictures: Path, tmp_path: Path
) -> None:
    assert message in refusal(run, pictures, "--output", tmp_path / output)


def test_a_folder_that_is_read_only(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(locked, os.W_OK):  # for root, all can be written
        monkeypatch.setattr(os, "access", lambda path, mode: path != locked)
    line = refusal(run, pictures, "--output", locked / "new.csv")
    assert "locked cannot be written to: change its rights, or give another --output" in line
    assert list(locked.iterdir()) == []


def test_a_disk_that_becomes_read_only_meanwhile_leaves_nothing(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", fail)
    line = refusal(run, pictures, "--output", tmp_path / "new.csv")
    assert "new.csv cannot be written (Read-only file system): give another --output" in line
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_death_within_leaves_the_old_table(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise MemoryError

    path = tmp_path / "new.csv"
    path.write_text("old")
    monkeypatch.setattr(runs.Run, "assign", die)
    with pytest.raises(MemoryError):
        call(run, pictures, "--output", path, "--overwrite")
    assert path.read_text() == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new.csv", "pictures"]


def test_runs_that_are_none(run: Path, pictures: Path, tmp_path: Path) -> None:
    assert "is no folder: give one made by `scratchclust run`" in (
        refusal(tmp_path / "nowhere", pictures)
    )
    assert "is no run's folder (it has no metrics.json)" in refusal(pictures, pictures)
    partial = Path(shutil.copytree(run, tmp_path / "run.partial"))
    (partial / "metrics.json").unlink()
    assert "is an unfinished run: the same run with --resume continues it" in (
        refusal(partial, pictures)
    )


def test_a_run_without_a_model(run: Path, pictures: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(run, tmp_path / "bare"))
    shutil.rmtree(bare / "model")
    line = refusal(bare, pictures)
    assert "model/manifest.json" in line
    assert "make the run again with --overwrite" in line
    (bare / "manifest.json").unlink()  # as of an older version
    assert "is no saved model" in refusal(bare, pictures)


def test_a_damaged_run_writes_no_table(run: Path, pictures: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(run, tmp_path / "damaged"))
    path = damaged / "nearness" / "arrays.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    line = refusal(damaged, pictures, "--output", tmp_path / "new.csv")
    assert "arrays.safetensors was changed or is damaged" in line
    assert not (tmp_path / "new.csv").exists()


def test_nothing_to_assign(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "is an empty folder, expected pictures" in refusal(run, tmp_path / "empty")
    assert "no such file or folder" in refusal(run, tmp_path / "nowhere")
    assert "is the folder of a run" in refusal(run, run)


# --- as a program


@pytest.mark.full
def test_as_a_program(run: Path, pictures: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scratchclust", "assign", str(run), str(pictures)]
    done = subprocess.run(
        [*command, "--output", "new.csv"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "new.csv"
    again = subprocess.run(
        [*command, "--output", "new.csv"], cwd=tmp_path, capture_output=True, text=True
    )
    assert again.returncode == 2
    (line,) = again.stderr.splitlines()
    assert line.startswith("scratchclust: ")
