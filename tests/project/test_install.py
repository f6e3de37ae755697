"""What people install: a source archive and a wheel that hold all of the package, and run without
the checkout.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import scratchclust

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "scratchclust"
LEFT_OUT = {"__pycache__"}
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2]))
"""


def build(what: str, source: Path, target: Path) -> Path:
    """As pip does it, but with the setuptools that is installed: nothing is fetched."""
    command = [sys.executable, "-c", BUILD, what, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that was built from the source archive: what is missing there is missing in both."""
    checkout, built, unpacked = (
        tmp_path_factory.mktemp(name) for name in ("checkout", "built", "unpacked")
    )
    shutil.copytree(PACKAGE, checkout / "scratchclust", ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    with tarfile.open(build("sdist", checkout, built)) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return build("wheel", source, built)


def files_of_the_package() -> set[str]:
    files = (
        path for path in PACKAGE.rglob("*") if path.is_file() and not LEFT_OUT & set(path.parts)
    )
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_the_version_stands_in_one_place(wheel: Path) -> None:
    assert wheel.name.split("-")[1] == scratchclust.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert files_of_the_package() <= held
    assert any(name.endswith(".safetensors") for name in held), "the weights"
    extra = {name for name in held if not name.startswith("scratchclust")}
    assert not extra, "nothing else lands in site-packages"


@pytest.mark.full
def test_what_was_installed_from_it_runs_elsewhere(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = (
        "import scratchclust; from scratchclust import PretrainedFeatures, data; "
        "images = data.load('digits').images[:2]; "
        "print(scratchclust.__file__); print(PretrainedFeatures().fit_transform(images).shape)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    where, shape = done.stdout.splitlines()
    assert Path(where) == tmp_path / "site" / "scratchclust" / "__init__.py"
    assert shape == "(2, 64)"
    listed = subprocess.run(
        [sys.executable, "-m", "scratchclust", "recipes", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert (listed.returncode, listed.stdout.split()[0]) == (0, "digits")
