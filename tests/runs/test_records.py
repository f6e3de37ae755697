"""What a run writes: stages that --resume keeps, metrics.json and assignments.csv."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust import runs
from scratchclust.files import plain, write_text
from scratchclust.runs.records import RESULT_KEYS
from scratchclust.runs.result import (
    AppliedResult,
    ByEpoch,
    DatasetRecord,
    Elbow,
    Record,
    Result,
    Scan,
    Seconds,
    Spread,
    StepSeconds,
)

GOLDEN = Path(__file__).parents[1] / "experiment" / "golden"
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
CONTRACT_OF_A_RESULT = [
    *("name", "method", "n_clusters", "n_fitted", "n_scored", "accuracy", "purity", "nmi", "ari"),
    *("silhouette", "dunn", "inertia", "n_iter", "converged"),
]
SECONDS_KEYS = ["total", "load", "compile", "features", "reduce", "cluster", "score"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    steps = [
        ("features", scratchclust.PixelFeatures()),
        ("cluster", scratchclust.KMeans(3, random_state=0)),
    ]
    return Pipeline(steps).fit(IMAGES)


def a_stage(pipeline: Pipeline | None = None) -> runs.Stage:
    arrays = {
        "labels": np.arange(4, dtype=np.int32),
        "x": np.array([0.5, np.nan], dtype=np.float32),
    }
    return runs.Stage({"accuracy": 0.5, "dunn": None}, arrays, pipeline)


def test_stage_comes_back_as_it_was(tmp_path: Path, pipeline: Pipeline) -> None:
    runs.save_stage(tmp_path / "one", a_stage(pipeline), "abc")
    stage = runs.load_stage(tmp_path / "one", "abc")
    assert stage is not None
    assert stage.scores == {"accuracy": 0.5, "dunn": None}
    assert stage.arrays.keys() == {"labels", "x"}
    for name, array in a_stage().arrays.items():
        np.testing.assert_array_equal(stage.arrays[name], array)
        assert stage.arrays[name].dtype == array.dtype
    np.testing.assert_array_equal(stage.pipeline.predict(IMAGES), pipeline.predict(IMAGES))


def test_stage_without_pipeline_and_no_stage(tmp_path: Path) -> None:
    runs.save_stage(tmp_path / "one", a_stage(), "abc")
    stage = runs.load_stage(tmp_path / "one", "abc")
    assert stage is not None
    assert stage.pipeline is None
    assert runs.load_stage(tmp_path / "two", "abc") is None


def test_stage_is_replaced(tmp_path: Path) -> None:
    runs.save_stage(tmp_path / "one", runs.Stage({"v": 1}, {"gone": np.zeros(1)}), "abc")
    runs.save_stage(tmp_path / "one", runs.Stage({"v": 2}), "def")
    stage = runs.load_stage(tmp_path / "one", "def")
    assert stage is not None
    assert (stage.scores, stage.arrays) == ({"v": 2}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_stage_of_another_configuration_is_redone_with_a_line(tmp_path: Path, caplog) -> None:
    runs.save_stage(tmp_path / "one", a_stage(), "abc")
    assert runs.load_stage(tmp_path / "one", "other") is None
    assert "stage one is redone: it belongs to another configuration" in caplog.text


def test_every_damaged_file_of_a_stage_is_noticed(
    tmp_path: Path, pipeline: Pipeline, caplog
) -> None:
    """One flipped bit in each file in turn, and each file missing in turn."""
    runs.save_stage(tmp_path / "one", a_stage(pipeline), "abc")
    for path in sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file()):
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        assert runs.load_stage(tmp_path / "one", "abc") is None, path
        path.unlink()
        assert runs.load_stage(tmp_path / "one", "abc") is None, path
        path.write_bytes(whole)
    assert "stage one is redone: damaged file labels.npy (SHA-256 differs)" in caplog.text
    assert "stage one is redone: its stage.json cannot be read" in caplog.text
    assert runs.load_stage(tmp_path / "one", "abc") is not None


def a_record(**changes: Any) -> Record:
    dataset = DatasetRecord(name="made up", split="all", n=4, shape=[4, 4, 1], sha256="0")
    known: dict[str, Any] = {
        "recipe": "test",
        "seed": 3,
        "labels_used": False,
        "dataset": dataset,
        "parameters": {},
        "environment": {},
        "seconds": Seconds(),
        "results": [],
    }
    return Record(**{**known, **changes})


def test_metrics_have_every_key_of_the_schema(tmp_path: Path) -> None:
    result = Result(
        name="one", silhouette=math.nan, dunn=1, inertia=1.5, n_iter=3, seconds=StepSeconds()
    )
    record = a_record(results=[result], seconds=Seconds(total=math.inf))
    runs.write_metrics(tmp_path / "metrics.json", record)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    top = ["recipe", "command", "seed", "labels_used", "dataset", "parameters"]
    further = ["features_from", "environment", "seconds", "results"]
    assert list(metrics) == ["schema", *top, *further]
    assert metrics["schema"] == 1
    assert list(metrics["dataset"])[:5] == ["name", "split", "n", "shape", "sha256"]
    assert metrics["seconds"] == dict.fromkeys(SECONDS_KEYS)
    (written,) = metrics["results"]
    assert list(written) == list(RESULT_KEYS)
    assert set(CONTRACT_OF_A_RESULT) < set(RESULT_KEYS)
    known = {"name": "one", "dunn": 1, "inertia": 1.5, "n_iter": 3, "seconds": {}}
    assert {key: value for key, value in written.items() if value is not None} == known


def test_metrics_refuse_a_key_that_no_reader_knows() -> None:
    with pytest.raises(TypeError, match="'sed'"):
        a_record(sed=3)


def test_a_record_comes_back_as_it_was() -> None:
    spread = Spread(mean=0.5, std=math.nan, min=0.25, max=0.75)
    result = Result(
        name="one",
        eps=0.5,
        spread={"accuracy": spread},
        applied=AppliedResult(n_scored=3, accuracy=0.5),
        by_epoch=ByEpoch(epoch=[1, 2], accuracy=[0.5, None]),
        seconds=StepSeconds(features=1.0, cluster=2.0),
    )
    scan = Scan(n_clusters=[2], silhouette=[0.5], dunn=[math.inf], chosen=2)
    record = a_record(results=[result], scan=scan, elbow=Elbow(n_clusters=[1], inertia=[2.0]))
    assert str(Record.from_json(record.to_json())) == str(record)  # str: NaN is not equal to NaN
    assert result.seconds.total() == 3.0
    assert "reduce" not in record.to_json()["results"][0]["seconds"]


def test_a_record_that_lacks_what_all_have_is_told_by_its_key() -> None:
    content = a_record().to_json()
    del content["seed"]
    with pytest.raises(KeyError, match="seed"):
        Record.from_json(content)
    assert Record.from_json({**a_record().to_json(), "of_tomorrow": 1}) == a_record()


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir()))
def test_the_bytes_of_metrics_are_those_of_the_version_before(name: str, tmp_path: Path) -> None:
    """Files that were written before the form was typed, with `features_from` added since."""
    before = (GOLDEN / name).read_bytes()
    runs.write_metrics(tmp_path / name, Record.from_json(json.loads(before)))
    assert (tmp_path / name).read_bytes() == before


def test_plain_values() -> None:
    value = {1: (np.float32(0.5), np.array([1.0, np.nan])), "p": Path("a"), "t": True, "n": None}
    assert plain(value) == {"1": [0.5, [1.0, None]], "p": "a", "t": True, "n": None}


def test_assignments_columns_and_cells(tmp_path: Path) -> None:
    columns = {
        "image": ["a,b.png", 'quo"te.png'],
        "label": [None, "cat"],
        "cluster": np.array([3, -1], dtype=np.int32),
        "distance": np.array([0.1, np.nan], dtype=np.float32),
        "cluster_PCA + k-means": np.array([1, 2]),
    }
    runs.write_assignments(tmp_path / "assignments.csv", columns)
    with (tmp_path / "assignments.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            [
                "image",
                "label",
                "cluster",
                "distance",
                "confidence",
                "x",
                "y",
                "cluster_PCA + k-means",
            ],
            ["a,b.png", "", "3", "0.1", "", "", "", "1"],
            ['quo"te.png', "cat", "-1", "", "", "", "", "2"],
        ]


def _half_of_it(path: Path, text: str, **_: str) -> None:
    path.write_bytes(text.encode()[: len(text) // 2])
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "file", "old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", _half_of_it)
        with pytest.raises(OSError, match="No space left"):
            write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
