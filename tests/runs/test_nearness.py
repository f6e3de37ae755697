"""New images in a finished run: assigned, compared, and refused where something was changed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust import runs
from scratchclust.errors import InputError
from scratchclust.experiment.fit import near_arrays, plane
from scratchclust.experiment.telling import ask_clustering
from scratchclust.experiment.write import write_nearness
from scratchclust.files import write_json
from scratchclust.runs import digests, nearness
from scratchclust.runs.result import DatasetRecord, Record, Result, Seconds, StepSeconds

RNG = np.random.default_rng(0)
CENTERS = RNG.integers(40, 216, (3, 4, 4, 1))
OF = RNG.integers(0, 3, 60)
IMAGES = (CENTERS[OF] + RNG.integers(-30, 31, (60, 4, 4, 1))).astype(np.uint8)
NEW = (CENTERS[OF] + RNG.integers(-30, 31, (60, 4, 4, 1))).astype(np.uint8)
NOISE = RNG.integers(0, 256, (20, 4, 4, 1)).astype(np.uint8)

METHODS = {
    "kmeans": scratchclust.KMeans(3, random_state=0),
    "gmm": scratchclust.GaussianMixture(3, covariance_type="diag", random_state=0),
    "spectral": scratchclust.SpectralClustering(3, random_state=0),
    "agglomerative": scratchclust.AgglomerativeClustering(3),
    "dbscan": scratchclust.DBSCAN(1.0, min_samples=4),
}


def written(folder: Path, method: str, *steps: tuple[str, Any]) -> Path:
    """A run's folder of the images, as `experiment` writes it."""
    named = [("features", scratchclust.PixelFeatures()), *steps, ("cluster", METHODS[method])]
    pipeline = Pipeline(named).fit(IMAGES)
    X = np.asarray(pipeline[:-1].transform(IMAGES))
    labels = ask_clustering(pipeline[-1]).labels
    arrays = {"labels": labels, **near_arrays(pipeline[-1], X, labels), **plane(X)}
    folder.mkdir()
    record = Record(
        recipe="test",
        seed=0,
        labels_used=False,
        dataset=DatasetRecord(
            name="made up", split="all", n=60, shape=list(IMAGES.shape[1:]), sha256="0"
        ),
        parameters={},
        environment={},
        seconds=Seconds(),
        results=[Result(name="one", method=method, seconds=StepSeconds())],
    )
    columns = {name: arrays[name] for name in ("distance", "confidence", "x", "y")}
    runs.write_assignments(
        folder / "assignments.csv", {"image": range(60), "cluster": labels, **columns}
    )
    runs.write_model(folder, pipeline)
    write_nearness(folder, runs.Stage({}, arrays, pipeline))
    runs.write_metrics(folder / "metrics.json", record)
    runs.seal(folder)
    return folder


@pytest.fixture(scope="module", params=METHODS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    return runs.load(written(tmp_path_factory.mktemp("runs") / request.param, request.param))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reduce = ("reduce", scratchclust.PCA(3, random_state=0))
    return written(tmp_path_factory.mktemp("runs") / "graph", "spectral", reduce)


def method_of(run: runs.Run) -> str:
    return run.metrics["results"][0]["method"]


# --- assign


def test_new_images_come_to_the_clusters_of_their_kind(run: runs.Run) -> None:
    found = run.assign(NEW)
    clusters = run.assignments["cluster"]
    cluster_of = [np.bincount(clusters[kind == OF]).argmax() for kind in range(3)]
    np.testing.assert_array_equal(found.cluster, np.array(cluster_of)[OF])
    assert found.unusual is not None
    assert found.unusual.mean() < 0.2
    strange = run.assign(NOISE)
    assert strange.unusual is not None
    assert strange.unusual.all()
    for column in found[1:5]:
        assert column.dtype == np.float32
        assert np.isfinite(column).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


def test_where_the_method_predicts_it_is_that(run: runs.Run) -> None:
    if method_of(run) in ("agglomerative", "dbscan"):
        with pytest.raises(InputError, match=f"{method_of(run)} has no place for new images"):
            run.predict(NEW)
        assert run.nearness is not None
        assert run.nearness.rule.instead is not None
        return
    for images in (NEW, NOISE):
        np.testing.assert_array_equal(run.assign(images).cluster, run.predict(images))


def test_fitted_images_keep_their_clusters_and_places(run: runs.Run) -> None:
    found = run.assign(IMAGES)
    fitted = run.assignments
    np.testing.assert_array_equal(found.cluster, fitted["cluster"])
    np.testing.assert_allclose(found.x, fitted["x"], atol=1e-5)
    np.testing.assert_allclose(found.y, fitted["y"], atol=1e-5)
    if method_of(run) in ("kmeans", "gmm"):
        np.testing.assert_allclose(found.distance, fitted["distance"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.confidence, fitted["confidence"], rtol=1e-4)
    else:  # an image is among its own neighbours now
        assert (found.distance < fitted["distance"]).all()


def test_order_and_companions_change_no_bit(run: runs.Run) -> None:
    images = np.concatenate([NEW, NOISE])  # more than a block
    together = run.assign(images)
    order = np.random.default_rng(3).permutation(len(images))
    shuffled = run.assign(images[order])
    alone = run.assign(images[70:71])
    for i, column in enumerate(together):
        np.testing.assert_array_equal(np.asarray(column)[order], shuffled[i])
        np.testing.assert_array_equal(np.asarray(column)[70:71], alone[i])


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_axes", [2, 3])
def test_rows_of_short_vectors_do_not_matter(n_axes: int, tmp_path: Path) -> None:
    """As they do to `KMeans.transform`: the bits of its products depend on where a row lies."""
    pca = ("reduce", scratchclust.PCA(n_axes, random_state=0))
    run = runs.load(written(tmp_path / "run", "kmeans", pca))
    images = np.concatenate([NEW, NOISE])
    whole = run.assign(images)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(images))
        shuffled = run.assign(images[order])
        np.testing.assert_array_equal(whole.distance[order], shuffled.distance)
        np.testing.assert_array_equal(whole.confidence[order], shuffled.confidence)


def test_one_percent_of_the_fitted_images_is_beyond_the_usual_distance(run: runs.Run) -> None:
    assert run.nearness is not None
    usual = run.nearness.usual_distance
    assert usual is not None
    clustered = run.assignments["cluster"] >= 0
    assert (run.assignments["distance"][clustered] > usual).sum() <= 1


def test_no_image(run: runs.Run) -> None:
    found = run.assign(IMAGES[:0])
    assert [len(column) for column in found if column is not None] == [0] * 6


def test_images_of_another_shape(run: runs.Run) -> None:
    with pytest.raises(InputError, match=r"these have shape \(5, 4, 1\): resize or convert"):
        run.assign(np.zeros((2, 5, 4, 1), np.uint8))
    with pytest.raises(InputError, match=r"these have shape \(4, 4, 3\)"):
        run.similar(np.zeros((4, 4, 3), np.uint8))


def test_a_map_without_axes_places_new_images_amid_their_nearest(graph: Path) -> None:
    run = runs.load(graph)
    assert run.nearness is not None
    places = (np.arange(60.0), np.arange(60.0) ** 2)
    vectors = np.asarray(run.pipeline[:-1].transform(IMAGES[:3]))
    without = nearness.Nearness(**{**vars(run.nearness), "plane": None})
    found = without.place(run.pipeline[-1], vectors, places)
    indices = without.fitted.new(vectors).neighbors
    np.testing.assert_allclose(found.x, places[0][indices].mean(axis=1))
    np.testing.assert_allclose(found.y, places[1][indices].mean(axis=1))


def test_vectors_of_two_numbers_are_the_map(tmp_path: Path) -> None:
    reduce = ("reduce", scratchclust.PCA(2, random_state=0))
    run = runs.load(written(tmp_path / "run", "kmeans", reduce))
    found = run.assign(NEW)
    vectors = run.pipeline[:-1].transform(NEW)
    np.testing.assert_allclose(np.column_stack([found.x, found.y]), vectors, atol=1e-6)


# --- similar


def test_similar_images_against_brute_force(run: runs.Run) -> None:
    vectors = np.asarray(run.pipeline[:-1].transform(IMAGES), np.float64)
    new = np.asarray(run.pipeline[:-1].transform(NEW[:1]), np.float64)
    away = np.linalg.norm(vectors - new, axis=1)
    for image in (NEW[0], NEW[:1]):
        indices, distances = run.similar(image, 4)
        assert indices.tolist() == np.argsort(away)[:4].tolist()
        np.testing.assert_allclose(distances, np.sort(away)[:4], rtol=1e-5)
    indices, distances = run.similar(IMAGES[7], 1)
    assert (indices.tolist(), distances.tolist()) == ([7], [0.0])


@pytest.mark.parametrize(
    ("n", "image", "message"),
    [
        (61, NEW[0], "expected n to be a whole number from 1 to 60, the number of fitted images"),
        (0, NEW[0], "expected n to be a whole number from 1 to 60"),
        (1, NEW[:2], "expected one image, got 2"),
    ],
)
def test_similar_refuses(graph: Path, n: int, image: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        runs.load(graph).similar(image, n)


# --- what is kept


def test_long_vectors_are_kept_by_their_leading_axes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearness, "LARGEST_KEPT", 60 * 4 * 5)
    run = runs.load(written(tmp_path / "run", "agglomerative"))
    assert run.nearness is not None
    assert run.nearness.fitted.points.shape == (60, 5)
    found = run.assign(NEW)
    assert (
        found.cluster == runs.load(written(tmp_path / "2", "agglomerative")).assign(NEW)[0]
    ).all()
    assert found.unusual is not None
    assert found.unusual.mean() < 0.2
    assert run.similar(IMAGES[7], 1)[0].tolist() == [7]


def test_a_graph_keeps_its_vectors_once(graph: Path) -> None:
    from safetensors.numpy import load_file

    arrays = load_file(graph / "nearness" / "arrays.safetensors")
    assert sorted(arrays) == ["labels", "plane"]
    run = runs.load(graph)
    assert run.nearness is not None
    assert run.nearness.fitted.points.shape == (60, 3)


def test_meanings_are_a_sentence_each(run: runs.Run) -> None:
    assert run.nearness is not None
    for meaning in run.nearness.rule.meanings:
        assert meaning.endswith(".")
        assert "\n" not in meaning


def test_a_run_of_an_older_version_still_predicts(graph: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(graph, tmp_path / "old"))
    shutil.rmtree(old / "nearness")
    (old / "manifest.json").unlink()
    run = runs.load(old)
    np.testing.assert_array_equal(run.predict(NEW), runs.load(graph).predict(NEW))
    found = run.assign(NEW)
    np.testing.assert_array_equal(found.cluster, run.predict(NEW))
    assert found.unusual is None
    assert np.isnan(found.distance).all()
    with pytest.raises(InputError, match="a version of scratchclust that kept no vectors"):
        run.similar(NEW[0])


def test_a_run_can_be_moved(graph: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(graph, tmp_path / "elsewhere"))
    np.testing.assert_array_equal(runs.load(moved).assign(NEW)[1], runs.load(graph).assign(NEW)[1])
    for path in moved.rglob("*.json"):
        assert str(graph.parent) not in path.read_text()


# --- damage


def files_of(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_flipped_bit_in_any_file_is_one_line(graph: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(graph, tmp_path / "run"))
    names = {path.relative_to(folder).as_posix() for path in files_of(folder)}
    not_here = {"findings.json", "thumbnails/thumbnails.json"}
    assert names == {*digests.SEALED, "manifest.json", *IN_FOLDERS} - not_here
    for path in files_of(folder):
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 5)):
            flipped = whole[place] ^ (1 << place % 8)
            path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
            assert_one_line(folder)
        path.write_bytes(whole)
        if path.name != "manifest.json" or path.parent != folder:
            path.unlink()
            assert_one_line(folder)
            path.write_bytes(whole)
    runs.load(folder)


IN_FOLDERS = {
    "model/model.json",
    "model/arrays.safetensors",
    "nearness/nearness.json",
    "nearness/arrays.safetensors",
}


def assert_one_line(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        runs.load(folder)
    assert "\n" not in str(caught.value)


def test_every_bit_of_a_manifest_counts(graph: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(graph, tmp_path / "run"))
    path = folder / "manifest.json"
    whole = path.read_bytes()
    digests.check_seal(folder)
    for place in range(len(whole)):
        flipped = whole[place] ^ (1 << place % 8)
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        with pytest.raises(InputError):
            digests.check_seal(folder)


@pytest.mark.parametrize(
    "name", ["manifest.json", "nearness/manifest.json", "nearness/nearness.json"]
)
def test_a_newer_schema_is_one_line(graph: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(graph, tmp_path / "run"))
    content = json.loads((folder / name).read_bytes())
    write_json(folder / name, {**content, "schema": 2})
    if name == "nearness/nearness.json":
        names = ("nearness.json", "arrays.safetensors")
        digests.write_manifest(folder / "nearness", names)
    if name != "manifest.json":
        runs.seal(folder)
    with pytest.raises(InputError, match="has schema 2, this version of scratchclust reads 1"):
        runs.load(folder)


def test_what_a_stranger_wrote_is_one_line(graph: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(graph, tmp_path / "run"))
    record = json.loads((folder / "nearness" / "nearness.json").read_bytes())
    for strange in ({**record, "kind": "magic"}, {"schema": 1}):
        write_json(folder / "nearness" / "nearness.json", strange)
        digests.write_manifest(folder / "nearness", ("nearness.json", "arrays.safetensors"))
        runs.seal(folder)
        with pytest.raises(InputError, match="nearness was not written by a run"):
            runs.load(folder)


def test_links_are_not_followed(graph: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(graph, tmp_path / "run"))
    (folder / "nearness" / "arrays.safetensors").unlink()
    (folder / "nearness" / "arrays.safetensors").symlink_to(
        graph / "nearness" / "arrays.safetensors"
    )
    with pytest.raises(InputError, match=r"arrays.safetensors is a link, which may lead anywhere"):
        runs.load(folder)
