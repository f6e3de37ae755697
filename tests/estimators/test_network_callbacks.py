"""What a training of features tells and keeps: lines, checkpoints, scikit-learn's callbacks."""

import numpy as np
import pytest
from sklearn.callback import ProgressBar
from sklearn.pipeline import make_pipeline

from scratchclust import PCA, KMeans
from scratchclust.errors import InputError
from tests.features.network_cases import (
    IMAGES,
    LABELS,
    MAKERS,
    NEW,
    autoencoder,
    class_losses,
    classifier,
    fitted,
    same,
)


@pytest.mark.quick(2)
@pytest.mark.parametrize("make", MAKERS)
class TestEach:
    @pytest.mark.quick(1)
    def test_a_line_for_each_epoch(self, make, capsys):
        make(verbose=1).fit(IMAGES, LABELS)
        told = capsys.readouterr().out.splitlines()
        lines = [
            line for line in told if not line.startswith("round ")
        ]  # of DEC, behind its epochs
        networks = ["class 0: ", "class 1: "] if make is class_losses else [""]
        beginnings = [
            f"{network}epoch {epoch} of 2: loss " for network in networks for epoch in (1, 2)
        ]
        assert len(lines) == len(beginnings)
        assert all(
            line.startswith(beginning) for line, beginning in zip(lines, beginnings, strict=True)
        )
        make().fit(IMAGES, LABELS)
        assert capsys.readouterr().out == ""

    @pytest.mark.quick(1)
    def test_a_fit_goes_on_where_the_last_one_ended(self, make, tmp_path):
        first = make(epochs=np.int64(1), batch_size=np.int64(16), checkpoint_dir=tmp_path).fit(
            IMAGES, LABELS
        )
        further = make(epochs=3, checkpoint_dir=str(tmp_path)).fit(IMAGES, LABELS)
        undisturbed = make(epochs=3).fit(IMAGES, LABELS)
        assert same(further, undisturbed)
        assert not same(further, first)
        assert further.history_ == undisturbed.history_
        assert further.transform(NEW).tobytes() == undisturbed.transform(NEW).tobytes()
        with pytest.raises(
            InputError, match=r"none of 2 checkpoints in .* can be used.*another configuration"
        ):
            make(epochs=3, checkpoint_dir=tmp_path, random_state=1).fit(IMAGES, LABELS)

    def test_each_epoch_is_told_as_data(self, make, caplog):
        hear = Hear()
        with caplog.at_level("INFO", logger="scratchclust"):
            make().set_callbacks(hear).fit(IMAGES, LABELS)
        parts = ["class 0: ", "class 1: "] if make is class_losses else [""]
        ends = [report for report in hear.reports if report.share == 1]
        epochs = [end for end in ends if end.unit != "round"]  # of DEC, behind its epochs
        assert [(end.part, end.unit, end.done, end.total, end.measure) for end in epochs] == [
            (part, "epoch", epoch, 2, "loss") for part in parts for epoch in (1, 2)
        ]
        assert [record.getMessage() for record in caplog.records] == [str(end) for end in ends]


class Hear:
    """A callback that hears how far the training is."""

    def __init__(self):
        self.reports = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass

    def on_progress(self, progress):
        self.reports.append(progress)

    def teardown(self, estimator, context):
        pass


class Count:
    """A callback that notes what it is told, and may ask to stop after so many tasks."""

    def __init__(self, stop_after=None):
        self.ended, self.features, self.stop_after, self.tidied = [], [], stop_after, 0

    def setup(self, estimator, context):
        self.depth = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        self.ended.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        self.ended.append(context.task_name)
        if fitted_estimator is not None:
            self.features.append(fitted_estimator.transform(X[:3]))
        return self.stop_after is not None and len(self.ended) >= self.stop_after

    def teardown(self, estimator, context):
        self.tidied += 1


class TestCallbacks:
    @pytest.mark.parametrize("make", [autoencoder, classifier])
    def test_an_epoch_is_a_task_with_a_usable_estimator(self, make):
        count = Count()
        estimator = make().set_callbacks(count).fit(IMAGES, LABELS)
        assert count.ended == [
            "begin fit",
            "begin epoch 1",
            "epoch 1",
            "begin epoch 2",
            "epoch 2",
            "fit",
        ]
        assert count.tidied == 1
        assert same(estimator, fitted(make))  # who looks on changes nothing
        one = make(epochs=1).fit(IMAGES, LABELS)
        for found, expected in zip(count.features, (one, estimator, estimator), strict=True):
            assert found.tobytes() == expected.transform(IMAGES[:3]).tobytes()

    def test_a_class_is_a_task_of_epochs(self):
        count = Count()
        estimator = class_losses(epochs=1).set_callbacks(count).fit(IMAGES, LABELS)
        ends = [name for name in count.ended if not name.startswith("begin")]
        assert ends == ["epoch 1", "class 0", "epoch 1", "class 1", "fit"]
        assert len(count.features) == 1  # only whole at the end
        assert count.features[0].tobytes() == estimator.transform(IMAGES[:3]).tobytes()

    @pytest.mark.parametrize("make", [autoencoder, classifier])
    def test_a_callback_may_end_the_training(self, make):
        stopped = make(epochs=5).set_callbacks(Count(stop_after=5)).fit(IMAGES, LABELS)
        assert len(stopped.history_["loss"]) == 2
        assert same(stopped, fitted(make))

    @pytest.mark.full
    def test_those_of_a_step_are_its_own(self):
        count = Count()
        step = autoencoder(epochs=1).set_callbacks(count)
        pipeline = make_pipeline(step, PCA(2), KMeans(2, random_state=0)).fit(IMAGES)
        assert count.ended == ["begin fit", "begin epoch 1", "epoch 1", "fit"]
        assert not hasattr(pipeline[1], "_skl_callbacks")
        pipeline[0].set_callbacks()
        pipeline.fit(IMAGES)
        assert len(count.ended) == 4

    def test_one_of_a_pipeline_reaches_the_networks(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.warns(UserWarning, match="does not support callbacks"):
            make_pipeline(autoencoder(), PCA(2)).set_callbacks(ProgressBar()).fit(IMAGES)
        assert "AutoencoderFeatures - fit" in capsys.readouterr().out
