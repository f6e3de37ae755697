"""Read from the text of a compiled program what it would do on an accelerator.

The text is that of XLA after all its passes (`Compiled.as_text`). Each instruction of a computation
that is no part of a fusion starts a kernel, or some. Loops of known length are multiplied out, of
a loop of unknown length (an algorithm's iteration) one turn counts, and of a choice both the
cheapest and the dearest branch are followed.
"""

import math
import re
from functools import cache
from typing import NamedTuple

BITS = re.compile(r"\b(pred|[a-z]+?(\d+)\w*)\[([\d,]*)\](\{[^{}]*\})?")
IN_VECTOR_MEMORY = "S(1)"  # in the layout of what a TPU keeps beside its units
HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
CALLED = re.compile(r"\b(?:calls|to_apply|body|condition)=%?([\w.\-]+)")
TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
# that start nothing by themselves
# fmt: off
FREE = {
    "parameter", "constant", "get-tuple-element", "tuple", "bitcast", "after-all", "partition-id",
    "replica-id", "opt-barrier",
}
# fmt: on
LARGE = 2**24  # bytes of an array of which a copy is told
TINY_STEP = 2**16  # bytes that a turn of a long loop may touch and still be told
LONG = 64  # turns


class Instruction(NamedTuple):
    name: str
    result: str  # its shape, or shapes
    kind: str
    operands: tuple[str, ...]
    text: str

    def called(self, what: str = "") -> list[str]:
        """The computations in its attributes."""
        if what:
            return re.findall(rf"\b{what}=%?([\w.\-]+)", self.text)
        if found := re.search(r"branch_computations=\{([^}]*)\}", self.text):
            return [name.strip().lstrip("%") for name in found[1].split(",")]
        return CALLED.findall(self.text)


class Cost(NamedTuple):
    """Of what is started one after the other; the least and the most, where choices decide."""

    launches: tuple[float, float] = (0.0, 0.0)
    seconds: tuple[float, float] = (0.0, 0.0)  # of memory's traffic, or of starting it

    def __add__(self, other: "Cost") -> "Cost":  # pyright: ignore[reportIncompatibleMethodOverride]
        return Cost(
            (self.launches[0] + other.launches[0], self.launches[1] + other.launches[1]),
            (self.seconds[0] + other.seconds[0], self.seconds[1] + other.seconds[1]),
        )

    def times(self, n: float) -> "Cost":
        low, high = self.launches
        least, most = self.seconds
        return Cost((n * low, n * high), (n * least, n * most))


class CompiledText:
    """The text, taken apart.

    Args:
        text: of the compiled program.
        bandwidth: bytes a second of the chip's memory.
        launch: seconds to start a kernel.
    """

    def __init__(self, text: str, *, bandwidth: float, launch: float) -> None:
        self._computations, self._entry = _parse(text)
        self._bandwidth = bandwidth
        self._launch = launch
        self._cost_of = cache(self._cost_of_computation)

    def cost(self) -> Cost:
        return self._cost_of(self._entry)

    def slow(self, largest_operand: int) -> list[str]:
        """What should not be there, or not at that size, in words."""
        found: dict[str, int] = {}
        for name, instructions in self._computations.items():
            for one in instructions.values():
                for what in self._slow(one, name, largest_operand):
                    found[what] = found.get(what, 0) + 1
        return [what if n == 1 else f"{what} ({n} times)" for what, n in sorted(found.items())]

    def _slow(self, one: Instruction, where: str, largest: int) -> list[str]:
        told = []
        if one.kind in ("scatter", "sort"):
            told.append(f"{one.kind} of {_short(one.result)}")
        if one.kind == "custom-call" and re.search(r"callback|host|xla_ffi_python", one.text):
            told.append("host call")
        if re.search(r"\bf64\[\d", one.result) and one.kind not in FREE:
            told.append("float64")
        if one.kind in ("copy", "transpose") and LARGE <= size_of(one.result) >= largest / 2:
            told.append(f"{one.kind} of {_short(one.result)}")
        if one.kind == "while":
            turns = TRIPS.search(one.text)
            body = one.called("body")[0]
            touched = max((size_of(i.result) for i in self._started(body)), default=0)
            if turns and int(turns[1]) >= LONG and touched <= TINY_STEP:
                told.append(f"loop of {turns[1]} steps of at most {touched:,} bytes")
        return told

    def loops_of_unknown_length(self) -> int:
        return sum(
            one.kind == "while" and not TRIPS.search(one.text)
            for instructions in self._computations.values()
            for one in instructions.values()
        )

    def _started(self, computation: str) -> list[Instruction]:
        instructions = self._computations[computation].values()
        return [i for i in instructions if i.kind not in FREE and not i.kind.endswith("-done")]

    def _cost_of_computation(self, name: str) -> Cost:
        total = Cost()
        for one in self._started(name):
            total = total + self._cost_of_instruction(one, self._computations[name])
        return total

    def _cost_of_instruction(self, one: Instruction, around: dict[str, Instruction]) -> Cost:
        if one.kind == "while":
            turns = TRIPS.search(one.text)
            parts = (self._cost_of(one.called(w)[0]) for w in ("body", "condition"))
            body, condition = parts
            return (body + condition).times(int(turns[1]) if turns else 1)
        if one.kind == "conditional":
            names = one.called("true_computation") + one.called("false_computation")
            branches = [self._cost_of(branch) for branch in names or one.called()]
            low = min(branches, key=lambda cost: cost.seconds[0])
            high = max(branches, key=lambda cost: cost.seconds[1])
            return Cost((low.launches[0], high.launches[1]), (low.seconds[0], high.seconds[1]))
        if one.kind in ("call", "async-start") and one.called():
            return self._cost_of(one.called()[0])
        touched = self._bytes(one, around)
        seconds = max(touched / self._bandwidth, self._launch)
        return Cost((1.0, 1.0), (seconds, seconds)).times(_passes(one))

    def _bytes(self, one: Instruction, around: dict[str, Instruction]) -> int:
        """What an instruction reads and writes: of what it slices, only the slice."""
        if one.kind == "fusion" and one.called("calls"):
            return _bytes_of_fusion(self._computations[one.called("calls")[0]], one)
        sizes = [size_of(around[name].result) for name in one.operands if name in around]
        if one.kind == "copy-start":  # its result names what it reads, too
            return size_of(one.result)
        if one.kind.endswith("-start"):
            return 2 * max(size_of(one.result) - sum(sizes), 0)
        if one.kind in ("dynamic-slice", "gather", "slice"):
            return 2 * size_of(one.result)
        if one.kind == "dynamic-update-slice":
            return 2 * sizes[1]
        return size_of(one.result) + sum(sizes)


def _passes(one: Instruction) -> int:
    """How often the arrays pass: a sort merges ever longer runs."""
    if one.kind != "sort":
        return 1
    along = int(re.search(r"dimensions=\{(\d+)", one.text)[1])  # pyright: ignore[reportOptionalSubscript]
    shape = BITS.search(one.result)[3].split(",")  # pyright: ignore[reportOptionalSubscript]
    return max(math.ceil(math.log2(max(int(shape[along]), 2))), 1)


def _bytes_of_fusion(inside: dict[str, Instruction], fusion: Instruction) -> int:
    total = 0
    updated = set()
    written = size_of(fusion.result)
    for one in inside.values():
        if one.kind == "dynamic-update-slice":  # in place: the array itself is neither read
            updated.add(one.operands[0])
            written += size_of(inside[one.operands[1]].result) - size_of(one.result)
    for one in inside.values():
        if one.kind != "parameter" or one.name in updated:
            continue
        users = _users(inside, one.name)
        if users and all(user.kind in ("dynamic-slice", "gather", "slice") for user in users):
            total += sum(size_of(user.result) for user in users)
        else:
            total += size_of(one.result)
    return total + max(written, 0)


def _users(inside: dict[str, Instruction], name: str) -> list[Instruction]:
    """What computes with a value, also where it is only seen in another shape."""
    users = []
    for user in inside.values():
        if name in user.operands:
            users += _users(inside, user.name) if user.kind == "bitcast" else [user]
    return users


def size_of(shapes: str) -> int:
    """Bytes of all arrays in a shape's text, but for those in a TPU's vector memory."""
    total = 0
    for name, bits, dimensions, layout in BITS.findall(shapes):
        n = math.prod(int(d) for d in dimensions.split(",") if d)
        if IN_VECTOR_MEMORY not in layout:
            total += n * (8 if name == "pred" else int(bits)) // 8
    return total


def _short(shapes: str) -> str:
    return ", ".join(f"{name}[{dims}]" for name, _, dims, _ in BITS.findall(shapes)[:2])


def _parse(text: str) -> tuple[dict[str, dict[str, Instruction]], str]:
    computations: dict[str, dict[str, Instruction]] = {}
    entry = ""
    now: dict[str, Instruction] = {}
    for line in text.splitlines():
        if header := HEADER.match(line):
            now = computations.setdefault(header[2], {})
            entry = header[2] if header[1] else entry
        elif " = " in line and line.startswith(" "):
            one = _instruction(line)
            now[one.name] = one
    return computations, entry


def _instruction(line: str) -> Instruction:
    left, right = line.strip().split(" = ", 1)
    if right.startswith("("):
        end = _closing(right, 0) + 1
    else:
        end = right.index(" ")
    result, rest = right[:end], right[end:].lstrip()
    begin = rest.index("(")
    close = _closing(rest, begin)
    operands = tuple(re.findall(r"%([\w.\-]+)", rest[begin:close]))
    return Instruction(
        left.removeprefix("ROOT ").lstrip("%"), result, rest[:begin], operands, rest[close:]
    )


def _closing(text: str, begin: int) -> int:
    """Where the parenthesis that opens at `begin` closes."""
    depth = 0
    for i in range(begin, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    raise ValueError(f"expected a closing parenthesis in {text[:80]!r}")


def predicates_read(thunks: str) -> int:
    """How many choices in a list of thunks (XLA's dump for CUDA) the host makes: those that are not
    recorded in a graph.
    """
    read = 0
    graph = None  # how far the graph that we are in is indented
    for line in thunks.splitlines():
        found = re.match(r"( *)\d+: k(\w+)", line)
        if not found:
            continue
        indent = len(found[1])
        if graph is not None and indent <= graph:
            graph = None
        if found[2] == "CommandBuffer" and graph is None:
            graph = indent
        read += graph is None and found[2] == "Conditional"
    return read
