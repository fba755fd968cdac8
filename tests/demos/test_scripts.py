"""The demos of scripts: training by hand is training by the engine, and the files are what the command writes."""

import numpy as np
import pytest
from demo_runs import imported, run
from places import DEMOS

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

pytestmark = pytest.mark.untraced


def test_the_spiral_trained_by_hand_is_the_spiral_trained_by_the_engine(workplace, tmp_path):
    done = run(workplace, "by_hand.py", "--iterations", 30, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all losses and all weights are equal, bit for bit\n")
    assert "import minigrad" not in (tmp_path / "spiral_step.py").read_text()


def test_the_scripts_are_what_the_command_writes(workplace, tmp_path):
    done = run(workplace, "six_scripts.py", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text() for path in tmp_path.glob("*.py")}
    kept = {path.name: path.read_text() for path in (DEMOS / "scripts").glob("*.py")}
    assert written.keys() == kept.keys()
    for name, text in written.items():
        assert text == kept[name], f"run python demos/six_scripts.py: {name} is not what it writes"


def test_each_script_gives_the_bits_of_the_net_it_was_written_for():
    with imported("six_scripts") as (module, _):
        nets = module.nets()
        rng = np.random.default_rng(0)
        for model, x, y in nets.values():
            is_text = x.dtype.kind == "i"
            x = rng.integers(0, 3, x.shape) if is_text else rng.standard_normal(x.shape).astype("f")
            y = rng.integers(0, 3, y.shape)
            found = module.script_of(model, x, y)(x, y)
            loss = module.minigrad.cross_entropy(model(x), y)
            loss.backward()
            expected = [loss.data, *[p.grad.data for p in model.parameters()]]
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
