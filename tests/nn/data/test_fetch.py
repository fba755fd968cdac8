"""The download of a data set's file: whole or not at all, from the first mirror that works."""

import errno
import gzip
import hashlib
import http.client
import os
import sys
import threading
from functools import partial

import pytest

import nn.data.download
from nn.data import fetch

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)

pytestmark = pytest.mark.usefixtures("home")
# the same bytes at every second of the clock
gzipped = partial(gzip.compress, mtime=0)


FAILURES = [
    "refused",
    "absent",
    "truncated",
    "reset",
    "silent",
    "no_http",
    "wrong",
    "cut_gzip",
    "bad_gzip",
    "longer",
    "endless",
    "unzips_to_more",
    "trickle",
    "trickling_header",
    "endless_hints",
    "to_a_file",
    "to_ftp",
]
TOO_LATE = "failed with TimeoutError: not done within 3600 seconds"


@pytest.fixture
def clock(monkeypatch):
    """The time that a download goes by: it stands still until somebody adds to it."""
    time = [1000.0]
    monkeypatch.setattr(nn.data.download, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def timeout(request):
    return 1 if request.node.callspec.params["failing"] == "silent" else 60


@pytest.fixture(params=FAILURES)
def failing(request, mirror, nobody, clock):
    """The url of a download that fails, and how the reason begins that the error gives."""
    path, wrong = "/failing", b"<html>please log in</html>"
    start, packed = CONTENT[:1000], gzipped(CONTENT)
    match request.param:
        case "refused":
            return nobody + path, "failed with URLError: "
        case "absent":
            return mirror.address + path, "answered 404 Not Found"
        case "truncated":
            return mirror.send(path, CONTENT, 7), "sent 256000 of 256007 bytes"
        case "reset":
            return mirror.send(path, start, 7, mirror.reset), "failed with Connection"
        case "silent":
            return mirror.send(path, start, 7, mirror.wait), "failed with TimeoutError: "
        case "no_http":
            mirror.pages[path] = lambda handler: handler.wfile.write(b"hello\r\n\r\n")
            return mirror.address + path, "failed with BadStatusLine: hello"
        case "wrong":
            found = hashlib.sha256(wrong).hexdigest()
            reason = f"sent content with the SHA-256 {found}, expected {SHA256}"
            return mirror.send(path, wrong), reason
        case "cut_gzip":
            return mirror.send(path, packed[:-20]), "sent a damaged gzip file ("
        case "bad_gzip":
            return mirror.send(path, packed[:-8] + bytes(8)), "sent a damaged gzip file (CRC"
        case "longer":
            return mirror.send(path, bytes(2 * SIZE)), "announces 512000 bytes"
        case "endless":
            more = partial(repeated, bytes(1 << 16))
            return mirror.send(path, b"", None, more), "sends more than the 257256 bytes"
        case "unzips_to_more":
            bomb = gzipped(bytes(1 << 24))
            return mirror.send(path, bomb), "sent content with the SHA-256 "
        case "trickle":
            return mirror.send(path, b"", SIZE, partial(repeated, b"x", clock=clock)), TOO_LATE
        case "trickling_header":
            head = b"HTTP/1.1 200 OK\r\nA: "
            mirror.pages[path] = partial(repeated, b"x", clock=clock, first=head)
            return mirror.address + path, TOO_LATE
        case "endless_hints":
            hint = b"HTTP/1.1 100 Continue\r\n\r\n"
            mirror.pages[path] = partial(repeated, hint, clock=clock)
            return mirror.address + path, TOO_LATE
        case "to_a_file":
            return redirected(mirror, path, "file:///etc/hostname"), "answered 302"
        case "to_ftp":
            to = "ftp://127.0.0.1/data"
            return redirected(mirror, path, to), f"led to {to}, which is no http or https url"


def repeated(content, handler, clock=None, first=b""):
    """Send the content again and again, once in a minute of the clock if there is one, while somebody listens."""
    handler.wfile.write(first)
    while True:
        handler.wfile.write(content)
        if clock:
            clock[0] += 60


def redirected(mirror, path, to):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    mirror.pages[path] = answer
    return mirror.address + path


@pytest.mark.parametrize("pack", [bytes, gzipped], ids=["plain", "gzipped"])
@pytest.mark.parametrize("missing", [0, None], ids=["known_length", "unknown_length"])
def test_the_checksum_is_that_of_the_unzipped_content(mirror, tmp_path, pack, missing):
    path = tmp_path / "new" / "folder" / "data.bin"
    url = mirror.send("/data", pack(CONTENT), missing)
    assert fetch([url], path, sha256=SHA256) == path
    assert path.read_bytes() == pack(CONTENT)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_transfer_leaves_no_file_and_gives_the_reason(failing, timeout, tmp_path):
    url, reason = failing
    path = tmp_path / "downloads" / "data.bin"
    with pytest.raises(ConnectionError) as caught:
        fetch([url], path, sha256=SHA256, size=SIZE, timeout=timeout)
    assert f"{url}: {reason}" in str(caught.value)
    assert f"put the file by hand at {path}" in str(caught.value)
    assert list(path.parent.iterdir()) == []


def test_a_failed_transfer_moves_on_to_the_next_mirror(failing, timeout, mirror, tmp_path):
    path = tmp_path / "downloads" / "data.bin"
    urls = [failing[0], mirror.send("/second", CONTENT), mirror.send("/third", CONTENT)]
    fetch(urls, path, sha256=SHA256, size=SIZE, timeout=timeout)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    assert "/third" not in mirror.requested


def test_the_error_names_every_mirror_with_its_reason(mirror, nobody, tmp_path):
    urls = [nobody + "/data", mirror.address + "/absent", mirror.send("/cut", CONTENT[:9], 1)]
    reasons = ["failed with URLError", "answered 404", "sent 9 of 10 bytes"]
    with pytest.raises(ConnectionError) as caught:
        fetch(urls, tmp_path / "data.bin", sha256=SHA256)
    assert all(f"{u}: {r}" in str(caught.value) for u, r in zip(urls, reasons, strict=True))


def test_an_old_file_is_replaced_by_a_good_download_and_kept_by_a_bad_one(mirror, tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")
    with pytest.raises(ConnectionError):
        fetch([mirror.send("/wrong", b"wrong")], path, sha256=SHA256)
    assert path.read_bytes() == b"old"
    fetch([mirror.send("/data", CONTENT)], path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_an_interrupt_leaves_no_file_and_tries_no_other_mirror(mirror, tmp_path, monkeypatch):
    path = tmp_path / "downloads" / "data.bin"
    read = http.client.HTTPResponse.read
    seen = []

    def read_then_interrupt(response, amount):
        seen.append(list(path.parent.iterdir()))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return read(response, amount)

    monkeypatch.setattr(http.client.HTTPResponse, "read", read_then_interrupt)
    urls = [mirror.send("/first", CONTENT), mirror.send("/second", CONTENT)]
    with pytest.raises(KeyboardInterrupt):
        fetch(urls, path, sha256=SHA256)
    assert len(seen[1]) == 1  # the partial file was there
    assert path not in seen[1]
    assert list(path.parent.iterdir()) == []
    assert mirror.requested == ["/first"]


def test_a_full_disk_leaves_no_file_and_is_not_blamed_on_mirrors(mirror, tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    path = tmp_path / "downloads" / "data.bin"
    urls = [mirror.send("/first", CONTENT), mirror.send("/second", CONTENT)]
    with pytest.raises(OSError, match="No space left on device"):
        fetch(urls, path, sha256=SHA256)
    assert list(path.parent.iterdir()) == []
    assert mirror.requested == ["/first"]


def test_fetches_of_one_file_at_the_same_time_do_not_disturb_each_other(mirror, tmp_path):
    path = tmp_path / "downloads" / "data.bin"
    url = mirror.send("/data", CONTENT)
    done = []

    def target():
        done.append(fetch([url], path, sha256=SHA256))

    threads = [threading.Thread(target=target) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [path] * 4
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_the_progress_is_shown_on_a_terminal(mirror, tmp_path, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fetch([mirror.send("/data", CONTENT)], tmp_path / "data.bin", sha256=SHA256)
    out, err = capsys.readouterr()
    assert out == ""
    assert "data.bin: 100%" in err
    assert "256k/256k" in err


@pytest.mark.parametrize("is_terminal", [False, True], ids=["a log", "a terminal without tqdm"])
def test_the_download_is_silent_where_no_bar_is_shown(
    mirror, tmp_path, monkeypatch, capsys, is_terminal
):
    if is_terminal:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setitem(sys.modules, "tqdm", None)
    path = fetch([mirror.send("/data", CONTENT)], tmp_path / "data.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "data:,hello", "ftp://host/file", "FILE:/etc/hostname", "hello"]
)
def test_a_url_that_is_not_of_the_web_is_refused_by_name_before_any_is_tried(mirror, tmp_path, url):
    with pytest.raises(ValueError, match=f"fetch: '{url}' is no http or https url"):
        fetch([mirror.send("/data", CONTENT), url], tmp_path / "new" / "data", sha256=SHA256)
    assert mirror.requested == []
    assert list(tmp_path.glob("new")) == []


def test_a_mirror_may_redirect_to_another_place_of_the_web(mirror, tmp_path):
    url = redirected(mirror, "/moved", mirror.send("/data", CONTENT))
    path = fetch([url], tmp_path / "data.bin", sha256=SHA256, size=SIZE)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 \x1b]0;owned\x07\x9b2J\r\n\r\n",
        b"\x1b[2Jhello\x9b\r\n\r\n",
        b"HTTP/1.1 302 \x1b[2J\r\nLocation: \x1b[2Jftp://host/\x1b[2J\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://host/\x1b[2J\r\n\r\n",
        b"HTTP/1.1 404 " + b"x" * 60000 + b"\x1b\r\n\r\n",
    ],
)
def test_what_a_mirror_says_reaches_the_terminal_without_control_characters(
    mirror, tmp_path, answer
):
    mirror.pages["/data"] = lambda handler: handler.wfile.write(answer)
    with pytest.raises(ConnectionError) as caught:
        fetch([mirror.address + "/data"], tmp_path / "data.bin", sha256=SHA256)
    assert str(caught.value).replace("\n", "").isprintable()
    assert len(str(caught.value)) < 2000


def test_a_gzip_file_is_unzipped_no_further_than_its_content_goes(mirror, tmp_path, monkeypatch):
    read = []
    unzip = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile, "read", lambda file, size: read.append(size) or unzip(file, size)
    )
    url = mirror.send("/data", gzipped(bytes(2**26)))
    with pytest.raises(ConnectionError, match=r"\(256000 bytes, and it has more\)"):
        fetch([url], tmp_path / "data.bin", sha256=SHA256, size=SIZE)
    assert sum(read) < 2 * SIZE
