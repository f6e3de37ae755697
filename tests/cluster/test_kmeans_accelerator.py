"""k-means on the road that an accelerator takes, walked here on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import KMeans, MiniBatchKMeans, rows
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import blobs

# ------------------------------------------------------------------------------------------
# All of it


def test_the_road_is_that_of_a_gpu(accelerator_road):
    here = jax.jit(lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos))(0.0)
    assert float(here) == 1
    assert rows.limits() == rows.LIMITS["gpu"]
    assert rows.mesh().size == 1
    assert not rows.is_on_host(jnp.zeros(3))


def test_without_the_fixture_it_is_that_of_a_cpu():
    here = jax.jit(lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos))(0.0)
    assert float(here) == 0


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_kmeans_finds_the_labels_of_the_definition(accelerator_road, algorithm, asarray):
    X = blobs(0)
    start = X[:5]
    found = KMeans(5, init=start, n_init=1, algorithm=algorithm, tol=0.0).fit(asarray(X))
    expected = reference.lloyd(X, start, tol=0.0)
    np.testing.assert_array_equal(found.labels_, expected.labels)
    np.testing.assert_allclose(found.inertia_, expected.inertia, rtol=1e-5)


@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_minibatch_kmeans_labels_by_the_definition(accelerator_road, asarray):
    X = blobs(0)
    model = MiniBatchKMeans(5, random_state=0, batch_size=64).fit(asarray(X))
    labels, _ = reference.assign(X, np.asarray(model.cluster_centers_))
    np.testing.assert_array_equal(model.labels_, labels)
