"""The pictures of pages in demos/pictures, made anew from what the demos write.

    python tests/helpers/screenshots.py                 all; MNIST is trained for two epochs, which takes a minute
    python tests/helpers/screenshots.py tour spiral     some

Needs Chromium with its driver, and for MNIST its data (see demos/mnist.py).
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from browsers import chromium
from PIL import Image
from places import DEMOS

PICTURES = DEMOS / "pictures"
SCALE = 2
COLOURS = 256


class Shot(NamedTuple):
    """One picture: the demo that writes the page, the page, the window in CSS pixels, and what is done before."""

    demo: tuple[str, ...]
    page: str
    size: tuple[int, int]
    script: str


CNN = ("mnist.py", "--model", "cnn", "--epochs", "2", "--watch")
NAMED = "const named = (name) => nodes.find((node) => node.name === name).id;"
SHOTS = {
    "tour": Shot(
        ("backprop.py", "--example", "neurons"),
        "backprop_neurons.html",
        (1240, 790),
        "go(5)",
    ),
    "spiral": Shot(
        ("spiral.py",), "spiral.html", (1240, 790), f"{NAMED} go(6); choose(named('0.weight'))"
    ),
    "mnist": Shot(
        CNN,
        "mnist_cnn.html",
        (1240, 860),
        f"{NAMED} toggle('CNN.3'); fit(); go(9); choose(named('3.weight'))",
    ),
    "watch": Shot(
        CNN,
        "mnist_cnn_training.html",
        (1400, 870),
        "choose({ step: 41, key: 'parameter 7.weight' })",
    ),
}


def photograph(driver: Any, page: Path, shot: Shot) -> bytes:
    """The page as a PNG of 256 colours, which is a third of the size."""
    width, height = shot.size
    metrics = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    driver.get(page.as_uri())
    driver.execute_script(shot.script)
    driver.execute_async_script("setTimeout(arguments[0], 300)")
    taken = Image.open(io.BytesIO(base64.b64decode(driver.get_screenshot_as_base64())))
    small = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(SHOTS)}; default: all")
    parser.add_argument("--pages", type=Path, help="a folder of pages that demos wrote before")
    parser.add_argument("--out", type=Path, default=PICTURES, help="default: demos/pictures")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(SHOTS)
    if unknown:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(SHOTS)}")
    here = os.environ | {"PYTHONPATH": str(DEMOS.parent)}  # the packages beside the demos
    driver = chromium()
    try:
        with tempfile.TemporaryDirectory() as folder:
            pages = arguments.pages or Path(folder)
            for name in arguments.names or SHOTS:
                shot = SHOTS[name]
                if not (pages / shot.page).exists():
                    demo, *options = shot.demo
                    command = [sys.executable, DEMOS / demo, *options, "--out", pages]
                    subprocess.run(command, check=True, capture_output=True, env=here)
                path = arguments.out / f"page_{name}.png"
                path.write_bytes(photograph(driver, (pages / shot.page).absolute(), shot))
                print(f"wrote {path}: {path.stat().st_size / 1000:.0f} kB")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
