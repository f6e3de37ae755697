"""Checks that are built at the first call refuse what those of the import hook refuse."""

from collections.abc import Callable

import beartype
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float

from scratchclust import distances
from tests.late_checks import checked

Row = Float[np.ndarray, " d"]
check = checked(typechecker=beartype.beartype)


@check
def add(x: Row, y: Row) -> Row:
    return x + y


@check
def adding(number: float) -> Callable[..., np.ndarray]:
    @check
    def inner(x: Row, y: Row) -> Row:
        return inner(x, y[:2]) if number < 0 else x + y + number

    return inner


@pytest.mark.parametrize("function", [add, adding(1.0)])
def test_shapes_are_checked_at_each_call(function: Callable[..., np.ndarray]) -> None:
    for _ in range(2):
        assert function(np.ones(3), np.ones(3)).shape == (3,)
        with pytest.raises(TypeError, match="Type-check error"):
            function(np.ones(3), np.ones(2))


def test_inner_functions_of_the_same_lines_share_checks_and_nothing_else() -> None:
    first, second = adding(1.0), adding(10.0)
    assert first(np.ones(1), np.ones(1)) == 3
    assert second(np.ones(1), np.ones(1)) == 12
    assert first(np.ones(1), np.ones(1)) == 3


def test_what_a_call_within_a_call_passes_is_checked() -> None:
    with pytest.raises(TypeError, match="Type-check error"):
        adding(-1.0)(np.ones(3), np.ones(3))


def test_the_package_is_checked() -> None:
    """By the import hook that `pyproject.toml` asks for."""
    with pytest.raises(TypeError, match="Type-check error"):
        distances.squared_distances(jnp.ones((2, 3)), jnp.ones((2, 4)))
