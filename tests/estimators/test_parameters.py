"""Every parameter of every estimator: checked by type and range in one place, one wording."""

import numpy as np
import pytest

import scratchclust
from scratchclust.checks import checked, flag, number, one_of, seed, shown, verbosity, whole
from scratchclust.errors import InputError

CLASSES = {name: getattr(scratchclust, name) for name in scratchclust.ESTIMATORS}
WRONG = {
    "a complex number": 1j,
    "an object": object(),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "zero": 0,
    "a negative": -1,
    "a negative float": -0.5,
    "a string": "no such word",
    "bytes": b"auto",
    "a dict": {},
    "None": None,
    "a bool": True,
    "a float": 2.5,
    "a huge number": 10**400,
}
SAMPLES = {
    "images": np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8),
    "points": np.random.default_rng(0).normal(size=(8, 3)),
}


def sample_for(estimator):
    takes_images = not estimator.__sklearn_tags__().input_tags.two_d_array
    return SAMPLES["images" if takes_images else "points"]


def accepts(rule, value):
    try:
        rule("it", value)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_has_its_rule_and_every_default_keeps_it(name):
    estimator = CLASSES[name]()
    assert set(estimator.parameter_rules) == set(estimator.get_params(deep=False))
    checked(estimator.parameter_rules, estimator.get_params(deep=False))


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("name", CLASSES)
def test_what_a_rule_refuses_fit_refuses_by_name_before_it_begins(name, kind):
    value = WRONG[kind]
    for parameter, rule in CLASSES[name].parameter_rules.items():
        if accepts(rule, value):
            continue
        estimator = CLASSES[name]().set_params(**{parameter: value})
        X = sample_for(estimator)
        with pytest.raises(InputError, match=rf"^expected {parameter} to be .*, got .*"):
            estimator.fit(X, np.arange(len(X)) % 2)
        assert not [attribute for attribute in vars(estimator) if attribute.endswith("_")], (
            "something was computed"
        )


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_refuses_something(name):
    """A rule that takes everything would make the test above one that cannot fail."""
    free = {"init", "model", "optimizer", "weights", "copy_x", "copy"}
    for parameter, rule in CLASSES[name].parameter_rules.items():
        refused = [kind for kind, value in WRONG.items() if not accepts(rule, value)]
        assert len(refused) >= 3 or parameter in free, (parameter, refused)


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8, np.int8, np.array])
def test_whole_numbers_of_every_kind_become_ints(kind):
    assert type(whole(1)("k", kind(7))) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, 3.0, np.float32(3), "3", None, 0, -2, np.arange(3), [3]]
)
def test_what_is_no_whole_number_of_at_least_1(value):
    with pytest.raises(InputError, match=r"^expected k to be a whole number of at least 1, got "):
        whole(1)("k", value)


@pytest.mark.parametrize("value", [1, np.float32(1.5), np.float16(2), np.int8(1), np.array(1.25)])
def test_numbers_of_every_kind_become_floats(value):
    assert type(number(least=1)("t", value)) is float


def test_bounds_are_told():
    with pytest.raises(
        InputError, match="expected t to be a finite number of at least 0 and below 1, got 1"
    ):
        number(least=0, below=1)("t", 1)
    with pytest.raises(InputError, match="expected t to be a number above 0, got nan"):
        number(above=0, infinite=True)("t", np.nan)
    assert number(above=0, infinite=True)("t", np.inf) == np.inf


def test_rules_are_joined():
    rule = whole(1) | one_of("auto", "warn")
    assert rule("n_init", np.int64(3)) == 3
    assert rule("n_init", "auto") == "auto"
    with pytest.raises(InputError, match="at least 1 or one of 'auto', 'warn', got 'all'"):
        rule("n_init", "all")


def test_flags_verbosity_and_seeds():
    assert flag("whiten", np.True_) is True
    with pytest.raises(InputError, match="expected whiten to be True or False, got 'no'"):
        flag("whiten", "no")
    assert verbosity("verbose", True) == 1
    random_state = np.random.RandomState(0)
    assert seed("random_state", random_state) is random_state
    with pytest.raises(
        InputError, match="expected random_state to be None, a whole number from 0 to 4294967295"
    ):
        seed("random_state", np.random.default_rng(0))


def test_what_came_is_shown_on_one_short_line():
    assert shown(np.zeros((3, 4))) == "an array of shape [3, 4]"
    assert shown(np.float64(2.5)) == "2.5"
    assert len(shown("x" * 1000)) == 80
    assert "\n" not in shown({"a": "b\n" * 3, "c": np.zeros(300)})
