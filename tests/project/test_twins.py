"""Each public function of the reference stands in its JAX twin, with the same signature and the
same result type.
"""

import importlib
import inspect
import types
import typing

import pytest

from tutorials.tools.twins import names, pairs, reference_of, twin_of

# arguments of the fast twin alone: they say how, never what, and the results are compared
HOW = {"algorithm", "checkpoint"}


def meaning(annotation):
    """What an annotation says, but for the library: jaxtyping's kind and shape, whether NumPy's or
    JAX's array.
    """
    if annotation is float or getattr(annotation, "dim_str", None) == "":
        return "a number"  # what is compiled gives it as an array without axes
    if hasattr(annotation, "dim_str"):
        return annotation.dtypes, annotation.dim_str.split()
    if getattr(annotation, "_fields", None) == ("init", "update"):
        return "an optimiser"  # the reference has optax's pair without optax
    if getattr(annotation, "__name__", None) == "CovarianceType":
        return "a type of covariances"  # its steps are as different as the twins'
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [meaning(part) for part in typing.get_args(annotation)]
        parts = [part for i, part in enumerate(parts) if part not in parts[:i]]
        return parts[0] if len(parts) == 1 else sorted(parts, key=str)
    if typing.get_args(annotation):
        return typing.get_origin(annotation), [
            meaning(part) for part in typing.get_args(annotation)
        ]
    return annotation


def parameters_of(function):
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name not in HOW]
    return [
        ("randomness" if p.name in ("rng", "key") else p.name, p.kind, p.default)
        for p in parameters
    ]


def test_there_are_twins():
    assert {
        "kmeans",
        "kmeans_starts",
        "pca",
        "silhouette",
        "dunn",
        "optimizers",
        "schedules",
    } <= set(names())
    assert ("kmeans", "lloyd") in pairs()
    assert ("kmeans_starts", "plus_plus") in pairs()


@pytest.mark.parametrize(("module", "function"), pairs())
def test_twins_have_the_same_signature(module, function):
    slow = getattr(reference_of(module), function)
    quick = getattr(twin_of(module), function)
    assert parameters_of(slow) == parameters_of(quick)
    assert meaning(inspect.signature(slow).return_annotation) == meaning(
        inspect.signature(quick).return_annotation
    )


def test_names_of_the_contract():
    names = [
        "assign",
        "refill_empty",
        "update_centroids",
        "random_points",
        "plus_plus",
        "lloyd",
        "kmeans",
    ]
    for module in ("cluster", "reference"):
        kmeans = importlib.import_module(f"scratchclust.{module}.kmeans")
        assert all(callable(getattr(kmeans, name)) for name in names)
        assert set(names) <= set(kmeans.__all__)
