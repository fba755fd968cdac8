"""Where things stand in the checkout, for tests at any depth of `tests/`."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMOS = ROOT / "demos"
BENCHMARKS = ROOT / "tests" / "benchmarks"
HELPERS = ROOT / "tests" / "helpers"
