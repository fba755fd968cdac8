"""kill -9 while saving: the file is always whole and never older than the last one saved, and nothing piles up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("safetensors")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks, to be fast")
def test_a_process_killed_200_times_while_saving_leaves_a_whole_and_recent_file(tmp_path):
    script = Path(__file__).with_name("killed_while_saving.py")
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, script, tmp_path / "run.safetensors", "200"]
    path = os.pathsep.join([str(script.parent.parent), *sys.path])
    done = subprocess.run(
        command,
        env={**os.environ, **one_thread, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    steps, killed_while_writing = map(int, done.stdout.split())
    assert steps > 50
    assert killed_while_writing > 10
