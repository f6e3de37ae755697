"""The training loop: epochs of steps over shuffled images, with a history, checkpoints, and a stop
at the first NaN.

Every random number comes from one key by folding in the number of the epoch and of the step, so a
run that is resumed draws what it would have drawn. What one step does stands in `steps.py`, and
what stays the same through a run in `job.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Int, Num

from scratchclust.errors import InputError, TrainingError
from scratchclust.train.checkpoint import Checkpoints, History, Record
from scratchclust.train.job import Job
from scratchclust.train.losses import Batch, Loss
from scratchclust.train.progress import Clock, Progress
from scratchclust.train.state import is_finite
from scratchclust.train.steps import Prepare, unit_scale

N_LAST = 5  # losses that an error shows
CURES = "try a smaller learning rate or a warm-up (CosineSpec), check the range of the images"

Callback = Callable[[int, Any, History], dict[str, Any] | None]


class TrainingResult(NamedTuple):
    """A trained model and how it came about."""

    model: Any  # of the class of the one that came in, in evaluation mode
    # name -> one value for each epoch: the mean of its steps, or a callback's, None where it gave
    # none
    history: History


class Every(NamedTuple):
    """A callback that is called only after every so many epochs: `Every(10, cluster_and_score)`."""

    epochs: int
    callback: Callback


def train(
    model: Any,
    images: Num[Array, "n ..."] | Num[np.ndarray, "n ..."],
    *,
    labels: Int[Array, " n"] | Int[np.ndarray, " n"] | None = None,
    loss: Loss,
    optimizer: Any,
    epochs: int,
    batch_size: int,
    key: Any,
    prepare: Prepare = unit_scale,
    precision: str = "float32",
    callbacks: Sequence[Callback | Every] = (),
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    progress: Callable[[Progress], object] | None = None,
) -> TrainingResult:
    """Fit a model to images by stochastic gradient descent.

    In each epoch the images are shuffled and cut into n // batch_size batches; the up to batch_size
    - 1 that are left over sit this epoch out. Each batch is spread over as many devices of
    `rows.mesh()` as divide it evenly, and every device holds all images, as they came. The model
    that came in stays as it is.

    Args:
        model: an nnx module; it is trained in training mode and comes back in evaluation mode.
        images: [n ...] uint8 or float; to be held in device memory.
        labels: [n], for losses that want them.
        loss: see `losses`.
        optimizer: a name, a spec, or a transformation of optax.
        epochs: how often each image is seen.
        batch_size: images in a step; n if that is less.
        key: decides the shuffles and all that `prepare` and the loss draw.
        prepare: makes float32 of a batch of stored images: `prepare(images, key)`, inside of the
            compiled step.
        precision: in which the model computes, "float32" or "bfloat16"; parameters and losses are
            float32.
        callbacks: functions (epoch, model, history) -> numbers by name, or None; the numbers enter
            the history.
        checkpoints: where and how often to keep the state, also after the last epoch.
        resume: go on from the newest usable checkpoint; from the beginning if there are none. On a
            CPU the parameters become the same to the last bit; elsewhere, where the length of a
            compiled stretch follows from the time a step takes, to rounding.
        progress: is told where the run is, at most ten times a second.

    Returns:
        The trained model and the history, which has "loss" and each term of it.

    Raises:
        InputError: settings that do not go together, or no checkpoint can be used.
        TrainingError: the loss or a parameter is no finite number any more, or a checkpoint could
            not be written. It carries the model and the history of the last good epoch.
    """
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "prepare": prepare,
        "precision": precision,
    }
    for callback in callbacks:
        if isinstance(callback, Every) and callback.epochs < 1:
            raise InputError(f"expected a callback every 1 or more epochs, got {callback.epochs}")
    job = Job(model, Batch(images, labels), loss=loss, optimizer=optimizer, key=key, **settings)
    done, arrays, history = _begin(job, checkpoints, resume, epochs)
    state, clock = job.place(arrays), Clock(progress, epochs, job.n_steps, job.batch_size)
    try:
        for epoch in range(done + 1, epochs + 1):
            order, epoch_key = job.shuffle(epoch)
            terms: dict[str, np.ndarray] = {"loss": np.empty(0)}
            while (n_done := len(terms["loss"])) < job.n_steps:
                state, new = job.advance(state, order, epoch_key, n_done)
                terms = {
                    name: np.append(terms.get(name, np.empty(0)), values)
                    for name, values in new.items()
                }
                _stop_at_nan(terms["loss"], epoch, job.n_steps)
                clock.report(epoch, len(terms["loss"]), float(terms["loss"][-1]))
            arrays = _finite(job.fetch(state), epoch, job.n_steps)
            _append(history, epoch, {name: float(values.mean()) for name, values in terms.items()})
            _call_back(callbacks, epoch, job, arrays, history)
            if checkpoints and (epoch % checkpoints.every == 0 or epoch == epochs):
                checkpoints.save(Record(epoch, arrays, history, job.key_numbers, job.configuration))
    except TrainingError as error:
        error.model, error.history = job.model(arrays), history
        raise
    return TrainingResult(job.model(arrays), history)


def _begin(
    job: Job, checkpoints: Checkpoints | None, resume: bool, epochs: int
) -> tuple[int, dict[str, np.ndarray], History]:
    """Epochs that are finished, the state after them, and their history."""
    if resume and checkpoints is None:
        raise InputError(
            "resume=True needs to know from where: give checkpoints=Checkpoints(folder)"
        )
    if checkpoints and not resume and checkpoints.found():
        raise InputError(
            f"{checkpoints.folder} holds checkpoints of an earlier training: "
            "go on with resume=True, choose another folder, or remove it"
        )
    record = checkpoints.load(job.configuration) if checkpoints and resume else None
    if record is None:
        return 0, job.start, {}
    if record.epoch > epochs:
        raise InputError(
            f"the checkpoint is of epoch {record.epoch}, but epochs is {epochs}: give {record.epoch} or more"
        )
    return record.epoch, record.arrays, record.history


def _stop_at_nan(losses: np.ndarray, epoch: int, n_steps: int) -> None:
    bad = np.flatnonzero(~np.isfinite(losses))
    if len(bad):
        at = int(bad[0])
        before = ", ".join(f"{value:.4g}" for value in losses[max(at - N_LAST, 0) : at]) or "none"
        raise TrainingError(
            f"the loss became {losses[at]} at step {at + 1} of {n_steps} in epoch {epoch} "
            f"(the losses before it in this epoch: {before}): {CURES}",
            epoch=epoch,
            step=at + 1,
        )


def _finite(arrays: dict[str, np.ndarray], epoch: int, n_steps: int) -> dict[str, np.ndarray]:
    """The arrays, if they are finite: after the last step of an epoch no loss has been computed
    from them yet.
    """
    if not is_finite(arrays):
        raise TrainingError(
            f"parameters or statistics became NaN or infinite at step {n_steps} of {n_steps} in epoch {epoch}, "
            f"though the loss was finite: {CURES}",
            epoch=epoch,
            step=n_steps,
        )
    return arrays


def _call_back(
    callbacks: Sequence[Callback | Every],
    epoch: int,
    job: Job,
    arrays: dict[str, np.ndarray],
    history: History,
) -> None:
    pairs = [
        callback if isinstance(callback, Every) else Every(1, callback) for callback in callbacks
    ]
    for callback in (pair.callback for pair in pairs if epoch % pair.epochs == 0):
        values = callback(epoch, job.model(arrays), history) or {}
        taken = [
            name
            for name in values
            if len(history.get(name, ())) == epoch and history[name][-1] is not None
        ]
        if taken:
            raise InputError(
                f"a callback returned {taken[0]!r}, which the history has already: choose another name"
            )
        _append(history, epoch, {name: float(value) for name, value in values.items()})


def _append(history: History, epoch: int, values: dict[str, float]) -> None:
    """Enters values at an epoch; every list is as long as epochs have passed, with None where
    nothing was given.
    """
    for name in {**history, **values}:
        entries = history.setdefault(name, [])
        entries.extend([None] * (epoch - len(entries)))
        if name in values:
            entries[-1] = values[name]
