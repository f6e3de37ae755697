"""The reader of torch's old files: tensors as they were saved, and nothing else, whatever the file
asks for.
"""

import io
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from scratchclust.errors import InputError
from scratchclust.features.torch_file import MAGIC, VERSION, ZIP, read_tensors

HERE = Path("weights.pth")
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"int": 4}}


def program(*parts):
    """A pickle out of its instructions."""
    return b"\x80\x02" + b"".join(parts) + b"."


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def tensor(
    shape=(2, 3),
    strides=(3, 1),
    *,
    offset=0,
    key="0",
    length=6,
    kind="FloatStorage",
    builder="_rebuild_tensor_v2",
):
    """The instructions that build one tensor, as torch writes them."""
    return b"".join(
        [
            b"ctorch._utils\n" + builder.encode() + b"\n((",
            text("storage") + b"ctorch\n" + kind.encode() + b"\n",
            text(key) + text("cpu") + number(length) + b"NtQ",
            number(offset),
            b"(" + b"".join(map(number, shape)) + b"t",
            b"(" + b"".join(map(number, strides)) + b"t",
            b"\x89ccollections\nOrderedDict\n)RtR",
        ]
    )


def dict_of(*items):
    """The instructions of a dict with these names and values."""
    return b"ccollections\nOrderedDict\n)R(" + b"".join(text(n) + v for n, v in items) + b"u"


def file_of(body, *, keys=("0",), numbers=None, magic=MAGIC, system=SYSTEM, tail=None):
    """A whole file around the pickle of its object."""
    numbers = [np.arange(6, dtype="<f4")] if numbers is None else numbers
    head = b"".join(pickle.dumps(value, 2) for value in (magic, VERSION, system))
    rows = b"".join(struct.pack("<q", len(row)) + row.tobytes() for row in numbers)
    return head + program(body) + pickle.dumps(list(keys), 2) + (rows if tail is None else tail)


def test_a_dict_of_tensors_by_hand():
    whole = np.array([5, -7], "<i8")
    body = dict_of(
        ("plain", tensor()),
        ("transposed", tensor((3, 2), (1, 3))),
        ("part", tensor((2,), (2,), offset=1)),
        ("scalar", tensor((), (), key="1", length=2, kind="LongStorage", offset=1)),
        ("empty", tensor((0, 4), (4, 1))),
    )
    file = file_of(body, keys=("1", "0"), numbers=[whole, np.arange(6, dtype="<f4")])
    found = read_tensors(file, HERE)
    square = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(found["plain"], square)
    np.testing.assert_array_equal(found["transposed"], square.T)
    np.testing.assert_array_equal(found["part"], [1, 3])
    assert (found["scalar"], found["scalar"].dtype) == (-7, np.int64)
    assert found["empty"].shape == (0, 4)
    found["plain"][0, 0] = 9  # each has memory of its own
    assert found["transposed"][0, 0] == 0


def test_what_torch_wrote_is_read():
    torch = pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = net.state_dict()
    state["turned"] = state["0.weight"].permute(0, 2, 3, 1)  # another view of the same storage
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=False)
    found = read_tensors(file.getvalue(), HERE)
    assert list(found) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value.numpy())
        assert found[name].dtype == value.numpy().dtype


class Runs:
    """Its pickle calls a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def as_pickled(value, protocol=2):
    """The instructions of a value, without the frame around them."""
    return pickle.dumps(value, protocol)[2:-1]


PROOF = "this file ran.txt"
EVIL = {
    "os.system": as_pickled(Runs(os.system, f"echo > '{PROOF}'")),
    "eval": as_pickled(Runs(eval, f"open({PROOF!r}, 'w').close()")),
    "exec": as_pickled(Runs(exec, f"open({PROOF!r}, 'w').close()")),
    "nested": dict_of(("weight", as_pickled([(Runs(eval, f"open({PROOF!r}, 'w').close()"),)]))),
    "posix": b"cposix\nsystem\n(" + text(f"echo > '{PROOF}'") + b"tR",
    "by INST": b"(" + text(f"echo > '{PROOF}'") + b"iposix\nsystem\n",
    "by OBJ": b"(cposix\nsystem\n" + text(f"echo > '{PROOF}'") + b"o",
    "by STACK_GLOBAL": text("posix") + text("system") + b"\x93" + text("true") + b"\x85R",
    "by NEWOBJ": b"ccollections\nOrderedDict\n)\x81",
    "by an extension code": b"\x82\x01",
    "copyreg": b"ccopyreg\n_reconstructor\n(t" + b"R",
    "a name below torch": b"ctorch\nload\n" + text(PROOF) + b"\x85R",
    "a name with dots": b"ctorch\nFloatStorage.__init__\n)R",
    "a storage called": b"ctorch\nFloatStorage\n)R",
    "a dict with arguments": b"ccollections\nOrderedDict\n" + text("a") + b"\x85R",
    "a call of a text": text("print") + b")R",
    "a state for a name": b"ccollections\nOrderedDict\n}" + text("a") + b"Nsb",
    "items of a name": b"ccollections\nOrderedDict\n" + text("a") + b"Ns",
    "an append to a dict": b"}(" + text("a") + b"e",
    "another builder": dict_of(("weight", tensor(builder="_rebuild_parameter"))),
    "another storage": dict_of(("weight", tensor(kind="HalfStorage"))),
    "a name for a storage": dict_of(
        ("weight", tensor().replace(b"torch\nFloatStorage", b"collections\nOrderedDict"))
    ),
    "a list": b"]",
    "a number in the dict": dict_of(("weight", number(3))),
    "a key that is a tuple": b"})Ns",
    "a buffer": b"\x97",
    "a persistent text": b"P0\n",
}


@pytest.mark.parametrize("body", EVIL.values(), ids=EVIL)
@pytest.mark.parametrize("place", ["object", "head", "keys"])
def test_nothing_else_is_taken_and_nothing_runs(body, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    file = {
        "object": file_of(body),
        "head": program(body),
        "keys": file_of(dict_of(("w", tensor()))).replace(as_pickled(["0"]), body),
    }[place]
    with pytest.raises(InputError, match=r"weights.pth (holds more than tensors|is damaged)"):
        read_tensors(file, HERE)
    assert not list(tmp_path.iterdir())
    assert set(sys.modules) == before


def test_the_evil_ones_would_have_run(tmp_path, monkeypatch):
    """The proof above is one: `pickle` runs the same programs."""
    for name in ("os.system", "eval", "nested", "posix", "by INST", "by OBJ"):
        place = tmp_path / name
        place.mkdir()
        monkeypatch.chdir(place)
        pickle.loads(program(EVIL[name]))
        assert [path.name for path in place.iterdir()] == [PROOF]


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": 7},
        {"length": -6},
        {"offset": 1},
        {"offset": -1},
        {"strides": (3, -1)},
        {"strides": (4, 1)},
        {"shape": (-2, -3)},
        {"shape": (2, 3, 1)},
        {"shape": (4, 3), "strides": (0, 1)},  # more numbers than there are
        {"shape": (2**31 - 1, 2**31 - 1), "strides": (0, 0)},
        {"key": "1"},
    ],
    ids=str,
)
def test_places_beyond_the_storage_are_refused(wrong):
    with pytest.raises(InputError, match=r"weights.pth is damaged: install or fetch it again"):
        read_tensors(file_of(dict_of(("weight", tensor(**wrong)))), HERE)


@pytest.mark.parametrize(
    "file",
    [
        file_of(b"r" + struct.pack("<I", 2**32 - 1)),  # put under a huge number, of an empty stack
        file_of(b"]r" + struct.pack("<I", 2**32 - 1) + b"0h\x01"),
        file_of(b"h\x07"),
        file_of(b"e"),
        file_of(b"X" + struct.pack("<I", 2**31) + b"short"),
        file_of(dict_of(("w", tensor())), tail=struct.pack("<q", 2**62)),
        file_of(dict_of(("w", tensor())), keys=()),
        file_of(dict_of(("w", tensor())), keys=(0,)),
        file_of(dict_of(("w", tensor())), keys=("0", "1")),
        file_of(dict_of(("w", tensor())), system=3),
        file_of(dict_of(("w", tensor())), system={**SYSTEM, "little_endian": False}),
        file_of(dict_of(("w", tensor())), magic=7),
        b"",
        b"no pickle",
        b"\xff" * 100,
        file_of(b"(" * 100_000),
        file_of(b"\x85" * 10),
        file_of(b")" + b"\x85" * 100_000),  # a tuple in a tuple in ...
    ],
)
def test_files_that_are_none_are_refused(file):
    with pytest.raises(InputError, match=r"weights.pth (holds more than tensors|is damaged)"):
        read_tensors(file, HERE)


def test_every_truncation_is_refused():
    whole = file_of(dict_of(("weight", tensor()), ("bias", tensor((3,), (1,)))))
    read_tensors(whole, HERE)
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read_tensors(whole[:length], HERE)


def test_flipped_bytes_give_tensors_or_an_error():
    whole = file_of(dict_of(("weight", tensor()), ("bias", tensor((3,), (1,)))))
    rng = np.random.default_rng(0)
    for _ in range(2000):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        try:
            found = read_tensors(bytes(damaged), HERE)
        except InputError:
            continue
        assert all(isinstance(value, np.ndarray) for value in found.values())


def test_the_newer_format_is_told_apart():
    with pytest.raises(InputError, match=r"newer format \(zip\), and only the older one is read"):
        read_tensors(ZIP + bytes(100), HERE)
