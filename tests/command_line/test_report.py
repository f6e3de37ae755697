"""`scratchclust report`: the page again, from the run's folder alone."""

from pathlib import Path

import pytest
import typer

from scratchclust.commands import app
from scratchclust.errors import InputError
from scratchclust.runs.digests import seal
from tests.report.run_folders import make_run


def call(*arguments: object) -> None:
    name, *others = map(str, arguments)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.main(others, prog_name=name, standalone_mode=False)


def test_report_makes_the_page_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = make_run(tmp_path / "run", 30)
    call("report", run)
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == str(run / "report.html")
    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    moved = run.rename(tmp_path / "elsewhere")
    call("report", moved, "--quiet")
    assert capsys.readouterr().out == f"{moved / 'report.html'}\n"
    assert (moved / "report.html").read_bytes() == page


def test_a_folder_of_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run's folder"):
        call("report", tmp_path)


def test_a_changed_run_is_refused_and_its_page_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", 30)
    seal(run)
    call("report", run, "--quiet")
    page = (run / "report.html").read_bytes()
    table = run / "assignments.csv"
    table.write_bytes(table.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"assignments\.csv was changed or is damaged"):
        call("report", run, "--quiet")
    assert (run / "report.html").read_bytes() == page
    table.unlink()
    with pytest.raises(InputError, match=r"assignments\.csv is missing"):
        call("report", run, "--quiet")
