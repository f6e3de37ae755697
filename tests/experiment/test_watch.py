"""Who looks on: progress comes to a callback as data, and no log has a part in it."""

import logging
from typing import Any

import pytest
from sklearn.base import BaseEstimator

from scratchclust.estimators.base import TellsProgress
from scratchclust.experiment.watch import ProgressTeller, looked_on
from scratchclust.progress import Progress

HALF = Progress("epoch", 1, 2, "loss", 3.0, share=0.5)
WHOLE = Progress("epoch", 1, 2, "loss", 2.5)


class Slow(TellsProgress, BaseEstimator):
    """Tells two reports, and then fails if it is to."""

    def __init__(self, fails: bool = False, verbose: int = 0) -> None:
        self.fails = fails
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "Slow":
        self._tell(HALF)
        self._tell(WHOLE)
        if self.fails:
            raise RuntimeError("died")
        return self


def test_what_an_estimator_reports_is_told_a_line_for_each_whole_unit() -> None:
    told: list[str] = []
    estimator = Slow()
    with looked_on(estimator, ProgressTeller(told.append), None):
        estimator.fit([])
    assert told == [str(WHOLE)] == ["epoch 1 of 2: loss 2.5"]


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_nobody_looks_on(fails: bool) -> None:
    told: list[str] = []
    estimator = Slow(fails)
    before = vars(estimator).copy()
    try:
        with looked_on(estimator, ProgressTeller(told.append)):
            estimator.fit([])
    except RuntimeError:
        assert fails
    assert vars(estimator) == before
    with pytest.raises(RuntimeError, match="died"):
        Slow(True).fit([])
    assert len(told) == 1


def test_no_log_level_is_moved() -> None:
    names = ("scratchclust", "scratchclust.train", "scratchclust.reduce", "scratchclust.estimators")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with looked_on(Slow(), ProgressTeller(print)):
        assert [(logger.level, list(logger.handlers)) for logger in loggers] == before


def test_an_estimator_that_calls_nobody_back_is_left_alone() -> None:
    estimator = BaseEstimator()
    with looked_on(estimator, ProgressTeller(print)):
        assert vars(estimator) == {}
