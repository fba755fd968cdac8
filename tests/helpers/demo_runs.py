"""Running a demo: as a user does, in this process, or until it is interrupted."""

import contextlib
import importlib
import signal
import subprocess
import sys
import time

import pytest
from places import DEMOS


def command(demo, *arguments):
    return [sys.executable, "-W", "error", str(DEMOS / demo), *map(str, arguments)]


def run(workplace, demo, *arguments, timeout=120):
    return subprocess.run(
        command(demo, *arguments),
        **workplace,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def files(folder):
    """Every file in or under the folder, by its path there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_is_whole_png(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")


def assert_is_one_line_of_error(done, *words):
    """One line at the end that says everything; argparse puts the usage above it."""
    assert done.returncode not in (0, None)
    *before, last = done.stderr.strip().splitlines()
    assert not before or before[0].startswith("usage: ")
    assert "Traceback" not in done.stderr
    assert "error: " in last
    for word in words:
        assert str(word) in last
    assert done.stdout == ""


@contextlib.contextmanager
def imported(demo):
    """The demo as a module, and the module they share."""
    sys.path.insert(0, str(DEMOS))
    try:
        yield importlib.import_module(demo), importlib.import_module("support")
    finally:
        sys.path.remove(str(DEMOS))
        for name in (demo, "support"):
            sys.modules.pop(name, None)


def run_here(demo, *arguments, monkeypatch, capsys):
    """Like `run`, but in this process, which saves the time of imports."""
    monkeypatch.setattr(sys, "argv", [f"{demo}.py", *map(str, arguments)])
    with imported(demo) as (module, support), pytest.raises(SystemExit) as caught:
        support.run(module.main)
    said = capsys.readouterr()
    # the interpreter prints a message that sys.exit was given, and exits with 1
    is_text = isinstance(caught.value.code, str)
    stderr = f"{said.err}{caught.value.code}\n" if is_text else said.err
    return subprocess.CompletedProcess([], 1 if is_text else caught.value.code, said.out, stderr)


def interrupted(workplace, seen, demo, *arguments):
    """The demo after SIGINT, which it got when a line that begins with `seen` had come; and how long it took to end."""
    process = subprocess.Popen(
        command(demo, *arguments),
        **workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # a test run in the background may ignore SIGINT, and its children would inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for line in process.stdout:
            if line.startswith(seen):
                break
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        return process.returncode, stderr, time.monotonic() - start
    finally:
        process.kill()
        process.wait()
