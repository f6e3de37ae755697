"""Sorting of files: real files, links and folders; nothing moved, nothing half there."""

import errno
import os
import resource
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from scratchclust import cli
from scratchclust.curation import sorting
from scratchclust.curation.sorting import LeftOut, Sorted, distinct_names, sort_into
from scratchclust.errors import InputError

BOTH = pytest.mark.parametrize("how", ["link", "copy"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


def write(folder: Path, *names: str) -> tuple[str, ...]:
    """Files that hold their own names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return names


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.lstat().st_mtime_ns) for path in files}


def clusters(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def contents(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in found}


@BOTH
def test_each_cluster_has_a_folder_and_originals_stay(tmp_path, source, how):
    paths = write(source, "a.png", "deep/er/b.png", "c.png", "d.png")
    before = state_of(source)
    done = sort_into(tmp_path / "new" / "sorted", source, paths, clusters(1, 0, -1, 1), how=how)
    assert done == Sorted({"cluster-0": 1, "cluster-1": 2, "noise": 1}, ())
    assert contents(tmp_path / "new" / "sorted") == {
        "cluster-0/b.png": "deep/er/b.png",
        "cluster-1/a.png": "a.png",
        "cluster-1/d.png": "d.png",
        "noise/c.png": "c.png",
    }
    assert state_of(source) == before
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sorted"]


def test_links_are_relative_and_stay_right_where_all_is_moved_together(tmp_path):
    (tmp_path / "disk").mkdir()
    source = tmp_path / "disk" / "pictures"
    paths = write(source, "x/a.png")
    sort_into(tmp_path / "disk" / "sorted", source, paths, clusters(0), how="link")
    link = tmp_path / "disk" / "sorted" / "cluster-0" / "a.png"
    assert os.readlink(link) == "../../pictures/x/a.png"
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / "sorted" / "cluster-0" / "a.png"
    assert moved.is_symlink()
    assert moved.read_text() == "x/a.png"


def test_links_are_right_where_source_and_target_are_reached_by_links(tmp_path):
    paths = write(tmp_path / "real" / "deep" / "pictures", "a.png")
    (tmp_path / "short").symlink_to(tmp_path / "real" / "deep")
    (tmp_path / "out" / "there").mkdir(parents=True)
    (tmp_path / "here").symlink_to(tmp_path / "out" / "there")
    source = tmp_path / "short" / "pictures"
    sort_into(tmp_path / "here" / "sorted", source, paths, clusters(0), how="link")
    assert contents(tmp_path / "out" / "there" / "sorted") == {"cluster-0/a.png": "a.png"}


def test_copies_are_files_with_the_time_of_the_original_and_can_be_written(tmp_path, source):
    paths = write(source, "a.png")
    os.utime(source / "a.png", (10, 20))
    (source / "a.png").chmod(0o444)
    sort_into(tmp_path / "sorted", source, paths, clusters(0), how="copy")
    copy = tmp_path / "sorted" / "cluster-0" / "a.png"
    assert not copy.is_symlink()
    assert copy.stat().st_mtime == 20
    assert copy.stat().st_mode & stat.S_IWUSR


@BOTH
def test_what_leads_out_of_the_folder_is_left_out(tmp_path, source, how):
    write(tmp_path / "private", "secret.png")
    write(tmp_path, "pictures-2/near.png")
    write(source, "a.png", "sub/b.png")
    (source / "out.png").symlink_to("../private/secret.png")
    (source / "folder").symlink_to(tmp_path / "private")
    (source / "in.png").symlink_to("sub/b.png")
    (source / "loop.png").symlink_to("loop.png")
    paths = (
        "a.png",
        "out.png",
        "folder/secret.png",
        "in.png",
        "gone.png",
        "../pictures-2/near.png",
    )
    paths = (*paths, str(tmp_path / "private" / "secret.png"), "sub", "loop.png")
    done = sort_into(tmp_path / "sorted", source, paths, np.zeros(9, np.int32), how=how)
    secret = f"it leads out of the folder, to {tmp_path / 'private' / 'secret.png'}"
    near = f"it leads out of the folder, to {tmp_path / 'pictures-2' / 'near.png'}"
    gone = "there is no such file any more"
    assert done.counts == {"cluster-0": 2}
    assert done.skipped == (
        LeftOut("out.png", secret),
        LeftOut("folder/secret.png", secret),
        LeftOut("gone.png", gone),
        LeftOut("../pictures-2/near.png", near),
        LeftOut(paths[6], secret),
        LeftOut("sub", gone),
        LeftOut("loop.png", gone),
    )
    found = contents(tmp_path / "sorted")
    assert found == {"cluster-0/a.png": "a.png", "cluster-0/in.png": "sub/b.png"}


@BOTH
def test_names_that_collide_are_kept_apart(tmp_path, source, how):
    paths = write(source, "a/1.png", "b/1.png", "c/2.png", "a_1.png", "b/c/1.png")
    sort_into(tmp_path / "sorted", source, paths, np.zeros(5, np.int32), how=how)
    assert contents(tmp_path / "sorted" / "cluster-0") == {
        "a_1 (2).png": "a/1.png",
        "a_1.png": "a_1.png",
        "b_1.png": "b/1.png",
        "b_c_1.png": "b/c/1.png",
        "2.png": "c/2.png",
    }


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/1.JPG", "b/1.jpg"], ["a_1.JPG", "b_1.jpg"]),
        (["A/1.jpg", "a/1.jpg"], ["A_1.jpg", "a_1 (2).jpg"]),
        (["a/\u00e9.png", "b/e\u0301.png"], ["a_\u00e9.png", "b_e\u0301.png"]),
        (["a/straße.png", "b/STRASSE.png"], ["a_straße.png", "b_STRASSE.png"]),
        (["a/b", "c/b"], ["a_b", "c_b"]),
        (["a/.b", "c/.b"], ["a_.b", "c_.b"]),
    ],
)
def test_names_that_some_system_takes_for_one_are_kept_apart(paths, names):
    assert distinct_names(paths) == names


@pytest.mark.parametrize("seed", range(30))
def test_names_are_all_different_and_none_too_long(seed):
    rng = np.random.default_rng(seed)
    parts = ["a", "A", "b_1", "1.png", "1 (2).png", "é" * 100, "x" * 200]
    drawn = {"/".join(rng.choice(parts, rng.integers(1, 5))) for _ in range(60)}
    paths = sorted(drawn)
    names = distinct_names(paths)
    assert len({sorting._key(name) for name in names}) == len(paths)
    assert all("/" not in name and name not in ("", ".", "..") for name in names)
    assert all(len(os.fsencode(name)) <= 255 for name in names)


@BOTH
def test_names_in_any_script_and_with_newlines(tmp_path, source, how):
    strange = ("日本/猫.png", "קובץ.png", "a\nb.png", "-rf.png", "'\"<b>&.png", "ü" * 120 + ".png")
    paths = write(source, *strange)
    done = sort_into(tmp_path / "sorted", source, paths, np.zeros(6, np.int32), how=how)
    assert done.skipped == ()
    assert sorted(contents(tmp_path / "sorted").values()) == sorted(strange)


def test_a_name_that_is_not_utf8_is_no_hindrance(tmp_path, source):
    source.mkdir()
    name = os.fsdecode(b"\xff.png")
    (source / name).write_text("x")
    done = sort_into(tmp_path / "sorted", source, [name], clusters(0), how="link")
    assert done.counts == {"cluster-0": 1}


def test_folders_may_have_names(tmp_path, source):
    paths = write(source, "a.png", "b.png")
    names = {0: "cats"}
    done = sort_into(tmp_path / "s", source, paths, clusters(0, 1), how="link", names=names)
    assert done.counts == {"cats": 1, "cluster-1": 1}
    for bad in ("", "..", "a/b", ".hidden", "a\\b"):
        with pytest.raises(InputError, match="expected names of folders"):
            sort_into(tmp_path / "t", source, paths, clusters(0, 1), how="link", names={0: bad})
    names = {0: "Same", 1: "same"}
    with pytest.raises(InputError, match="expected a name of its own for each cluster"):
        sort_into(tmp_path / "t", source, paths, clusters(0, 1), how="link", names=names)
    assert not (tmp_path / "t").exists()


@BOTH
def test_a_target_that_is_not_empty_is_refused_and_an_empty_one_is_filled(tmp_path, source, how):
    paths = write(source, "a.png")
    target = tmp_path / "sorted"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    for place in (target, target / "mine.txt"):
        with pytest.raises(InputError, match="is there and not empty: sort into a new folder"):
            sort_into(place, source, paths, clusters(0), how=how)
    assert (target / "mine.txt").read_text() == "mine"
    (target / "mine.txt").unlink()
    sort_into(target, source, paths, clusters(0), how=how)
    assert contents(target) == {"cluster-0/a.png": "a.png"}


def test_a_target_that_is_filled_meanwhile_is_left_alone(tmp_path, source, monkeypatch):
    paths = write(source, "a.png")
    target = tmp_path / "sorted"
    target.mkdir()

    def fill(line: str) -> None:
        (target / "mine.txt").write_text("mine")

    with pytest.raises(OSError, match="not empty"):
        sort_into(target, source, paths, clusters(0), how="link", tell=fill)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", "sorted"]


@pytest.mark.parametrize("place", ["pictures", "pictures/sorted", "pictures/a/b", ".", "link/in"])
def test_a_target_within_the_source_or_round_it_is_refused(tmp_path, source, place):
    paths = write(source, "a/1.png")
    (tmp_path / "link").symlink_to(source)
    before = state_of(tmp_path)
    with pytest.raises(InputError, match=r"is there and not empty|lies in"):
        sort_into(tmp_path / place, source, paths, clusters(0), how="link")
    assert state_of(tmp_path) == before


def test_what_is_no_folder_or_no_word_is_refused(tmp_path, source):
    paths = write(source, "a.png")
    with pytest.raises(InputError, match="expected how to be one of 'link', 'copy', got 'move'"):
        sort_into(tmp_path / "s", source, paths, clusters(0), how="move")
    with pytest.raises(InputError, match="expected a cluster for each of 1 paths, got 2"):
        sort_into(tmp_path / "s", source, paths, clusters(0, 1), how="link")
    with pytest.raises(InputError, match="expected the folder of the pictures"):
        sort_into(tmp_path / "s", source / "a.png", paths, clusters(0), how="link")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_system_without_links_tells_the_cure(tmp_path, source, monkeypatch, number):
    paths = write(source, "a.png")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(InputError, match=r"no links can be made in .*: use how='copy'$"):
        sort_into(tmp_path / "sorted", source, paths, clusters(0), how="link")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_write_that_fails_leaves_nothing(tmp_path, source):
    """No file may be longer than 1,000 bytes: the second copy fails in its middle."""
    paths = write(source, "a.png", "b.png")
    (source / "b.png").write_bytes(bytes(5000))
    before = state_of(source)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            sort_into(tmp_path / "sorted", source, paths, clusters(0, 1), how="copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert state_of(source) == before
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
@BOTH
def test_a_full_disk_and_an_interruption_leave_nothing(tmp_path, source, monkeypatch, how, error):
    paths = write(source, "a.png", "b.png")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "symlink", fail)
    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(type(error)):
        sort_into(tmp_path / "sorted", source, paths, clusters(0, 1), how=how)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_picture_that_may_not_be_read_is_left_out(tmp_path, source):
    paths = write(source, "a.png", "b.png")
    (source / "a.png").chmod(0)
    if os.access(source / "a.png", os.R_OK):
        pytest.skip("needs a user whom permissions bind")
    done = sort_into(tmp_path / "sorted", source, paths, clusters(0, 0), how="copy")
    assert done.skipped == (LeftOut("a.png", "it cannot be read: Permission denied"),)
    assert done.counts == {"cluster-0": 1}


def test_what_a_killed_process_left_is_written_over(tmp_path, source):
    paths = write(source, "a.png")
    write(tmp_path / ".sorted.draft", "cluster-7/old.png")
    sort_into(tmp_path / "sorted", source, paths, clusters(0), how="link")
    assert contents(tmp_path / "sorted") == {"cluster-0/a.png": "a.png"}
    assert not (tmp_path / ".sorted.draft").exists()


def test_no_original_is_opened_for_links(tmp_path, source):
    """Renaming the draft flushes what is in it, but not what links lead to."""
    paths = write(source, "a.png")
    opened = []
    handle = os.open

    def watch(path, *more, **words):
        opened.append(os.path.realpath(path))
        return handle(path, *more, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", watch)
        sort_into(tmp_path / "sorted", source, paths, clusters(0), how="link")
    assert opened
    assert os.path.realpath(source / "a.png") not in opened


def test_last_words_name_the_draft(tmp_path, source):
    """Ctrl-C ends the program where it stands: the draft stays, hidden, until the next sort."""
    paths = write(source, "a.png", "b.png")
    said = []
    target = tmp_path / "sorted"

    def note(line: str) -> None:
        said.append(cli._last_words())

    sort_into(target, source, paths, clusters(0, 1), how="copy", tell=note)
    assert said
    assert all(f"{tmp_path / '.sorted.draft'} holds what was sorted so far" in one for one in said)
    assert "draft" not in cli._last_words()
