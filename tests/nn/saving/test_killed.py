"""kill -9 while saving: the file is always whole and never older than the last one saved, and nothing piles up."""

import os
import subprocess
import sys

import pytest
from places import HELPERS

pytest.importorskip("safetensors")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks, to be fast")
def test_a_process_killed_200_times_while_saving_leaves_a_whole_and_recent_file(tmp_path):
    command = [
        sys.executable,
        HELPERS / "killed_while_saving.py",
        tmp_path / "run.safetensors",
        "200",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    steps, killed_while_writing = map(int, done.stdout.split())
    assert steps > 50
    assert killed_while_writing > 10
