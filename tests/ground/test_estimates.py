"""Estimates: counts against those that XLA makes of the definitions, memory against what is held,
never a time.
"""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import scratchclust
from benchmarks import works
from scratchclust import costs, estimates, rates
from scratchclust.errors import InputError
from scratchclust.models import ConvAutoencoderSpec
from scratchclust.recipes.words import METHODS, REDUCTIONS

N, D, K = 4096, 96, 12
ONES = rates.Rates(*[1.0] * len(rates.Rates._fields))
SIZES = {"autoencoder": (1_000, 784, 64), "dbscan": (1_000, 2, 5)}


def counted(f, *shapes):
    """Operations and bytes of a program, as XLA counts them before it optimises."""
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    found = jax.jit(f).lower(*arrays).cost_analysis()
    return found["flops"], found["bytes accessed"]


def squares(X, Y):
    return (X * X).sum(1)[:, None] - 2 * X @ Y.T + (Y * Y).sum(1)[None, :]


def iteration(X, centroids):
    """Lloyd's, with the sums by a scatter."""
    labels = squares(X, centroids).argmin(axis=1)
    return jax.ops.segment_sum(X, labels, K)


def half_of_pairs(X):
    return jnp.sqrt(jnp.maximum(squares(X[: N // 2], X), 0)).sum(axis=1)


def em_step(X, precision, resp):
    """The products of a full mixture's step: X L_k for the densities, X^T diag(r_k) X after."""
    densities = jnp.einsum("nd,kde->nke", X, precision)
    return densities, jnp.einsum("nkd,ne->kde", resp[:, :, None] * X[:, None, :], X)


def less(more, base):
    return costs.Work(*(a - b for a, b in zip(more, base, strict=True)))


DEFINITIONS = {
    "kmeans": (
        less(costs.kmeans(N, D, K, n_iter=2), costs.kmeans(N, D, K, n_iter=1)),
        iteration,
        [(N, D), (K, D)],
    ),
    "silhouette": (
        less(costs.silhouette(N, D, 1), costs.centred(N, D)),
        half_of_pairs,
        [(N, D)],
    ),
    "dunn": (less(costs.dunn(N, D, K), costs.centred(N, D)), half_of_pairs, [(N, D)]),
    "neighbors": (less(costs.neighbors(N, D, K), costs.centred(N, D)), squares, [(N, D), (N, D)]),
    "pca": (
        less(costs.pca(N, D, K), costs.centred(N, D)),
        lambda X: X.T @ X,
        [(N, D)],
    ),
    "gmm": (
        less(costs.gmm(N, D, K, n_iter=2), costs.gmm(N, D, K, n_iter=1)),
        em_step,
        [(N, D), (K, D, D), (N, K)],
    ),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_products_are_those_that_xla_counts(name):
    """But for silhouette's sums by cluster they are what the definition has, elementwise work
    apart.
    """
    work, definition, shapes = DEFINITIONS[name]
    flops, _ = counted(definition, *shapes)
    assert 0.8 < work.products / flops < 1.15


@pytest.mark.parametrize("name", ["kmeans", "pca"])
def test_bytes_are_those_that_no_cache_holds(name):
    """X once; XLA counts what is written in between as well."""
    work, definition, shapes = DEFINITIONS[name]
    _, accessed = counted(definition, *shapes)
    assert 4 * N * D <= work.bytes <= accessed


@pytest.mark.full
@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 3)])
def test_a_step_of_the_autoencoder_is_counted(side, channels):
    """The real network, forward and backward."""
    graphdef, parameters = nnx.split(
        ConvAutoencoderSpec().build((side, side, channels), rngs=nnx.Rngs(0))
    )

    def loss(parameters, images):
        return ((nnx.merge(graphdef, parameters)(images) - images) ** 2).sum()

    images = jax.ShapeDtypeStruct((128, side, side, channels), jnp.float32)
    found = jax.jit(jax.grad(loss)).lower(parameters, images).cost_analysis()["flops"]
    code = ConvAutoencoderSpec().latent_dim
    work = costs.autoencoder(128, side * side * channels, code, channels=channels)
    assert 0.5 < work.products / found < 2


@pytest.mark.full
def test_memory_is_what_is_held():
    """Within a factor of two of the peak of a process of its own."""
    program = (
        "import json; from scratchclust import devices; devices.use_all_cores()\n"
        "from benchmarks import memory, works\n"
        "from scratchclust.estimates import estimate\n"
        "found = {}\n"
        "for name, n, d, k in (('kmeans', 60_000, 256, 10), ('pca', 60_000, 256, 8),"
        " ('silhouette', 8_000, 2_048, 4), ('kernel_pca', 6_000, 32, 4)):\n"
        "    X = works.data(n, d)\n"
        "    settings = works.WORKS[name].settings(works.run(name, X, k))\n"
        "    peak = memory.peak(lambda points: works.run(name, points, k), X)\n"
        "    found[name] = peak / estimate(name, n, d, k, **settings).memory\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(0.5 < ratio < 2 for ratio in found.values()), found


# --- the function


@pytest.mark.parametrize("name", costs.COSTS)
def test_more_points_are_more_work(name):
    n, d, k = SIZES.get(name, (1_000, 20, 5))
    few = estimates.work_of(name, n, d, k)
    many = estimates.work_of(name, 4 * n, d, k)
    assert all(a <= b for a, b in zip(few, many, strict=True))
    assert all(np.isfinite(few))
    assert estimates.seconds_of(few, ONES) < estimates.seconds_of(many, ONES)
    assert few.memory > 0


def test_seconds_are_counts_over_rates():
    work = costs.kmeans(1_000, 10, 3)
    twice = rates.Rates(*(2 * rate for rate in ONES))
    assert estimates.seconds_of(work, twice) == estimates.seconds_of(work, ONES) / 2
    found = scratchclust.estimate("kmeans", 1_000, 10, 3, rates=ONES)
    assert found.seconds == estimates.seconds_of(work, ONES)
    assert found.operations == work.products + work.elements + work.exact
    assert (found.bytes, found.memory) == (work.bytes, work.memory)


def test_settings_count():
    def seconds(name, **settings):
        return scratchclust.estimate(name, 5_000, 32, 8, rates=ONES, **settings).seconds

    assert seconds("kmeans", n_init=10) > 5 * seconds("kmeans")
    assert seconds("kmeans", init="array") < seconds("kmeans")
    assert seconds("gmm", covariance_type="diag") < seconds("gmm")
    assert seconds("tsne", max_iter=2_000) > seconds("tsne")
    assert seconds("kernel-pca", kernel="linear") < seconds("kernel_pca")


def test_every_word_of_the_command_line_is_known():
    words = {method.word for method in METHODS}
    words |= {reduction.word for reduction in REDUCTIONS if reduction.estimator}
    assert all(estimates.work_of(word, 100, 5, 2) for word in words)


def test_every_algorithm_is_measured():
    assert set(works.WORKS) == set(costs.COSTS)


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (("umap", 10, 2), {}, "expected algorithm to be one of kmeans, .*, got 'umap'"),
        (("kmeans", 0, 2), {}, "expected n of at least 1, got 0"),
        (("kmeans", 10, 2, 0), {}, "expected k of at least 1, got 0"),
        (("kmeans", 10, 2), {"tol": 1}, r"expected settings of kmeans \(n_iter, n_init, init\)"),
    ],
)
def test_what_is_refused(given, settings, message):
    with pytest.raises(InputError, match=message):
        scratchclust.estimate(*given, **settings)


def test_rates_of_the_devices_are_measured_once(monkeypatch):
    rates.forget()
    first = rates.device_rates()
    monkeypatch.setattr(rates, "_seconds", lambda run: pytest.fail("measured again"))
    assert rates.device_rates() is first
    assert all(np.isfinite(first))
    assert min(first) > 0


def test_counting_loads_nothing():
    program = (
        "import sys, scratchclust\n"
        "from scratchclust.estimates import work_of\n"
        "from scratchclust.rates import host_rates\n"
        "found = scratchclust.estimate('pca', 1_000, 50, 3, rates=host_rates())\n"
        "assert found.seconds > 0\n"
        "print([name for name in ('jax', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
