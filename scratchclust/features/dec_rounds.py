"""The code of an autoencoder, trained on until its clusters are sharp: deep embedded clustering.

    q = shares of the clusters in encode(x),    p = q made sharper and evener
    again and again:    p of all images, as they are;    one training on p, images as views

The mathematics stands in `scratchclust/reference/dec.py`, the loss and the rule by which it stops
in `scratchclust/train/objectives/dec.py`. A round is a training of its own, so that the optimiser
begins anew in each. The state after a round is all that the next one depends on (its targets are
computed from the network), and is what is kept: a killed fit goes on from there to the same bits.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int, Num

from scratchclust.errors import InputError
from scratchclust.features.networks import arrays_of, in_batches, model_of
from scratchclust.files import sha256_of_array
from scratchclust.progress import Progress
from scratchclust.train.checkpoint import History, Record
from scratchclust.train.loop import fit
from scratchclust.train.losses import Batch
from scratchclust.train.objectives.dec import ClusteredAutoencoder, DECLoss, train_to_targets
from scratchclust.train.settings import Training

__all__ = ["Embedded", "Start", "fit_dec"]

CENTROIDS = "centroids"


class Start(NamedTuple):
    """Where the rounds begin.

    Attributes:
        spec: of the autoencoder, whose code is one vector.
        parameters: its arrays after the training that drew images.
        centroids: of k-means on its code.
    """

    spec: Any
    parameters: dict[str, np.ndarray]
    centroids: Float32[np.ndarray, "k d"]


class Embedded(NamedTuple):
    """The end of the rounds, and how they went."""

    parameters: dict[str, np.ndarray]  # of the autoencoder
    centroids: Float32[np.ndarray, "k d"]
    labels: Int[np.ndarray, " n"]  # of the images, as they are
    history: History  # each term of the loss, and "changed": a value for each round
    converged: bool  # False when max_rounds ended it


def fit_dec(
    images: Num[np.ndarray, "n h w c"],
    start: Start,
    *,
    loss: DECLoss,
    tol: float | int,
    max_rounds: int,
    key: Any,
    training: Training,
) -> Embedded:
    """Train encoder and centroids towards targets, and compute these anew, until labels stay.

    Args:
        images: uint8, or float in [0, 1]; all of them, as the targets even their clusters out.
        start: the trained autoencoder and its clusters.
        loss: which views, and the weight of the clustering.
        tol: the share of changed labels below which it ends.
        max_rounds: rounds at most.
        key: of the shuffles and the views of all rounds.
        training: settings of each round, and of the checkpoints, which are of the rounds: where
            it resumes, from the newest.

    Raises:
        InputError: the checkpoints are those of something else, or of more rounds.
        TrainingError: the loss became NaN or infinite.
    """
    rounds = _Rounds(images, start, loss, max_rounds, key, training)
    ended = train_to_targets(
        rounds.assign,
        rounds.train,
        tol=tol,
        max_rounds=max_rounds,
        changed=rounds.history.get("changed", ()),
        each_round=rounds.keep,
    )
    arrays = rounds.arrays()
    return Embedded(arrays, arrays.pop(CENTROIDS), ended.labels, rounds.history, ended.converged)


class _Rounds:
    """What the rounds share: the network as it is now, and what was seen of it."""

    def __init__(
        self,
        images: np.ndarray,
        start: Start,
        loss: DECLoss,
        max_rounds: int,
        key: Any,
        training: Training,
    ) -> None:
        self.images = images
        self.loss = loss
        self.max_rounds = max_rounds
        self.key = key
        self.training = training
        arrays = {**start.parameters, CENTROIDS: start.centroids}
        key_numbers = np.asarray(jax.random.key_data(key)).tolist()
        self.configuration = {
            "start": {name: sha256_of_array(array) for name, array in sorted(arrays.items())},
            "images": sha256_of_array(images),
            "loss": str(loss),
            "optimizer": str(training.optimizer),
            "batch_size": training.batch_size,
            "precision": training.precision,
            "epochs": training.epochs,
            "key": key_numbers,
        }
        record = self._found()
        self.history: History = {} if record is None else record.history
        arrays = arrays if record is None else dict(record.arrays)
        centroids = arrays.pop(CENTROIDS)
        autoencoder = model_of(start.spec, images.shape[1:], arrays)
        self.model = ClusteredAutoencoder(autoencoder, jnp.asarray(centroids))

    def assign(self) -> Array:
        """The shares of the clusters of all images, unchanged."""
        return jnp.asarray(in_batches(self.model, _shares, self.images))

    def train(self, targets: Array) -> None:
        """Train for one round."""
        number = len(self.history.get("changed", ())) + 1
        trained = fit(
            self.model,
            Batch(self.images, np.asarray(targets)),
            loss=self.loss,
            key=jax.random.fold_in(self.key, number),
            training=self._of_round(number),
        )
        self.model = trained.model
        for name, values in trained.history.items():
            self.history.setdefault(name, []).append(values[-1])

    def keep(self, changed: list[float]) -> None:
        """Note how many labels the round changed, and write its checkpoint."""
        self.history["changed"] = list(changed)
        checkpoints = self.training.checkpoints
        if checkpoints is not None:
            checkpoints.save(
                Record(
                    len(changed),
                    self.arrays(),
                    self.history,
                    self.configuration["key"],
                    self.configuration,
                )
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of the autoencoder by their paths in it, and the centroids."""
        model = self.model
        return {**arrays_of(model.autoencoder), CENTROIDS: np.asarray(model.centroids[...])}

    def _found(self) -> Record | None:
        checkpoints = self.training.checkpoints
        if checkpoints is None or not self.training.resume:
            return None
        record = checkpoints.load(self.configuration)
        if record is not None and record.epoch > self.max_rounds:
            raise InputError(
                f"the checkpoint is of round {record.epoch}, but max_rounds is {self.max_rounds}: "
                f"give {record.epoch} or more"
            )
        return record

    def _of_round(self, number: int) -> Training:
        progress = self.training.progress
        told = None if progress is None else partial(_tell, progress, number, self.max_rounds)
        return replace(self.training, checkpoints=None, resume=False, progress=told)


def _shares(model: ClusteredAutoencoder, images: Array) -> Array:
    return model(images)


def _tell(
    tell: Callable[[Progress], object], number: int, max_rounds: int, progress: Progress
) -> None:
    """Tell the epochs of a round as parts of it."""
    share = (progress.done - 1 + progress.share) / progress.total
    of_round = {"unit": "round", "done": number, "total": max_rounds, "seconds_left": None}
    tell(progress._replace(share=share, **of_round))
