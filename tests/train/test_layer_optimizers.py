"""LARS and Muon: by hand, NumPy against JAX, and against optax, on matrices, kernels, vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from scratchclust.reference import layer_optimizers as reference
from scratchclust.train import layer_optimizers
from scratchclust.train.optimizer_specs import LARSSpec, MuonSpec

RNG = np.random.default_rng(0)
START = {  # [h w c_in c_out], wide and tall matrices, and what is none
    "kernel": RNG.normal(size=(2, 2, 3, 5)).astype(np.float32),
    "matrix": RNG.normal(size=(6, 4)).astype(np.float32),
    "vector": np.ones(4, np.float32),
    "wide": RNG.normal(size=(3, 6)).astype(np.float32),
}
GRADIENTS = [{name: np.sin(p + i) for name, p in START.items()} for i in range(10)]
IS_MATRIX = {name: p.ndim > 1 for name, p in START.items()}
DIMENSIONS = {
    name: optax.contrib.MuonDimensionNumbers(tuple(range(p.ndim - 1)), p.ndim - 1)
    if p.ndim > 1
    else None
    for name, p in START.items()
}


def muon_of_optax(**settings):
    return optax.contrib.muon(0.1, muon_weight_dimension_numbers=DIMENSIONS, **settings)


PEERS = {
    "lars": (
        "lars",
        {"weight_decay": 0.1},
        lambda: optax.lars(0.1, 0.1, weight_decay_mask=IS_MATRIX, trust_ratio_mask=IS_MATRIX),
    ),
    "muon": (
        "muon",
        {"nesterov": False, "adam_share": 0.5},
        lambda: muon_of_optax(nesterov=False, adam_learning_rate=0.05),
    ),
    "muon-decay": (
        "muon",
        {"nesterov": False, "weight_decay": 0.3, "decay": 0.8},
        lambda: muon_of_optax(
            nesterov=False, weight_decay=0.3, beta=0.8, adam_learning_rate=0.0015
        ),
    ),
    # optax's own look ahead corrects for its start besides
    "muon-ahead": (
        "muon",
        {"weight_decay": 0.3, "adam_share": 0.0},
        lambda: optax.chain(
            optax.trace(0.95, nesterov=True),
            muon_of_optax(nesterov=False, beta=0.0, weight_decay=0.3, adam_learning_rate=0.0),
        ),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_equal_to_optax_and_the_reference(name):
    function, settings, peer = PEERS[name]
    paths = []
    for optimizer in (getattr(layer_optimizers, function)(0.1, **settings), peer()):
        update = jax.jit(optimizer.update)
        params = jax.tree.map(jnp.asarray, START)
        state = optimizer.init(params)
        for gradients in GRADIENTS:
            updates, state = update(gradients, state, params)
            params = optax.apply_updates(params, updates)
        paths.append(params)
    slow = getattr(reference, function)(0.1, **settings)
    params = [p.astype(float) for p in START.values()]
    state = slow.init(params)
    for gradients in GRADIENTS:
        updates, state = slow.update(list(gradients.values()), state, params)
        params = [p + u for p, u in zip(params, updates, strict=True)]
    for key, definition in zip(START, params, strict=True):
        np.testing.assert_allclose(paths[0][key], paths[1][key], rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(paths[0][key], definition, rtol=1e-4, atol=1e-4)


def test_the_fields_of_the_specs_arrive():
    start = jnp.array([[3.0, 4.0]])
    spec = LARSSpec(learning_rate=2.0, decay=0.5, weight_decay=1.0, trust=0.01)
    built = spec.build(1)
    # h = g + p = (6, 8) of length 10, p of 5: a rate of 2 * 0.01 * 5 / 10; then half of it remains
    updates, state = built.update(start, built.init(start), start)
    np.testing.assert_allclose(updates, [[-0.06, -0.08]], rtol=1e-5)
    updates, _ = built.update(start, state, start)
    np.testing.assert_allclose(updates, [[-0.09, -0.12]], rtol=1e-5)
    spec = MuonSpec(0.5, decay=0.0, weight_decay=0.1, nesterov=False, adam_share=0.1)
    built = spec.build(1)
    tree = [jnp.zeros((1, 1)), jnp.ones(2)]
    updates, _ = built.update(tree, built.init(tree), tree)
    assert updates[0] == 0
    np.testing.assert_allclose(updates[1], -0.05, rtol=1e-5)  # Adam's first step is its rate


@pytest.mark.parametrize("module", [reference, layer_optimizers], ids=["numpy", "jax"])
class TestByHand:
    def test_lars(self, module):
        kind = np.asarray if module is reference else jnp.asarray
        # one matrix of length 5, its gradient of length 10; one of length 0; a vector
        params = [kind(p) for p in ([[3.0, 4.0]], [[0.0, 0.0]], [3.0, 4.0])]
        gradients = [kind(g) for g in ([[6.0, 8.0]], [[1.0, 2.0]], [6.0, 8.0])]
        optimizer = module.lars(2.0, 0.5, trust=0.01)
        updates, state = optimizer.update(gradients, optimizer.init(params), params)
        np.testing.assert_allclose(updates[0], [[-0.06, -0.08]], rtol=1e-6)
        np.testing.assert_allclose(updates[1], [[-2, -4]])
        np.testing.assert_allclose(updates[2], [-12, -16])
        still = [0 * g for g in gradients]
        updates, _ = optimizer.update(still, state, params)
        np.testing.assert_allclose(updates[0], [[-0.03, -0.04]], rtol=1e-6)

    def test_orthogonalise_brings_singular_values_near_to_1(self, module):
        rng = np.random.default_rng(1)
        for shape in ((3, 5), (5, 3)):
            U, _, V = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
            lengths = np.array([1, 0.2, 0.02])
            given = np.asarray((U * lengths) @ V, np.float32)
            kind = np.asarray if module is reference else jnp.asarray
            found = np.asarray(module.orthogonalise(kind(given)))
            assert found.shape == shape
            along = U.T @ found @ V.T  # the same axes, other lengths
            np.testing.assert_allclose(along, np.diag(np.diag(along)), atol=1e-4)
            assert 0.65 < np.diag(along).min() <= np.diag(along).max() < 1.25
            assert not np.asarray(module.orthogonalise(kind(0 * given))).any()

    def test_muon_takes_a_kernel_as_a_matrix(self, module):
        kind = np.asarray if module is reference else jnp.asarray
        of_kernel, of_matrix = (
            first_step(module.muon(0.1, weight_decay=0.5), kind(START["kernel"].reshape(shape)))
            for shape in ((2, 2, 3, 5), (12, 5))
        )
        np.testing.assert_allclose(of_kernel.reshape(12, 5), of_matrix, rtol=1e-5, atol=1e-6)

    def test_muon_widens_wide_matrices(self, module):
        kind = np.asarray if module is reference else jnp.asarray
        wide = kind(START["wide"])
        expected = -0.1 * np.sqrt(2) * np.asarray(module.orthogonalise(1.95 * wide))
        found = first_step(module.muon(0.1), wide)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def first_step(optimizer, params):
    """The first update of a tree of one matrix whose gradient is the matrix itself."""
    updates, _ = optimizer.update([params], optimizer.init([params]), [params])
    return np.asarray(updates[0])
