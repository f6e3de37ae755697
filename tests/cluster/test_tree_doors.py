"""The maps in the doors of DBSCAN and agglomerative clustering: what they name is there."""

import re
from pathlib import Path

import pytest

import scratchclust

PACKAGE = Path(scratchclust.__file__).parent
DOORS = ["dbscan", "agglomerative"]


def sources(door: str) -> str:
    """The door, its workshop and what stands on the ground floor, as text."""
    paths = [PACKAGE / f"cluster/{door}.py", PACKAGE / "exact_pairs.py"]
    paths += sorted((PACKAGE / f"cluster/{door}_parts").glob("*.py"))
    return "\n".join(path.read_text() for path in paths)


def functions(text: str) -> set[str]:
    return set(re.findall(r"^def (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_the_map_is_there(door: str) -> None:
    text = (PACKAGE / f"cluster/{door}.py").read_text()
    documentation = text.split('"""')[1]
    definition = functions((PACKAGE / f"reference/{door}.py").read_text())
    there = functions(sources(door))
    named = set(re.findall(r"`(\w+)`", documentation))
    assert named <= there | definition
    assert len(named & there) >= 4
    files = set(re.findall(r"(\w+\.py)", documentation))
    known = {path.name for path in PACKAGE.rglob("*.py")}
    assert files <= known


@pytest.mark.parametrize("door", DOORS)
def test_every_step_of_the_definition_is_on_the_map(door: str) -> None:
    """Every function of the reference but its checks is named in the door, or stands there."""
    text = (PACKAGE / f"cluster/{door}.py").read_text()
    for step in functions((PACKAGE / f"reference/{door}.py").read_text()):
        if not step.startswith("_check"):
            assert f"`{step}`" in text.split('"""')[1] or step in functions(text)


@pytest.mark.parametrize("door", DOORS)
def test_public_functions_stand_in_the_order_of_the_definition(door: str) -> None:
    def public(room: str) -> list[str]:
        return re.findall(
            r"^def ([a-z]\w+)", (PACKAGE / room / f"{door}.py").read_text(), re.MULTILINE
        )

    expected = public("reference")
    assert [name for name in public("cluster") if name in expected] == expected
