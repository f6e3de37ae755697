"""Deep embedded clustering of images: where the rounds begin and end, and that a killed fit comes
to the same bits.
"""

from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx

from scratchclust import AdamSpec, rows
from scratchclust.errors import InputError
from scratchclust.experiment.watch import Onlooker
from scratchclust.features.autoencoder import encode
from scratchclust.features.dec_rounds import Start, fit_dec
from scratchclust.features.networks import arrays_of, model_of
from scratchclust.reference import dec as reference
from scratchclust.train.checkpoint import Checkpoints
from scratchclust.train.objectives.dec import DECLoss
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import DIGITS
from scratchclust.train.views import Views
from tests.features.network_cases import IMAGES, SMALL, embedded

LOSS = DECLoss(Views(DIGITS, 1), gamma=None)
SHAPE = (8, 8, 1)


def start():
    parameters = arrays_of(SMALL.build(SHAPE, rngs=nnx.Rngs(0)))
    codes = encode(model_of(SMALL, SHAPE, parameters), IMAGES)
    return Start(SMALL, parameters, codes[:3].copy())


def fitted(max_rounds=3, tol=0.0, begin=None, checkpoints=None, **settings):
    resume = checkpoints is not None and bool(checkpoints.found())
    given = {"optimizer": "adam", "epochs": 1, "batch_size": 16, "resume": resume}
    return fit_dec(
        IMAGES,
        begin or start(),
        loss=LOSS,
        tol=tol,
        max_rounds=max_rounds,
        key=jax.random.key(0),
        training=Training(checkpoints=checkpoints, **(given | settings)),
    )


def the_same(one, other):
    assert one.history == other.history
    np.testing.assert_array_equal(one.centroids, other.centroids)
    np.testing.assert_array_equal(one.labels, other.labels)
    for name, array in one.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[name])


class Killed(Exception):
    pass


@pytest.mark.full
def test_a_killed_fit_goes_on_to_the_same_bits(tmp_path):
    def die(progress):
        if progress.done == 3:
            raise Killed

    whole = fitted(checkpoints=Checkpoints(tmp_path / "whole"))
    for kill in (die, None):
        checkpoints = Checkpoints(tmp_path / "killed")
        try:
            resumed = fitted(checkpoints=checkpoints, progress=kill)
        except Killed:
            assert [path.name for path in checkpoints.found()] == ["epoch-00002", "epoch-00001"]
    the_same(resumed, whole)
    the_same(fitted(), whole)
    again = fitted(checkpoints=Checkpoints(tmp_path / "whole"))  # nothing is left to do
    the_same(again, whole)


def test_checkpoints_of_something_else_are_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path / "rounds")
    fitted(2, checkpoints=checkpoints)
    with pytest.raises(
        InputError, match="the checkpoint is of round 2, but max_rounds is 1: give 2 or more"
    ):
        fitted(1, checkpoints=checkpoints)
    other = start()._replace(centroids=start().centroids + 1)
    with pytest.raises(InputError, match=r"none of 2 checkpoints .* another configuration \(start"):
        fitted(2, begin=other, checkpoints=checkpoints)


def test_the_rounds_end_where_labels_stay():
    ended = fitted(max_rounds=5, tol=1.01)
    assert (ended.converged, len(ended.history["changed"])) == (True, 1)
    ended = fitted(max_rounds=2, tol=0.0)
    assert (ended.converged, len(ended.history["changed"])) == (False, 2)
    assert {name: len(values) for name, values in ended.history.items()} == {
        "loss": 2,
        "clustering": 2,
        "changed": 2,
    }


def test_the_labels_are_those_of_the_last_network():
    ended = fitted()
    codes = encode(model_of(SMALL, SHAPE, ended.parameters), IMAGES)
    shares = reference.soft_assignments(codes, ended.centroids)
    np.testing.assert_array_equal(shares.argmax(axis=1), ended.labels)


@pytest.mark.full
def test_one_and_two_devices_give_the_same_rounds():
    """A batch is one batch over all devices: its sums are in another order, and nothing else."""

    def on(n_devices):
        with rows.on(jax.local_devices()[:n_devices]):
            return fitted()

    one, two = on(1), on(2)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_allclose(two.centroids, one.centroids, rtol=1e-3, atol=1e-5)
    for name, array in one.parameters.items():
        np.testing.assert_allclose(two.parameters[name], array, rtol=1e-3, atol=1e-5)
    for name, values in one.history.items():
        np.testing.assert_allclose(two.history[name], values, rtol=1e-3, atol=1e-6)


def test_clusters_become_sharper():
    begin = start()
    ended = fitted(max_rounds=6, optimizer=AdamSpec(0.01))

    def sharpness(parameters, centroids):
        codes = encode(model_of(SMALL, SHAPE, parameters), IMAGES)
        return reference.soft_assignments(codes, centroids).max(axis=1).mean()

    before = sharpness(begin.parameters, begin.centroids)
    assert sharpness(ended.parameters, ended.centroids) > before + 0.02


def test_progress_tells_the_rounds():
    told = []
    fitted(2, progress=told.append)
    last = [progress for progress in told if progress.share == 1]
    assert [str(progress).partition(":")[0] for progress in last] == [
        "round 1 of 2",
        "round 2 of 2",
    ]


class Killer(Onlooker):
    """Dies in the second epoch, or the second round."""

    def __init__(self, unit):
        self.unit = unit

    def on_progress(self, progress):
        if progress.unit == self.unit and progress.done == 2:
            raise Killed


class TestDECFeatures:
    @pytest.mark.quick(1)
    @pytest.mark.parametrize("begin", ["kmeans", "graph"])
    def test_labels_do_not_matter(self, begin):
        one = embedded(start=begin, views="digits", n_views=2).fit(IMAGES)
        other = embedded(start=begin, views="digits", n_views=2).fit(IMAGES, np.arange(40))
        assert set(one.labels_) <= {0, 1}
        np.testing.assert_array_equal(one.labels_, other.labels_)
        np.testing.assert_array_equal(one.transform(IMAGES), other.transform(IMAGES))

    def test_a_killed_fit_goes_on_to_the_same_bits(self, tmp_path):
        whole = embedded(tol=0).fit(IMAGES)
        for unit in ("epoch", "round"):
            killed = embedded(tol=0, checkpoint_dir=tmp_path).set_callbacks(Killer(unit))
            with pytest.raises(Killed):
                killed.fit(IMAGES)
        resumed = embedded(tol=0, checkpoint_dir=tmp_path).fit(IMAGES)
        assert resumed.rounds_ == whole.rounds_
        assert resumed.transform(IMAGES).tobytes() == whole.transform(IMAGES).tobytes()

    def test_what_cannot_be_is_refused(self):
        for parameters, message in (
            ({"n_clusters": 41}, "n_samples=40 should be >= n_clusters=41: ask for fewer"),
            ({"start": "random"}, "expected start to be one of 'kmeans', 'graph', got 'random'"),
            ({"model": replace(SMALL, latent_dim=None)}, "a code that is one vector"),
            ({"model": "unet"}, "expected model to be .* got 'unet'"),
            ({"tol": -1}, "expected tol to be"),
        ):
            with pytest.raises(ValueError, match=message):
                embedded(**parameters).fit(IMAGES)

    def test_gamma_keeps_the_reconstruction(self):
        kept = embedded(gamma=0.1).fit(IMAGES)
        assert "mse_per_pixel" in kept.rounds_
        assert kept.reconstruct(IMAGES).shape == IMAGES.shape
        assert kept.inverse_transform(kept.transform(IMAGES)).shape == IMAGES.shape

    def test_without_reconstruction_nothing_draws(self):
        """Its decoder knows the code as it was before the rounds."""
        embed = embedded(gamma=None).fit(IMAGES)
        assert "mse_per_pixel" not in embed.rounds_
        assert not hasattr(embed, "reconstruct")
        assert not hasattr(embed, "inverse_transform")
        with pytest.raises(AttributeError) as caught:
            embed.reconstruct(IMAGES)
        assert "give gamma=0.1" in str(caught.value.__cause__)
