"""The examples in docstrings give what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

import scratchclust

PACKAGE = Path(scratchclust.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)
COMPILED = {  # for seconds, each of these examples: a network, or a fit of several programs
    f"scratchclust.estimators.{name}"
    for name in (
        *("autoencoder", "dec", "gaussian_mixture", "kmeans", "pretrained", "scan"),
        "self_supervised",
    )
}


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 4
    assert set(WITH_EXAMPLES) > COMPILED


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.full) if name in COMPILED else name
        for name in WITH_EXAMPLES
    ],
)
def test_examples(name):
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.attempted
    assert not done.failed
