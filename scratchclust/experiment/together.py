"""One run by several processes: process 0 runs it, the others do their share of what is long.

Process 0 goes through the run as it would alone; it alone writes, prints, and holds the lock. At
the steps that are shared out it says so to the others, who wait for it in `follow`:

    load         each decodes its share of the pictures, and all get all pixels
    fit          an estimator that learns from shares: k-means, PCA, the trainings
    transform    each computes the features of its share of the images

Everything else (other clusterings, scores, the map, the page) process 0 does alone, with the
vectors of all images, which it has. Where no others follow, each function here is the plain call.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from scratchclust.errors import InputError
from scratchclust.experiment.telling import estimator_of, replace_labels, state_of

PIXELS = "pixels.npy"


class _Step(NamedTuple):
    """What process 0 tells the others to do."""

    name: str  # "load", "fit" or "transform"
    plan: Any = None  # of the run, to load
    estimator: Any = None  # its class and what it holds
    on_images: bool = False  # else on vectors
    sends: bool = False  # these come from process 0; else they are those of the last step


class _Team:
    """What process 0 remembers of the others; None stands in its place where there are none."""

    last: Any = None  # the vectors that they have


_team: _Team | None = None


@contextmanager
def leading() -> Iterator[None]:
    """Inside, on process 0, the others follow; they are told of its end, and of an error."""
    from scratchclust import processes

    global _team
    _team = _Team()
    try:
        yield
    except InputError as error:
        refused = error
        with _ignored(InputError):
            processes.from_first(lambda: _raise(refused))
        raise
    finally:
        _team = None
    processes.from_first(lambda: None)


def follow(load: Callable[[Any, Path], Any]) -> None:
    """On another process: do what process 0 says until it has ended.

    Args:
        load: of a plan and a file for the pixels, the images (`images.load_clustered`).

    Raises:
        InputError: process 0 has met it, or this process: the images are not the same for both.
    """
    from scratchclust import processes

    images = X = None
    with TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # process 0 says it
        while (step := processes.from_first(lambda: None)) is not None:
            if step.name == "load":
                with _shared_decoding():
                    dataset = load(step.plan, Path(place) / PIXELS)
                _check(dataset)
                images = dataset.images
                continue
            if step.sends:
                X = processes.array_from_first(None)
            estimator = estimator_of(step.estimator)
            of_step: Any = images if step.on_images else X
            (_fit_share if step.name == "fit" else _transform_share)(estimator, of_step)


# --- what process 0 calls


def loading(plan: Any) -> Any:
    """A context in which images are read by all processes, each its share of the pictures."""
    if _team is None:
        return nullcontext()
    from scratchclust import processes

    processes.from_first(lambda: _Step("load", plan=plan))
    return _shared_decoding()


def check_loaded(dataset: Any) -> None:
    """Refuse to go on where another process has read other images, or where there are too few.

    Raises:
        InputError: it is so.
    """
    if _team is not None:
        _check(dataset)


def fit(estimator: Any, X: np.ndarray, *, on_images: bool = False) -> None:
    """`estimator.fit(X)`, by all processes where it can learn from shares."""
    if _team is None or not estimator.learns_from_shares:
        estimator.fit(X)
        return
    _tell("fit", estimator, X, on_images)
    _fit_share(estimator, X)


def transform(estimator: Any, X: np.ndarray, *, on_images: bool = False) -> np.ndarray:
    """`estimator.transform(X)` of one whose rows do not depend on each other, by all processes."""
    if _team is None:
        return np.asarray(estimator.transform(X))
    _tell("transform", estimator, X, on_images)
    return _transform_share(estimator, X)


def fit_transform(estimator: Any, X: np.ndarray) -> np.ndarray:
    """`estimator.fit_transform(X)`; by all processes where it can learn from shares."""
    if _team is None or not estimator.learns_from_shares:
        return np.asarray(estimator.fit_transform(X))
    fit(estimator, X)
    return transform(estimator, X)


# --- what all do


def _tell(name: str, estimator: Any, X: np.ndarray, on_images: bool) -> None:
    from scratchclust import processes

    assert _team is not None
    sends = not on_images and _team.last is not X
    what = state_of(estimator)
    step = _Step(name, estimator=what, on_images=on_images, sends=sends)
    processes.from_first(lambda: step)
    if sends:
        processes.array_from_first(X)
        _team.last = X


def _fit_share(estimator: Any, X: np.ndarray) -> None:
    from scratchclust import processes, rows

    with rows.on(processes.devices()):
        estimator.fit(X[processes.share(len(X))])
    replace_labels(estimator, processes.gathered)


def _transform_share(estimator: Any, X: np.ndarray) -> np.ndarray:
    from scratchclust import processes

    return processes.gathered(np.asarray(estimator.transform(X[processes.share(len(X))])))


def _check(dataset: Any) -> None:
    from scratchclust import processes

    processes.check_same(dataset.sha256, "images")
    n = len(dataset.images)
    if n < processes.count():
        raise InputError(f"{n} images are too few for {processes.count()} processes: take fewer")


def _shared_decoding() -> Any:
    from scratchclust import processes
    from scratchclust.data.decoding import Exchange, shared_by

    return shared_by(Exchange(processes.index(), processes.count(), processes.of_all))


def _raise(error: InputError) -> None:
    raise error


@contextmanager
def _ignored(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind:
        return
