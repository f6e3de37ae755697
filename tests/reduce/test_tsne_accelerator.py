"""t-SNE on the road of a GPU: the table of affinities that is made there is that of the host."""

import jax
import numpy as np
import pytest
import scipy.sparse

from scratchclust import neighbors
from scratchclust.reduce.tsne_parts import affinities, affinities_on_gpu

N, K = 600, 20


def neighbours_and_affinities() -> tuple[np.ndarray, np.ndarray]:
    """Some know each other, some do not; of many one affinity is 0, of some both."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3)).astype(np.float32)
    near = neighbors.nearest_neighbors(X, K)
    conditional = rng.random((N, K)).astype(np.float32)
    conditional[rng.random((N, K)) < 0.3] = 0
    return near.indices, conditional


def of_scipy(indices: np.ndarray, conditional: np.ndarray) -> affinities.Edges:
    ends = np.arange(0, N * K + 1, K)
    p = conditional / (2 * N)
    table = scipy.sparse.csr_array((p.ravel(), indices.ravel(), ends), shape=(N, N))
    table = (table + table.T).tocsr()
    table.eliminate_zeros()
    return affinities.edges_of(table)


def dense(edges: affinities.Edges) -> np.ndarray:
    owner, j, p = (np.asarray(part) for part in edges.pieces.arrays)
    P = np.zeros((N, N), np.float32)
    np.add.at(P, (owner.reshape(-1, 1), j.reshape(-1, j.shape[-1])), p.reshape(-1, p.shape[-1]))
    return P


def test_edges_are_those_of_scipy(accelerator_road: None) -> None:
    """Each is a sum of two at most. And there are as many pieces, of the same rows."""
    indices, conditional = neighbours_and_affinities()
    expected = of_scipy(indices, conditional)
    found = affinities._edges_on_gpu(indices, jax.numpy.asarray(conditional))
    np.testing.assert_array_equal(dense(found) > 0, dense(expected) > 0)
    np.testing.assert_allclose(dense(found), dense(expected), rtol=1e-6)
    assert found.n == expected.n == N
    for ours, theirs in zip(found.pieces.arrays, expected.pieces.arrays, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_array_equal(found.pieces.arrays[0], expected.pieces.arrays[0])
    np.testing.assert_allclose(found.negative_entropy, expected.negative_entropy, rtol=1e-5)


def test_the_table_is_made_there(accelerator_road: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of points with equal ones among them, for which squares are compared in float64."""
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(size=(N - 50, 5)), np.ones((50, 5))]).astype(np.float32)
    near = affinities.nearest(X, 15, None, "euclidean")
    scaled, finite = affinities._scale(near.distances**2)
    on_device = affinities_on_gpu.scaled(near.distances**2, affinities._scale_on_device)
    np.testing.assert_allclose(on_device[0], scaled, rtol=1e-6)
    assert finite.all()
    assert np.asarray(on_device[1]).all()
    monkeypatch.setattr(scipy.sparse, "csr_array", lambda *_, **__: pytest.fail("on the host"))
    P = dense(affinities.sparse_affinities(X, 5.0))
    np.testing.assert_array_equal(P, P.T)
    np.testing.assert_allclose(P.sum(dtype=np.float64), 1, rtol=1e-5)
