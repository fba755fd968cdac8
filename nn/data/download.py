"""The download of a file: whole or not at all, within the size and the time that it may take."""

import hashlib
import http.client
import io
import math
import socket
import urllib.error
import urllib.request
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from minigrad.files import StrPath, whole

from ..progress import progress_bar
from .files import BLOCK, GZIP_ERRORS, open_unzipped, shown

HOUR = 3600.0


class Content(NamedTuple):
    """A file of a data set, known by the SHA-256 and the bytes of it or, if it is gzip, of its unzipped content."""

    sha256: str
    size: int


def download(path: Path, title: str, mirrors: Sequence[str], files: Mapping[str, Content]) -> Path:
    """The path, after the file with that name has been downloaded from one of the data set's mirrors.

    If this fails, the error describes the data set by `title`, such as "MNIST is the four files".
    """
    sha256, size = files[path.name]
    try:
        return fetch([mirror + path.name for mirror in mirrors], path, sha256=sha256, size=size)
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}\n{title} {', '.join(files)} in the folder {path.parent}; "
            f"its mirrors are {' and '.join(mirrors)}"
        ) from None


def fetch(
    urls: Iterable[str],
    path: StrPath,
    *,
    sha256: str,
    size: int | None = None,
    timeout: float = 30.0,
    limit: float = HOUR,
) -> Path:
    """The path, after the file has been downloaded from the first of the urls that works.

    The urls are http or https addresses of the same file on several mirrors, tried in order.
    `sha256` is the hexadecimal SHA-256 of the file or, if it is gzip, of its unzipped content,
    because mirrors may have zipped the same content differently; the file is kept as it was sent.
    `size` is the number of bytes of which it is the SHA-256: a mirror that sends more is cut off.
    `timeout` is the longest wait, in seconds, for a mirror that sends nothing, and `limit` the
    longest time for one that sends something, however little at a time.

    An existing file is replaced at the very end and in one step, so that nobody sees half a file
    and a download that fails or is interrupted leaves nothing behind. If no mirror works, a
    ConnectionError gives the reason for each. A progress bar is shown on a terminal if tqdm is installed.
    """
    path, urls = Path(path), list(urls)
    for url in urls:
        if not _is_web(url):
            raise ValueError(f"fetch: {url!r} is no http or https url, and no other is downloaded")
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            with whole(path) as file:
                with closing(_body(url, path.name, size, timeout, limit)) as blocks:
                    file.writelines(blocks)
                file.flush()
                _check(Path(file.name), sha256, size)
        except _MirrorError as error:
            failures.append(f"\n  {shown(url)}: {shown(str(error))}")
        else:
            return path
    raise ConnectionError(
        f"{path.name} could not be downloaded:{''.join(failures)}\n"
        f"Try again later, or put the file by hand at {path}"
    )


class _MirrorError(Exception):
    """A mirror's failure: the next one may work."""


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _most(size: int | None) -> float:
    """The most bytes of a file whose content has `size`: gzip adds a little to what it cannot make smaller."""
    return math.inf if size is None else size + size // 1000 + 1000


def _body(
    url: str, label: str, size: int | None, timeout: float, limit: float
) -> Generator[bytes, None, None]:
    """The blocks a mirror sends; anything that goes wrong on its side is a _MirrorError."""
    received, most = 0, _most(size)
    try:
        with _opener(monotonic() + limit, limit).open(url, timeout=timeout) as response:
            total: int | None = response.length
            if (total or 0) > most:
                raise _MirrorError(f"announces {total} bytes; the file has at most {most}")
            with progress_bar(label, total, unit="B", unit_scale=True) as bar:
                while block := response.read(BLOCK):
                    received += len(block)
                    if received > most:
                        raise _MirrorError(f"sends more than the {most} bytes the file can have")
                    if bar is not None:
                        bar.update(len(block))
                    yield block
    except urllib.error.HTTPError as error:
        error.close()  # it is the response, and holds the connection
        raise _MirrorError(f"answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _MirrorError(f"failed with {type(error).__name__}: {error}") from None
    # http.client takes the end of a connection for the end of the body.
    if total is not None and received < total:
        raise _MirrorError(f"sent {received} of {total} bytes")


def _check(path: Path, sha256: str, size: int | None) -> None:
    """Raise a _MirrorError unless this is the SHA-256 of the file or, if it is gzip, of its unzipped content."""
    with open(path, "rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    more = ""
    if received != sha256:
        try:
            with open_unzipped(path) as file:
                received, is_whole = _digest(file, math.inf if size is None else size)
        except GZIP_ERRORS as error:
            raise _MirrorError(f"sent a damaged gzip file ({error})") from None
        more = "" if is_whole else f" ({size} bytes, and it has more)"
    if received != sha256 or more:
        raise _MirrorError(f"sent content with the SHA-256 {received}, expected {sha256}{more}")


def _digest(file: Any, most: float) -> tuple[str, bool]:
    """The SHA-256 of a file, read no further than just beyond `most` bytes; and whether that was all."""
    digest, count = hashlib.sha256(), 0
    while count <= most and (block := file.read(BLOCK)):
        digest.update(block)
        count += len(block)
    return digest.hexdigest(), count <= most


# Connections that end ---------------------------------------------------------------------------------


class _Web(urllib.request.BaseHandler):
    """Asked before any other about a request, also one to which a mirror redirects."""

    def default_open(self, request: urllib.request.Request) -> None:
        if not _is_web(request.full_url):
            raise _MirrorError(f"led to {request.full_url}, which is no http or https url")


class _Until(io.RawIOBase):
    """The bytes of a socket, until the deadline: each wait is no longer than what is left until then."""

    def __init__(self, connection: socket.socket, deadline: float, limit: float) -> None:
        self._raw = connection.makefile("rb", buffering=0)
        self._connection, self._deadline, self._limit = connection, deadline, limit
        self._timeout = connection.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        late = f"not done within {self._limit:g} seconds"
        if left <= 0:
            raise TimeoutError(late)
        is_last = self._timeout is None or left < self._timeout
        self._connection.settimeout(left if is_last else self._timeout)
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise TimeoutError(late if is_last else "it sends nothing") from None

    def close(self) -> None:
        self._raw.close()
        super().close()


def _opener(deadline: float, limit: float) -> urllib.request.OpenerDirector:
    """An opener of http and https urls whose every answer, headers and redirections too, ends at the deadline."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp.close()
            self.fp = io.BufferedReader(_Until(sock, deadline, limit))

    def timed(handler: Any) -> Any:
        plain = handler.do_open

        def do_open(connect: Any, request: Any, **options: Any) -> Any:
            def connected(*args: Any, **more: Any) -> Any:
                connection = connect(*args, **more)
                connection.response_class = Response
                return connection

            return plain(connected, request, **options)

        handler.do_open = do_open
        return handler

    kinds = ("HTTPHandler", "HTTPSHandler")  # Python may have been built without the second
    handlers = [timed(getattr(urllib.request, k)()) for k in kinds if hasattr(urllib.request, k)]
    return urllib.request.build_opener(_Web, *handlers)
