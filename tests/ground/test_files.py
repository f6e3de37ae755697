"""`files.py`: whole files and folders, or none; digests."""

import errno
import json
import os

import numpy as np
import pytest

from scratchclust import files


def test_a_file_appears_whole_in_the_place_of_an_older(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with files.whole_file(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError("no")])
def test_a_file_that_fails_leaves_the_old_one_and_no_draft(tmp_path, error):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail():
        with files.whole_file(path) as draft:
            draft.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_names_the_file_and_not_its_draft(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_text(tmp_path / "a.txt", "text")
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_a_folder_appears_whole_in_the_place_of_an_older(tmp_path):
    path = tmp_path / "deep" / "a"
    for content in ("old", "new"):
        with files.whole_folder(path) as draft:
            (draft / "in").mkdir()
            (draft / "in" / "b.txt").write_text(content)
    assert (path / "in" / "b.txt").read_text() == "new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a"]


def test_a_folder_that_fails_leaves_the_old_one_and_no_draft(tmp_path):
    path = tmp_path / "a"
    with files.whole_folder(path) as draft:
        (draft / "b.txt").write_text("old")

    def fail():
        with files.whole_folder(path) as draft:
            (draft / "b.txt").write_text("half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert (path / "b.txt").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_an_older_folder_comes_back_where_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    path = tmp_path / "a"
    with files.whole_folder(path) as draft:
        (draft / "b.txt").write_text("old")
    rename = os.rename

    def refuse_the_draft(source, target):
        if source.name.endswith(".draft"):
            raise OSError(errno.EACCES, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_the_draft)

    def replace():
        with files.whole_folder(path) as draft:
            (draft / "b.txt").write_text("new")

    with pytest.raises(OSError, match="Permission denied"):
        replace()
    assert (path / "b.txt").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events = []
    flush, rename = files.flush, os.rename
    monkeypatch.setattr(files, "flush", lambda path: (events.append(path.name), flush(path)))
    monkeypatch.setattr(os, "rename", lambda a, b: (events.append("rename"), rename(a, b)))
    with files.whole_folder(tmp_path / "a") as draft:
        (draft / "b.txt").write_text("text")
    assert events == ["b.txt", ".a.draft", "rename", tmp_path.name]


def test_digests_tell_arrays_apart_that_share_their_bytes():
    a = np.arange(6, dtype=np.int32)
    different = [a, a.reshape(2, 3), a.astype(np.uint32), a.astype(">i4"), a[:5]]
    assert len({files.sha256_of_array(array) for array in different}) == len(different)
    assert files.sha256_of_array(a.reshape(2, 3).T) == files.sha256_of_array(
        np.array(a.reshape(2, 3).T)
    )


def test_the_digest_of_json_is_of_the_content():
    assert files.sha256_of_json({"a": 1, "b": np.float64(2)}) == files.sha256_of_json(
        {"b": 2.0, "a": 1}
    )
    assert files.sha256_of_json({"a": 1, "b": [2, None]}) == files.sha256_of_json(
        {"b": (2, None), "a": np.int64(1)}
    )
    assert files.sha256_of_json({"a": 1}) != files.sha256_of_json({"a": 2})


def test_json_knows_no_nan(tmp_path):
    files.write_json(
        tmp_path / "a.json", {"a": np.float32("nan"), "b": [np.int64(3), float("inf")]}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [3, None]}
