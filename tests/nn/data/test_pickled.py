"""The reader of CIFAR's pickles: it reads what pickle reads of them, and nothing makes it do anything else."""

import io
import os
import pickle
import pickletools
import random
import struct
import tracemalloc

import numpy as np
import pytest
from cifar_files import cifar_pickle
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

from nn.data.pickled import CONTAINERS, OPCODES, read_pickled

PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6)
BATCH = {b"labels": [3, 9, 0, 1], b"data": PIXELS, b"filenames": [b"a.png", b"bb.png"], b"n": 70000}
GOOD = cifar_pickle(BATCH)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert type(found[key]) is type(value), key
        np.testing.assert_array_equal(found[key], value)


def test_the_pickle_written_here_is_what_python_reads():
    assert_same(pickle.loads(GOOD, encoding="bytes"), BATCH)


def test_every_instruction_has_the_code_that_python_gives_it():
    codes = {ord(op.code): op.name for op in pickletools.opcodes}
    assert all(codes[code] == name for code, (name, _) in OPCODES.items())


@pytest.mark.parametrize("labels", [0, 1, 999, 1000, 1001, 3000])
def test_a_pickle_of_python_2_is_read_as_python_reads_it(labels):
    batch = BATCH | {
        b"labels": [i % 10 for i in range(labels)],
        b"filenames": [b"%d.png" % i for i in range(labels)],
        b"label": b"long" * 100,
    }
    content = cifar_pickle(batch)
    assert_same(read_pickled(content), pickle.loads(content, encoding="bytes"))


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("text", [str, bytes])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_pickle_of_python_3_is_read_with_its_strings_as_bytes(protocol, text, order):
    batch = BATCH | {b"data": np.array(PIXELS, order=order)}
    written = {k if text is bytes else k.decode(): v for k, v in batch.items()}
    assert_same(read_pickled(pickle.dumps(written, protocol=protocol)), BATCH)


# --- What is refused ----------------------------------------------------------------------------


class Harmful:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


HARMFUL = {
    "os.system": Harmful(os.system, ("touch harm",)),
    "exec": Harmful(exec, ("open('harm', 'w')",)),
    "open": Harmful(open, ("harm", "w")),
    "a class": Harmful(io.BytesIO, (b"x",)),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HARMFUL)
def test_a_pickle_that_calls_something_is_refused_and_does_nothing(
    tmp_path, monkeypatch, name, protocol
):
    monkeypatch.chdir(tmp_path)
    for value in (HARMFUL[name], {b"data": HARMFUL[name]}, {b"labels": [HARMFUL[name]]}):
        with pytest.raises(ValueError, match="of the pickle: "):
            read_pickled(pickle.dumps(value, protocol=protocol))
    assert list(tmp_path.iterdir()) == []


NUMPY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
STATE = NUMPY + b"(K\1K\4\x85cnumpy\ndtype\nU\2u1K\0K\1\x87R(K\3U\1|NNNJ%bJ%bK\0tb\x89U\4abcdtb" % (
    b"\xff" * 4,
    b"\xff" * 4,
)
WHOLE = b"\x80\2}U\1x" + STATE + b"s."
BAD = {
    "empty": (b"", "byte 0 of the pickle: 1 bytes are needed and 0 are left"),
    "no end": (b"\x80\2}", "byte 3 of the pickle: 1 bytes are needed"),
    "protocol 5": (b"\x80\5}.", "PROTO at byte 0 of the pickle: protocol 5, expected 2, 3 or 4"),
    "an unknown instruction": (b"\x80\2\x81.", "byte 2 of the pickle: the instruction 0x81"),
    "a float": (b"\x80\2G" + bytes(8) + b".", "the instruction 0x47"),
    "a persistent id": (b"\x80\2Q.", "the instruction 0x51"),
    "a cut number": (b"\x80\2J\0\0", "byte 2 of the pickle: 4 bytes are needed and 2 are left"),
    "a cut string": (b"\x80\2U\5abc", "5 bytes are needed and 3 are left"),
    "a negative length": (b"\x80\2T\xff\xff\xff\xffabc", "-1 bytes are needed"),
    "a huge length": (b"\x80\2B\xff\xff\xff\xffabc", "4294967295 bytes are needed"),
    "another function": (
        b"\x80\2cos\nsystem\n.",
        "GLOBAL at byte 2 of the pickle: the name 'os sys",
    ),
    "an endless name": (b"\x80\2c" + b"n" * 1000, "a name does not end"),
    "another stacked name": (
        b"\x80\4C\2osC\6system\x93.",
        "STACK_GLOBAL at byte 14 of the pickle: t",
    ),
    "a stacked number": (b"\x80\4K\1K\2\x93.", "expected 2 values of type bytes"),
    "no dict": (
        b"\x80\2K\1.",
        "STOP at byte 4 of the pickle: expected a value of type dict on the s",
    ),
    "nothing": (b"\x80\2.", "expected a value of type dict on the s"),
    "more after the end": (b"\x80\2}.}", "1 bytes follow the end"),
    "an unknown memo": (b"\x80\2h\7.", "nothing was stored as 7"),
    "a memo of nothing": (b"\x80\2q\7.", "expected a value of type object"),
    "a memo of a mark": (b"\x80\2(q\7.", "expected a value of type object"),
    "no mark": (b"\x80\2]K\1e.", "APPENDS at byte 5 of the pickle: expected a mark"),
    "a mark as a value": (b"\x80\2](a.", "expected 1 values of type object"),
    "append to a dict": (b"\x80\2}K\1a.", "expected a value of type list"),
    "items of a list": (b"\x80\2]U\1xK\1s.", "expected a value of type dict on the s"),
    "a key without value": (b"\x80\2}(U\1xu.", "a key has no value"),
    "a key that is no string": (b"\x80\2}K\1K\2s.", "a key is a int, expected a string"),
    "a key that cannot be one": (b"\x80\2}]K\2s.", "a key is a list, expected a string"),
    "a call of a string": (
        b"\x80\2U\x0breconstructU\1b\x85R.",
        "REDUCE at byte 19 of the pickle: this c",
    ),
    "another dtype": (b"\x80\2cnumpy\ndtype\nU\1OK\0K\1\x87R.", "this call is not one"),
    "an array of a class": (NUMPY.replace(b"ndarray", b"dtype"), "this call is not one"),
    "a dtype's other state": (WHOLE.replace(b"U\1|", b"U\1>"), "this state is not one"),
    "a state for a dict": (b"\x80\2}}b.", "this state is not one"),
    "another version": (WHOLE.replace(b"(K\1K\4", b"(K\2K\4"), "this array is not one of bytes"),
    "no content": (WHOLE.replace(b"U\4abcd", b"K\4"), "this array is not one of bytes"),
    "no shape": (WHOLE.replace(b"K\4\x85", b"K\4"), "this array has no shape"),
    "too short": (WHOLE.replace(b"U\4abcd", b"U\3abc"), r"an array of shape \(4,\) has 3 bytes"),
    "a negative shape": (WHOLE.replace(b"K\4\x85", b"J" + b"\xff" * 4 + b"\x85"), r"shape \(-1,\)"),
    "a shape of words": (WHOLE.replace(b"K\4\x85", b"U\1n\x85"), r"shape \(b'n',\)"),
    "two negative shapes": (
        WHOLE.replace(b"K\4\x85", b"J\xfe\xff\xff\xff" * 2 + b"\x86"),
        r"an array of shape \(-2, -2\)",
    ),
    "a true shape": (WHOLE.replace(b"K\4\x85", b"\x88\x85"), r"shape \(True,\)"),
    "many containers": (b"\x80\2" + b"]" * 101 + b".", "EMPTY_LIST at byte 102 .* than 100 dicts"),
    "many tuples": (
        b"\x80\2" + b"(t" * 101 + b".",
        "TUPLE at byte 203 of the pickle: more than 100",
    ),
}


def test_the_array_that_the_bad_examples_vary_is_good():
    assert read_pickled(WHOLE)[b"x"].tobytes() == b"abcd"


@pytest.mark.parametrize("name", BAD)
def test_what_cifar_does_not_use_is_an_error_that_names_instruction_and_position(name):
    content, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        read_pickled(content)


def read_or_refuse(content):
    """The reader may return or raise ValueError, and nothing else."""
    try:
        found = read_pickled(content)
    except ValueError as error:
        found = error
    assert isinstance(found, dict) or "of the pickle: " in str(found)


def test_a_pickle_cut_anywhere_is_refused():
    for length in range(len(GOOD)):
        with pytest.raises(ValueError, match="of the pickle: "):
            read_pickled(GOOD[:length])


def test_a_pickle_altered_anywhere_is_read_or_refused():
    for place in range(len(GOOD)):
        for value in (0, 1, 0x28, 0x2E, 0x52, 0x62, 0x65, 0x71, 0x75, 0x80, 0xFF, GOOD[place] ^ 1):
            read_or_refuse(GOOD[:place] + bytes([value]) + GOOD[place + 1 :])


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_read_or_refused(content):
    read_or_refuse(content)
    read_or_refuse(b"\x80\x02}" + content)


PIECES = [bytes([code]) for code in OPCODES if code != 0x2E]
PIECES += [b"K\1", b"U\1x", b"q\0", b"h\0", b"]", b"(", NUMPY, STATE, b"cnumpy\ndtype\n", b"\x94"]


def test_any_program_of_known_instructions_is_read_or_refused():
    rng = random.Random(0)
    for _ in range(20_000):
        program = b"".join(rng.choices(PIECES, k=rng.randrange(1, 25)))
        read_or_refuse(b"\x80\x02" + program + b".")


HUNGRY = {
    "empty lists": b"]" * 100_000,
    "references to one string": b"C\xffq\0".replace(b"\xff", b"\x05abcde") + b"h\0" * 100_000,
    "a growing list": b"]" + b"(" + b"K\1" * 100_000 + b"e",
    "a list of itself": b"]q\0(" + b"h\0" * 100_000 + b"e",
    "marks": b"(" * 100_000,
    "memo entries": b"K\1" + b"".join(b"r" + struct.pack("<I", i) for i in range(100_000)),
    "huge frames": b"\x95" + b"\xff" * 8 + b"B\xff\xff\xff\x7f",
    "huge shapes": WHOLE.replace(b"K\4\x85", b"J\xff\xff\xff\x7f" * 3 + b"\x87"),
}


@pytest.mark.parametrize("name", HUNGRY)
def test_the_memory_is_in_proportion_to_the_file(name):
    content = b"\x80\x02" + HUNGRY[name] + b"."
    tracemalloc.start()
    read_or_refuse(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(content) + 100_000
    assert CONTAINERS <= 100


def test_the_reader_imports_nothing_that_loads_pickles_or_modules():
    source = ROOT / "nn/data/pickled.py"
    lines = source.read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.lstrip().startswith(("import ", "from "))]
    assert {line.split()[1].partition(".")[0] for line in imports} == {
        "__future__",
        "math",
        "struct",
        "typing",
        "numpy",
    }
