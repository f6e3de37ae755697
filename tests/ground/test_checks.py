"""What functions ask of their arguments: one wording, "expected NAME to be ..., got ...: cure"."""

import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import checks
from scratchclust.errors import InputError


@pytest.mark.parametrize("kind", [np.array, jnp.array, np.float32, list])
def test_finite_numbers_of_any_kind_pass(kind):
    values = kind([[1.0, -2.0]]) if kind is not np.float32 else np.float32(3)
    assert checks.finite(values) is None
    assert checks.finite(np.arange(3)) is None
    assert checks.finite(np.zeros((0, 2))) is None


@pytest.mark.parametrize("kind", [np.array, jnp.array, list])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(kind, value):
    message = "^expected X to be finite, got NaN or infinity: leave out or fill those rows first$"
    with pytest.raises(InputError, match=message):
        checks.finite(kind([[0.0, value]]))
    with pytest.raises(InputError, match=r"^expected queries to be finite, got .*: drop them$"):
        checks.finite(kind([value]), "queries", "drop them")


@pytest.mark.parametrize("given", [None, [1, 0, 2.5], np.ones(3), jnp.ones(2), [True, False]])
def test_weights_that_can_be_used(given):
    assert checks.weights(given) is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([1, np.nan], "NaN or infinity among them"),
        ([1, np.inf], "NaN or infinity among them"),
        ([2, -1], "a negative one, -1"),
        ([0.0, -0.5], "a negative one, -0.5"),
        ([0, 0], "none above 0"),
        ([], "none above 0"),
    ],
)
def test_weights_that_cannot_be_used(given, found):
    expected = "^expected sample_weight to be finite numbers of at least 0, at least one above 0, "
    with pytest.raises(InputError, match=rf"{expected}got {found}: a point of weight 0"):
        checks.weights(given)
    with pytest.raises(InputError, match=f"^expected mass to be .* got {found}"):
        checks.weights(np.array(given), "mass")


@pytest.mark.parametrize("value", [1, 5, np.int64(3), np.uint8(2)])
def test_whole_numbers_within_bounds(value):
    found = checks.between(1, 5)("n_components", value)
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("value", [0, 6, 2.0, True, "2", None])
def test_whole_numbers_out_of_bounds(value):
    message = "^expected n_clusters to be a whole number from 1 to 5, the number of points, got "
    with pytest.raises(InputError, match=message):
        checks.between(1, 5, "the number of points")("n_clusters", value)


def test_a_rule_tells_the_cure_where_one_is_given():
    with pytest.raises(InputError, match=r"^expected k to be a whole number of at least 1, got 0$"):
        checks.whole(1)("k", 0)
    with pytest.raises(InputError, match=r"^expected k to be .* got 0: choose one$"):
        checks.whole(1)("k", 0, "choose one")
    words = checks.one_of("a", "b") | checks.between(1, 2)
    with pytest.raises(InputError, match=r"^expected k to be one of 'a', 'b' or a whole number f"):
        words("k", 3)


def test_as_many_clusters_as_points_but_no_more():
    checks.enough_samples(3, 3)
    with pytest.raises(
        InputError, match=r"^n_samples=2 should be >= n_clusters=3: ask for fewer c"
    ):
        checks.enough_samples(2, 3)
    with pytest.raises(
        InputError, match=r"^n_samples=2 should be >= n_components=3: ask for fewer$"
    ):
        checks.enough_samples(2, 3, "n_components")
