"""Which cases of a test belong to the quick tier."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import _first_cases, _leave_cases_to_the_full_tier


class Case(SimpleNamespace):
    """What is asked of an item of pytest."""

    def get_closest_marker(self, name: str) -> Any:
        assert name == "quick"
        return self.mark

    def add_marker(self, name: str) -> None:
        assert name == "full"
        self.full = True


@pytest.mark.parametrize(
    ("mark", "kept"),
    [
        (None, [0, 1, 2, 3, 4, 5]),
        (pytest.mark.quick(2).mark, [0, 1]),
        (pytest.mark.quick(every=2).mark, [0, 2, 4]),
        (pytest.mark.quick(1, every=2).mark, [0]),
        (pytest.mark.quick(9).mark, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_cases_are_counted_for_each_test(mark: Any, kept: list[int]) -> None:
    names = [f"test_it[{i}]" for i in range(6)] + [f"test_other[{i}]" for i in range(6)]
    cases = [Case(nodeid=f"tests/test_a.py::{name}", mark=mark, full=False) for name in names]
    items: Any = cases
    _leave_cases_to_the_full_tier(items)
    assert [i for i in range(6) if not cases[i].full] == kept
    assert [case.full for case in cases[:6]] == [case.full for case in cases[6:]]


def test_the_first_case_of_each_test_and_of_each_twin() -> None:
    ids = ["test_alone", "test_it[3-numpy]", "test_it[3-jax]", "test_it[4-numpy]", "test_it[4-jax]"]
    ids += [
        "test_it_too[a]",
        "test_it_too[b]",
        "TestIt::test_it[jax-numpy]",
        "TestIt::test_it[jax]",
    ]
    items: Any = [SimpleNamespace(nodeid=f"tests/test_a.py::{name}") for name in ids]
    kept = [item.nodeid.partition("::")[2] for item in _first_cases(items)]
    assert kept == [
        *("test_alone", "test_it[3-numpy]", "test_it[3-jax]", "test_it_too[a]"),
        *("TestIt::test_it[jax-numpy]", "TestIt::test_it[jax]"),
    ]
