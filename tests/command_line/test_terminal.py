"""What people see on a terminal: the spinner, Ctrl-C, names of files, tables; in processes of their
own.
"""

import errno
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from scratchclust import files, runs
from scratchclust.errors import InputError, escaped, writing
from scratchclust.report._inputs import as_drawn

CLI = [sys.executable, "-m", "scratchclust"]


def on_a_terminal(*command: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """The exit code of a program on a terminal of its own, and all that it wrote there."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    main, other = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environment}
    process = subprocess.Popen(command, cwd=cwd, stdin=other, stdout=other, stderr=other, env=env)
    os.close(other)
    written = b""
    try:
        while chunk := os.read(main, 65_536):
            written += chunk
    except OSError:  # what Linux says at the end
        pass
    os.close(main)
    return process.wait(timeout=60), written.decode()


# --- Ctrl-C

AT_AN_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from scratchclust import cli
name = sys.argv.pop(1)
pressed = []

def press(event, arguments):
    if event == "import" and arguments[0] == name and not pressed:
        pressed.append(name)
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(press)
cli.main()
"""


@pytest.mark.full
@pytest.mark.parametrize(
    "name", ["traceback", "typer", "rich.progress", "jax", "jaxlib", "sklearn", "matplotlib"]
)
def test_ctrl_c_at_an_import_leaves_the_terminal_as_it_was(name: str, tmp_path: Path) -> None:
    """KeyboardInterrupt in the middle of an import ends in a traceback, or within C++ code in an
    abort.
    """
    command = [sys.executable, "-c", AT_AN_IMPORT, name, "run", "--limit", "50", "--epochs", "1"]
    code, written = on_a_terminal(*command, cwd=tmp_path)
    assert code == 130, written
    assert "Traceback" not in written
    assert written.rfind("\x1b[?25h") >= written.rfind("\x1b[?25l")  # the cursor is shown
    words = "scratchclust: interrupted: the same command with --resume continues the run\r\n"
    assert written.endswith(
        "\r\x1b[2K\x1b[?25h" + words
    )  # on a line from which the spinner was wiped


# --- names of files

EVIL = "cat\x1b[2J\x9b31m\n2026-01-01 ERROR forged\u202egnp.\udce9"
HARMLESS = r"cat\x1b[2J\x9b31m\n2026-01-01 ERROR forged\u202egnp.\udce9"


def test_what_is_escaped_and_what_stays() -> None:
    assert escaped(EVIL) == HARMLESS
    for name in (
        "a b",
        "caf\u00e9",
        "\u732b\u3000\u72ac",
        "10\u00a0%",
        r"C:\photos",
        "\u0645\u0631\u062d\u0628\u0627",
    ):
        assert escaped(name) == name


def test_an_error_shows_a_name_escaped() -> None:
    assert str(InputError(f"{EVIL} is no picture")) == f"{HARMLESS} is no picture"


def test_a_name_forges_no_line_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as on the command line; and pytest's own capture cannot be sent from a worker where it holds
    # no UTF-8
    monkeypatch.setattr(logging.getLogger("scratchclust"), "propagate", False)
    with runs.working(tmp_path / "run") as folder:
        logger = logging.getLogger("scratchclust.recipes")
        logger.warning("skipped %s: %s", EVIL, "why")
        try:
            raise InputError(EVIL)
        except InputError:
            logger.exception("the run ended early")
    log = (folder.path / "log.txt").read_text(encoding="utf-8")
    assert log.count(HARMLESS) == 2
    assert not any(line.startswith("2026-01-01") for line in log.splitlines())
    assert all(letter.isprintable() or letter == "\n" for letter in log)


def test_json_holds_no_sequence_and_the_name_comes_back(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"command": EVIL})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert json.loads(text) == {"command": EVIL}


def test_a_class_name_is_drawn_escaped() -> None:
    assert as_drawn("d\x1b[5mog\n") == r"d\x1b[5mog\n"


def test_a_folder_of_evil_names_says_nothing_to_the_terminal(tmp_path: Path) -> None:
    # to rich it begins with a mark of its own, the end of something never begun
    name = "[/red]\x1b]0;title\x07"
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "a\x1b[31m\nb.png").write_bytes(b"no picture")
    code, written = on_a_terminal(*CLI, "run", "pixels", "--data", name, cwd=tmp_path)
    assert code == 2, written
    assert r"[/red]\x1b]0;title\x07" in written.replace("\r\n", "")
    assert r"a\x1b[31m\nb.png" in written.replace("\r\n", "")
    assert "\x1b]" not in written
    assert "\x07" not in written
    assert "\x1b[31m" not in written


# --- what others print

OTHERS = """
import logging, warnings
import numpy as np
from scratchclust import cli, data

def prepare(name, verbose):
    np.log(np.zeros(1))
    exec("import warnings; warnings.warn('Glyph 29483 missing')", {"__name__": "matplotlib.text"})
    logging.getLogger("matplotlib.font_manager").warning("building the font cache")
    logging.getLogger("jax._src.xla_bridge").warning("no GPU\\nhere")
    for _ in range(2):
        program = "import warnings; warnings.warn('files skipped', stacklevel=2)"
        exec(program, {"__name__": "scratchclust.data"})
    raise RuntimeError

data.prepare = prepare
cli.main()
"""


def test_lines_of_other_libraries_are_kept_from_the_user() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", OTHERS, "data", "digits"], capture_output=True, text=True
    )
    said = [
        "warning: no GPU here",
        "warning: files skipped",
        "failed: RuntimeError:  (--debug shows where)",
    ]
    assert shown.stderr.splitlines() == [f"scratchclust: {line}" for line in said]


@pytest.mark.full
def test_damaged_pictures_are_told_in_one_line_and_logged_once(tmp_path: Path) -> None:
    """libtiff prints a line of its own for the damaged one, past Python."""
    (tmp_path / "photos").mkdir()
    for i in range(12):
        Image.new("RGB", (16, 16), (20 * i, 0, 0)).save(
            tmp_path / "photos" / f"{i}.tif", compression="tiff_lzw"
        )
    damaged = tmp_path / "photos" / "3.tif"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:10] + b"\xff" * 20 + content[30:])
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    arguments = ["run", "pixels", "--data", "photos", "--quiet"]
    shown = subprocess.run([*CLI, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (0, "runs/pixels\n")
    (line,) = shown.stderr.splitlines()
    assert line.startswith("scratchclust: warning: photos: skipped 2 of 13 files")
    log = (tmp_path / "runs" / "pixels" / "log.txt").read_text(encoding="utf-8")
    assert (log.count("skipped 3.tif"), log.count("skipped notes.txt")) == (1, 1)


# --- the table of results

RESULTS = [
    {
        "name": name,
        "accuracy": 0.5,
        "purity": 1.0,
        "nmi": None,
        "ari": -0.01,
        "silhouette": 0.25,
        "dunn": 1.0,
        "seconds": {"features": 0.0},
    }
    for name in ("pixels + k-means", "a name of forty letters and more, + k-means")
]


@pytest.mark.parametrize("width", [30, 40, 80, 120, None])
def test_every_number_of_the_table_is_whole_at_every_width(width: int | None) -> None:
    from scratchclust.experiment.show import table
    from scratchclust.runs.result import Result

    lines = table([Result.from_json(result) for result in RESULTS], width)
    assert width is None or max(map(len, lines)) <= width
    numbers = re.findall(r"-?[0-9]+\.[0-9]+", "\n".join(lines))
    assert numbers == ["0.500", "1.000", "-0.010", "0.250", "1.000", "0.0"] * 2
    for name in (
        "accuracy",
        "purity",
        "ARI",
        "silhouette",
        "Dunn",
        "seconds",
        "pixels + k-means",
        "+ k-means",
    ):
        assert name in "\n".join(lines)
    assert (len(lines) == 3) == (width is None or width >= 100)


# --- a working folder that goes, a disk that is full

GONE = """
import os, shutil, sys
from scratchclust import cli, experiment
whole = experiment.run

def run(*args, **kwargs):
    outcome = whole(*args, **kwargs)
    shutil.rmtree(os.getcwd())
    return outcome

experiment.run = run
cli.main()
"""


@pytest.mark.full
def test_a_run_is_done_though_the_working_folder_is_gone(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    arguments = [
        "run",
        "digits",
        "--limit",
        "50",
        "--epochs",
        "1",
        "--quiet",
        "--output",
        str(tmp_path / "run"),
    ]
    shown = subprocess.run(
        [sys.executable, "-c", GONE, *arguments],
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"{tmp_path / 'run'}\n", "")


NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


class SafetensorError(Exception):
    """Of the same name as that of safetensors."""


@pytest.mark.parametrize(
    "error",
    [
        NO_SPACE,
        OSError("16384 requested and 12288 written"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
    ids=["python", "numpy", "safetensors"],
)
def test_an_error_of_a_full_disk_names_the_file(error: Exception) -> None:
    with pytest.raises(OSError) as caught, writing("a/b.npy"):
        raise error
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "a/b.npy")


@pytest.mark.parametrize(
    "error", [ValueError("no"), OSError(errno.ENOSPC, "No space", "named"), OSError("odd")]
)
def test_any_other_error_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, writing("a/b.npy"):
        raise error
    assert caught.value is error


FULL_DISK = """
import errno, pathlib
from scratchclust import cli
def write_bytes(path, content):
    raise OSError(errno.ENOSPC, "No space left on device")

pathlib.Path.write_bytes = write_bytes
cli.main()
"""


@pytest.mark.full
def test_a_full_disk_is_told_with_the_file_and_the_cure(tmp_path: Path) -> None:
    arguments = ["run", "pixels", "--data", "digits", "--limit", "40", "--output", "run"]
    shown = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    file = tmp_path / "run.partial" / "figures" / "random_images.png"
    cure = "make room, then the same command with --resume continues the run"
    assert (
        shown.stderr == f"scratchclust: failed: there is no room on the disk for {file}: {cure}\n"
    )
    assert shown.returncode == 1
    resumed = subprocess.run(
        [*CLI, *arguments, "--resume", "--quiet"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (resumed.returncode, resumed.stdout) == (0, "run\n")
