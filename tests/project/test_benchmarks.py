"""The benchmarks run, and on a bare machine; a part that fails loses no other; what stands in the
pages is what the files of results give.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as suite
from benchmarks import bare, goals, harness, peers, report, result_file
from benchmarks.bench_kmeans import InTurn

ROOT = Path(__file__).parents[2]
BARE = [sys.executable, "-m", "tests.project.bare_machine"]
QUICKEST = {"dunn"}
TABLES = {
    "rates": "products",
    "scaling": "times the floor",
    "estimate": "estimated",
    "startup": "import",
}
PEERS = ("scikit-learn", "brute force", "products alone")


def run_bare(*arguments):
    kept = {name: value for name, value in os.environ.items() if name != "TFDS_DATA_DIR"}
    return subprocess.run(
        [*BARE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, env=kept
    )


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICKEST else pytest.param(name, marks=pytest.mark.full)
        for name in suite.NAMES
    ],
)
def test_quick_run_on_a_bare_machine(name):
    done = run_bare("benchmarks", "--only", name, "--here", "--quick", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert TABLES.get(name, "faster than peer") in done.stdout
    assert name in TABLES or any(peer in done.stdout for peer in PEERS)


def test_a_bare_machine_lacks_what_it_lacks():
    program = "import importlib.util as u; print([n for n in {} if u.find_spec(n)])"
    names = ["jaxtyping", "typer", "matplotlib", "safetensors", "openTSNE", "jax", "torch", "rich"]
    hidden = ROOT / "tests" / "project" / "bare_machine.py"
    code = hidden.read_text().replace(
        'runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)',
        program.format(names),
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "x"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    found = json.loads(done.stdout.replace("'", '"'))
    assert not {"jaxtyping", "typer", "matplotlib", "safetensors", "openTSNE"} & set(found)
    assert {"jax", "rich"} <= set(found)


def test_annotations_stand_without_jaxtyping(monkeypatch):
    """The stand-in gives every name that the package asks of jaxtyping."""
    monkeypatch.setitem(sys.modules, "jaxtyping", None)
    bare.stand_in()
    from jaxtyping import Array, Float, PRNGKeyArray, ScalarLike

    assert Float[Array, "n d"] | None
    assert ScalarLike | PRNGKeyArray


# --- the order of a run


def test_a_part_that_fails_loses_no_other(tmp_path):
    """The one that ends well has its section; the other is named with its command."""
    code = (
        "import sys; from benchmarks import __main__ as suite\n"
        "suite.NAMES = (*suite.NAMES, 'nowhere')\n"
        "sys.exit(suite.main(sys.argv[1:]))"
    )
    given = ["--only", "nowhere", "rates", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *given], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "1 of 2 parts done" in done.stdout
    assert "failed: nowhere; all others are kept. Again: python -m benchmarks --only nowhere" in (
        done.stdout
    )
    (path,) = tmp_path.glob("*.json")
    found = result_file.read(path)
    assert list(found["sections"]) == ["rates"]
    section = found["sections"]["rates"]
    assert section["command"] == "python -m benchmarks --only rates"
    assert {"python", "versions", "threads", "precision"} == set(section["environment"])
    assert set(found["device"]) == {"kind", "platform", "n_devices", "cores", "architecture"}
    assert platform.node() not in path.read_text()


def test_a_section_replaces_itself_alone(tmp_path):
    result_file.write_section("a", {"x": 1}, tmp_path)
    result_file.write_section("b", {"x": 2}, tmp_path)
    path = result_file.write_section("a", {"x": 3}, tmp_path)
    assert result_file.read(path)["sections"] == {"a": {"x": 3}, "b": {"x": 2}}
    path.write_text('{"schema": 0}')
    with pytest.raises(ValueError, match="expected schema 1"):
        result_file.read(path)


@pytest.mark.parametrize("names", [["umap"], ["--only", "umap"]])
def test_an_unknown_benchmark_is_one_line(names, capsys):
    with pytest.raises(SystemExit) as ended:
        suite.main(names)
    assert ended.value.code == 2
    assert f"no benchmark umap: choose from {', '.join(suite.NAMES)}" in capsys.readouterr().err


def test_threads_of_a_shell_are_not_handed_on(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert not set(suite.THREADS) & set(suite._environment())


# --- a comparison


def counted(calls, name):
    def run():
        calls[name] = calls.get(name, 0) + 1
        return {}

    return harness.Contender(name, run)


def test_a_rival_whose_first_call_is_long_runs_once(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE", 0)
    monkeypatch.setattr(harness.PACE, "long", -1.0)
    calls = {}
    names = ("scratchclust", "products alone", "rival")
    found = harness.compare("p", [counted(calls, name) for name in names], repeats=3, warm_ups=2)
    assert calls == {"scratchclust": 5, "products alone": 1, "rival": 1}
    assert [len(row["seconds"]) for row in found["contenders"]] == [3, 1, 1]
    assert [row["kind"] for row in found["contenders"]] == ["ours", "floor", "rival"]


def test_rounds_end_where_the_next_would_be_too_long(monkeypatch):
    monkeypatch.setattr(harness, "PAUSE", 0)
    monkeypatch.setattr(harness.PACE, "rounds", 0.0)
    calls = {}
    harness.compare("p", [counted(calls, name) for name in "ab"], repeats=5)
    assert calls == {"a": 2, "b": 2}


def test_ratios_are_of_rounds_and_one_time_is_that_of_each():
    assert harness.ratios_of([1.0, 2.0, 4.0], [2.0, 2.0, 2.0]) == (1.0, 0.5, 2.0)
    assert harness.ratios_of([1.0, 2.0], [4.0]) == (3.0, 2.0, 4.0)


def test_a_run_that_ends_elsewhere_than_the_first_is_refused():
    found = iter([7, 7, 1])
    keeps = harness.Contender("keeps a start", lambda: {"n_iter": next(found)})
    with pytest.raises(RuntimeError, match=r"keeps a start: n_iter was 7 .* 1 in a later"):
        harness.compare("p", [keeps, counted({"a": 0}, "a")], repeats=2)


def test_starts_are_not_moved_by_who_is_given_them():
    start = np.zeros((2, 3))
    given = InTurn([start])
    given(None, 2, None)[:] = 1.0
    assert (given(None, 2, None) == 0.0).all()


def test_a_missing_rival_is_told_once(monkeypatch, capsys):
    monkeypatch.setattr(peers, "_told", set())
    assert not peers.is_here("no_such_rival", "no-such-rival")
    assert not peers.is_here("no_such_rival", "no-such-rival")
    assert capsys.readouterr().out == "without no-such-rival, which is not installed here\n"


def test_every_rival_of_the_files_has_its_setting():
    for path in result_file.result_files():
        for _, rows in report.comparisons_of(result_file.read(path)):
            for row in rows:
                assert row["kind"] == "ours" or peers.setting_of(row["name"]), row["name"]


def test_torch_ends_where_the_definition_does():
    torch_kmeans = pytest.importorskip("benchmarks.torch_kmeans", reason="needs torch")
    from scratchclust.reference import kmeans

    for n, k in ((300, 5), (400, 40)):  # one-hot labels, and a scatter
        X = harness.mixture(n, 6, k)
        start = X[:k].copy()
        labels, centroids, inertia = torch_kmeans.lloyd(
            torch_kmeans.moved(X)[0], torch_kmeans.moved(start)[0], 4
        )
        expected = kmeans.lloyd(X, start, max_iter=4, tol=0.0)
        assert (labels.cpu().numpy() == expected.labels).mean() > 0.99
        assert inertia == pytest.approx(expected.inertia, rel=1e-4)
        assert centroids.shape == (k, 6)


@pytest.mark.full
def test_the_autoencoder_of_torch_is_the_same_network():
    """Same parameters, same images, same losses over ten steps: the two are comparable."""
    pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    from benchmarks.bench_autoencoder import _compare

    for shape in ((28, 28, 1), (16, 12, 3)):
        steps, _ = _compare(shape, 10, 1)
        losses = [row["quality"]["loss"] for row in steps["contenders"] if "loss" in row["quality"]]
        assert len(losses) == 3
        assert max(losses) - min(losses) < 1e-3 * min(losses)


# --- the pages


@pytest.mark.parametrize("path", report.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_say_what_the_files_say(path):
    text = path.read_text(encoding="utf-8")
    assert report.BLOCK.search(text)
    assert report.with_results(text) == text, "write them: python -m benchmarks.report"


def test_where_we_lose_is_every_row_below_one():
    rows = [
        {"name": "scratchclust", "kind": "ours", "seconds": [2.0], "median": 2.0, "quality": {}},
        {"name": "slow", "kind": "rival", "seconds": [9.0], "median": 9.0, "quality": {}},
        {"name": "fast", "kind": "rival", "seconds": [1.0], "median": 1.0, "quality": {}},
        {"name": "products alone", "kind": "floor", "seconds": [0.1], "median": 0.1, "quality": {}},
    ]
    found = {"sections": {"a": {"comparisons": [{"problem": "p", "contenders": rows}]}}}
    (duel,) = report.duels_of(found)
    assert (duel.rival["name"], duel.ratio) == ("fast", 0.5)
    assert report._where_we_lose([duel]) == "Where we lose, 1 of 1 rows: p (fast, 0.50)."


def test_goals_are_of_rows_that_there_are():
    """Each goal finds its row in the file of results, and says by itself whether it is met."""
    path = next(each for each in result_file.result_files() if each.stem == "cpu-2-cores")
    found = result_file.read(path)
    rows = list(goals.measured(found, list(report.duels_of(found))))
    assert [row.goal for row in rows] == list(goals.GOALS)
    met = {row.what for row in rows if row.is_met}
    assert met
    assert all(row.goal.floor for row in rows if not row.is_met)
    wanted = goals.Goal("p", "k-means", 2.0)
    seconds = goals.Goal("p", "start", 2.0, goals.SECONDS)
    assert [goals.is_met(each, 1.9) for each in (wanted, seconds)] == [False, True]


def test_plots_are_drawn_of_what_is_there(tmp_path):
    from benchmarks import plots

    def point(n):
        return {"n": n, "d": 2, "k": 3, "devices": 1, "median": n, "floor": n / 2, "peak": n}

    row = {"algorithm": "kmeans", "along": "n", "points": [point(10), point(100)]}
    sections = {
        "scaling": {"comparisons": [{"problem": "p", "scaling": [row]}]},
        "tsne": {"comparisons": [{"per_iteration": [{"n": 10, "seconds": 1.0}]}]},
    }
    whole = {"schema": 1, "device": {}, "sections": sections}
    (tmp_path / "cpu.json").write_text(json.dumps(whole))
    drawn = list(plots.draw_all(tmp_path))
    assert sorted(path.name for path in drawn) == ["cpu-memory.png", "cpu-time.png", "cpu-tsne.png"]
    assert all(path.stat().st_size > 5_000 for path in drawn)
