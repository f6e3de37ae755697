"""The products of a traced program: how many operations they are, and in which precision.

Loops of known length are multiplied out; of a loop of unknown length one turn counts, of a choice
the dearest branch. An operation is a multiplication or an addition: a product of [a k] and [k b] is
2 a k b.
"""

import math
from collections import Counter
from typing import Any

FULL = "float32"  # or float64: nothing is rounded to less
ROUNDED = "rounded"  # float32 that TF32 on an H100, or one bfloat16 pass on a TPU, may take
HALF = "bfloat16"


def operations(traced: Any, platform: str = "") -> Counter[str]:
    """By precision: FULL, ROUNDED or HALF.

    Args:
        traced: the program.
        platform: of those with a branch each, the one that counts (JAX's name); else the dearest.
    """
    return _of(traced.jaxpr.jaxpr, platform)


def _of(jaxpr: Any, platform: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        given = equation.params
        if name in ("dot_general", "conv_general_dilated"):
            total[_precision(equation)] += _operations(equation)
        elif name == "scan":
            for kind, count in _of(given["jaxpr"].jaxpr, platform).items():
                total[kind] += count * given["length"]
        elif name == "cond":
            branches = _branches(given, platform)
            total += max((_of(b.jaxpr, platform) for b in branches), key=lambda c: c.total())
        else:
            for inner in given.values():
                if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                    total += _of(getattr(inner, "jaxpr", inner), platform)
    return total


def _branches(given: dict[str, Any], platform: str) -> Any:
    """Of a choice by platform the one of this, of any other all."""
    platforms = given.get("branches_platforms")
    if not platforms or not platform:
        return given["branches"]
    mine = [b for b, of in zip(given["branches"], platforms, strict=True) if platform in (of or ())]
    return mine or given["branches"][platforms.index(None) :]


def _precision(equation: Any) -> str:
    if equation.invars[0].aval.dtype.itemsize < 4:
        return HALF
    asked = equation.params["precision"]
    asked = asked if isinstance(asked, tuple) else (asked,)
    return FULL if all(str(one) == "HIGHEST" for one in asked) else ROUNDED


def _operations(equation: Any) -> int:
    left, right = (v.aval.shape for v in equation.invars[:2])
    out = math.prod(equation.outvars[0].aval.shape)
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return 2 * out * math.prod(left[i] for i in contracted)
    numbers = equation.params["dimension_numbers"]
    return 2 * out * math.prod(right) // right[numbers.rhs_spec[0]]
