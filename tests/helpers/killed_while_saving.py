"""Kills a process that saves in a loop, again and again, and looks at the file each time; see nn/saving/test_killed.

A process of its own, because it forks: that is cheap, and safe as long as there is one thread.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import nn

SAVES = 50
BROKEN_OFF = 10  # files that were being written


def save_forever(path: Path, model: nn.Module, step: int, done: int) -> None:
    while True:
        step += 1
        for parameter in model.parameters():
            parameter.assign(np.full(parameter.shape, step))
        nn.save(path, model, step=step, extra={"again": np.full(1000, step)})
        os.write(done, step.to_bytes(8, "little"))


def main(path: Path, times: int) -> None:
    wait = random.Random(0)
    model = nn.MLP([30, 100, 10])
    step = rounds = killed_while_writing = 0
    nn.save(path, model, step=0)
    # a busy machine may not come to save before the kill, so it goes on until it has saved and written often enough
    while rounds < times or (
        rounds < 20 * times and (step <= SAVES or killed_while_writing <= BROKEN_OFF)
    ):
        rounds += 1
        told, done = os.pipe()
        child = os.fork()
        if child == 0:
            save_forever(path, model, step, done)
        os.close(done)
        time.sleep(wait.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(told, "rb") as pipe:
            saved = max(step, int.from_bytes(pipe.read()[-8:], "little"))
        step, extra = nn.load(path, model)
        assert step >= saved, f"step {step} is in the file, and step {saved} was saved"
        assert step == 0 or all((p.data == step).all() for p in model.parameters())
        assert step == 0 or (extra["again"] == step).all()
        leftovers = len(os.listdir(path.parent)) - 1
        assert leftovers <= 1, os.listdir(path.parent)
        killed_while_writing += leftovers
    nn.save(path, model, step=step)
    assert os.listdir(path.parent) == [path.name]
    print(step, killed_while_writing)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
