"""Tensors out of a file that `torch.save` wrote in its first format; nothing in the file is run.

Such a file is five pickles (a magic number, a version, the system, the object, the keys of its
storages) and then the numbers of each storage. A pickle is a program for a small stack machine, and
two of its instructions are why a stranger's pickle must not be loaded: GLOBAL fetches any function
of any module, REDUCE calls it. The machine here

- knows the few instructions that a dict of tensors needs and refuses the file at any other,
- takes for GLOBAL the four names below, as words: nothing is looked up or imported,
- answers REDUCE of these words itself, with an empty dict or a note of where a tensor lies.

`pickletools`, which knows how long the argument of an instruction is, runs nothing either. Shapes,
strides and lengths are believed only where they lie within the file.
"""

import io
import math
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchclust.checks import shown
from scratchclust.errors import InputError

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
INSTRUCTIONS = {instruction.code: instruction for instruction in pickletools.opcodes}
ZIP = b"PK\x03\x04"  # how files in torch's second format begin
DICT = "collections OrderedDict"
TENSOR = "torch._utils _rebuild_tensor_v2"
STORAGES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


class Name(NamedTuple):
    """A word where the pickle means something importable."""

    text: str


class Storage(NamedTuple):
    """A row of numbers behind the pickles."""

    key: str
    dtype: np.dtype
    length: int


class Tensor(NamedTuple):
    """A view of a storage: number i, j, ... is that at offset + i strides[0] + ..."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unknown(Exception):
    """The pickle asks for more than tensors."""


def read_tensors(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """Read a dict of tensors, as `torch.save(model.state_dict(), path)` wrote it before torch 1.6.

    Args:
        content: of the file, all of it.
        path: of the file, for messages alone.

    Returns:
        float32 and int64 arrays of their own, by name.

    Raises:
        InputError: anything but tensors of these two types is in it, it is damaged, or in torch's
            second format.
    """
    if content.startswith(ZIP):
        raise InputError(
            f"{path} is in torch's newer format (zip), and only the older one is read: "
            "write the tensors as safetensors"
        )
    file = io.BytesIO(content)
    try:
        if (run(file), run(file)) != (MAGIC, VERSION):
            raise _Unknown("another magic number")
        system = run(file)
        if type(system) is not dict or system["little_endian"] is not True:
            raise _Unknown("numbers of another byte order")
        tensors = run(file)
        if type(tensors) is not dict or any(
            type(value) is not Tensor for value in tensors.values()
        ):
            raise _Unknown("another object than a dict of them")
        keys = run(file)
        if type(keys) is not list or any(type(key) is not str for key in keys):
            raise _Unknown("other keys than a list of text")
        numbers = _rows_of_numbers(file, keys, tensors)
        return {name: _array(tensor, numbers) for name, tensor in tensors.items()}
    except _Unknown as error:
        raise InputError(
            f"{path} holds more than tensors ({error}), and nothing of it was run: "
            "give a file that holds a dict of tensors alone"
        ) from None
    # whatever a program that is cut off or overwritten leads to
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise InputError(f"{path} is damaged: install or fetch it again") from error


class Machine:
    """The stack machine of a pickle, as far as it builds values.

    Attributes:
        stack: the values since the last mark.
        below: the stacks that marks have set aside.
        memo: values that the program has put away by a number.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def put(self, number: int) -> None:
        """Put the value on top away under a number; it stays on top."""
        self.memo[number] = self.stack[-1]

    def get(self, number: int) -> None:
        """Push what was put away."""
        self.push(self.memo[number])

    def mark(self) -> None:
        """Begin a new stack."""
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """Take the values since the last mark away, and the mark."""
        found = self.stack
        self.stack = self.below.pop()
        return found

    def last(self, n: int) -> tuple[Any, ...]:
        """Take the n values on top away, as a tuple."""
        return tuple(self.stack.pop() for _ in range(n))[::-1]

    def set_items(self, items: list[Any]) -> None:
        """Write keys and values, in turn, into the dict on top."""
        if type(self.stack[-1]) is not dict:
            raise _Unknown("items of what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # a tuple of tuples of ... would be hashed to its end
            if type(key) is not str:
                raise _Unknown("a key that is no text")
            self.stack[-1][key] = value

    def extend(self, items: list[Any]) -> None:
        """Append to the list on top."""
        if type(self.stack[-1]) is not list:
            raise _Unknown("an append to what is no list")
        self.stack[-1].extend(items)

    def name(self, text: str) -> None:
        """Push one of the four names; others are refused."""
        if text not in (DICT, TENSOR, *STORAGES):
            raise _Unknown(f"the name {shown(text)}")
        self.push(Name(text))

    def storage(self) -> None:
        """Note a storage for the tuple that says where it lies."""
        word, kind, key, _place, length, _view = self.stack.pop()
        given = type(kind), type(key), type(length)
        if word != "storage" or given != (Name, str, int) or kind.text not in STORAGES:
            raise _Unknown("a storage of another form")
        self.push(Storage(key, STORAGES[kind.text], length))

    def call(self) -> None:
        """Answer for the two functions that there are."""
        function, arguments = self.last(2)
        if type(function) is not Name or type(arguments) is not tuple:
            raise _Unknown("a call of what is no name")
        if function.text == DICT and not arguments:
            self.push({})
        elif function.text == TENSOR:
            storage, offset, shape, strides = arguments[:4]
            if type(storage) is not Storage or {type(shape), type(strides)} != {tuple}:
                raise _Unknown("a tensor of another form")
            self.push(Tensor(storage, offset, shape, strides))
        else:
            raise _Unknown(f"a call of {function.text}")

    def pass_over_state(self) -> None:
        """Leave out what is to be set on a dict: torch's notes on its modules."""
        value, _state = self.last(2)
        if type(value) is not dict:
            raise _Unknown("the state of what is no dict")
        self.push(value)


def run(file: io.BytesIO) -> Any:
    """Give the value of the pickle that begins here, of plain values, `Name`s and `Tensor`s.

    Raises:
        _Unknown: an instruction or a name that tensors do not need.
        ValueError, IndexError, KeyError: it is no whole pickle.
    """
    machine = Machine()
    while True:
        code = file.read(1).decode("latin-1")
        if not code:
            raise ValueError("the program has no end")
        instruction = INSTRUCTIONS.get(code)
        if instruction is None or instruction.name not in STEPS:
            raise _Unknown(f"the instruction {instruction.name if instruction else code!r}")
        if instruction.name == "GLOBAL":  # two lines as they are; pickletools would undo escapes
            argument = " ".join(file.readline().decode().rstrip("\n") for _ in range(2))
        else:
            argument = instruction.arg.reader(file) if instruction.arg else None
        if instruction.name == "STOP":
            return machine.stack.pop()
        STEPS[instruction.name](machine, argument)


STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "STOP": lambda machine, _: None,
    "MARK": lambda machine, _: machine.mark(),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "BININT": Machine.push,
    "BININT1": Machine.push,
    "BININT2": Machine.push,
    "LONG1": Machine.push,
    "BINUNICODE": Machine.push,
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "APPEND": lambda machine, _: machine.extend(list(machine.last(1))),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "SETITEM": lambda machine, _: machine.set_items(list(machine.last(2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "BINPUT": Machine.put,
    "LONG_BINPUT": Machine.put,
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "GLOBAL": Machine.name,
    "BINPERSID": lambda machine, _: machine.storage(),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.pass_over_state(),
}


def _rows_of_numbers(
    file: io.BytesIO, keys: list[str], tensors: dict[str, Tensor]
) -> dict[str, np.ndarray]:
    """The numbers of each storage, in the order of the keys: each its length, then itself.

    The types stand with the tensors alone.
    """
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    found = {}
    for key in keys:
        storage = storages[key]
        (length,) = struct.unpack("<q", file.read(8))
        if length != storage.length or length < 0:
            raise ValueError(f"storage {key} has {length} numbers")
        raw = file.read(length * storage.dtype.itemsize)
        found[key] = np.frombuffer(raw.ljust(1), storage.dtype, count=length)
    return found


def _array(tensor: Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    """The tensor's numbers, copied; nothing outside its storage is looked at."""
    numbers = storages[tensor.storage.key]
    places = (tensor.offset, *tensor.shape, *tensor.strides)
    if not all(type(place) is int and place >= 0 for place in places):
        raise ValueError("a place that is no whole number")
    steps = [(size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    is_empty = 0 in tensor.shape
    # a stride of 0 would make a storage of one number as large as the shape says
    if math.prod(tensor.shape) > len(numbers) or (
        not is_empty and tensor.offset + sum(steps) >= len(numbers)
    ):
        raise ValueError("a tensor beyond its storage")
    if is_empty:
        return np.empty(tensor.shape, numbers.dtype)
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.shape, strides, writeable=False
    )
    return np.array(view, order="C")
