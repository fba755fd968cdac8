"""Files that promise or unzip to more than they should are refused before memory is taken for it."""

import gzip
import io
import struct
import tarfile
import tracemalloc
from contextlib import contextmanager

import pytest

from nn.data import archive
from nn.data.archive import read_members
from nn.data.idx import read_idx


@contextmanager
def little_memory(most=2**23):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"\0\0\x08\1" + struct.pack(">I", 10), 2**26),  # more than promised
        (b"\1\1\1\1", 2**26),  # no IDX file
        (b"\0\0\x08\2" + struct.pack(">II", 2**31, 2**31), 100),  # less
        (b"\0\0\x0e\4" + struct.pack(">IIII", *[2**32 - 1] * 4), 100),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_file_is_read_no_further_than_its_header_says(tmp_path, head, rest, zipped):
    path = tmp_path / "numbers"
    with gzip.open(path, "wb", 1) if zipped else open(path, "wb") as file:
        file.write(head)
        for _ in range(rest // 2**20):
            file.write(bytes(2**20))
    with little_memory(), pytest.raises(ValueError, match=r"numbers: found .*, expected"):
        read_idx(path)


def test_an_archive_of_ever_more_members_is_refused(tmp_path):
    path = tmp_path / "many.tar.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(tarfile.TarInfo("empty").tobuf() * 20000)
    with (
        little_memory(),
        pytest.raises(ValueError, match=r"many\.tar\.gz: found over 1000 members"),
    ):
        read_members(path, ["a"])


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_an_archive_that_claims_any_size_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archive, "LARGEST", 2**20)
    path, info = tmp_path / "wide.tar.gz", tarfile.TarInfo("a")
    info.type, info.size = kind, 2**26
    with gzip.open(path, "wb", 1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**26))
    with (
        little_memory(),
        pytest.raises(ValueError, match=r"wide\.tar\.gz: found a damaged archive"),
    ):
        read_members(path, ["a"])


def test_members_are_found_between_others(tmp_path):
    path = tmp_path / "some.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        for name, content in [
            ("x/b", b"1" * 5000),
            ("x/a", b"23"),
            ("x/c", b""),
            ("x/d", b"4" * 700),
        ]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    found = read_members(path, ["a", "d", "e"])
    assert found == {path / "a": b"23", path / "d": b"4" * 700}
