"""The places that a file may be written to, and what is there before."""

import os
import socket
import stat

import pytest

from nn.atomic_file import whole

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and permissions")


def write(path):
    with whole(path) as file:
        file.write(b"new")


def test_a_pipe_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a device, a pipe or a socket"):
        write(tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_socket_is_refused_also_through_a_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        (tmp_path / "link").symlink_to("socket")
        with pytest.raises(OSError, match="is a device, a pipe or a socket"):
            write(tmp_path / "link")
        assert stat.S_ISSOCK(os.stat(tmp_path / "socket").st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


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
