"""SCAN's estimator as scikit-learn's users meet it: clusters of made-up pictures, seeds, files,
checkpoints, errors; and the step that takes the largest logit.
"""

import pickle
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from scratchclust import (
    EncoderProjectorSpec,
    MostProbable,
    ProjectorSpec,
    SCANFeatures,
    SelfSupervisedFeatures,
    StridedSpec,
    ViewSpec,
    metrics,
    persist,
)
from scratchclust.errors import InputError, TrainingError
from tests.features.network_cases import same

ENCODER = EncoderProjectorSpec(
    encoder=StridedSpec(widths=(8, 16)), projector=ProjectorSpec(hidden=(), out=8)
)


def pictures(n=96, seed=0):
    """A bar in one of three places in noise, [n 8 8 1] bytes, and which."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(60, size=(n, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        {0: image[1:3], 1: image[5:7], 2: image[:, 3:5]}[int(label)][...] += 180
    return images.astype(np.uint8), labels


IMAGES, LABELS = pictures()
NEW, NEW_LABELS = pictures(24, seed=1)


def features(**parameters):
    given = {"objective": "lejepa", "views": ViewSpec(shift=0.05), "n_views": 2, "epochs": 4}
    return SelfSupervisedFeatures(
        ENCODER, **(given | {"batch_size": 32, "random_state": 0} | parameters)
    )


def scan(given=None, **parameters):
    few = {"n_clusters": 3, "n_neighbors": 8, "n_heads": 3, "epochs": 12, "self_label_epochs": 2}
    settings = {"batch_size": 48, "threshold": 0.6, "random_state": 0}
    return SCANFeatures(
        fitted_features() if given is None else given, **(few | settings | parameters)
    )


@cache
def fitted_features():
    return features().fit(IMAGES)


@cache
def fitted():
    return scan().fit(IMAGES)


def test_it_finds_the_classes_of_made_up_pictures():
    assert metrics.clustering_accuracy(LABELS, fitted().labels_) > 0.95
    assert metrics.clustering_accuracy(NEW_LABELS, fitted().predict(NEW)) > 0.9
    assert fitted().labels_.dtype == np.int32
    assert len(fitted().head_losses_) == 3
    assert set(fitted().history_) == {"heads", "self-labels"}
    assert fitted().history_["self-labels"]["sure"][-1] > 0.3


def test_labels_probabilities_and_logits_agree():
    logits = fitted().transform(NEW)
    assert logits.shape == (24, fitted().n_features_out_) == (24, 3)
    P = fitted().predict_proba(NEW)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted().predict(NEW), P.argmax(axis=1))
    np.testing.assert_array_equal(fitted().predict(IMAGES), fitted().labels_)
    assert isinstance(fitted().predict(jnp.asarray(NEW)), type(jnp.zeros(1)))


@pytest.mark.full
def test_a_seed_decides_every_bit_and_true_labels_nothing():
    again = scan().fit(IMAGES, np.random.default_rng(0).permutation(LABELS))
    assert same(again, fitted())
    np.testing.assert_array_equal(scan().fit_predict(IMAGES), fitted().labels_)
    assert not same(scan(random_state=1).fit(IMAGES), fitted())


@pytest.mark.full
def test_features_that_are_not_fitted_are_fitted_first():
    told = []

    class Listener:
        def setup(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_progress(self, progress):
            told.append(progress.part)

    unfitted = features()
    model = scan(unfitted).set_callbacks(Listener()).fit(IMAGES)
    assert same(model, fitted())
    assert not hasattr(unfitted, "parameters_")
    assert list(dict.fromkeys(told)) == ["features: ", "heads: ", "self-labels: "]
    assert scan().fit(IMAGES).features_ is fitted_features()


def test_the_encoder_rests_unless_it_is_asked_for():
    head_alone = scan(self_label_epochs=0).fit(IMAGES)
    before, after = fitted_features().parameters_, head_alone.parameters_
    names = [name for name in after if name.startswith("encoder.")]
    assert names
    assert all(np.array_equal(before[name], after[name]) for name in names)
    assert set(head_alone.history_) == {"heads"}
    assert metrics.clustering_accuracy(LABELS, head_alone.labels_) > 0.9


@pytest.mark.full
def test_the_encoder_is_trained_along():
    model = scan(encoder_epochs=2, self_label_epochs=0).fit(IMAGES)
    assert set(model.history_["encoder"]) == {
        *("loss", "consistency", "entropy", "effective_clusters")
    }
    kernel = "encoder.layers.0.conv.kernel"
    assert not np.array_equal(model.parameters_[kernel], fitted_features().parameters_[kernel])
    assert metrics.clustering_accuracy(LABELS, model.labels_) > 0.9


@pytest.mark.full
def test_files_and_pickles_give_the_same_bits(tmp_path):
    fitted().save(tmp_path / "model")
    for again in (persist.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted()))):
        assert same(again, fitted())
        assert again.history_ == fitted().history_
        assert again.transform(NEW).tobytes() == fitted().transform(NEW).tobytes()
        np.testing.assert_array_equal(again.labels_, fitted().labels_)
    unfitted = clone(fitted())
    assert not hasattr(unfitted, "parameters_")


class Death(Exception):
    """The power went out."""


@pytest.mark.full
@pytest.mark.parametrize("part", ["heads: ", "self-labels: "])
def test_a_fit_that_died_goes_on_to_the_same_bits(part, tmp_path):
    class Killer:
        def setup(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_progress(self, progress):
            if progress.part == part and progress.done == 2 and progress.share == 1:
                raise Death

    with pytest.raises(Death):
        scan(checkpoint_dir=tmp_path).set_callbacks(Killer()).fit(IMAGES)
    assert list((tmp_path / part.removesuffix(": ")).iterdir())
    resumed = scan(checkpoint_dir=tmp_path).fit(IMAGES)
    assert same(resumed, fitted())
    assert resumed.history_ == fitted().history_


def test_what_cannot_be_is_refused():
    for parameters, message in (
        ({"given": "code"}, "expected features to be None or a SelfSupervisedFeatures, got 'code'"),
        ({"n_clusters": 1}, "expected n_clusters to be a whole number of at least 2, got 1"),
        ({"threshold": 1}, "expected threshold to be a finite number of at least 0 and below 1"),
        ({"strong": "simclr"}, "expected strong to be 'auto' or a ViewSpec, got 'simclr'"),
        ({"n_neighbors": 96}, "expected n_neighbors below 96, the number of images, got 96"),
    ):
        with pytest.raises(InputError, match=message):
            scan(**parameters).fit(IMAGES)
    with pytest.raises(InputError, match=r"expected images of \[8, 8, 1\] .* as in fit"):
        scan().fit(IMAGES[:, :6])
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        scan().predict(NEW)


@pytest.mark.full
def test_labels_of_which_none_is_sure_are_told():
    with pytest.warns(ConvergenceWarning, match=r"no image was surer .* than threshold=0.99999"):
        scan(threshold=0.99999999, self_label_epochs=1, epochs=1).fit(IMAGES)


@pytest.mark.full
def test_a_collapse_leaves_no_network():
    model = scan(entropy_weight=0, epochs=60, n_neighbors=90, n_heads=1)
    with pytest.raises(TrainingError, match="the clusters have collapsed: the effective number"):
        model.fit(IMAGES)
    assert not hasattr(model, "parameters_")


class TestMostProbable:
    X = np.array([[0.0, 2, 1], [5, -1, 5], [-3, -2, -1], [0, 4, 3]])

    def test_by_hand(self):
        model = MostProbable().fit(self.X)
        assert model.labels_.tolist() == [1, 0, 2, 1]
        np.testing.assert_allclose(model.means_, [[5, -1, 5], [0, 3, 2], [-3, -2, -1]])
        np.testing.assert_allclose(model.predict_proba([[np.log(3), 0, 0]]), [[0.6, 0.2, 0.2]])
        assert model.predict([[0, 0, 9]]).tolist() == [2]

    def test_a_column_without_rows_has_the_mean_of_all(self):
        model = MostProbable().fit(self.X[:2])
        np.testing.assert_allclose(model.means_[2], self.X[:2].mean(axis=0))

    def test_large_logits_are_no_overflow(self):
        np.testing.assert_allclose(
            MostProbable().fit(self.X).predict_proba([[1e4, 0, -1e4]]), [[1, 0, 0]]
        )

    def test_behind_scan_in_a_pipeline(self, tmp_path):
        pipeline = make_pipeline(scan(epochs=2, self_label_epochs=0), MostProbable()).fit(IMAGES)
        np.testing.assert_array_equal(pipeline[-1].labels_, pipeline[0].labels_)
        persist.save(pipeline, tmp_path / "model")
        again = persist.load(tmp_path / "model")
        np.testing.assert_array_equal(again.predict(NEW), pipeline.predict(NEW))
