"""t-SNE killed and resumed, its damaged checkpoints, those of other maps; and the memory that it
takes.
"""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from scratchclust import TSNE, rows
from scratchclust.errors import InputError
from scratchclust.reduce import tsne as fast
from scratchclust.reduce.tsne_parts import checkpoint as tsne_checkpoint
from tests.reduce.tsne_process import DEATHS, one_map, points

ROOT, PROGRAM = Path(__file__).parents[2], "tests.reduce.tsne_process"
N_ITER = 220
X, START = points(40), np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
GIVEN = {"perplexity": 5.0, "max_iter": 100, "start": START, "learning_rate": 20.0}


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with rows.on(jax.local_devices()[:1]):
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The checkpoint of a finished map of X, in a new folder."""
    fast.tsne(X, **GIVEN, checkpoint=tmp_path / "new" / "map.safetensors")
    return tmp_path / "new" / "map.safetensors"


def in_a_process(*arguments: object) -> list[str]:
    command = [sys.executable, "-m", PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.split()


def assert_same(found, expected) -> None:
    np.testing.assert_array_equal(found.embedding, expected.embedding)
    for name in ("iteration", "kl_divergence"):
        np.testing.assert_array_equal(getattr(found.history, name), getattr(expected.history, name))
    assert found[1:4] == expected[1:4]


@pytest.mark.full
def test_sigkill_and_resume_give_the_same_bits(tmp_path: Path) -> None:
    file = tmp_path / "maps" / "map.safetensors"
    assert in_a_process("killed", file, N_ITER) == [str(int(signal.SIGKILL))] * len(DEATHS)
    assert sorted(path.name for path in file.parent.iterdir()) == [
        ".map.safetensors.draft",
        "map.safetensors",
    ]
    told: list[int] = []
    resumed = one_map(file, N_ITER, lambda iteration, _: told.append(iteration))
    assert told == [
        150,
        200,
        220,
    ]  # 50 by the first, none by the second, 100 by the third, which died in writing 150
    assert_same(resumed, one_map(None, N_ITER))
    assert [path.name for path in file.parent.iterdir()] == ["map.safetensors"]


@pytest.mark.full
def test_every_checkpoint_is_one_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grid of all of them is that of the map, though the map of the whole run came to it on its
    way.
    """
    monkeypatch.setattr(tsne_checkpoint, "PAUSE_SECONDS", 0.0)
    file, kept = tmp_path / "map.safetensors", {}
    whole = one_map(file, 320, lambda iteration, _: kept.update({iteration: file.read_bytes()}))
    for iteration in (50, 250, 300):
        file.write_bytes(kept[iteration])
        assert_same(one_map(file, 320), whole)


def test_a_finished_map_is_read_and_more_iterations_go_on(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    more = GIVEN | {"max_iter": 130}
    expected = fast.tsne(X, **more)
    assert_same(
        fast.tsne(X, **more, checkpoint=file, progress=lambda i, _: told.append(i)), expected
    )
    assert told == [130]
    more["max_iter"] = 160  # 130 was the end, but is no place for an entry of the history
    assert_same(fast.tsne(X, **more, checkpoint=file), fast.tsne(X, **more))
    monkeypatch.setattr(
        fast, "joint_affinities", lambda *_: pytest.fail("nothing is to be computed")
    )
    assert fast.tsne(X, **more, checkpoint=file).n_iter == 160
    with pytest.raises(InputError, match="of iteration 160, but max_iter is 100: give 160 or more"):
        fast.tsne(X, **GIVEN, checkpoint=file)


def test_no_more_often_than_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(pause: float) -> int:
        names: list[str] = []
        monkeypatch.setattr(tsne_checkpoint, "PAUSE_SECONDS", pause)
        write = tsne_checkpoint._write
        with monkeypatch.context() as context:
            context.setattr(
                tsne_checkpoint, "_write", lambda *given: (names.append("."), write(*given))
            )
            fast.tsne(X, **GIVEN | {"max_iter": 220}, checkpoint=tmp_path / f"{pause}.safetensors")
        return len(names)

    assert written(0.0) == 5
    assert written(3600.0) == 2  # the first and the last


@pytest.mark.parametrize("where", [3, 30, 200, 0.5, -1])
def test_a_flipped_bit_is_refused(file: Path, where: float) -> None:
    """In the length of the header, in the header, and in the arrays."""
    content = bytearray(file.read_bytes())
    content[int(where * len(content)) if 0 < where < 1 else int(where)] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"map\.safetensors is refused: it is damaged.*remove it, or choose another",
    ):
        fast.tsne(X, **GIVEN, checkpoint=file)


@pytest.mark.parametrize("length", [0, 5, 100, 1000, -1])
def test_a_truncated_file_is_refused(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(InputError, match="is refused: it is damaged"):
        fast.tsne(X, **GIVEN, checkpoint=file)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"perplexity": 6.0}, r"another map \(perplexity: 5\.0 there, 6\.0 now\)"),
        (
            {"early_exaggeration": 2.0, "learning_rate": 21.0},
            r"early_exaggeration: 4\.0 there.* 21\.0 now\)",
        ),
        ({"start": START + 1}, "start: [0-9a-f]{64} there"),
        ({"start": None}, "start: [0-9a-f]{64} there, pca [0-9a-f]{64} now"),
    ],
)
def test_a_checkpoint_of_other_parameters_is_refused(
    file: Path, changed: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fast.tsne(X, **GIVEN | changed, checkpoint=file)


def test_a_checkpoint_of_other_data_is_refused(file: Path) -> None:
    other = X.copy()
    other[7, 3] = np.nextafter(other[7, 3], np.inf)
    for data in (other, X.astype(np.float64)):
        with pytest.raises(InputError, match=r"another map.*data: [0-9a-f]{64} there"):
            fast.tsne(data, **GIVEN, checkpoint=file)


def test_the_digests_are_those_of_checkpoints_that_are_there() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert tsne_checkpoint.sha256_of(array).startswith("1555a8f056a90ee0bb88a27603424563")
    arrays = {"b": np.zeros(2, np.int32), "a": np.ones(1)}
    header = {"schema": "2", "made_of": '{"x": 1}'}
    assert tsne_checkpoint._digest(arrays, header).startswith("746bac6640f341b583afa8c7b135b306")


def test_a_later_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(tsne_checkpoint, "SCHEMA", 3)
        fast.tsne(X, **GIVEN, checkpoint=tmp_path / "map")
    with pytest.raises(InputError, match="it has schema 3, this version reads 2"):
        fast.tsne(X, **GIVEN, checkpoint=tmp_path / "map")


def test_a_full_disk_keeps_the_old_checkpoint(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"could not be written to .*\(No space left on device\): make room"
    ):
        fast.tsne(X, **GIVEN | {"max_iter": 150}, checkpoint=file)
    assert [path.read_bytes() for path in file.parent.iterdir()] == [before]


def test_the_estimator_goes_on(tmp_path: Path) -> None:
    given = {"perplexity": 5, "init": "random", "random_state": 3}
    TSNE(max_iter=50, checkpoint_dir=tmp_path / "maps", **given).fit(X)
    resumed = TSNE(max_iter=60, checkpoint_dir=tmp_path / "maps", **given).fit(X)
    np.testing.assert_array_equal(resumed.embedding_, TSNE(max_iter=60, **given).fit(X).embedding_)
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["tsne.safetensors"]
    with pytest.raises(ValueError, match=r"start: [0-9a-f]{64} there"):
        TSNE(max_iter=60, checkpoint_dir=tmp_path / "maps", **given | {"random_state": 4}).fit(X)


@pytest.mark.full
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the most memory of a process from Linux"
)
def test_memory_grows_linearly() -> None:
    """Of 14,000 points: an n x n matrix of single bytes would take 196 MB, one of float32 784 MB
    more than of 3,500.
    """
    few, many = map(int, in_a_process("memory", 3_500, 14_000))
    assert many - few < 120e6


def test_a_map_that_ended_early_is_kept_and_stays_as_it_is(tmp_path: Path) -> None:
    """Without progress it ends before max_iter; the same call finds it again, another patience goes
    on from there.
    """
    given = GIVEN | {"max_iter": 700, "min_grad_norm": 0.0, "n_iter_without_progress": 50}
    patient = fast.tsne(X, **given | {"n_iter_without_progress": 300})
    file, told = tmp_path / "map.safetensors", []
    first = fast.tsne(X, **given | {"min_grad_norm": 1.0}, checkpoint=file)
    assert first.n_iter == 300  # any gradient is short enough, once the exaggeration is over
    again = fast.tsne(
        X, **given | {"min_grad_norm": 1.0}, checkpoint=file, progress=lambda i, _: told.append(i)
    )
    assert_same(again, first)
    assert told == []
    assert_same(fast.tsne(X, **given | {"n_iter_without_progress": 300}, checkpoint=file), patient)


@pytest.mark.parametrize("killed_at", [200, 250, 300])
def test_it_goes_on_across_the_end_of_the_exaggeration(tmp_path: Path, killed_at: int) -> None:
    more = GIVEN | {"max_iter": 350}
    fast.tsne(X, **GIVEN | {"max_iter": killed_at}, checkpoint=tmp_path / "map")
    assert_same(fast.tsne(X, **more, checkpoint=tmp_path / "map"), fast.tsne(X, **more))


def test_a_checkpoint_of_another_spread_of_the_start_or_metric_is_refused(tmp_path: Path) -> None:
    given = {"perplexity": 5.0, "max_iter": 50, "checkpoint": tmp_path / "map"}
    fast.tsne(X, **given, key=jax.random.key(1))
    with pytest.raises(InputError, match=r"start: pca [0-9a-f]{64} there, pca [0-9a-f]{64} now"):
        fast.tsne(X, **given)
    with pytest.raises(InputError, match="metric: euclidean there, cosine now"):
        fast.tsne(X, **given, key=jax.random.key(1), metric="cosine")
