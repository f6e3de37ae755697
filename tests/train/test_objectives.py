"""The losses without labels, the signs of collapse, and the optimisers of layers: NumPy against
JAX, by hand, collapsed, at extremes, and against optax.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from scratchclust import rows
from scratchclust.reference import coding_rate as r_rate
from scratchclust.reference import collapse as r_collapse
from scratchclust.reference import contrastive as r_contrastive
from scratchclust.reference import dec as r_dec
from scratchclust.reference import knn as r_knn
from scratchclust.reference import layer_optimizers as r_layers
from scratchclust.reference import neighbor_consistency as r_scan
from scratchclust.reference import self_labels as r_self
from scratchclust.reference import sigreg as r_sigreg
from scratchclust.train import collapse, knn, layer_optimizers
from scratchclust.train.loop import train
from scratchclust.train.objectives import (
    coding_rate,
    contrastive,
    dec,
    neighbor_consistency,
    self_labels,
    sigreg,
)

RNG = np.random.default_rng(0)
Z, Z2 = RNG.normal(size=(2, 6, 4)).astype(np.float32)
VIEWS = RNG.normal(size=(3, 6, 4)).astype(np.float32)
A = r_sigreg.draw_directions(4, 8, rng=RNG).astype(np.float32)
P = r_dec.target_distribution(r_dec.soft_assignments(Z, Z2[:3])).astype(np.float32)
LABELS = np.array([0, 0, 2, -1, 2, 1])
# twin, twin, what they are given; the gradient is of the first
CASES = {
    "nt_xent": (r_contrastive.nt_xent, contrastive.nt_xent, (Z, Z2)),
    "rate": (r_rate.coding_rate, coding_rate.coding_rate, (Z,)),
    "rate-wide": (r_rate.coding_rate, coding_rate.coding_rate, (Z[:3],)),
    "emp_ssl": (r_rate.emp_ssl, coding_rate.emp_ssl, (VIEWS,)),
    "lejepa": (r_sigreg.lejepa, sigreg.lejepa, (VIEWS, A)),
    "scan": (r_scan.scan_loss, neighbor_consistency.scan_loss, (Z, Z2)),
    "self": (r_self.balanced_cross_entropy, self_labels.balanced_cross_entropy, (Z, LABELS)),
    "dec": (r_dec.clustering_loss, dec.clustering_loss, (Z, Z2[:3], P)),
    "rank": (r_collapse.effective_rank, collapse.effective_rank, (Z,)),
    "uniformity": (r_collapse.uniformity, collapse.uniformity, (Z,)),
    "alignment": (r_collapse.alignment, collapse.alignment, (Z, Z2)),
    "clusters": (r_collapse.effective_clusters, collapse.effective_clusters, (P,)),
}


@pytest.mark.parametrize("name", CASES)
def test_twins_agree_and_extremes_are_finite(name):
    slow, fast, given = CASES[name]
    arrays = [jnp.asarray(a) for a in given]
    assert float(fast(*arrays)) == pytest.approx(slow(*given), rel=1e-4, abs=1e-5)
    for scale in (0.0, 1e4):
        assert jnp.isfinite(fast(arrays[0] * scale, *arrays[1:]))


@pytest.mark.parametrize("name", ["nt_xent", "rate", "emp_ssl", "lejepa", "scan", "self", "dec"])
def test_gradients_by_finite_differences(name):
    _, fast, given = CASES[name]
    with jax.enable_x64(True):
        rest = [jnp.asarray(a) for a in given[1:]]
        at = np.asarray(given[0], float)
        gradient = np.asarray(jax.grad(lambda z: fast(z, *rest))(at))
        direction = np.random.default_rng(1).normal(size=at.shape)
        h = 1e-5
        slope = fast(at + h * direction, *rest) - fast(at - h * direction, *rest)
        expected = float(slope) / (2 * h)
        assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_what_collapse_costs():
    same = jnp.ones((5, 4))
    assert contrastive.nt_xent(same, same) == pytest.approx(np.log(9), rel=1e-5)
    assert coding_rate.coding_rate(same / 2) == pytest.approx(np.log(1 + 4 / 0.2) / 2, rel=1e-5)
    one = jnp.tile(jnp.array([[50.0, 0, 0]]), (5, 1))
    assert neighbor_consistency.scan_loss(one, one) == pytest.approx(0, abs=1e-5)
    assert "effective rank is 1" in str(collapse.find_collapse(same))
    assert collapse.find_collapse(jnp.asarray(Z)) is None


class TestDEC:
    def test_targets_of_a_batch_are_others(self):
        Q = dec.soft_assignments(jnp.asarray(Z), jnp.asarray(Z2[:3]))
        of_all = dec.target_distribution(Q)
        assert jnp.abs(dec.target_distribution(Q[:2]) - of_all[:2]).max() > 1e-3

    def test_it_stops_where_labels_stay(self):
        Q = jnp.eye(3)
        rounds = dec.train_to_targets(lambda: Q, lambda targets: None, max_rounds=9)
        assert rounds.changed == [0.0]
        assert rounds.converged

    def test_gamma_weighs_the_clustering(self):
        assert dec.idec(jnp.array(2.0), jnp.array(3.0), gamma=0.1) == pytest.approx(2.3)


def test_the_vote_of_neighbours():
    labels = np.arange(6) % 2
    given = (Z, labels, Z2, labels)
    expected = r_knn.knn_accuracy(*given, n_neighbors=3)
    assert knn.knn_accuracy(*given, n_neighbors=3) == pytest.approx(expected)


MATRIX = {"matrix": jnp.asarray(Z), "vector": jnp.ones(4)}
MASK = {"matrix": True, "vector": False}
PEERS = {
    "lars": (
        {"weight_decay": 0.1},
        lambda: optax.lars(0.1, 0.1, weight_decay_mask=MASK, trust_ratio_mask=MASK),
    ),
    "muon": (
        {"nesterov": False, "adam_share": 0.5},
        lambda: optax.contrib.muon(0.1, nesterov=False, adam_learning_rate=0.05),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_layer_optimisers_equal_optax_and_their_twins(name):
    settings, peer = PEERS[name]
    paths = []
    for optimizer in (getattr(layer_optimizers, name)(0.1, **settings), peer()):
        params, state = MATRIX, optimizer.init(MATRIX)
        for i in range(10):
            gradients = jax.tree.map(lambda p, i=i: jnp.sin(p + i), MATRIX)
            updates, state = optimizer.update(gradients, state, params)
            params = optax.apply_updates(params, updates)
        paths.append(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), *paths)
    slow = getattr(r_layers, name)(0.1, **settings)
    params = [np.asarray(MATRIX[key], float) for key in ("matrix", "vector")]
    state, start = slow.init(params), params
    for i in range(10):
        updates, state = slow.update([np.sin(p + i) for p in start], state, params)
        params = [p + u for p, u in zip(params, updates, strict=True)]
    for key, found in zip(("matrix", "vector"), params, strict=True):
        np.testing.assert_allclose(paths[0][key], found, rtol=1e-4, atol=1e-4)


class Code(nnx.Module):
    """Pictures [n 2 2 1] to a code [n 3]."""

    def __init__(self):
        self.dense = nnx.Linear(4, 3, rngs=nnx.Rngs(0))

    def __call__(self, images):
        return self.dense(images.reshape(len(images), -1))


def two_views(images, key):
    noise = jax.random.normal(key, (2, *images.shape))
    return images[None] + 0.1 * noise


MODEL_LOSSES = [
    contrastive.ContrastiveLoss(two_views),
    coding_rate.EMPSSLLoss(two_views),
    sigreg.LeJEPALoss(two_views, n_directions=8),
    self_labels.SelfLabelLoss(two_views, two_views, threshold=0.3),
]


@pytest.mark.parametrize("loss", MODEL_LOSSES, ids=lambda loss: type(loss).__name__)
def test_one_and_two_devices_train_alike(loss):
    images = np.random.default_rng(2).normal(size=(8, 2, 2, 1)).astype(np.float32)
    ends = []
    for n_devices in (1, 2):
        with rows.on(jax.local_devices()[:n_devices]):
            result = train(
                Code(),
                images,
                loss=loss,
                optimizer="sgd",
                epochs=2,
                batch_size=4,
                key=jax.random.key(0),
            )
        ends.append(result.model.dense.kernel[...])
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)
    assert jnp.abs(ends[0] - Code().dense.kernel[...]).max() > 0


@pytest.mark.parametrize("name", ["nt_xent", "emp_ssl"])
def test_a_near_collapse_is_left(name):
    noise = np.random.default_rng(3).normal(size=(8, 4))
    start = jnp.asarray(1 + 1e-2 * noise, jnp.float32)
    losses = {
        "nt_xent": lambda z: contrastive.nt_xent(z, z),
        "emp_ssl": lambda z: coding_rate.emp_ssl(jnp.stack([z, z])),
    }
    slope = jax.jit(jax.grad(losses[name]))
    z = start
    for _ in range(100):
        z = z - 0.5 * slope(z)
    assert collapse.find_collapse(start) is not None
    assert collapse.effective_rank(z) > 2


def test_muon_looks_ahead_as_its_parts_in_optax_do():
    peer = optax.chain(
        optax.trace(0.95, nesterov=True), optax.contrib.muon(0.1, beta=0.0, nesterov=False)
    )
    at = jnp.asarray(Z)
    ours = layer_optimizers.muon(0.1)
    state, other = ours.init(at), peer.init(at)
    for i in range(5):
        update, state = ours.update(jnp.sin(at + i), state, at)
        expected, other = peer.update(jnp.sin(at + i), other, at)
        np.testing.assert_allclose(update, expected, rtol=1e-5, atol=1e-5)
