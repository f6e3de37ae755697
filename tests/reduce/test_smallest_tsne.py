"""The smallest and most degenerate data, and all kinds of arrays, for TSNE: beside scikit-learn and
by hand.
"""

from collections.abc import Iterator

import jax
import numpy as np
import pytest
import sklearn.manifold

from scratchclust import TSNE, rows
from scratchclust.reference import tsne as reference

pytestmark = pytest.mark.full
RNG = np.random.default_rng(0)
X = RNG.integers(0, 100, size=(40, 3))
GIVEN = {"perplexity": 5, "max_iter": 120}


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with rows.on(jax.local_devices()[:1]):
        yield


def reread(folder, values: np.ndarray) -> np.ndarray:
    np.save(folder / "points.npy", values)
    return np.load(folder / "points.npy", mmap_mode="r")


def read_only(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


KINDS = {
    "bool": lambda _: X > 50,
    "int8": lambda _: X.astype(np.int8),
    "uint8": lambda _: X.astype(np.uint8),
    "int64": lambda _: X.astype(np.int64),
    "float16": lambda _: X.astype(np.float16),
    "float32": lambda _: X.astype(np.float32),
    "big-endian": lambda _: X.astype(">f8"),
    "Fortran": lambda _: np.asfortranarray(X.astype(np.float64)),
    "strided": lambda _: np.repeat(X.astype(np.float64), 2, axis=0)[::2],
    "reversed": lambda _: X.astype(np.float64)[::-1].copy()[::-1],
    "read-only": lambda _: read_only(X.astype(np.float64)),
    "memory-mapped": lambda folder: reread(folder, X.astype(np.float64)),
    "a list": lambda _: X.tolist(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_gives_the_map_of_its_numbers(kind: str, tmp_path) -> None:
    given = KINDS[kind](tmp_path)
    small = kind in ("bool", "int8", "uint8", "float16", "float32")
    plain = np.array(given, np.float32 if small else np.float64)
    model = TSNE(**GIVEN).fit(given)
    np.testing.assert_allclose(
        model.embedding_, TSNE(**GIVEN).fit(plain).embedding_, rtol=1e-3, atol=1e-3
    )
    assert model.embedding_.flags.writeable
    assert model.points_.flags.writeable
    assert model.embedding_.dtype == plain.dtype
    if kind != "bool":  # of equal points of the fit a new one gets the first one's place
        np.testing.assert_allclose(model.transform(given[:4]), model.embedding_[:4], rtol=1e-5)


def rank_one(n: int) -> np.ndarray:
    return RNG.normal(size=(n, 1)) * np.array([[1.0, -2.0, 0.5]])


DEGENERATE = {
    "two points": (np.array([[0.0, 0], [3, 4]]), 1.0, "exact"),
    "three points": (np.array([[0.0, 0], [3, 4], [6, 0]]), 1.5, "exact"),
    "three on a line": (np.array([[0.0, 0], [1, 1], [3, 3]]), 1.0, "exact"),
    "as many features as points": (np.eye(6) * np.arange(1, 7), 2.0, "exact"),
    "rank one": (rank_one(60), 10.0, "auto"),
    "rank one, through the grid": (rank_one(240), 20.0, "fft"),
    "a constant feature": (np.c_[RNG.normal(size=60), np.ones(60)], 10.0, "auto"),
    "each row twice": (np.repeat(RNG.normal(size=(30, 3)), 2, axis=0), 10.0, "auto"),
    "two values": (np.repeat([[0.0, 0], [1, 1]], 20, axis=0), 5.0, "auto"),
    "one far point": (np.r_[RNG.normal(size=(59, 3)), [[1e4, 0, 0]]], 10.0, "auto"),
    "a tiny scale": (1e-15 * RNG.normal(size=(60, 3)), 10.0, "auto"),
    "far from zero": (1e7 + RNG.normal(size=(60, 3)), 10.0, "auto"),
    "perplexity of nearly all": (RNG.normal(size=(20, 3)), 18.9, "auto"),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_data_end_as_low_as_scikit_learn(case: str) -> None:
    """Judged by the reference's divergence, no more than 5% (and a hundredth) above scikit-learn's
    exact method.
    """
    data, perplexity, method = DEGENERATE[case]
    P = reference.joint_affinities(data, perplexity)
    found = TSNE(perplexity=perplexity, method=method).fit(data)
    assert np.isfinite(found.embedding_).all()
    ours = reference.kl_divergence(np.asarray(found.embedding_, np.float64), P)
    peer = sklearn.manifold.TSNE(perplexity=perplexity, method="exact", random_state=0).fit(data)
    theirs = reference.kl_divergence(peer.embedding_.astype(np.float64), P)
    assert ours <= 1.05 * theirs + 0.01, (ours, theirs)


@pytest.mark.parametrize("method", ["exact", "fft"])
def test_equal_rows_are_one_place(method: str) -> None:
    """All affinities are the same, and so are those of a map in one place: a divergence of 0."""
    model = TSNE(perplexity=5, method=method).fit(np.full((240, 3), 7.0))
    assert np.isfinite(model.embedding_).all()
    assert np.ptp(model.embedding_) < 1e-6
    if method == "exact":  # through the grid each point has but 15 of its 239 equal neighbours
        np.testing.assert_allclose(model.kl_divergence_, 0, atol=1e-5)


def test_one_feature() -> None:
    data = RNG.normal(size=(40, 1))
    assert TSNE(1, perplexity=5, max_iter=50).fit_transform(data).shape == (40, 1)
    assert TSNE(perplexity=5, max_iter=50, init="random", random_state=0).fit_transform(
        data
    ).shape == (40, 2)
    for kind in (TSNE, sklearn.manifold.TSNE):
        with pytest.raises(ValueError, match="n_components=2"):
            kind(perplexity=5).fit(data)


@pytest.mark.parametrize(
    ("shape", "message"), [((5, 0), "0 feature"), ((0, 3), "0 sample"), ((1, 3), "minimum of 2")]
)
def test_nothing_is_refused(shape: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TSNE(perplexity=1).fit(np.zeros(shape))
