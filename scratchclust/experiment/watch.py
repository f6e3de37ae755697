"""Who looks on while something is fitted: callbacks of scikit-learn's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from scratchclust.experiment.images import Images
from scratchclust.experiment.scores import (
    agreement_scores,
    applied_scores,
    code_scores,
    training_scores,
)
from scratchclust.experiment.telling import calls_back
from scratchclust.files import write_json
from scratchclust.progress import Progress
from scratchclust.recipes.plan import Tell
from scratchclust.runs.result import ByEpoch

OF_CODE = ("knn_accuracy", "effective_rank", "uniformity")
SCORES = ("accuracy", *OF_CODE, "reconstruction_mse")
OF_APPLIED = ("accuracy", "accuracy_se", "reconstruction_mse", "reconstruction_mse_se")


class Onlooker:
    """A callback that does nothing yet."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing is to be prepared."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is known yet."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Nothing is to be done."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is to be tidied."""


class ProgressTeller(Onlooker):
    """Tells, as a line of text, each epoch or iteration that an estimator reports as finished."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def on_progress(self, progress: Progress) -> None:
        """Tell the progress, unless it is one within an epoch: that is for who draws a bar."""
        if progress.share == 1:
            self.tell(f"{progress}")


class Watcher(Onlooker):
    """After every so many epochs, clusters the codes and notes the scores: does a smaller loss
    make better clusters, and does the code still tell images apart?

    It changes nothing in the training. What it notes is kept in a file, so that a run that is
    resumed in the middle of a training has the epochs before it too.

    Args:
        every: epochs.
        images: those that are clustered are encoded; on others the outcome is tried.
        tail: the steps after the features, unfitted; a copy of them is fitted each time.
        notes: a file in JSON: epoch -> scores by name.
        tell: is told the progress of the copies.
    """

    def __init__(
        self, every: int, images: Images, tail: Pipeline, notes: Path, tell: Tell = lambda _: None
    ) -> None:
        self.every = every
        self.images = images
        self.tail = tail
        self.notes = notes
        self.tell = tell
        self.found: dict[int, dict[str, float]] = {}
        if notes.is_file():
            noted = json.loads(notes.read_text("utf-8"))
            self.found = {int(epoch): scores for epoch, scores in noted.items()}

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        """Cluster and score, after the epochs that count."""
        kind, _, epoch = context.task_name.partition(" ")
        if kind != "epoch" or int(epoch) % self.every or fitted_estimator is None:
            return
        self.found[int(epoch)] = self._scores_of(fitted_estimator)
        self.notes.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.notes, self.found)

    def _scores_of(self, features: Any) -> dict[str, float]:
        clustered = self.images.clustered
        tail: Any = clone(self.tail)
        for _, step in tail.steps:  # a copy: nobody fits it again
            if calls_back(step):
                step.set_callbacks(ProgressTeller(self.tell))
        Z = np.asarray(features.transform(clustered.images))
        scores = {
            **agreement_scores(clustered.labels, np.asarray(tail.fit_predict(Z)))._asdict(),
            **code_scores(features, Z, self.images)._asdict(),
            **training_scores(features, clustered)._asdict(),
        }
        found = {name: float(scores[name]) for name in SCORES if scores[name] is not None}
        self._tell_of_code(found)
        if self.images.applied is None:
            return found
        applied = applied_scores(
            Pipeline([("features", features), *tail.steps]), self.images.applied
        ).to_json()
        of_applied = {name: float(applied[name]) for name in OF_APPLIED if name in applied}
        return found | {f"applied_{name}": score for name, score in of_applied.items()}

    def _tell_of_code(self, found: dict[str, float]) -> None:
        told = [f"{name.replace('_', ' ')} {found[name]:.3g}" for name in OF_CODE if name in found]
        if told:
            self.tell(f"code: {', '.join(told)}")

    def curves(self) -> ByEpoch:
        """Give the epochs in numeric order, and each score that is known of all of them."""
        epochs = sorted(self.found)
        known = (*SCORES, *(f"applied_{name}" for name in OF_APPLIED))
        names = [name for name in known if all(name in self.found[epoch] for epoch in epochs)]
        lists = {name: [self.found[epoch][name] for epoch in epochs] for name in names}
        return ByEpoch(epoch=epochs, **lists)


@contextmanager
def looked_on(estimator: Any, *callbacks: Onlooker | None) -> Iterator[None]:
    """Inside, the estimator tells the callbacks that there are, if it can tell any."""
    if not calls_back(estimator):
        yield
        return
    estimator.set_callbacks(*(callback for callback in callbacks if callback is not None))
    try:
        yield
    finally:
        estimator.set_callbacks()
