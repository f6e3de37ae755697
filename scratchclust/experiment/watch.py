"""A look at the clusters while a network is still learning: does a smaller error make better
clusters?
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from scratchclust.experiment.images import Images
from scratchclust.experiment.scores import agreement_scores, applied_scores, training_scores
from scratchclust.files import write_json

SCORES = ("accuracy", "reconstruction_mse")
OF_APPLIED = ("accuracy", "accuracy_se", "reconstruction_mse", "reconstruction_mse_se")


class Watcher:
    """A callback of scikit-learn's: after every so many epochs it clusters the codes, and notes the
    scores.

    It changes nothing in the training. What it notes is kept in a file, so that a run that is
    resumed in the middle of a training has the epochs before it too.

    Args:
        every: epochs.
        images: those that are clustered are encoded; on others the outcome is tried.
        tail: the steps after the features, unfitted; a copy of them is fitted each time.
        notes: a file in JSON: epoch -> scores by name.
    """

    def __init__(self, every: int, images: Images, tail: Pipeline, notes: Path) -> None:
        self.every, self.images, self.tail, self.notes = every, images, tail, notes
        self.found: dict[int, dict[str, float]] = {}
        if notes.is_file():
            self.found = {
                int(epoch): scores for epoch, scores in json.loads(notes.read_text("utf-8")).items()
            }

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing is to be prepared."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is known yet."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        """Clusters and scores, after the epochs that count."""
        kind, _, epoch = context.task_name.partition(" ")
        if kind != "epoch" or int(epoch) % self.every or fitted_estimator is None:
            return
        clustered = self.images.clustered
        tail: Any = clone(self.tail)
        labels = tail.fit_predict(fitted_estimator.transform(clustered.images))
        scores = agreement_scores(clustered.labels, np.asarray(labels)) | training_scores(
            fitted_estimator, clustered
        )
        found = {name: float(scores[name]) for name in SCORES if name in scores}
        if self.images.applied is not None:
            pipeline = Pipeline([("features", fitted_estimator), *tail.steps])
            applied = applied_scores(pipeline, self.images.applied)
            found |= {
                f"applied_{name}": float(applied[name]) for name in OF_APPLIED if name in applied
            }
        self.found[int(epoch)] = found
        self.notes.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.notes, self.found)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is to be tidied."""

    def curves(self) -> dict[str, list[Any]]:
        """ "epoch", in numeric order, and the values of each score there."""
        epochs = sorted(self.found)
        known = (*SCORES, *(f"applied_{name}" for name in OF_APPLIED))
        names = [name for name in known if all(name in self.found[epoch] for epoch in epochs)]
        return {
            "epoch": epochs,
            **{name: [self.found[epoch][name] for epoch in epochs] for name in names},
        }


@contextmanager
def watched(estimator: Any, watcher: Watcher | None) -> Iterator[None]:
    """Inside, the estimator calls the watcher, if there is one."""
    if watcher is None:
        yield
        return
    estimator.set_callbacks(watcher)
    try:
        yield
    finally:
        estimator.set_callbacks()
