"""Rows that are read by parts: what sources give, and that fits of them are those of memory."""

import numpy as np
import pytest

from scratchclust import PCA, KMeans, MiniBatchKMeans, persist, streams
from scratchclust.cluster.kmeans import assign
from scratchclust.errors import InputError
from scratchclust.reference import kmeans as reference

N, D, K = 700, 5, 4


def clouds(seed: int, n: int = N) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(K, D)) + 10
    return (rng.normal(size=(n, D)) + centres[rng.integers(K, size=n)]).astype(np.float32)


def source_of(X: np.ndarray) -> streams.Generated:
    return streams.Generated(X.shape, lambda number: X[number], X.dtype)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five parts and a rest."""
    monkeypatch.setattr(streams, "NUMBERS_IN_PART", 130 * D)


# --- sources


def made(kind: str, X: np.ndarray, folder) -> streams.Source:
    if kind == "generated":
        return source_of(X)
    ends = [len(X)] if kind == "mapped" else [100, 101, 400, len(X)]
    for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        np.save(folder / f"{number}.npy", X[begin:end])
    return streams.open_rows(folder if kind == "files" else folder / "0.npy")


@pytest.mark.parametrize("kind", ["generated", "mapped", "files"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64])
def test_a_source_gives_the_rows_of_the_array(kind, dtype, tmp_path):
    X = np.random.default_rng(0).integers(0, 200, (N, D)).astype(dtype)
    found = made(kind, X, tmp_path)
    wanted = X.astype(np.float64 if dtype in (np.float64, np.int64) else np.float32)
    assert found.shape == X.shape
    assert len(found) == N
    if kind != "generated" or dtype in (np.float32, np.float64):
        assert found.dtype == wanted.dtype
    for which in (
        slice(None),
        slice(95, 105),
        slice(3, 600, 7),
        slice(-5, None),
        slice(50, 50),
        np.array([5, 5, 699, 0, 100, 101, 399, 400]),
        np.array([[1, 2], [650, 3]]),
    ):
        np.testing.assert_array_equal(found[which], wanted[which])
    np.testing.assert_array_equal(np.asarray(found), wanted)


@pytest.mark.parametrize("n", [1, 129, 130, 131, 700])
def test_parts_are_all_rows_in_order(n):
    X = clouds(0, n)
    spans, parts = zip(*streams.parts(source_of(X)), strict=True)
    np.testing.assert_array_equal(np.concatenate(parts), X)
    assert [span.start for span in spans] == list(range(0, n, 130))
    assert spans[-1].stop == n


def test_parts_are_smaller_where_more_is_made_of_a_row():
    assert max(len(part) for _, part in streams.parts(source_of(clouds(0)), 10 * D)) == 13


def test_an_error_while_the_next_part_is_read_is_the_callers():
    def make(number: np.ndarray) -> np.ndarray:
        if number[0] > 0:
            raise OSError(5, "Input/output error")
        return np.zeros((len(number), D), np.float32)

    with pytest.raises(OSError, match="Input/output error"):
        KMeans(2).fit(streams.Generated((N, D), make))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((3, 2, 2)), "reshape images by"),
        (np.zeros((0, 2)), "an array .n d. of real numbers"),
        (np.array([["a", "b"]]), "real numbers"),
        (np.array([[1j, 2]]), "real numbers"),
    ],
)
def test_what_are_no_rows_is_refused(content, message, tmp_path):
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(InputError, match=message):
        streams.open_rows(tmp_path / "a.npy")


def test_damaged_and_unlike_files_are_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match=r"a\.npy is no \.npy file"):
        streams.open_rows(tmp_path)
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    np.save(tmp_path / "b.npy", np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"got 3 of float64 in .*b\.npy"):
        streams.open_rows(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="got none"):
        streams.open_rows(tmp_path / "none")


def test_rows_of_another_shape_are_refused():
    wrong = streams.Generated((N, D), lambda number: np.zeros((len(number), D + 1), np.float32))
    with pytest.raises(InputError, match=r"of shape \[\d+, 5\], got \[\d+, 6\]"):
        wrong[:10]


def test_large_memory_maps_are_sources_and_small_ones_are_not(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", clouds(0))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert streams.source_of(mapped) is None
    assert streams.source_of(clouds(0)) is None
    monkeypatch.setattr(streams, "MAPPED_ABOVE", 100)
    found = streams.source_of(mapped)
    assert isinstance(found, streams.Mapped)
    assert streams.source_of(clouds(0)) is None
    fitted = KMeans(K, init=mapped[:K]).fit(mapped)
    np.testing.assert_array_equal(
        fitted.labels_, KMeans(K, init=clouds(0)[:K]).fit(clouds(0)).labels_
    )


# --- k-means


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settings", [{}, {"tol": 0}, {"metric": "cosine"}, {"max_iter": 2}])
def test_k_means_of_a_source_is_that_of_memory(seed, settings):
    X = clouds(seed)
    weights = np.random.default_rng(seed).integers(0, 4, N).astype(float) if seed else None
    given = {"n_clusters": K, "init": X[:K], **settings}
    here = KMeans(**given).fit(X, sample_weight=weights)
    there = KMeans(**given).fit(source_of(X), sample_weight=weights)
    np.testing.assert_array_equal(there.labels_, here.labels_)
    np.testing.assert_allclose(there.cluster_centers_, here.cluster_centers_, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(there.inertia_, here.inertia_, rtol=1e-6)
    assert (there.n_iter_, there.converged_) == (here.n_iter_, here.converged_)
    for name in ("n_moved", "shift", "inertia"):
        np.testing.assert_allclose(there.history_[name], here.history_[name], rtol=1e-3, atol=1e-6)
    assert there.cluster_centers_.dtype == np.float32


def test_k_means_of_a_source_is_the_reference():
    X = clouds(5)
    found = KMeans(K, init=X[:K], tol=0).fit(source_of(X))
    defined = reference.lloyd(X, X[:K], tol=0.0)
    np.testing.assert_array_equal(found.labels_, defined.labels)
    np.testing.assert_allclose(found.cluster_centers_, defined.centroids, rtol=1e-5)


@pytest.mark.quick(1)
@pytest.mark.parametrize("seed", range(2))
def test_empty_clusters_are_refilled_as_in_memory(seed):
    X = clouds(seed)
    start = np.concatenate([X[:2], X[:1] + 1000, X[:1] + 1001])
    here = KMeans(K, init=start).fit(X)
    there = KMeans(K, init=start).fit(source_of(X))
    assert len(np.unique(there.labels_)) == K
    np.testing.assert_array_equal(there.labels_, here.labels_)
    np.testing.assert_array_equal(there.history_["n_moved"], here.history_["n_moved"])


def test_float64_rows_keep_their_labels_far_from_zero():
    X = clouds(1).astype(np.float64) + 1e7
    there = KMeans(K, init=X[:K]).fit(source_of(X))
    np.testing.assert_array_equal(there.labels_, KMeans(K, init=X[:K]).fit(X).labels_)
    assert there.cluster_centers_.dtype == np.float64


def test_pixels_are_read_as_float32():
    X = np.random.default_rng(0).integers(0, 256, (N, D), dtype=np.uint8)
    there = KMeans(K, init=X[:K].astype(np.float32)).fit(streams.Mapped(X))
    here = KMeans(K, init=X[:K].astype(np.float32)).fit(X)
    np.testing.assert_array_equal(there.labels_, here.labels_)
    assert there.cluster_centers_.dtype == np.float32


@pytest.mark.parametrize(
    "init",
    [
        "k-means++",
        pytest.param("random", marks=pytest.mark.full),
        pytest.param("k-means||", marks=pytest.mark.full),
    ],
)
def test_random_starts_are_drawn_in_a_sample(init):
    X = clouds(2)
    fitted = KMeans(K, init=init, n_init=2, random_state=0).fit(source_of(X))
    again = KMeans(K, init=init, n_init=2, random_state=0).fit(source_of(X))
    best = KMeans(K, n_init=10, random_state=0).fit(X)
    np.testing.assert_array_equal(fitted.labels_, again.labels_)
    assert fitted.inertia_ < 3 * best.inertia_


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_what_a_fit_tells_of_new_rows_by_parts(metric, tmp_path):
    X = clouds(3)
    fitted = KMeans(K, metric=metric, random_state=0).fit(source_of(X))
    fitted.save(tmp_path / "model")
    for model in (fitted, persist.load(tmp_path / "model")):
        np.testing.assert_array_equal(model.predict(source_of(X)), fitted.labels_)
        np.testing.assert_array_equal(model.predict(source_of(X)), model.predict(X))
        np.testing.assert_allclose(model.transform(source_of(X)), model.transform(X), rtol=1e-5)
        np.testing.assert_allclose(model.score(source_of(X)), model.score(X), rtol=1e-6)


def test_assign_by_parts_has_the_same_bits():
    X = clouds(4)
    here, there = (assign(rows, X[:K]) for rows in (X, source_of(X)))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_rows_that_cannot_be_computed_with_are_refused(bad):
    X = clouds(0)
    X[600, 2] = bad
    for estimator in (KMeans(K, init=X[:K]), MiniBatchKMeans(K, random_state=0), PCA(2)):
        if isinstance(estimator, PCA) and bad == 1e30:
            continue  # squares of it are within the range of the sums in float64
        with pytest.raises(InputError, match=r"NaN|infinity|range"):
            estimator.fit(source_of(X))


# --- mini-batch k-means, PCA


def test_mini_batches_of_a_source_are_those_of_memory():
    X = clouds(0)
    here, there = (
        MiniBatchKMeans(K, batch_size=64, random_state=0).fit(rows) for rows in (X, source_of(X))
    )
    np.testing.assert_array_equal(there.labels_, here.labels_)
    np.testing.assert_array_equal(there.cluster_centers_, here.cluster_centers_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [2, None, 0.9])
def test_pca_of_a_source_is_that_of_memory(dtype, n_components):
    X = clouds(6).astype(dtype)
    here = PCA(n_components, svd_solver="covariance_eigh").fit(X)
    there = PCA(n_components).fit(source_of(X))
    rtol = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(there.components_, here.components_, atol=rtol)
    np.testing.assert_allclose(there.explained_variance_, here.explained_variance_, rtol=rtol)
    np.testing.assert_allclose(there.transform(source_of(X)), here.transform(X), atol=30 * rtol)
    assert there.transform(source_of(X)).dtype == there.components_.dtype == dtype


def test_pca_of_a_source_says_what_it_cannot():
    with pytest.raises(InputError, match="svd_solver='full' needs all rows in memory"):
        PCA(2, svd_solver="full").fit(source_of(clouds(0)))
    with pytest.raises(InputError, match="at least as many rows as features"):
        PCA(2).fit(source_of(clouds(0, 3)))


def test_others_read_all_of_a_source():
    from scratchclust import AgglomerativeClustering

    X = clouds(0, 60)
    np.testing.assert_array_equal(
        AgglomerativeClustering(3).fit(source_of(X)).labels_,
        AgglomerativeClustering(3).fit(X).labels_,
    )
