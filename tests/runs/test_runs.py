"""A run's folder: claimed, locked, continued, replaced, and read again."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust import files, runs
from scratchclust.errors import InputError
from scratchclust.files import sha256_of_tree
from scratchclust.runs import folder as folder_module
from scratchclust.runs.records import TOP_KEYS
from scratchclust.runs.result import DatasetRecord, Record, Result, Seconds, StepSeconds

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
RECORD = Record(
    recipe="test",
    seed=0,
    labels_used=False,
    dataset=DatasetRecord(
        name="made up", split="all", n=40, shape=list(IMAGES.shape[1:]), sha256="0"
    ),
    parameters={},
    environment={},
    seconds=Seconds(),
    results=[Result(name="one", method="kmeans", seconds=StepSeconds())],
)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    steps = [
        ("features", scratchclust.PixelFeatures()),
        ("cluster", scratchclust.KMeans(3, random_state=0)),
    ]
    return Pipeline(steps).fit(IMAGES)


@pytest.fixture(scope="module")
def finished(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run's folder."""
    final = tmp_path_factory.mktemp("runs") / "done"
    with runs.working(final) as folder:
        write_run(folder.path, pipeline)
        folder.finish()
    return final


def write_run(path: Path, pipeline: Pipeline) -> None:
    labels = pipeline.named_steps["cluster"].labels_
    runs.write_metrics(path / "metrics.json", RECORD)
    runs.write_assignments(
        path / "assignments.csv", {"image": range(len(labels)), "cluster": labels}
    )
    runs.write_model(path, pipeline)


def copy_of(folder: Path, to: Path) -> Path:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return to


def write_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


def die_in(
    final: Path, work: Callable, error: BaseException | None = None, **options: bool
) -> None:
    """A run that does its work and then ends with the error instead of `finish`."""
    error = error or RuntimeError("died")
    context = runs.working(final, **options)
    with pytest.raises(type(error), match=str(error)), context as folder:
        raise (work(folder), error)[1]


# --- the life of a folder


def test_partial_while_it_works_and_final_at_the_end(tmp_path: Path) -> None:
    with runs.working(tmp_path / "a" / "run") as folder:
        assert folder.path == tmp_path / "a" / "run.partial"
        assert (folder.path / ".lock").is_file()
        folder.stages.mkdir()
        (folder.path / "metrics.json").write_text("{}")
        assert not folder.final.exists()
        folder.finish()
    assert sorted(path.name for path in (tmp_path / "a" / "run").iterdir()) == [
        "log.txt",
        "metrics.json",
    ]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["run"]


def test_a_death_leaves_partial_and_resume_finds_it_as_it_was(tmp_path: Path) -> None:
    die_in(tmp_path / "run", lambda folder: (folder.path / "kept").write_text("x"))
    with runs.working(tmp_path / "run", resume=True) as folder:
        assert (folder.path / "kept").read_text() == "x"


def test_overwrite_clears_partial(tmp_path: Path) -> None:
    with runs.working(tmp_path / "run") as folder:
        (folder.stages / "one").mkdir(parents=True)
        (folder.path / "old").write_text("x")
    with runs.working(tmp_path / "run", overwrite=True) as folder:
        assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "log.txt"]


def test_refused_input_leaves_nothing_behind_unless_something_is_finished(tmp_path: Path) -> None:
    die_in(tmp_path / "run", lambda folder: None, InputError("no data"))
    assert list(tmp_path.iterdir()) == []
    die_in(
        tmp_path / "run",
        lambda folder: write_file(folder.stages / "one" / "stage.json"),
        InputError("no data"),
    )
    assert (tmp_path / "run.partial" / "stages" / "one" / "stage.json").is_file()


def test_refused_input_takes_no_checkpoint_away(tmp_path: Path) -> None:
    """A training of hours, interrupted, then resumed where its data are not found."""
    checkpoint = Path("checkpoints", "net-1", "epoch-00020", "state.json")
    die_in(
        tmp_path / "run",
        lambda folder: write_file(folder.path / checkpoint),
        KeyboardInterrupt("Ctrl-C"),
    )
    die_in(tmp_path / "run", lambda folder: None, InputError("no data"), resume=True)
    assert (tmp_path / "run.partial" / checkpoint).is_file()
    assert "Ctrl-C" in (tmp_path / "run.partial" / "log.txt").read_text(encoding="utf-8")


def test_what_came_to_lie_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def work(folder: runs.RunFolder) -> None:
        write_file(folder.path / "metrics.json")
        write_file(tmp_path / "run" / "thesis.txt")
        folder.finish()

    with pytest.raises(InputError, match="run is there already: give another output="):
        die_in(tmp_path / "run", work)
    assert (tmp_path / "run" / "thesis.txt").is_file()
    assert (tmp_path / "run.partial" / "metrics.json").is_file()  # complete: --resume finishes it


def test_a_run_that_ended_while_another_waited_for_its_lock_is_not_replaced(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, acquire = tmp_path / "run", folder_module._acquire

    def after_the_other_has_ended(folder: runs.RunFolder) -> None:
        copy_of(finished, final)
        acquire(folder)

    monkeypatch.setattr(folder_module, "_acquire", after_the_other_has_ended)
    (tmp_path / "run.partial").mkdir()
    with pytest.raises(InputError, match="run is there already"), runs.working(final, resume=True):
        pass
    assert sha256_of_tree(final) == sha256_of_tree(finished)
    assert not (tmp_path / "run.partial").exists()


@pytest.mark.parametrize("output", ["/", "x" * 300, "~nobody-of-that-name/run"])
def test_names_that_no_folder_can_have(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = (
        r"cannot be a run's folder|cannot make .*: give another output=|"
        "is there already: give another output="
    )
    with pytest.raises(InputError, match=message), runs.working(output):
        pass


def test_names_that_are_no_text_are_written_so_that_they_can_be_read(tmp_path: Path) -> None:
    name = "caf\udce9.png"  # how Python holds a file's name in Latin-1
    runs.write_assignments(tmp_path / "assignments.csv", {"image": [name], "cluster": [0]})
    assert "caf\\udce9.png" in (tmp_path / "assignments.csv").read_text(encoding="utf-8")
    files.write_json(tmp_path / "a.json", {"command": name})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"command": name}
    assert files.sha256_of_json({"data": name}) != files.sha256_of_json({"data": "caf"})


def test_existing_partial_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    with runs.working(tmp_path / "run"):
        pass
    message = (
        "run.partial was left by an interrupted run: resume= continues it, overwrite= starts anew"
    )
    with pytest.raises(InputError, match=message), runs.working(tmp_path / "run"):
        pass
    with runs.working(tmp_path / "run", resume=True):  # the refusal holds no lock
        pass


def test_existing_final_is_refused_with_and_without_resume(finished: Path) -> None:
    for resume in (False, True):
        with (
            pytest.raises(
                InputError, match="done is there already: give another output=, or overwrite="
            ),
            runs.working(finished, resume=resume),
        ):
            pass
    assert not finished.with_name("done.partial").exists()


def test_overwrite_replaces_at_the_end_only(
    finished: Path, tmp_path: Path, pipeline: Pipeline
) -> None:
    final = copy_of(finished, tmp_path / "run")
    before = sha256_of_tree(final)
    die_in(final, lambda folder: write_run(folder.path, pipeline), overwrite=True)
    assert sha256_of_tree(final) == before
    with runs.working(final, overwrite=True, resume=True) as folder:
        (folder.path / "new").write_text("x")
        assert sha256_of_tree(final) == before
        folder.finish()
    assert (final / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_overwrite_leaves_foreign_folders_and_files_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("x")
    (tmp_path / "thesis" / "metrics.json").write_text("{}")
    (tmp_path / "file").write_text("x")
    for name in ("thesis", "file"):
        message = (
            f"{name} is no folder of a run, so overwrite= leaves it alone: give another output="
        )
        with (
            pytest.raises(InputError, match=message),
            runs.working(tmp_path / name, overwrite=True),
        ):
            pass
    assert (tmp_path / "thesis" / "chapter").read_text() == "x"


def test_overwrite_leaves_a_foreign_partial_alone(tmp_path: Path) -> None:
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "download").write_text("x")
    message = "run.partial is in the way and was not left by a run: move it"
    with pytest.raises(InputError, match=message), runs.working(tmp_path / "run", overwrite=True):
        pass
    assert (tmp_path / "run.partial" / "download").read_text() == "x"


def test_an_output_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    message = r"cannot make .*run.partial \(.*\): give another output="
    with pytest.raises(InputError, match=message), runs.working(tmp_path / "file" / "run"):
        pass


HOLDER = """
import sys
from scratchclust import runs
with runs.working(sys.argv[1]) as folder:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path):
    """A folder that another living process works in, and that process."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield tmp_path / "run", process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.quick(1)
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_a_second_process_is_refused(held, options: dict[str, bool]) -> None:
    final, _ = held
    message = "another run is at work in .*run.partial: wait for it, or give another output="
    with pytest.raises(InputError, match=message), runs.working(final, **options):
        pass
    assert (final.with_name("run.partial") / ".lock").is_file()


def test_the_lock_of_a_killed_process_is_no_obstacle(held) -> None:
    final, process = held
    process.kill()
    process.wait()
    with runs.working(final, resume=True) as folder:
        folder.finish()
    assert final.is_dir()


def test_log_has_what_was_logged_meanwhile(tmp_path: Path) -> None:
    with runs.working(tmp_path / "run") as folder:
        logging.getLogger("scratchclust.anything").info("one line")
    logging.getLogger("scratchclust.anything").error("too late")
    log = (folder.path / "log.txt").read_text()
    assert ("INFO one line" in log, "too late" in log) == (True, False)


def test_log_tells_why_a_run_ended(tmp_path: Path) -> None:
    die_in(tmp_path / "run", lambda folder: None)
    log = (tmp_path / "run.partial" / "log.txt").read_text()
    assert all(
        part in log for part in ("ERROR the run ended early\nTraceback", "RuntimeError: died")
    )


@pytest.mark.parametrize(
    ("name", "expected"), [("PCA + k-means", "pca-k-means"), (" x__y! ", "x-y")]
)
def test_slug(name: str, expected: str) -> None:
    assert runs.slug(name) == expected


def test_everything_is_on_the_disk_before_a_run_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    flush = files.flush
    rename = os.rename
    monkeypatch.setattr(files, "flush", lambda path: (events.append(path.name), flush(path)))
    monkeypatch.setattr(os, "rename", lambda a, b: (events.append("rename"), rename(a, b)))
    with runs.working(tmp_path / "run") as folder:
        write_file(folder.path / "figures" / "a.png")
        folder.finish()
    assert events[-3:] == ["run.partial", "rename", tmp_path.name]
    assert {"a.png", "figures", "log.txt"} < set(events[:-3])


def test_a_death_between_the_two_renames_loses_nothing(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DIR is moved away, DIR.partial not yet renamed: the old run lies beside, the new is whole."""
    final = copy_of(finished, tmp_path / "run")
    before = sha256_of_tree(final)
    rename = os.rename

    def finish(folder: runs.RunFolder) -> None:
        write_file(folder.path / "new")
        folder.finish()

    def die_at_the_second(one: Path, other: Path) -> None:
        if Path(one).name == "run.partial":
            raise RuntimeError("died")
        rename(one, other)

    with monkeypatch.context() as context:
        context.setattr(os, "rename", die_at_the_second)
        die_in(final, finish, overwrite=True)
    assert sha256_of_tree(tmp_path / ".run.old") == before
    with runs.working(final, resume=True) as folder:
        folder.finish()
    assert (final / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# --- read again


def test_load(finished: Path, pipeline: Pipeline) -> None:
    run = runs.load(finished)
    assert run.metrics["recipe"] == "test"
    np.testing.assert_array_equal(run.predict(IMAGES), pipeline.named_steps["cluster"].labels_)
    np.testing.assert_array_equal(
        run.assignments["cluster"], pipeline.named_steps["cluster"].labels_
    )
    assert run.assignments["cluster"].dtype == np.int32
    assert np.isnan(run.assignments["distance"]).all()
    assert run.assignments["image"][3] == "3"
    assert isinstance(run.pipeline, Pipeline)


def test_predict_refuses_images_of_another_shape(finished: Path) -> None:
    with pytest.raises(
        InputError, match=r"clusters images of shape \(4, 4, 1\) .* these have shape \(5, 4, 1\)"
    ):
        runs.load(finished).predict(np.zeros((2, 5, 4, 1), np.uint8))


def metrics_with(**changes: object) -> str:
    return json.dumps({"schema": 1, **dict.fromkeys(TOP_KEYS), **changes})


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "metrics.json",
            None,
            r"is no run's folder \(it has no metrics.json\): give one made by `scratchclust run`",
        ),
        (
            "metrics.json",
            "{",
            r"metrics.json is damaged \(no JSON\): run the recipe again with overwrite=",
        ),
        ("metrics.json", "[]", "metrics.json is not the record of a run"),
        ("metrics.json", '{"schema": 1}', "metrics.json is not the record of a run"),
        ("metrics.json", metrics_with(dataset=None), "metrics.json is not the record of a run"),
        (
            "metrics.json",
            metrics_with(dataset={"shape": None}),
            "metrics.json is not the record of a run",
        ),
        (
            "metrics.json",
            metrics_with(schema=2),
            "has schema 2, this version of scratchclust reads 1",
        ),
        ("assignments.csv", None, "assignments.csv is missing or damaged"),
        ("assignments.csv", "", "assignments.csv is missing or damaged"),
        ("assignments.csv", "image,label\n", "assignments.csv is missing or damaged"),
        (
            "assignments.csv",
            "image,label,cluster,distance,confidence,x,y\n0,,x,,,,\n",
            "missing or damaged",
        ),
        (
            "assignments.csv",
            "image,label,cluster,distance,confidence,x,y\n0,,1\n",
            "missing or damaged",
        ),
    ],
)
def test_damaged_and_foreign_folders(
    finished: Path, tmp_path: Path, file: str, content, message: str
) -> None:
    folder = copy_of(finished, tmp_path / "run")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        runs.load(folder)
    assert "\n" not in str(caught.value)


def test_every_damaged_file_of_the_model_is_noticed(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "run")
    for path in sorted(path for path in (folder / "model").rglob("*") if path.is_file()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(InputError) as caught:
            runs.load(folder)
        assert "\n" not in str(caught.value)
        path.unlink()
        with pytest.raises(InputError):
            runs.load(folder)
        path.write_bytes(whole)
    runs.load(folder)


def test_missing_and_unfinished_folders(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="nowhere is no folder: give one made by `scratchclust run`"
    ):
        runs.load(tmp_path / "nowhere")
    (tmp_path / "run.partial").mkdir()
    with pytest.raises(
        InputError, match="is an unfinished run: the same run with resume=True continues it"
    ):
        runs.load(tmp_path / "run.partial")


def test_environment() -> None:
    found = runs.environment()
    assert found["scratchclust"] == scratchclust.__version__
    assert found["numpy"] == np.__version__
    assert found["device"] == "cpu"
    assert found["n_devices"] == 4  # as conftest sets it
    assert found["precision"] == "float32"
    assert found["threads"] >= 1
    json.dumps(found)
