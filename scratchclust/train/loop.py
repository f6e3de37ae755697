"""The training loop: epochs of steps over shuffled images, with a history, checkpoints, and a stop
at the first NaN.

Every random number comes from one key by folding in the number of the epoch and of the step, so a
run that is resumed draws what it would have drawn. What one step does stands in `steps.py`; what
puts it on the devices, in `runner.py`; what can be chosen, in `settings.py`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Num

from scratchclust import processes, rows, shares
from scratchclust.errors import InputError, TrainingError
from scratchclust.progress import Progress
from scratchclust.rows import AnyArray
from scratchclust.train.checkpoint import Checkpoints, History, Record
from scratchclust.train.clock import Clock
from scratchclust.train.losses import Batch, Loss
from scratchclust.train.runner import Runner
from scratchclust.train.settings import STOP, Callback, Every, Training
from scratchclust.train.state import State, is_finite
from scratchclust.train.steps import Prepare, unit_scale

__all__ = ["STOP", "Callback", "Every", "Training", "TrainingResult", "fit", "train"]

N_LAST = 5  # losses that an error shows
CURES = "try a smaller learning rate or a warm-up (CosineSpec), check the range of the images"


class TrainingResult(NamedTuple):
    """A trained model and how it came about."""

    model: Any  # of the class of the one that came in, in evaluation mode
    # name -> one value for each epoch: the mean of its steps, or a callback's, None where it gave
    # none
    history: History


def train(
    model: Any,
    images: Num[Array, "n ..."] | Num[np.ndarray, "n ..."],
    *,
    labels: Int[AnyArray, " n"] | Float[AnyArray, "n k"] | None = None,
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
        labels: [n], for losses that want them; for some, targets [n k].
        loss: see `losses`.
        optimizer: a name, a spec, or a transformation of optax.
        epochs: how often each image is seen.
        batch_size: images in a step; n if that is less.
        key: decides the shuffles and all that `prepare` and the loss draw.
        prepare: makes float32 of a batch of stored images: `prepare(images, key)`, inside of the
            compiled step.
        precision: in which the model computes: "float32", on every device; "bfloat16"; or "tf32",
            float32 whose products are as a GPU or TPU does them fastest (TF32, one pass of
            bfloat16). Parameters and losses are float32.
        callbacks: functions (epoch, model, history) -> numbers by name, or None; the numbers enter
            the history. One that returns `STOP` ends the training after this epoch, once all have
            been called; no checkpoint of it is written, so that a resumed run comes to the same
            end by the same answer.
        checkpoints: where and how often to keep the state, also after the last epoch.
        resume: go on from the newest usable checkpoint; from the beginning if there are none. On a
            CPU the parameters become the same to the last bit; elsewhere, where the time that a
            step takes decides how many of them are compiled together, to rounding.
        progress: is told where the run is, at most ten times a second.

    Returns:
        The trained model and the history, which has "loss" and each term of it.

    Raises:
        InputError: settings that do not go together, or no checkpoint can be used.
        TrainingError: the loss or a parameter is no finite number any more, or a checkpoint could
            not be written. It carries the model and the history of the last good epoch.
    """
    training = Training(
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        prepare=prepare,
        precision=precision,
        callbacks=callbacks,
        checkpoints=checkpoints,
        resume=resume,
        progress=progress,
    )
    return fit(model, Batch(images, labels), loss=loss, key=key, training=training)


def fit(model: Any, data: Batch, *, loss: Loss, key: Any, training: Training) -> TrainingResult:
    """Do what `train` does, with its settings as one value.

    Args:
        model: an nnx module.
        data: the images, the labels or None, and the neighbours or None; with these the loss is
            given pairs.
        loss: see `losses`.
        key: decides the shuffles and all that `prepare` and the loss draw.
        training: the settings.

    Returns:
        As `train`.

    Raises:
        InputError: as `train`.
        TrainingError: as `train`.
    """
    runner = Runner(model, data, loss=loss, key=key, training=training)
    checkpoints = training.checkpoints
    done, arrays, history = _begin(runner, training)
    state = runner.place(arrays)
    clock = Clock(
        training.progress,
        epochs=training.epochs,
        steps=runner.n_steps,
        batch_size=runner.batch_size,
    )
    try:
        for epoch in range(done + 1, training.epochs + 1):
            state, terms = _run_epoch(runner, state, epoch, clock)
            arrays = _finite(runner.fetch(state), epoch, runner.n_steps)
            _append(history, epoch, {name: float(values.mean()) for name, values in terms.items()})
            if _call_back(training, epoch, partial(runner.model, arrays), history):
                break
            if (
                checkpoints
                and _writes()
                and (epoch % checkpoints.every == 0 or epoch == training.epochs)
            ):
                checkpoints.save(
                    Record(epoch, arrays, history, runner.key_numbers, runner.configuration)
                )
    except TrainingError as error:
        error.model = runner.model(arrays)
        error.history = history
        raise
    return TrainingResult(runner.model(arrays), history)


def _begin(runner: Runner, training: Training) -> tuple[int, dict[str, np.ndarray], History]:
    """Find the epochs that are finished, the state after them, and their history."""
    checkpoints = training.checkpoints
    if checkpoints is None:
        return 0, runner.start, {}
    if not training.resume and checkpoints.found():
        raise InputError(
            f"{checkpoints.folder} holds checkpoints of an earlier training: "
            "go on with resume=True, choose another folder, or remove it"
        )
    load = partial(checkpoints.load, runner.configuration)
    record = shares.agreed(load) if training.resume else None
    if record is None:
        return 0, runner.start, {}
    if record.epoch > training.epochs:
        raise InputError(
            f"the checkpoint is of epoch {record.epoch}, but epochs is {training.epochs}: "
            f"give {record.epoch} or more"
        )
    return record.epoch, record.arrays, record.history


def _run_epoch(
    runner: Runner, state: State, epoch: int, clock: Clock
) -> tuple[State, dict[str, np.ndarray]]:
    """Run one epoch: the state after it, and the terms of the loss, one value for each step."""
    order, key = runner.shuffle(epoch)
    terms: dict[str, np.ndarray] = {"loss": np.empty(0)}
    while (n_done := len(terms["loss"])) < runner.n_steps:
        state, new = runner.advance(state, order, key, n_done)
        terms = {
            name: np.append(terms.get(name, np.empty(0)), values) for name, values in new.items()
        }
        _stop_at_nan(terms["loss"], epoch, runner.n_steps)
        clock.report(epoch, len(terms["loss"]), float(terms["loss"][-1]))
    return state, terms


def _writes() -> bool:
    """Whether this process keeps the checkpoints: of several that train as one, process 0."""
    return processes.is_first() or not rows.is_shared()


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
            f"parameters or statistics became NaN or infinite at step {n_steps} of {n_steps} "
            f"in epoch {epoch}, though the loss was finite: {CURES}",
            epoch=epoch,
            step=n_steps,
        )
    return arrays


def _call_back(
    training: Training, epoch: int, make_model: Callable[[], Any], history: History
) -> bool:
    """Call those whose turn it is, each with a model of its own, enter their numbers, and say
    whether one of them asked to stop.
    """
    stop = False
    for callback in training.callbacks_after(epoch):
        answer = callback(epoch, make_model(), history)
        if answer is STOP:
            stop = True
            continue
        values = answer or {}
        taken = [name for name in values if _has_value(history, name, epoch)]
        if taken:
            raise InputError(
                f"a callback returned {taken[0]!r}, which the history has already: "
                "choose another name"
            )
        _append(history, epoch, {name: float(value) for name, value in values.items()})
    return stop


def _has_value(history: History, name: str, epoch: int) -> bool:
    entries = history.get(name, [])
    return len(entries) == epoch and entries[-1] is not None


def _append(history: History, epoch: int, values: dict[str, float]) -> None:
    """Enter values at an epoch; every list is as long as epochs have passed, with None where
    nothing was given.
    """
    for name in {**history, **values}:
        entries = history.setdefault(name, [])
        entries.extend([None] * (epoch - len(entries)))
        if name in values:
            entries[-1] = values[name]
