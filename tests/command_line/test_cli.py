"""The command line, in processes of its own: exit codes, one line for an error, Ctrl-C, kill -9,
and going on.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scratchclust
from scratchclust import data, devices, runs
from scratchclust.commands.options import size_of
from scratchclust.commands.run import run_recipe
from scratchclust.commands.wording import in_options
from scratchclust.devices import use_device
from scratchclust.errors import InputError
from scratchclust.experiment import coming
from scratchclust.recipes import RECIPES

CLI = [sys.executable, "-m", "scratchclust.cli"]
HEAVY = ("jax", "sklearn", "matplotlib", "tensorflow_datasets", "scipy", "rich.console")

Finished = subprocess.CompletedProcess


def call(*arguments: object, cwd: Path, **environment: str) -> Finished:
    command = [*CLI, *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}
    )


def assert_refused(finished: Finished, message: str) -> None:
    assert finished.returncode == 2, finished.stderr
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    line = finished.stderr.strip("\n")
    assert line.startswith("scratchclust: ")
    assert message in line


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """README's first command, as it stands there, and the folder it was called in."""
    here = tmp_path_factory.mktemp("here")
    return here, call("run", cwd=here)


# --- the default recipe, end to end


@pytest.mark.full
def test_first_command_clusters_the_digits(digits: tuple[Path, Finished]) -> None:
    here, finished = digits
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""  # no terminal, no progress
    for word in (
        "accuracy",
        "purity",
        "NMI",
        "ARI",
        "silhouette",
        "Dunn",
        "pixels + k-means",
        "PCA + k-means",
    ):
        assert word in finished.stdout
    assert finished.stdout.splitlines()[-1] == "runs/digits"
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["digits"]


@pytest.mark.full
def test_its_metrics(digits: tuple[Path, Finished]) -> None:
    metrics = json.loads(
        (digits[0] / "runs" / "digits" / "metrics.json").read_text(encoding="utf-8")
    )
    keys = [
        "schema",
        "recipe",
        "command",
        "seed",
        "labels_used",
        "dataset",
        "parameters",
        "features_from",
        "environment",
        "seconds",
    ]
    assert list(metrics) == [*keys, "results"]
    assert metrics["command"] == "scratchclust run"
    assert metrics["dataset"]["n"] == 1_797
    assert metrics["environment"]["scratchclust"] == scratchclust.__version__
    assert (
        metrics["environment"]["n_devices"] == metrics["environment"]["threads"]
    )  # one XLA device for each core
    assert metrics["seconds"]["total"] > metrics["seconds"]["compile"] > 0
    assert all(
        metrics["seconds"][step] > 0 for step in ("load", "features", "reduce", "cluster", "score")
    )
    for result in metrics["results"]:
        # the code of a trained network moves by a few hundredths from one version of JAX to the
        # next
        assert 0.70 < result["accuracy"] < 0.92
        assert 0.15 < result["silhouette"] < 0.25


@pytest.mark.full
def test_its_loaded_run_predicts_the_stored_assignments(digits: tuple[Path, Finished]) -> None:
    run = runs.load(digits[0] / "runs" / "digits")
    np.testing.assert_array_equal(
        run.predict(data.load("digits").images), run.assignments["cluster"]
    )


@pytest.mark.full
def test_a_second_call_is_refused(digits: tuple[Path, Finished]) -> None:
    assert_refused(
        call("run", cwd=digits[0]),
        "runs/digits is there already: give another --output, or --overwrite",
    )


@pytest.mark.full
def test_resume_of_a_complete_run_shows_it(digits: tuple[Path, Finished]) -> None:
    finished = call("run", "--resume", cwd=digits[0])
    assert finished.returncode == 0
    assert "this run is complete already: nothing was computed" in finished.stdout
    assert "PCA + k-means" in finished.stdout


# --- wrong use


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "digitz"], "there is no recipe 'digitz': did you mean 'digits'?"),
        (["rum"], "No such command 'rum'"),
        (["run", "--sed", "1"], "No such option"),
        (["run", "--seed", "one"], "--seed"),
        (["run", "--limit", "0"], "--limit"),
        (
            ["run", "graph", "--digits", "5,six"],
            "--digits expects labels between commas, as 5,6,8,9, but is '5,six'",
        ),
        (["run", "--device", "abacus"], "--device"),
        (["run", "--data", ""], "the name of the data is empty: give a data set's name or a path"),
        (["run", "--output", "/"], "cannot be a run's folder"),
        (
            ["run", "--device", "tpu"],
            "JAX finds no tpu here: see JAX's installation guide, or leave --device out",
        ),
        (["data", "no_such_set"], "no_such_set"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert_refused(call(*arguments, cwd=tmp_path), message)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


WITHOUT_JAX = """
import sys
sys.modules["jax"] = None  # an import of it fails
from scratchclust import cli
cli.main()
"""


@pytest.mark.quick(5)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digitz"], "there is no recipe 'digitz'"),
        (
            ["--scan", "--method", "dbscan"],
            "--scan tries numbers of clusters, but dbscan finds that number",
        ),
        (["--method", "kmean"], "expected --method to be one of"),
        (
            ["pretrained", "--limit", "150", "--reduce", "pca:100"],
            "'pooled, pca:100 + k-means' has 64 numbers for each image, too few for 100",
        ),
        (["classifier", "--reduce", "pca:129"], "has 128 numbers for each image"),
        (["class-losses", "--reduce", "pca:5"], "has 4 numbers for each image"),
        (["photos", "--limit", "199"], "--limit 199 leaves too few images for kernel PCA"),
        (["pretrain", "--digits", "3,5"], "the labels have 2: leave --digits out"),
        (
            ["pixels", "--data", "plain.npz", "--reduce", "tsne", "--size", "1"],
            "images of 1x1x1 have 1 numbers each, too few for 2 axes",
        ),
        (["--limit", "5"], "--limit 5 leaves too few images"),
        (["--output", "taken"], "taken is there already"),
        (["--data", "nowhere/at/all"], "nowhere/at/all: no such file or folder"),
        (["--data", "taken"], "give the folder that holds them"),
        (
            ["classifier", "--data", "plain.npz"],
            "recipe classifier learns from labels, but 50 of the 50 images of plain.npz have none",
        ),
        (
            ["--data", "taken", "--device", "cpu", "--method", "kmean"],
            "expected --method to be one of",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_be_refused_without_jax_does_not_wait_for_it(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    np.savez(tmp_path / "plain.npz", images=np.zeros((50, 8, 8, 1), np.uint8))
    command = [sys.executable, "-c", WITHOUT_JAX, "run", *arguments]
    assert_refused(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True), message)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["plain.npz"]
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.full
def test_the_cure_for_too_many_clusters_is_one_of_the_command_line(tmp_path: Path) -> None:
    images = np.zeros((40, 4, 4, 1), np.uint8)
    images[20:] = 255
    np.savez(tmp_path / "two.npz", images=images)
    shown = call("run", "pixels", "--data", "two.npz", "--quiet", cwd=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, "runs/pixels\n")
    (line,) = shown.stderr.splitlines()
    assert line.startswith(
        "scratchclust: warning: Number of distinct clusters (2) found smaller than n_clusters (10)."
    )
    assert line.endswith(
        "; give more images, or take --method dbscan, which finds the number of clusters"
    )


def test_no_cure_names_a_package_that_no_registry_has() -> None:
    """Whoever took the name there would run code on users' machines."""
    package = Path(scratchclust.__file__).parent
    sources = [
        path for path in package.rglob("*.py") if path.parent.name != "data"
    ]  # that has tests of its own
    sources += (package.parent / "benchmarks").glob("*.py")
    still = [
        path.name
        for path in sources
        if re.search(r"scratchclust\[[a-z]", path.read_text(encoding="utf-8"))
    ]
    assert still == []


def test_missing_data_and_debug(tmp_path: Path) -> None:
    """One line and code 2; with --debug the traceback as well, and the same code."""
    nowhere = {
        "TFDS_DATA_DIR": str(tmp_path / "tfds"),
        "SCRATCHCLUST_CACHE": str(tmp_path / "cache"),
    }
    assert_refused(call("run", "pixels", cwd=tmp_path, **nowhere), "cifar10")
    shown = call("run", "pixels", "--debug", cwd=tmp_path, **nowhere)
    assert shown.returncode == 2
    assert "Traceback (most recent call last)" in shown.stderr
    assert "InputError" in shown.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_nothing_is_announced_of_a_run_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long it will take is said once the images are there, and not before."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("SCRATCHCLUST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(coming, "LONG", 0.0)
    with pytest.raises(InputError, match="cifar10"):
        run_recipe("pixels", output=tmp_path / "run", quiet=False)
    assert "seconds" not in capsys.readouterr().err


# --- the small commands


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("64", 64), ("64x48", (64, 48)), ("8X8", 8), ("08x9", (8, 9))],
)
def test_a_size(given: str | None, expected: object) -> None:
    assert size_of(given) == expected


@pytest.mark.parametrize(
    "given", ["0", "-8", "", "x", "64x", "x48", "64x0", "8x8x3", "6.5", "64 48", "64,48", "²", "a"]
)
def test_a_wrong_size(given: str) -> None:
    with pytest.raises(
        InputError, match=r"--size expects pixels, as 64, or height x width, as 64x48, but is '"
    ):
        size_of(given)


def test_a_wrong_size_is_one_line_and_help_tells_the_right_ones(tmp_path: Path) -> None:
    assert_refused(
        call("run", "digits", "--size", "64x", cwd=tmp_path),
        "--size expects pixels, as 64, or height x width",
    )
    told = " ".join(call("run", "--help", cwd=tmp_path, COLUMNS="200").stdout.split())
    assert "height x width, as 64x48" in told
    assert "crop|pad|squeeze" in told


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['scratchclust', '--help']\n"
        "from scratchclust import cli\n"
        "try: cli.main()\n"
        f"finally: print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert shown.stdout.startswith("Usage: scratchclust [OPTIONS] COMMAND")
    assert shown.stdout.endswith("loaded []\n")


def test_no_command_shows_help_and_version_the_version(tmp_path: Path) -> None:
    assert call(cwd=tmp_path).stdout.startswith("Usage: scratchclust")
    assert call("--version", cwd=tmp_path).stdout == f"scratchclust {scratchclust.__version__}\n"
    assert "runs/RECIPE" in call("run", "--help", cwd=tmp_path).stdout


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a platform, "gpu" would want CUDA and ROCm both, and end on every machine."""
    import jax

    set_to: dict[str, object] = {}
    # what it sets would hold for all tests of this process
    monkeypatch.setattr(devices, "use_all_cores", lambda: None)
    monkeypatch.setattr(jax.config, "update", set_to.__setitem__)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    use_device("gpu")
    assert set_to["jax_platforms"] is None
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    with pytest.raises(
        InputError,
        match=r'no gpu here: for an NVIDIA GPU, pip install -e "\.\[cuda\]" in the checkout',
    ):
        use_device("gpu")
    use_device("cpu")
    assert set_to["jax_platforms"] == "cpu"


def test_every_command_takes_the_options_of_all(tmp_path: Path) -> None:
    everywhere = [
        "--device",
        "cpu",
        "--precision",
        "float32",
        "--resume",
        "--overwrite",
        "--debug",
        "--quiet",
    ]
    names = call("recipes", *everywhere, cwd=tmp_path)
    assert (names.returncode, names.stderr, names.stdout.split()[0]) == (0, "", "digits")
    assert call("data", "digits", *everywhere, cwd=tmp_path).returncode == 0


def test_a_name_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    refused = subprocess.run(
        [*CLI, b"run", b"--data", b"photos/\xe9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert_refused(refused, "no such file or folder")


def test_recipes_are_a_line_each_of_eighty_columns(tmp_path: Path) -> None:
    shown = call("recipes", cwd=tmp_path, COLUMNS="80")
    assert shown.returncode == 0
    lines = shown.stdout.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    too_long = [line for line in shown.stdout.splitlines() if len(line) > 80]
    assert not too_long, "a recipe's name has at most 21 letters, its summary 39"
    for line, recipe in zip(lines, RECIPES.values(), strict=True):
        assert recipe.summary in line
        assert line.endswith(recipe.duration.split(";")[0])


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_all_of_one_recipe(tmp_path: Path, width: str) -> None:
    shown = call("recipes", "photos", cwd=tmp_path, COLUMNS=width)
    assert shown.returncode == 0
    told, recipe = " ".join(shown.stdout.split()), RECIPES["photos"]
    for text in (
        recipe.method,
        recipe.target,
        in_options(recipe.duration),
        "--full: not measured",
        "cifar10 (train)",
        "scratchclust run photos",
    ):
        assert text in told
    assert max(map(len, shown.stdout.splitlines())) <= max(int(width), 50)


def test_a_recipe_that_is_none(tmp_path: Path) -> None:
    assert_refused(
        call("recipes", "grph", cwd=tmp_path), "there is no recipe 'grph': did you mean 'graph'?"
    )


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "scratchclust", "recipes", "--quiet"]
    shown = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr, shown.stdout.split()) == (0, "", list(RECIPES))
    refused = subprocess.run([*arguments[:-2], "rnu"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.startswith("scratchclust: ")


def test_data_of_the_embedded_set(tmp_path: Path) -> None:
    shown = call("data", "digits", cwd=tmp_path)
    assert shown.returncode == 0
    assert "1,797 all; images 8x8x1, 10 classes" in shown.stdout


# --- interrupted

PATCHED = """
import os, signal, sys
# a shell ignores it in what it starts in the background
signal.signal(signal.SIGINT, signal.default_int_handler)
from scratchclust import cli
from scratchclust.experiment import fit

def hang_in_python():
    signal.pause()

def hang_in_compiled_code():
    import jax
    loop = lambda: jax.lax.while_loop(lambda x: x >= 0, lambda x: (x + 1) % 7, 0)
    jax.jit(loop)().block_until_ready()

def lose_it_in_a_callback():
    import gc, time

    def callback(*_):
        gc.callbacks.clear()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)

    gc.callbacks.append(callback)
    gc.collect()
    time.sleep(30)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def fail():
    raise RuntimeError("a bug\\nin two lines")

whole, what = fit.fit_variant, globals()[sys.argv.pop(1)]

def fit_variant(variant, *args, **kwargs):
    if variant.name == "PCA + k-means" or what is fail:
        print("second variant", flush=True)
        what()
    return whole(variant, *args, **kwargs)

fit.fit_variant = fit_variant
cli.main()
"""


def start(what: str, cwd: Path) -> subprocess.Popen:
    """`scratchclust run --limit 100` that does `what` at its second variant, or fails at once."""
    command = [
        sys.executable,
        "-c",
        PATCHED,
        what,
        "run",
        "--limit",
        "100",
        "--epochs",
        "1",
        "--output",
        "run",
    ]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    "what", ["hang_in_python", "hang_in_compiled_code", "lose_it_in_a_callback"]
)
def test_ctrl_c(what: str, tmp_path: Path) -> None:
    process = start(what, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "second variant\n"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "scratchclust: interrupted: the same command with --resume continues the run\n"
    assert stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]


@pytest.mark.full
def test_kill_and_resume(tmp_path: Path) -> None:
    process = start("die", tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert stderr == ""
    message = (
        "run.partial was left by an interrupted run: --resume continues it, --overwrite starts anew"
    )
    assert_refused(call("run", "--limit", 100, "--output", "run", cwd=tmp_path), message)
    before_death = np.load(tmp_path / "run.partial" / "stages" / "pixels-k-means" / "labels.npy")
    resumed = call("run", "--limit", 100, "--output", "run", "--resume", "--quiet", cwd=tmp_path)
    assert (resumed.returncode, resumed.stdout, resumed.stderr) == (0, "run\n", "")
    assert "stage pixels-k-means is kept" in (tmp_path / "run" / "log.txt").read_text(
        encoding="utf-8"
    )
    np.testing.assert_array_equal(runs.load(tmp_path / "run").assignments["cluster"], before_death)


def test_a_bug_is_one_line_and_code_1(tmp_path: Path) -> None:
    process = start("fail", tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert (
        stderr == "scratchclust: failed: RuntimeError: a bug in two lines (--debug shows where)\n"
    )
    assert (tmp_path / "run.partial").is_dir()
