"""The two exercises at the end of demos/lessons/README.md, done in a copy of the repository."""

import os
import shutil
import subprocess
import sys

from places import ROOT

EDITS = {
    "minigrad/ops/special.py": {
        "# sinc ---": """def _haversin(x: Any) -> Any:
    return np.square(np.sin(0.5 * x))


haversin = elementwise(
    _haversin, x=lambda g, x: 0.5 * g * np.sin(x), floats=True, doc="sin(x / 2)^2"
)

# sinc ---"""
    },
    "minigrad/__init__.py": {
        "import erf, erfc, sinc\n": "import erf, erfc, haversin, sinc\n",
        '"hardtanh",': '"hardtanh", "haversin",',
    },
    "tests/helpers/cases/special.py": {
        '    "sinc":': """    "haversin": unary(mg.haversin, lambda x: torch.sin(x / 2).square()),
    "sinc":"""
    },
    "nn/layers/activations.py": {
        "class Tanhshrink(": '''class Snake(_Plain):
    """x + sin(x)^2 (Ziyin, Hartwig and Ueda 2020)."""

    def forward(self, x: Any) -> Any:
        return x + minigrad.haversin(2 * x)


class Tanhshrink('''
    },
    "nn/__init__.py": {
        "    Softplus, Softshrink,": "    Snake, Softplus, Softshrink,",
        '"Softsign", "Softshrink"': '"Snake", "Softsign", "Softshrink"',
    },
    "tests/helpers/cases/layers.py": {
        "\n\nLAYERS = {": '''

def snake(torch):
    """PyTorch has none."""

    class Snake(torch.nn.Module):
        def forward(self, x):
            return x + torch.sin(x).square()

    return Snake()


LAYERS = {''',
        '    "Softsign":': '    "Snake": [layer((3, 4), theirs=snake)],\n    "Softsign":',
    },
}
"""File -> what stands there -> what an exercise writes in its place."""


def copied(folder):
    """What the tests of a row and of a layer need."""
    for name in ("minigrad", "nn", "tests/helpers", "tests/benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "pyproject.toml", "README.md", "tests/conftest.py", "tests/ops/test_table.py",
        "tests/nn/conftest.py", "tests/nn/layers/test_beside_torch.py",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def edited(folder, files):
    """Write the exercises into some of the files."""
    for name in files:
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in EDITS[name].items():
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")


def command(folder, *arguments):
    """A command of Python in the copy, with the packages of the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
