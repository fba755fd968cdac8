"""Files that are written whole: the places, what was there before, and writers that were killed."""

import os
import socket
import stat
import sys

import pytest

import minigrad.files
from minigrad.files import whole

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and permissions")


def write(path):
    with whole(path) as file:
        file.write(b"new")


@posix
def test_a_pipe_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a device, a pipe or a socket"):
        write(tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@posix
def test_a_socket_is_refused_also_through_a_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        (tmp_path / "link").symlink_to("socket")
        with pytest.raises(OSError, match="is a device, a pipe or a socket"):
            write(tmp_path / "link")
        assert stat.S_ISSOCK(os.stat(tmp_path / "socket").st_mode)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


@posix
def test_a_pipe_with_the_name_of_a_leftover_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / ".file.0.part")
    write(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["n" * 250, "n" * 255, "\u00fc" * 125])
def test_long_names_are_written_and_their_leftovers_removed(tmp_path, name):
    write(tmp_path / name)
    for _ in range(2):
        write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_leftovers_are_removed_unless_their_writer_lives(tmp_path):
    path = tmp_path / "file"
    left = path.with_name(f".{path.name}.0123.part")
    left.write_text("of a killed writer")
    other = path.with_name(f".{path.name}x.0123.part")
    other.write_text("of another file")
    with whole(path) as first:
        first.write(b"first")
        assert not left.exists()
        with whole(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert sorted(os.listdir(path.parent)) == sorted([path.name, other.name])


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_file_that_another_writer_has_just_taken_for_a_leftover_is_begun_again(
    tmp_path, monkeypatch
):
    path, taken = tmp_path / "file", []
    lock = minigrad.files._lock

    def late(file):
        if not taken:
            taken.append(open(file.name, "rb"))  # noqa: SIM115  closed below
            assert lock(taken[0])
        return lock(file)

    monkeypatch.setattr(minigrad.files, "_lock", late)
    with whole(path) as file:
        os.unlink(taken[0].name)
        file.write(b"written")
    taken[0].close()
    assert path.read_bytes() == b"written"
    assert os.listdir(path.parent) == [path.name]
