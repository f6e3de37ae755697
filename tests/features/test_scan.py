"""SCAN's steps: which images are neighbours, which head is taken, what a network learns of itself,
and that a collapse is said.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust import AdamSpec, ViewSpec, rows
from scratchclust.errors import InputError, TrainingError
from scratchclust.features import scan
from scratchclust.features.networks import arrays_of
from scratchclust.features.scan_heads import Heads, HeadsLoss, fit_heads, losses_of_heads
from scratchclust.features.self_supervised import codes_of, encode
from scratchclust.reference.neighbor_consistency import scan_loss
from scratchclust.train.losses import Batch
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import DIGITS, PATCHES, SIMCLR_CIFAR
from tests.features.network_cases import IMAGES, PATCH, SMALL_ENCODER, fitted, self_supervised

KEY = jax.random.key(0)
WHOLE = ViewSpec(flip_rate=0.5)


def clouds(n=60, seed=0):
    """Codes [n 5] of three clouds in three directions, and which cloud each is of."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return (4 * np.eye(3, 5)[labels] + rng.normal(size=(n, 5)) / 2).astype(np.float32), labels


def training(**settings):
    return Training(**({"optimizer": AdamSpec(0.02), "epochs": 20, "batch_size": 20} | settings))


def heads_of(Z, neighbors, **settings):
    given = {"n_clusters": 3, "n_heads": 4, "entropy_weight": 5.0, "key": KEY}
    return fit_heads(Z, neighbors, **(given | {"training": training()} | settings))


@cache
def network():
    """An encoder that has seen the images, and a head of three clusters behind it."""
    encoder = fitted(self_supervised)
    Z = encoder.transform(IMAGES)
    found = heads_of(Z, scan.mine_neighbors(Z, 5))
    spec = scan.network_spec(SMALL_ENCODER, 3)
    return scan.network_of(spec, (8, 8, 1), encoder.parameters_, found)


def test_neighbours_are_nearest_by_angle():
    Z = np.array([[1, 0], [5, 1], [0, 2], [1, 9]], np.float32)
    assert scan.mine_neighbors(Z, 1).tolist() == [[1], [0], [3], [2]]
    with pytest.raises(InputError, match=r"expected n_neighbors below 4, the number of images"):
        scan.mine_neighbors(Z, 4)


def test_the_loss_of_a_head_is_that_of_all_its_pairs():
    Z, _ = clouds(12)
    neighbors = scan.mine_neighbors(Z, 3)
    logits = np.asarray(Heads(Z, 3, 2, rngs=nnx.Rngs(1))(jnp.asarray(Z)))
    found = losses_of_heads(jnp.asarray(logits), jnp.asarray(neighbors), entropy_weight=2.0)
    for head in range(2):
        L = logits[:, head]
        of_columns = [scan_loss(L, L[column], entropy_weight=2.0) for column in neighbors.T]
        np.testing.assert_allclose(found[head], np.mean(of_columns), rtol=1e-5)


def test_a_step_sums_the_losses_of_the_heads():
    Z, _ = clouds(6)
    heads = Heads(Z, 3, 2, rngs=nnx.Rngs(1))
    pairs = jnp.asarray(np.stack([Z, Z[::-1]], axis=1))
    loss, terms = HeadsLoss(2.0)(heads, Batch(pairs, None), KEY)
    first, second = np.asarray(heads(pairs[:, 0])), np.asarray(heads(pairs[:, 1]))
    expected = [scan_loss(first[:, h], second[:, h], entropy_weight=2.0) for h in range(2)]
    np.testing.assert_allclose(loss, sum(expected), rtol=1e-5)
    np.testing.assert_allclose(
        terms["consistency"] - 2 * terms["entropy"], np.mean(expected), rtol=1e-5
    )


def test_a_head_is_a_dense_layer_of_the_code():
    Z, _ = clouds(9)
    heads = Heads(10 + 100 * Z, 3, 2, rngs=nnx.Rngs(1))
    kernel, bias = heads.layer(1)
    expected = heads(jnp.asarray(10 + 100 * Z))[:, 1]
    np.testing.assert_allclose((10 + 100 * Z) @ kernel + bias, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.full
def test_heads_find_clouds_and_the_one_of_least_loss_is_kept():
    Z, labels = clouds()
    found = heads_of(Z, scan.mine_neighbors(Z, 5))
    logits = Z @ found.kernel + found.bias
    table = np.zeros((3, 3), int)
    np.add.at(table, (labels, logits.argmax(axis=1)), 1)
    assert sorted(table.argmax(axis=1)) == [0, 1, 2]
    assert table.max(axis=1).sum() >= 59
    neighbors = jnp.asarray(scan.mine_neighbors(Z, 5))
    kept = losses_of_heads(jnp.asarray(logits)[:, None], neighbors, entropy_weight=5.0)
    np.testing.assert_allclose(kept[0], min(found.losses), rtol=1e-4)
    assert len(found.losses) == 4
    assert set(found.history) == {"loss", "consistency", "entropy", "effective_clusters"}
    assert found.history["effective_clusters"][-1] > 2.8


def test_without_evenness_the_clusters_collapse_and_the_training_ends():
    Z, _ = clouds()
    with pytest.raises(
        TrainingError,
        match=r"after epoch \d+ the clusters have collapsed: the effective number of clusters is "
        r".*, below 1.5: the network says the same of nearly all",
    ) as raised:
        heads_of(
            np.abs(Z) + 5,
            scan.mine_neighbors(Z, 50),
            entropy_weight=0,
            n_heads=1,
            training=training(epochs=200, optimizer=AdamSpec(0.1)),
        )
    error = raised.value
    assert error.epoch == len(error.history["loss"])
    assert error.model is not None


@pytest.mark.full
def test_patches_at_once_are_the_code_of_the_image():
    model = network()
    pixels = jnp.asarray((IMAGES[:5] / 255).astype(np.float32))
    for views in (PATCH, WHOLE):
        expected = encode(model, IMAGES[:5], views)
        np.testing.assert_allclose(codes_of(model, pixels, views), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.full
def test_a_head_comes_behind_the_encoder():
    encoder = fitted(self_supervised)
    Z = encoder.transform(IMAGES)
    found = heads_of(Z, scan.mine_neighbors(Z, 5), training=training(epochs=1))
    spec = scan.network_spec(SMALL_ENCODER, 3)
    model = scan.network_of(spec, (8, 8, 1), encoder.parameters_, found)
    logits = scan.logits_of(model, IMAGES, PATCH)
    np.testing.assert_allclose(logits, Z @ found.kernel + found.bias, rtol=1e-3, atol=1e-3)


def test_views_follow_those_of_the_encoder():
    assert scan.weak_views(DIGITS) == ViewSpec()
    assert scan.weak_views(SIMCLR_CIFAR) == ViewSpec(flip_rate=0.5)
    strong = scan.strong_views(PATCHES)
    assert (strong.crop_area, strong.size, strong.jitter) == ((0.25, 1), None, PATCHES.jitter)
    assert scan.strong_views(DIGITS).crop_area == (1, 1)
    assert scan.strong_views(DIGITS).rotation == DIGITS.rotation


def train_encoder(**settings):
    neighbors = scan.mine_neighbors(IMAGES.reshape(40, -1).astype(np.float32), 4)
    return scan.fit_encoder(
        IMAGES,
        network(),
        neighbors,
        code_views=PATCH,
        views=ViewSpec(shift=0.1),
        entropy_weight=settings.pop("entropy_weight", 5.0),
        key=KEY,
        training=training(**({"epochs": 2} | settings)),
    )


def train_self_labels(**settings):
    return scan.fit_self_labels(
        IMAGES,
        network(),
        code_views=settings.pop("code_views", PATCH),
        weak=ViewSpec(),
        strong=ViewSpec(shift=0.1),
        threshold=settings.pop("threshold", 0.35),
        key=KEY,
        training=training(**({"epochs": 2} | settings)),
    )


@pytest.mark.full
@pytest.mark.parametrize("train", [train_encoder, train_self_labels])
def test_one_and_two_devices_train_alike(train):
    ends = []
    for n_devices in (1, 2):
        with rows.on(jax.local_devices()[:n_devices]):
            ends.append(arrays_of(train().model))
    start = arrays_of(network())
    moved = max(np.abs(ends[0][name] - start[name]).max() for name in start)
    assert moved > 1e-2
    for name in start:
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=1e-3, atol=1e-4)


@pytest.mark.full
def test_self_labels_tell_how_many_images_are_sure():
    history = train_self_labels().history
    assert set(history) == {"loss", "sure", "clusters_sure", "effective_clusters"}
    assert 0 < history["sure"][0] <= 1
    assert train_self_labels(threshold=0.9999).history["loss"] == [0, 0]


@pytest.mark.full
def test_self_labels_of_one_cluster_end_the_training():
    """They sharpen what is there, and here one label is there."""
    model = nnx.clone(network())
    model.projector.last.bias[...] = jnp.array([99.0, 0, 0])
    with pytest.raises(TrainingError, match=r"after epoch 1 the clusters have collapsed"):
        scan.fit_self_labels(
            IMAGES,
            model,
            code_views=WHOLE,
            weak=ViewSpec(),
            strong=ViewSpec(),
            threshold=0.5,
            key=KEY,
            training=training(),
        )
