"""The reports of a training: how often, how far, how fast, and the line that is made of one."""

import pytest

from scratchclust.progress import Progress
from scratchclust.train import clock
from scratchclust.train.clock import Clock


@pytest.fixture
def seconds(monkeypatch):
    """The time, which only the test moves."""
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    return now


def test_an_epoch_in_one_line():
    first = Progress("epoch", 1, 10, "loss", 21.3217)
    assert str(first) == "epoch 1 of 10: loss 21.32"
    later = first._replace(done=3, images_per_second=4512.3, seconds_left=39.7, part="class 7: ")
    assert str(later) == "class 7: epoch 3 of 10: loss 21.32, 4,512 images/s, 40 s left"


def test_pace_and_time_left_by_hand(seconds):
    reports = []
    told = Clock(reports.append, epochs=2, steps=4, batch_size=8)
    for epoch in (1, 2):
        for step in (1, 2, 3, 4):
            told.report(epoch, step, loss=10.0 * epoch + step)
            seconds[0] += 2
    assert [(report.done, report.share) for report in reports] == [
        (epoch, step / 4) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]
    assert [report.value for report in reports][:2] == [11, 12]
    # 8 images in 2 s, not counting the first call, which compiles
    assert [report.images_per_second for report in reports] == [None, *[4] * 7]
    assert [report.seconds_left for report in reports] == [None, 12, 10, 8, 6, 4, 2, 0]


def test_no_more_than_ten_a_second_but_the_end_of_each_epoch(seconds):
    reports = []
    told = Clock(reports.append, epochs=2, steps=100, batch_size=8)
    for epoch in (1, 2):
        for step in range(1, 101):
            told.report(epoch, step, loss=0.0)
            seconds[0] += 0.01
    assert [report.done for report in reports if report.share == 1] == [1, 2]
    assert 16 <= len(reports) <= 24


def test_nobody_listens(seconds):
    Clock(None, epochs=1, steps=1, batch_size=8).report(1, 1, loss=0.0)
