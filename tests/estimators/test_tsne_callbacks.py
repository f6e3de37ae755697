"""What TSNE tells callbacks: scikit-learn's protocol, and its progress as data."""

import logging

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from scratchclust import PCA, TSNE
from scratchclust.progress import Progress

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
GIVEN = {"perplexity": 5, "max_iter": 70}


class Note:
    """A callback of scikit-learn's alone: notes the hooks that are called."""

    def __init__(self):
        self.hooks, self.places = [], None

    def setup(self, estimator, context):
        self.hooks.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.hooks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.hooks.append(f"end {context.task_name}")
        self.places = fitted_estimator.transform(X[:3])

    def teardown(self, estimator, context):
        self.hooks.append("teardown")


class Listen(Note):
    """One that hears the progress, too."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_progress(self, progress):
        self.heard.append(progress)


def test_progress_is_told_as_data():
    listen = Listen()
    model = TSNE(**GIVEN).set_callbacks(listen).fit(X)
    assert all(isinstance(progress, Progress) for progress in listen.heard)
    assert [(progress.unit, progress.done, progress.total) for progress in listen.heard] == [
        ("iteration", 50, 70),
        ("iteration", 70, 70),
    ]
    assert {progress.measure for progress in listen.heard} == {"KL divergence"}
    values = [progress.value for progress in listen.heard]
    np.testing.assert_array_equal(values, model.history_["kl_divergence"])
    assert str(listen.heard[1]).startswith("t-SNE, iteration 70 of 70: KL divergence ")


@pytest.mark.parametrize("kind", [Note, Listen])
def test_a_fit_is_a_task_and_who_looks_on_changes_nothing(kind):
    note = kind()
    model = TSNE(**GIVEN).set_callbacks(note).fit(X)
    assert note.hooks == ["setup", "begin fit", "end fit", "teardown"]
    np.testing.assert_array_equal(note.places, model.transform(X[:3]))
    np.testing.assert_array_equal(model.embedding_, TSNE(**GIVEN).fit(X).embedding_)


def test_callbacks_are_let_go_where_a_fit_fails():
    note = Note()
    with pytest.raises(ValueError, match="flew apart"):
        TSNE(**GIVEN, learning_rate=1e37).set_callbacks(note).fit(X)
    assert note.hooks == ["setup", "begin fit", "teardown"]


def test_the_map_of_a_pipeline_tells_too():
    listen = Listen()
    make_pipeline(PCA(4), TSNE(**GIVEN).set_callbacks(listen)).fit(X)
    assert [progress.done for progress in listen.heard] == [50, 70]


def test_the_log_has_the_progress(caplog):
    with caplog.at_level(logging.INFO, logger="scratchclust"):
        TSNE(**GIVEN).fit(X)
    assert [message.partition(": ")[0] for message in caplog.messages] == [
        "t-SNE, iteration 50 of 70",
        "t-SNE, iteration 70 of 70",
    ]
