"""A person's own images: from a folder to findings, in stages that a resumed run keeps."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scratchclust import runs
from scratchclust.data import stores
from scratchclust.errors import InputError
from scratchclust.experiment import Outcome, plan_cluster, run, write
from scratchclust.recipes.cluster import Asked
from scratchclust.runs.findings import Suggestion, read_findings
from tests.data.odd_pictures import READ, SKIPPED, make_odd_folder
from tests.experiment.picture_cases import make_folder


@pytest.fixture(scope="module", autouse=True)
def without_figures():
    """Figures take most of a short run's time, and no stage depends on them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("own") / "pictures")


def cluster_folder(pictures: Path, output: Path, *, resume: bool = False, **words: Any) -> Outcome:
    planned = plan_cluster(Asked(str(pictures), **{"clusters": 3, **words}))
    return run(planned.plan, output=output, resume=resume)


@pytest.fixture(scope="module")
def outcome(pictures: Path, without_figures: None) -> Outcome:
    """A run that nothing interrupted, of a person's words alone."""
    labels = str(pictures.with_suffix(".csv"))
    return cluster_folder(pictures, pictures.parent / "outcome", labels=labels)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- what comes out


def test_every_kind_is_a_cluster(outcome: Outcome) -> None:
    (result,) = outcome.metrics["results"]
    assert result["accuracy"] == result["purity"] == result["nmi"] == result["ari"] == 1.0
    assert result["n_labelled"] == 60
    assert outcome.metrics["labels_used"] is False
    assert outcome.metrics["features_from"] is None
    assert outcome.metrics["parameters"]["asked"]["clusters"] == 3
    assert "gradients, for small grey images" in outcome.metrics["parameters"]["choice"]


def test_the_table_has_the_columns_of_pictures(outcome: Outcome) -> None:
    lines = table(outcome.folder)
    names = ["image", "label", "cluster", "distance", "confidence", "x", "y"]
    assert list(lines[0]) == [*names, "blur", "brightness", "width", "height", "duplicate_of"]
    assert [line["image"] for line in lines[:2]] == ["a/0000.png", "a/0002.png"]
    assert {line["label"] for line in lines} == {"bars", "frame", "disc"}
    assert {line["width"] for line in lines} == {"12"}
    assert all(0 <= float(line["blur"]) <= 1 for line in lines)
    assert outcome.paths is not None
    assert outcome.clusters is not None
    assert [line["image"] for line in lines] == list(outcome.paths)
    assert [int(line["cluster"]) for line in lines] == outcome.clusters.tolist()


def test_findings_tell_the_choice_and_the_clusters(outcome: Outcome) -> None:
    findings = read_findings(outcome.folder)
    assert findings is not None
    assert findings.choice == outcome.metrics["parameters"]["choice"]
    assert [one.n for one in findings.clusters] == [20, 20, 20]
    assert all(one.representatives for one in findings.clusters)
    assert findings.suggestion is None
    assert findings.usual_distance is not None
    assert findings.left_out == []


def test_a_run_is_read_again_and_assigns_its_own_pictures(outcome: Outcome) -> None:
    loaded = runs.load(outcome.folder)
    images = plan_and_load(outcome)
    np.testing.assert_array_equal(loaded.predict(images), loaded.assignments["cluster"])


def test_new_pictures_have_a_place_amid_their_nearest(outcome: Outcome) -> None:
    loaded = runs.load(outcome.folder)
    found = loaded.assign(plan_and_load(outcome)[:5])
    places = np.column_stack([loaded.assignments["x"], loaded.assignments["y"]])
    for i in range(5):
        gaps = np.linalg.norm(places - [found.x[i], found.y[i]], axis=1)
        own = loaded.assignments["cluster"] == loaded.assignments["cluster"][i]
        assert own[np.argmin(gaps)]


def plan_and_load(outcome: Outcome) -> np.ndarray:
    from scratchclust import data

    return data.load(outcome.metrics["parameters"]["data"], size=12).images


def test_labels_take_no_part(pictures: Path, outcome: Outcome, tmp_path: Path) -> None:
    lines = pictures.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
    rng = np.random.default_rng(1)
    shuffled = rng.permutation([line.split(",")[1] for line in lines[1:]])
    names = [line.split(",")[0] for line in lines[1:]]
    other = tmp_path / "shuffled.csv"
    rows = [f"{name},{label}" for name, label in zip(names, shuffled, strict=True)]
    other.write_text("\n".join(["image,label", *rows]), encoding="utf-8")
    again = cluster_folder(pictures, tmp_path / "again", labels=str(other))
    assert again.metrics["results"][0]["accuracy"] < 1
    for mine, theirs in zip(table(again.folder), table(outcome.folder), strict=True):
        assert {**mine, "label": ""} == {**theirs, "label": ""}  # to the last bit


@pytest.mark.full
def test_a_network_says_what_it_was_trained_on(pictures: Path, tmp_path: Path) -> None:
    found = cluster_folder(
        pictures, tmp_path / "run", features="pretrained:cifar10-resnet20", method="kmeans"
    )
    assert "CIFAR-10" in found.metrics["features_from"]
    assert found.metrics["labels_used"] is False


def test_pixels_in_a_file_change_nothing_and_leave_nothing(
    pictures: Path, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "MAPPED_ABOVE", 0)
    labels = str(pictures.with_suffix(".csv"))
    again = cluster_folder(pictures, tmp_path / "run", labels=labels)
    assert table(again.folder) == table(outcome.folder)
    assert not list(again.folder.glob("*.npy"))
    shown = cluster_folder(pictures, tmp_path / "run", labels=labels, resume=True)
    assert shown.was_finished


def suggest_three(X: Any, step: Any, *, seed: int, tell: Any) -> Suggestion:
    none = [None, None]
    return Suggestion(
        n_clusters=[2, 3],
        silhouette=none,
        calinski_harabasz=none,
        davies_bouldin=none,
        stability=none,
        suggested=3,
        rule="three is a good number",
    )


def test_a_suggested_number_is_taken_and_told(
    pictures: Path, outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scratchclust.experiment import how_many

    monkeypatch.setattr(how_many, "suggest", suggest_three)
    monkeypatch.setattr(write, "draw_suggestion", lambda *_: None)
    found = cluster_folder(pictures, tmp_path / "run", clusters=None)
    assert found.metrics["parameters"]["asked"]["clusters"] == "auto"
    assert found.metrics["results"][0]["n_clusters"] == 3
    findings = read_findings(found.folder)
    assert findings is not None
    assert findings.suggestion is not None
    assert findings.suggestion.suggested == 3
    assert [line["cluster"] for line in table(found.folder)] == [
        line["cluster"] for line in table(outcome.folder)
    ]


# --- odd folders


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_every_odd_file_is_clustered(tmp_path: Path) -> None:
    fates = make_odd_folder(tmp_path / "odd")
    found = cluster_folder(tmp_path / "odd", tmp_path / "run")
    images = {line["image"] for line in table(found.folder)}
    read = {name for name, fate in fates.items() if fate.what == READ}
    assert len(images) == len(read)
    findings = read_findings(found.folder)
    assert findings is not None
    skipped = {name for name, fate in fates.items() if fate.what == SKIPPED}
    assert {left.path for left in findings.left_out} == skipped
    assert findings.notes


@pytest.mark.filterwarnings("ignore")  # fewer distinct points than clusters, and one part of all
@pytest.mark.full
@pytest.mark.parametrize("n", [100, 1000])
def test_copies_of_one_picture(n: int, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(folder / "0000.png")
    for i in range(1, n):
        shutil.copy(folder / "0000.png", folder / f"{i:04d}.png")
    found = cluster_folder(folder, tmp_path / "run", clusters=2)
    findings = read_findings(found.folder)
    assert findings is not None
    (group,) = findings.duplicates
    assert len(group.members) == n
    assert sum(line["duplicate_of"] != "" for line in table(found.folder)) == n - 1


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_pictures_are_refused_and_leave_nothing(n: int, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "few", n)
    with pytest.raises(InputError, match=f"few has {n} image"):
        cluster_folder(folder, tmp_path / "run", clusters=None)
    assert not (tmp_path / "run").exists()


def test_more_clusters_than_pictures_that_can_be_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "few", 6)
    for name in ("b/0001.png", "b/0003.png"):
        (folder / name).write_bytes(b"no picture")
    with (
        pytest.warns(UserWarning, match="2 of 6 files"),
        pytest.raises(InputError, match="has 4 images, too few for 5 clusters"),
    ):
        cluster_folder(folder, tmp_path / "run", clusters=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "few.csv"]


@pytest.mark.filterwarnings("ignore:.*8 of 12 files")
def test_too_few_that_can_be_read_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "few", 12)
    for path in sorted(folder.rglob("*.png"))[:8]:
        path.write_bytes(path.read_bytes()[:60])  # broken behind the header
    with pytest.raises(InputError, match=r"has 4 images, too few to suggest .* say clusters="):
        cluster_folder(folder, tmp_path / "run", clusters=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "few.csv"]


@pytest.mark.parametrize("ending", ["txt", "jpg"])
def test_a_folder_without_pictures_is_refused_by_the_first_look(
    ending: str, tmp_path: Path
) -> None:
    for i in range(20):
        (tmp_path / f"{i}.{ending}").write_text("no picture")
    with pytest.raises(InputError, match="none of its 20 files is a readable picture"):
        plan_cluster(Asked(str(tmp_path)))


@pytest.mark.parametrize(("clusters", "n_kinds"), [(5, 2), (5, 1), (None, 1)])
@pytest.mark.parametrize("method", ["kmeans", "spectral"])
@pytest.mark.filterwarnings("ignore:the graph of")
@pytest.mark.full
def test_no_more_clusters_than_distinct_images(
    method: str, n_kinds: int, clusters: int | None, tmp_path: Path
) -> None:
    kinds = np.random.default_rng(0).integers(0, 256, (n_kinds, 12, 12), np.uint8)
    images = kinds[np.arange(60) % n_kinds]
    np.save(tmp_path / "equal.npy", images)
    words = {"clusters": clusters, "method": method, "features": "pixels"}
    with pytest.warns(UserWarning, match=f"found {n_kinds} distinct image"):
        found = cluster_folder(tmp_path / "equal.npy", tmp_path / "run", **words)
    assert found.clusters is not None
    assert len({*zip(np.arange(60) % n_kinds, found.clusters, strict=True)}) == n_kinds
    assert found.metrics["results"][0]["n_clusters"] == n_kinds
    loaded = runs.load(found.folder)
    np.testing.assert_array_equal(loaded.predict(images[..., None]), found.clusters)


# --- death, and going on


def die_in(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes out after the stage was made, and before it is saved."""
    whole = runs.save_stage

    def save_stage(folder: Path, made: Any, key: str) -> None:
        if folder.name == stage:
            raise RuntimeError("the power went out")
        whole(folder, made, key)

    monkeypatch.setattr(runs, "save_stage", save_stage)


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("stage", "kept"),
    [
        ("vectors", []),
        ("gradients-spectral", ["vectors"]),
        ("map", ["vectors", "gradients-spectral"]),
        ("checks", ["vectors", "gradients-spectral", "map"]),
    ],
)
def test_resume_keeps_the_stages_before_a_death(
    stage: str,
    kept: list[str],
    pictures: Path,
    outcome: Outcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = str(pictures.with_suffix(".csv"))
    with monkeypatch.context() as context:
        die_in(stage, context)
        with pytest.raises(RuntimeError, match="the power went out"):
            cluster_folder(pictures, tmp_path / "run", labels=labels)
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    found = cluster_folder(pictures, tmp_path / "run", labels=labels, resume=True)
    log = (found.folder / "log.txt").read_text(encoding="utf-8")
    for name in ("vectors", "gradients-spectral", "map", "checks"):
        assert (f"stage {name} is kept" in log) == (name in kept)
    assert table(found.folder) == table(outcome.folder)
    assert not list(found.folder.glob("*.npy"))


@pytest.mark.full
def test_a_folder_that_changed_meanwhile_is_clustered_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "pictures", 30)
    with monkeypatch.context() as context:
        die_in("checks", context)
        with pytest.raises(RuntimeError, match="the power went out"):
            cluster_folder(folder, tmp_path / "run")
    (folder / "a" / "0000.png").unlink()
    found = cluster_folder(folder, tmp_path / "run", resume=True)
    log = (found.folder / "log.txt").read_text(encoding="utf-8")
    assert "stage vectors is redone: it belongs to another configuration" in log
    assert len(table(found.folder)) == 29
    (folder / "a" / "0002.png").unlink()
    with pytest.raises(InputError, match="made with different"):
        cluster_folder(folder, tmp_path / "run", resume=True)


def test_nothing_is_left_of_refused_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "pictures", 30)
    monkeypatch.setattr(stores, "MAPPED_ABOVE", 0)
    labels = tmp_path / "labels.csv"
    labels.write_text("image,label\nnobody,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="none of its 1 rows names an image"):
        cluster_folder(folder, tmp_path / "run", labels=str(labels))
    assert not (tmp_path / "run.partial").exists()
