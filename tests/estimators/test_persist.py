"""Models on disk: what goes in comes out, and what is damaged is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.cluster
from sklearn.pipeline import make_pipeline

import scratchclust
from scratchclust import PCA, AutoencoderFeatures, KMeans, PixelFeatures, persist
from scratchclust.errors import InputError
from scratchclust.files import sha256_of_file

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (KMeans(3, random_state=0), X),
        (KMeans(3, init=X[:3]), X.astype(np.float64)),
        (PCA(0.5, whiten=True), X),
        (PixelFeatures(scale="standard", size=3), IMAGES),
        (make_pipeline(PixelFeatures(), PCA(2), KMeans(2, random_state=0)), IMAGES),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trip(estimator, data, tmp_path):
    estimator.fit(data)
    persist.save(estimator, tmp_path / "model")
    loaded = persist.load(tmp_path / "model")
    assert type(loaded) is type(estimator)
    assert str(loaded.get_params()) == str(estimator.get_params())
    call = "predict" if hasattr(estimator, "predict") else "transform"
    result, expected = getattr(loaded, call)(data), getattr(estimator, call)(data)
    assert np.asarray(result).tobytes() == np.asarray(expected).tobytes()
    for one, other in zip(_parts(loaded), _parts(estimator), strict=True):
        assert vars(one).keys() == vars(other).keys()
        for name, value in vars(other).items():
            np.testing.assert_equal(vars(one)[name], value)
            assert type(vars(one)[name]) is type(value)


@pytest.mark.parametrize(
    "name",
    [
        # a map takes seconds, and one is saved in tests/reduce/test_tsne.py
        pytest.param(name, marks=pytest.mark.full) if name == "TSNE" else name
        for name in scratchclust.ESTIMATORS
    ],
)
def test_every_public_estimator_is_saved_by_its_name(name, tmp_path):
    settings = {"TSNE": {"perplexity": 5.0, "max_iter": 20}}
    estimator = getattr(scratchclust, name)(**settings.get(name, {}))
    if estimator.__sklearn_tags__().input_tags.two_d_array:  # networks of images have their own
        estimator.fit(X)
    persist.save(estimator, tmp_path / "model")
    loaded = persist.load(tmp_path / "model")
    assert type(loaded) is type(estimator)
    assert vars(loaded).keys() == vars(estimator).keys()
    for attribute, value in vars(estimator).items():
        np.testing.assert_equal(vars(loaded)[attribute], value)


def _parts(estimator):
    return [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]


def test_unfitted_estimators_feature_names_and_jax_arrays(tmp_path):
    KMeans(5).save(tmp_path / "unfitted")
    assert not hasattr(persist.load(tmp_path / "unfitted"), "labels_")
    import pandas as pd

    PCA(2).fit(pd.DataFrame(X, columns=["a", "b", "c"])).save(tmp_path / "named")
    assert persist.load(tmp_path / "named").feature_names_in_.tolist() == ["a", "b", "c"]
    KMeans(2, random_state=0).fit(jnp.asarray(X)).save(tmp_path / "jax")
    assert isinstance(persist.load(tmp_path / "jax").labels_, jax.Array)


@pytest.fixture
def saved(tmp_path):
    KMeans(3, random_state=0).fit(X).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors"])
def test_a_flipped_bit_in_any_byte_is_refused(saved, name):
    whole = (saved / name).read_bytes()
    for place in np.linspace(0, len(whole) - 1, 20).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (saved / name).write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{name} is damaged \(its SHA-256 differs"):
            persist.load(saved)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.json", "model.json is missing: restore it"),
        ("arrays.safetensors", "arrays.safetensors is missing: restore it"),
        ("manifest.json", "is no saved model: expected a folder with manifest.json"),
    ],
)
def test_a_missing_file_is_refused(saved, name, message):
    (saved / name).unlink()
    with pytest.raises(InputError, match=message):
        persist.load(saved)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "manifest.json is damaged"),
        ("{}", "manifest.json is damaged"),
        (json.dumps({"schema": 2, "sha256": {}}), "has schema 2, this version reads 1"),
    ],
)
def test_a_strange_manifest_is_refused(saved, manifest, message):
    (saved / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match=message):
        persist.load(saved)


def test_an_existing_folder_is_not_touched(saved):
    before = sorted(file.read_bytes() for file in saved.iterdir())
    with pytest.raises(InputError, match="exists already: give a new folder, or remove it first"):
        PCA(2).fit(X).save(saved)
    assert sorted(file.read_bytes() for file in saved.iterdir()) == before


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KMeans(init=lambda X, k, r: X[:k]), "KMeans.init is a function, which cannot be saved"),
        (
            KMeans(random_state=np.random.RandomState(0)),
            "KMeans.random_state is a RandomState, which cannot be saved",
        ),
        (sklearn.cluster.OPTICS(), "'OPTICS' is no public estimator of scratchclust"),
        (sklearn.cluster.KMeans(), "only estimators of scratchclust, and Pipeline, can be saved"),
    ],
)
def test_what_cannot_be_saved_leaves_nothing_behind(estimator, message, tmp_path):
    with pytest.raises(InputError, match=message):
        persist.save(estimator, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_makes_not_even_the_folders_above(tmp_path):
    with pytest.raises(InputError, match="which cannot be saved"):
        persist.save(KMeans(init=lambda X, k, r: X[:k]), tmp_path / "deep" / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_came_to_lie_there_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    write = persist._write

    def after_another(content, draft):
        write(content, draft)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "thesis.txt").write_text("x")

    monkeypatch.setattr(persist, "_write", after_another)
    with pytest.raises(InputError, match="exists already"):
        persist.save(KMeans(3), tmp_path / "model")
    assert (tmp_path / "model" / "thesis.txt").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_cannot_name_a_class_outside_the_package(saved):
    model = (saved / "model.json").read_text().replace('"KMeans"', '"os"')
    (saved / "model.json").write_text(model)
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["sha256"]["model.json"] = sha256_of_file(saved / "model.json")
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="'os' is no public estimator of scratchclust"):
        persist.load(saved)


def crafted(folder, **changes):
    """What a stranger may write: other contents, with digests that agree."""
    for name, content in changes.items():
        (folder / {"model": "model.json", "arrays": "arrays.safetensors"}[name]).write_bytes(
            content
        )
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {
        name: sha256_of_file(folder / name) for name in ("model.json", "arrays.safetensors")
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    "model",
    [
        b"{",
        b"[1, 2]",
        b"7",
        b"{}",
        b'{"estimator": "KMeans"}',
        b'{"estimator": ["KMeans"], "parameters": {}, "fitted": {}}',
        b'{"estimator": "KMeans", "parameters": {"n_cluster": 3}, "fitted": {}}',
        b'{"estimator": "KMeans", "parameters": {}, "fitted": '
        b'{"labels_": {"array": "nowhere", "jax": false}}}',
        b"[" * 100_000,
    ],
)
def test_what_save_did_not_write_is_refused(saved, model):
    with pytest.raises(InputError, match=r"was not written by `save`|holds no estimator"):
        persist.load(crafted(saved, model=model))


def test_strange_arrays_and_digests_are_refused(saved):
    with pytest.raises(InputError, match="was not written by `save`"):
        persist.load(crafted(saved, arrays=b"no safetensors"))
    for digests in (None, ["a"], 3):
        (saved / "manifest.json").write_text(json.dumps({"schema": 1, "sha256": digests}))
        with pytest.raises(InputError, match=r"manifest.json is damaged"):
            persist.load(saved)


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "manifest.json"])
def test_links_are_refused(saved, name):
    (saved / name).rename(saved.parent / "elsewhere")
    (saved / name).symlink_to(saved.parent / "elsewhere")
    with pytest.raises(InputError, match=f"{name} is a link, which may lead anywhere"):
        persist.load(saved)


def test_a_file_cannot_set_what_fit_does_not(saved):
    model = json.loads((saved / "model.json").read_text())
    model["fitted"] |= {"n_clusters": 7, "predict": 3, "_sklearn_output_config": 5, "__class__": 1}
    loaded = persist.load(crafted(saved, model=json.dumps(model).encode()))
    assert loaded.n_clusters == 3
    assert len(loaded.predict(X)) == len(X)


def test_folders_that_a_fit_would_use_are_neither_saved_nor_believed(tmp_path):
    """joblib unpickles what lies in a Pipeline's `memory`, so that a stranger's file could run code
    at the next fit.
    """
    pipeline = make_pipeline(PixelFeatures(), PCA(2), memory=str(tmp_path / "cache")).fit(IMAGES)
    persist.save(pipeline, tmp_path / "model")
    assert "cache" not in (tmp_path / "model" / "model.json").read_text()
    model = json.loads((tmp_path / "model" / "model.json").read_text())
    model["parameters"]["memory"] = str(tmp_path / "cache")
    assert (
        persist.load(crafted(tmp_path / "model", model=json.dumps(model).encode())).memory is None
    )
    AutoencoderFeatures(checkpoint_dir=tmp_path / "checkpoints").save(tmp_path / "network")
    assert persist.load(tmp_path / "network").checkpoint_dir is None


def test_small_things_survive(tmp_path):
    import pandas as pd

    PCA(2).set_output(transform="pandas").fit(X).save(tmp_path / "pandas")
    assert isinstance(persist.load(tmp_path / "pandas").transform(X), pd.DataFrame)
    KMeans(3, init=pd.DataFrame(X[:3])).save(tmp_path / "frame")
    assert type(persist.load(tmp_path / "frame").init) is np.ndarray
    KMeans(3, tol=np.array(1e-4)).save(tmp_path / "scalar")
    assert persist.load(tmp_path / "scalar").tol.shape == ()
    with pytest.raises(InputError, match=r"KMeans.tol is a complex, which cannot be saved"):
        KMeans(3, tol=np.complex64(1)).save(tmp_path / "complex")
