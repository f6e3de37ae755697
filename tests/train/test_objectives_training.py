"""The losses without labels in a training: what they give a model, one device against two, DEC's
usual mistakes, a collapse that is provoked, and what is compiled.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import scratchclust
from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.models.projector import ProjectorSpec
from scratchclust.models.strided import StridedSpec
from scratchclust.reference import dec as r_dec
from scratchclust.reference import neighbor_consistency as r_scan
from scratchclust.reference import self_labels as r_self
from scratchclust.train.collapse import MOST_UNIFORMITY, find_collapse, uniformity
from scratchclust.train.loop import train
from scratchclust.train.losses import Batch
from scratchclust.train.objectives.coding_rate import EMPSSLLoss, cosine_to_mean
from scratchclust.train.objectives.contrastive import ContrastiveLoss
from scratchclust.train.objectives.dec import (
    ClusteredAutoencoder,
    DECLoss,
    target_distribution,
    train_to_targets,
)
from scratchclust.train.objectives.neighbor_consistency import NeighborLoss, pair_with_neighbors
from scratchclust.train.objectives.self_labels import SelfLabelLoss
from scratchclust.train.objectives.sigreg import LeJEPALoss
from scratchclust.train.objectives.views import outputs_of_views
from scratchclust.train.optimizer_specs import AdamSpec, LARSSpec, MuonSpec
from scratchclust.train.view_specs import ViewSpec
from scratchclust.train.views import make_views

IMAGES = np.random.default_rng(2).normal(size=(8, 2, 2, 1)).astype(np.float32)
PAIRS = np.stack([IMAGES, IMAGES[::-1]], axis=1)
CENTROIDS = np.random.default_rng(3).normal(size=(3, 3)).astype(np.float32)
KEY = jax.random.key(0)


class Code(nnx.Module):
    """Pictures [n 2 2 1] to a code [n 3], and back."""

    def __init__(self):
        self.dense = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        self.back = nnx.Linear(3, 4, rngs=nnx.Rngs(1))

    def __call__(self, images):
        return self.dense(images.reshape(len(images), -1))

    encode = __call__

    def decode(self, code):
        return self.back(code).reshape(-1, 2, 2, 1)


def two_views(images, key):
    noise = jax.random.normal(key, (2, *images.shape))
    return images[None] + 0.1 * noise


def unchanged(images, key):
    return images[None]


def three_views(images, key):
    return jnp.stack([images] * 3)


def clustered():
    return ClusteredAutoencoder(Code(), jnp.asarray(CENTROIDS))


def targets_of(model, images=IMAGES):
    return np.asarray(target_distribution(model(jnp.asarray(images))))


MODEL_LOSSES = {  # loss, what is trained, images, and labels
    "contrastive": (ContrastiveLoss(two_views), Code, IMAGES, None),
    "emp": (EMPSSLLoss(two_views), Code, IMAGES, None),
    "lejepa": (LeJEPALoss(two_views, n_directions=8), Code, IMAGES, None),
    "neighbours": (NeighborLoss(two_views), Code, PAIRS, None),
    "self-labels": (SelfLabelLoss(two_views, two_views, threshold=0.3), Code, IMAGES, None),
    "dec": (DECLoss(two_views), clustered, IMAGES, targets_of),
}


def trained(name, *, model=None, images=None, optimizer="sgd", epochs=2, **changes):
    loss, make, own_images, labels = MODEL_LOSSES[name]
    images = own_images if images is None else images
    settings = {"loss": loss, "batch_size": 4, "key": KEY} | changes
    model = model or make()
    if labels:
        settings.setdefault("labels", labels(model))
    return train(model, images, optimizer=optimizer, epochs=epochs, **settings)


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", MODEL_LOSSES)
def test_one_and_two_devices_train_alike(name):
    ends = []
    for n_devices in (1, 2):
        with rows.on(jax.local_devices()[:n_devices]):
            model = trained(name).model
        ends.append(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    start = dict(nnx.to_flat_state(nnx.state(MODEL_LOSSES[name][1](), nnx.Param)))
    moved = 0
    for (path, one), (_, two) in zip(*ends, strict=True):
        np.testing.assert_allclose(one[...], two[...], rtol=1e-4, atol=1e-5)
        moved += float(jnp.abs(one[...] - start[path][...]).max())
    assert moved > 1e-4


@pytest.mark.parametrize("spec", [LARSSpec, MuonSpec])
def test_equal_losses_and_specs_compile_once(spec, caplog):
    def run():
        loss = LeJEPALoss(two_views, n_directions=8)
        trained("lejepa", loss=loss, optimizer=spec(0.1), epochs=1)

    run()
    with jax.log_compiles(), caplog.at_level("WARNING"):
        run()
    assert "Finished XLA compilation" not in caplog.text


class TestNeighborLoss:
    def test_it_is_scans_loss_of_pictures_and_their_neighbours(self):
        model = Code()
        batch = Batch(jnp.asarray(PAIRS[:3]), None)
        loss, terms = NeighborLoss(unchanged, entropy_weight=2.0)(model, batch, KEY)
        logits, of_neighbors = (np.asarray(model(PAIRS[:3, i])) for i in (0, 1))
        expected = r_scan.scan_loss(logits, of_neighbors, entropy_weight=2.0)
        assert float(loss) == pytest.approx(expected, rel=1e-5)
        consistency = r_scan.neighbor_consistency(logits, of_neighbors)
        assert float(terms["consistency"]) == pytest.approx(consistency, rel=1e-5)
        assert float(terms["entropy"]) == pytest.approx(r_scan.entropy_of_mean(logits), rel=1e-5)

    def test_images_that_are_no_pairs_are_refused(self):
        for images in (IMAGES, np.repeat(PAIRS, 2, axis=1)):
            batch = Batch(jnp.asarray(images), None)
            with pytest.raises(InputError, match=r"expected images of shape \[n 2 h w c\], got"):
                NeighborLoss(unchanged)(Code(), batch, KEY)

    def test_pairs_are_of_neighbours(self):
        images = jnp.arange(6, dtype=jnp.uint8).reshape(6, 1, 1, 1)
        neighbors = jnp.array([[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]])
        seen = set()
        for seed in range(20):
            pairs = pair_with_neighbors(images, neighbors, key=jax.random.key(seed))
            assert pairs.dtype == jnp.uint8
            assert pairs.shape == (6, 2, 1, 1, 1)
            np.testing.assert_array_equal(pairs[:, 0], images)
            seen |= {(i, int(pairs[i, 1, 0, 0, 0])) for i in range(6)}
        assert seen == {(i, int(j)) for i in range(6) for j in neighbors[i]}


def test_another_number_of_views_is_refused():
    with pytest.raises(InputError, match="expected two views of each image, got 3: EMPSSLLoss"):
        ContrastiveLoss(three_views)(Code(), Batch(jnp.asarray(IMAGES), None), KEY)


def test_self_labels_come_of_the_hardly_changed_pictures():
    def negative(images, key):
        return -images[None]

    loss = SelfLabelLoss(unchanged, negative, threshold=0.5)
    model = Code()
    value, terms = loss(model, Batch(jnp.asarray(IMAGES), None), KEY)
    weak, strong = (np.asarray(model(jnp.asarray(sign * IMAGES))) for sign in (1, -1))
    labels = r_self.confident_labels(weak, threshold=0.5)
    assert -1 in labels
    assert float(value) == pytest.approx(r_self.balanced_cross_entropy(strong, labels), rel=1e-5)
    assert float(terms["sure"]) == pytest.approx((labels >= 0).mean())
    assert float(terms["clusters_sure"]) == len(set(labels) - {-1})


class TestDECLoss:
    def test_targets_are_those_given_whatever_the_batch_and_its_views(self):
        model = clustered()
        P = targets_of(model)
        batch = Batch(jnp.asarray(IMAGES[:3]), jnp.asarray(P[:3]))
        loss, terms = DECLoss(two_views, gamma=None)(model, batch, KEY)
        changed = two_views(jnp.asarray(IMAGES[:3]), KEY)[0]
        code = np.asarray(model.encode(changed))
        assert set(terms) == {"clustering"}
        assert float(loss) == pytest.approx(r_dec.clustering_loss(code, CENTROIDS, P[:3]), rel=1e-4)
        of_batch = r_dec.target_distribution(r_dec.soft_assignments(code, CENTROIDS))
        other = r_dec.clustering_loss(code, CENTROIDS, of_batch)
        assert float(loss) != pytest.approx(other, rel=1e-2)

    def test_each_picture_keeps_its_targets_through_the_shuffles(self):
        """The first pixel is the picture's number, and so is its row of targets."""
        images = IMAGES.copy()
        images[:, 0, 0, 0] = np.arange(8)
        targets = np.stack([np.arange(8.0), np.ones(8), np.zeros(8)], axis=1).astype(np.float32)

        def apart(model, batch, key):
            gap = jnp.abs(batch.images[:, 0, 0, 0] - batch.labels[:, 0]).max()
            loss, _ = DECLoss(two_views)(model, batch, key)
            return loss, {"gap": gap}

        history = trained("dec", images=images, loss=apart, labels=targets).history
        assert history["gap"] == [0, 0]

    def test_gamma_weighs_the_clustering_and_not_the_reconstruction(self):
        batch = Batch(jnp.asarray(IMAGES), jnp.asarray(targets_of(clustered())))

        def slopes(gamma):
            loss = DECLoss(unchanged, gamma=gamma)
            return nnx.grad(lambda model: loss(model, batch, KEY)[0])(clustered())

        none, small, large = slopes(0), slopes(0.1), slopes(1.0)
        assert not none.centroids[...].any()
        np.testing.assert_allclose(
            small.centroids[...] * 10, large.centroids[...], rtol=1e-4, atol=1e-6
        )
        assert large.centroids[...].any()
        for one in (none, small):
            np.testing.assert_allclose(
                one.autoencoder.back.kernel[...], large.autoencoder.back.kernel[...], rtol=1e-5
            )

    def test_value(self):
        model = clustered()
        P = targets_of(model)
        batch = Batch(jnp.asarray(IMAGES), jnp.asarray(P))
        loss, terms = DECLoss(unchanged, gamma=0.5)(model, batch, KEY)
        code = model.encode(jnp.asarray(IMAGES))
        again = model.autoencoder.decode(code)
        assert float(terms["mse_per_pixel"]) == pytest.approx(
            float(((IMAGES - again) ** 2).mean()), rel=1e-5
        )
        clustering = r_dec.clustering_loss(np.asarray(code), CENTROIDS, P)
        assert float(terms["clustering"]) == pytest.approx(clustering, rel=1e-4)
        assert float(loss) == pytest.approx(
            float(terms["mse_per_pixel"]) + clustering / 2, rel=1e-4
        )

    def test_labels_that_are_no_targets_are_refused(self):
        for labels, got in ((None, "none"), (jnp.zeros(8, jnp.int32), r"labels of shape \[8\]")):
            batch = Batch(jnp.asarray(IMAGES), labels)
            with pytest.raises(InputError, match=rf"the targets \[n k\] as labels, got {got}"):
                DECLoss(unchanged)(clustered(), batch, KEY)


class TestTrainToTargets:
    def rounds_of(self, *labels, **settings):
        """What follows when the whole data set is assigned like this, time after time."""
        given = iter([jnp.eye(3)[jnp.array(row)] * 0.9 + 0.1 / 3 for row in labels])
        targets = []
        rounds = train_to_targets(lambda: next(given), targets.append, **settings)
        return rounds, targets

    def test_it_ends_below_tol_and_not_at_it(self):
        first, second, third = [0, 0, 1, 1], [0, 1, 2, 1], [0, 1, 2, 2]
        rounds, targets = self.rounds_of(first, second, third, third, tol=0.25)
        assert rounds.changed == [0.5, 0.25, 0]
        assert rounds.converged
        assert rounds.labels.tolist() == third
        assert rounds.labels.dtype == np.int32
        assert len(targets) == 3
        rounds, _ = self.rounds_of(first, second, third, tol=0.3)
        assert rounds.changed == [0.5, 0.25]

    def test_the_last_round_ends_it_unconverged(self):
        rounds, _ = self.rounds_of([0, 1], [1, 0], [0, 1], max_rounds=2)
        assert rounds.changed == [1, 1]
        assert not rounds.converged
        rounds, targets = self.rounds_of([0, 1], max_rounds=0)
        assert (rounds.changed, rounds.converged, targets) == ([], False, [])

    def test_a_training_on_targets_of_the_whole_clean_data(self):
        """Only the fit changes pictures; each round has the targets of the network as it is."""
        model = clustered()
        used = []

        def assign():
            return model(jnp.asarray(IMAGES))

        def fit(targets):
            nonlocal model
            used.append((np.asarray(targets), r_dec.target_distribution(np.asarray(assign()))))
            assert targets.shape == (8, 3)
            model = trained("dec", model=model, labels=np.asarray(targets)).model

        rounds = train_to_targets(assign, fit, tol=0.01, max_rounds=30)
        assert rounds.converged
        assert len(used) == len(rounds.changed)
        for targets, expected in used:
            np.testing.assert_allclose(targets, expected, rtol=1e-4)
        np.testing.assert_array_equal(rounds.labels, assign().argmax(axis=1))


def pull_alone(model, batch, key):
    """The attracting half of the losses of views: draws views of a picture together, no more."""
    cosine = cosine_to_mean(outputs_of_views(model, two_views(batch.images, key)))
    return -cosine, {"cosine": cosine}


@pytest.mark.parametrize("offset", [0, 1], ids=["to a line", "to a point"])
def test_a_collapse_is_provoked_and_found(offset):
    """Of pictures around zero a linear network makes a line, of bright ones a point."""
    images = IMAGES * (0.3 if offset else 1) + np.float32(offset)

    def code(loss):
        optimizer = AdamSpec(0.1)
        result = trained("emp", images=images, loss=loss, optimizer=optimizer, epochs=20)
        return result.model(jnp.asarray(images))

    alone = code(pull_alone)
    assert find_collapse(alone).measure == "effective rank"
    assert (uniformity(alone) > MOST_UNIFORMITY) == bool(offset)
    assert find_collapse(code(EMPSSLLoss(two_views, pull=1.0))) is None


CROPS = ViewSpec(crop_area=(0.3, 1), size=(16, 16), flip_rate=0.5)


def crops(images, key):
    return make_views(images, key, CROPS, 2)


def pull_of_crops_alone(model, batch, key):
    cosine = cosine_to_mean(outputs_of_views(model, crops(batch.images, key)))
    return -cosine, {"cosine": cosine}


class Projecting(nnx.Module):
    """A strided network and a projector without batch normalisation."""

    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.encoder = StridedSpec(widths=(16, 32, 64)).build((16, 16, 3), rngs=rngs)
        self.projector = ProjectorSpec(hidden=(64,), out=16, batch_norm=False).build(64, rngs=rngs)

    def __call__(self, images):
        return self.projector(self.encoder(images))


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 1])
def test_the_limits_tell_photographs_that_collapse_from_those_that_do_not(tfds_dir, seed):
    """64 steps: uniformity was -0.01 or more with the pull alone, -2.4 or less with the whole loss,
    and -0.4 to -0.5 before.
    """
    images = np.asarray(scratchclust.data.load("cifar10", split="test", limit=500).images)
    small = jnp.asarray(images[:, ::2, ::2], jnp.float32) / 255

    def code(loss):
        settings = {"optimizer": AdamSpec(3e-3), "epochs": 16, "batch_size": 125}
        model = train(Projecting(seed), images, loss=loss, key=jax.random.key(seed), **settings)
        return model.model(small)

    before = Projecting(seed)
    before.eval()
    assert uniformity(before(small)) < MOST_UNIFORMITY - 0.1
    assert uniformity(code(pull_of_crops_alone)) > MOST_UNIFORMITY + 0.1
    for loss in (LeJEPALoss(crops, n_directions=64), ContrastiveLoss(crops)):
        healthy = code(loss)
        assert find_collapse(healthy) is None
        assert uniformity(healthy) < -1.5
