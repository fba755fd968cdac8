"""Browsers for the tests of pages. Firefox without geckodriver: Selenium's commands, spoken to Marionette in it.

Marionette answers on a TCP port to JSON in frames of `length:[0, id, command, parameters]`. Its commands are those of
WebDriver under other names.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.errorhandler import ExceptionMapping
from selenium.webdriver.support.wait import WebDriverWait

WIDTH, HEIGHT = 1400, 900


def chromium(downloads=None):
    """A headless Chromium, which saves into the folder `downloads` if there is one."""
    options = webdriver.ChromeOptions()
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        f"--window-size={WIDTH},{HEIGHT}",
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    # a page gets its focus events also while another browser, of another worker, has the focus
    driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    driver.downloads = downloads
    return driver


# Firefox ------------------------------------------------------------------------------------

NAMES = ("firefox", "firefox-esr")

_COMMANDS = {
    Command.NEW_SESSION: "NewSession",
    Command.GET: "Navigate",
    Command.REFRESH: "Refresh",
    Command.FIND_ELEMENT: "FindElement",
    Command.FIND_ELEMENTS: "FindElements",
    Command.FIND_CHILD_ELEMENT: "FindElement",
    Command.FIND_CHILD_ELEMENTS: "FindElements",
    Command.CLICK_ELEMENT: "ElementClick",
    Command.SEND_KEYS_TO_ELEMENT: "ElementSendKeys",
    Command.GET_ELEMENT_TEXT: "GetElementText",
    Command.GET_ELEMENT_TAG_NAME: "GetElementTagName",
    Command.GET_ELEMENT_RECT: "GetElementRect",
    Command.GET_ELEMENT_ATTRIBUTE: "GetElementAttribute",
    Command.IS_ELEMENT_ENABLED: "IsElementEnabled",
    Command.IS_ELEMENT_SELECTED: "IsElementSelected",
    Command.GET_ELEMENT_PROPERTY: "GetElementProperty",
    Command.GET_ELEMENT_VALUE_OF_CSS_PROPERTY: "GetElementCSSValue",
    Command.W3C_GET_ACTIVE_ELEMENT: "GetActiveElement",
    Command.W3C_EXECUTE_SCRIPT: "ExecuteScript",
    Command.W3C_ACTIONS: "PerformActions",
    Command.W3C_CLEAR_ACTIONS: "ReleaseActions",
    Command.SET_WINDOW_RECT: "SetWindowRect",
    Command.SCREENSHOT: "TakeScreenshot",
    Command.ELEMENT_SCREENSHOT: "TakeScreenshot",
    Command.PRINT_PAGE: "Print",
    Command.SWITCH_TO_FRAME: "SwitchToFrame",
    Command.QUIT: "DeleteSession",
}

_PREFERENCES = {
    # errors of scripts, and what a page writes to the console, are then read in the log
    "browser.dom.window.dump.enabled": True,
    "devtools.console.stdout.content": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.download.folderList": 2,  # the folder that browser.download.dir names
    "browser.download.alwaysOpenPanel": False,  # it would take the keys
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "focusmanager.testmode": True,  # as with Chromium
    "marionette.port": 0,  # one that is free, which Firefox tells in a file of its profile
}

_OF_A_PAGE = re.compile(r'JavaScript \w+: file:|console\.\w+: "')


def firefox_program() -> str | None:
    """The path of Firefox, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox(webdriver.Remote):
    """A headless Firefox with a profile of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        self._log = folder / "firefox.log"
        self._read = 0
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in (
                _PREFERENCES | {"browser.download.dir": str(self.downloads)}
            ).items()
        ]
        (folder / "user.js").write_text("".join(lines))
        command = [
            firefox_program(),
            "--headless",
            "--marionette",
            "--no-remote",
            "--profile",
            folder,
        ]
        command += ["--width", str(WIDTH), "--height", str(HEIGHT)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            super().__init__(_Marionette(self._port(folder)), options=webdriver.FirefoxOptions())
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _port(self, folder: Path, seconds: float = 60) -> int:
        """The port of a Firefox that is still starting."""
        told, end = folder / "MarionetteActivePort", time.monotonic() + seconds
        while not told.exists() or not told.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise TimeoutError(f"Firefox tells no port; see {self._log}")
            time.sleep(0.05)
        return int(told.read_text())

    def get_log(self, _kind: str) -> list[str]:
        """Errors of the page's scripts, and texts that it wrote to the console, since the last call."""
        text = self._log.read_text(errors="replace")
        new, self._read = text[self._read :], len(text)
        return [line for line in new.splitlines() if _OF_A_PAGE.match(line)]  # Firefox writes too

    def quit(self) -> None:
        self.command_executor.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Marionette:
    """What Selenium calls a command executor."""

    client_config = SimpleNamespace(remote_server_addr="marionette")

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._bytes = b""
        self._count = 0
        self._receive()  # a greeting

    def execute(self, command: str, parameters: dict) -> dict:
        given = {k: v for k, v in parameters.items() if k != "sessionId"}
        if command in (Command.FIND_CHILD_ELEMENT, Command.FIND_CHILD_ELEMENTS):
            given["element"] = given.pop("id")
        self._count += 1
        text = json.dumps([0, self._count, f"WebDriver:{_COMMANDS[command]}", given]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._receive()
        if error is not None:
            raise getattr(ExceptionMapping, error["error"].upper().replace(" ", "_"))(
                error["message"]
            )
        if isinstance(result, dict) and set(result) == {"value"}:
            result = result["value"]
        return {"value": result}

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> list:
        while b":" not in self._bytes:
            self._bytes += self._more()
        length, _, rest = self._bytes.partition(b":")
        while len(rest) < int(length):
            rest += self._more()
        self._bytes = rest[int(length) :]
        return json.loads(rest[: int(length)])

    def _more(self) -> bytes:
        some = self._socket.recv(1 << 20)
        if not some:
            raise ConnectionError("Firefox closed the connection")
        return some


def _is_whole(path):
    """Return whether a file is there and no browser writes it any more."""
    unfinished = [p for p in path.parent.iterdir() if p.suffix in (".part", ".crdownload")]
    return not unfinished and path.exists() and path.stat().st_size > 0


# What is done with a page --------------------------------------------------------------------


class Page:
    """What the tests do with a page, in a reader's words."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, name):
        self.find(f"#{name}").click()

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focus(self, element):
        self.driver.execute_script("arguments[0].focus()", element)

    def node(self, name):
        """The drawn node of that name."""
        (found,) = [
            n
            for n in self.all(".node")
            if n.find_element(By.CLASS_NAME, "title").get_property("textContent") == name
        ]
        return found

    def click(self, node):
        self.bring(node)
        node.find_element(By.CLASS_NAME, "shape").click()

    def bring(self, node):
        """Drag the graph until a node is in the middle, if it is out of sight, as a reader would."""
        stage, box, axes = self.find("#stage").rect, node.rect, (("x", "width"), ("y", "height"))
        far = [stage[a] + stage[d] / 2 - box[a] - box[d] / 2 for a, d in axes]
        room = [(stage[d] - box[d]) / 2 for _, d in axes]
        if any(abs(v) > most for v, most in zip(far, room, strict=True)):
            self.wheel(deltaX=-far[0] or 0.01, deltaY=-far[1])

    def wheel(self, **event):
        """Turn a wheel over the middle of the graph."""
        self.driver.execute_script(
            """const [box, event] = [arguments[0].getBoundingClientRect(), arguments[1]];
            const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
            arguments[0].dispatchEvent(new WheelEvent("wheel", { ...at, ...event, cancelable: true }));""",
            self.find("#graph"),
            event,
        )

    def resize(self, width, height):
        """Give the page, without what the browser has around it, a size in CSS pixels."""
        around = "return [outerWidth - innerWidth, outerHeight - innerHeight]"
        w, h = self.driver.execute_script(around)
        self.driver.set_window_size(width + w, height + h)
        WebDriverWait(self.driver, 20, 0.05).until(
            lambda driver: (
                driver.execute_script("return [innerWidth, innerHeight]") == [width, height]
            )
        )

    def click_node(self, name):
        self.click(self.node(name))

    def click_module(self, title_of_it):
        for title in self.all(".module-title"):
            if title.text in (f"▾ {title_of_it}", f"▸ {title_of_it}"):
                return title.find_element(By.TAG_NAME, "rect").click()
        raise AssertionError(f"no module {title_of_it}")

    def gradient_beside(self, name):
        """The text in a node of what arrived there."""
        return self.node(name).find_element(By.CLASS_NAME, "gradient").get_property("textContent")

    def numbers(self, which):
        """All numbers of a small tensor that the panel shows, in full."""
        return [float(cell.get_property("title")) for cell in self.all(f"#panel .{which} td > *")]

    def save(self, form):
        """Save by the page's menu; returns the file's name and content."""
        self.press("save > summary")
        self.press(f"save-{form}")
        return self.saved()

    def saved(self):
        """The file that the page tells it has saved, once it is there as a whole."""
        said = WebDriverWait(self.driver, 20, 0.05).until(lambda _: self.find("#saved").text)
        folder, name = self.driver.downloads, said.removeprefix("Saved as ")
        assert name != said, said
        WebDriverWait(self.driver, 20, 0.05).until(lambda _: _is_whole(folder / name))
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        return name, content

    @property
    def story(self):
        return self.find("#story").text

    @property
    def panel(self):
        return self.find("#panel").text

    @property
    def maths(self):
        """The mathematics in the panel, each formula as text without its arrangement."""
        return [math.get_property("textContent") for math in self.all("#panel math")]

    @property
    def place(self):
        """Where the graph was moved to, in pixels."""
        found = self.find("#graph > g").get_attribute("transform")
        return tuple(map(float, re.search(r"translate\((\S+) (\S+)\)", found).groups()))

    @property
    def scale(self):
        return float(self.find("#graph > g").get_attribute("transform").split("scale(")[1][:-1])

    def shown(self):
        return [n for n in self.all(".node") if n.is_displayed()]
