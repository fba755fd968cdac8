"""Each demo's step of training, compiled: the bits of eager, to the last of a hundred steps, also when interrupted."""

import numpy as np
import pytest
from compiling import bits, programs
from demo_runs import imported

import minigrad as mg
import nn

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

pytestmark = pytest.mark.untraced
STEPS, CLASSES, LETTERS = 100, 10, 20
SMALL = {"CONTEXT": 12, "WIDTH": 16, "HEADS": 2, "LAYERS": 2}  # of the writing model


def images(*shape, count=4):
    """Batches of noise with labels."""
    return lambda rng: (
        rng.standard_normal((count, *shape)).astype("f"),
        rng.integers(0, CLASSES, count),
    )


def writing(demo):
    vars(demo).update(SMALL)
    model = demo.Writer(LETTERS)
    optimizer, schedule, loss_of = demo.training(model, STEPS)

    def blocks(rng):
        letters = rng.integers(0, LETTERS, (3, 13))
        return letters[:, :-1], letters[:, 1:]

    return optimizer, loss_of, schedule, blocks


def touring(name):
    """An example of the tour; it has gradients, and here takes steps, too."""

    def make(demo):
        leaves, compute = demo.EXAMPLES[name]()
        params = leaves.values() if isinstance(leaves, dict) else leaves.parameters()
        return nn.optim.SGD(params, lr=0.01), compute, None, lambda rng: ()

    return make


# (demo, what makes its optimiser, its loss, what steers the rate, and what draws batches)
TRAININGS = {
    "spiral": ("spiral", lambda d: (*d.training()[1:], None, lambda rng: d.spiral(rng))),
    "mnist mlp": ("mnist", lambda d: (*d.training("mlp")[1:], d.rate, images(784))),
    "mnist cnn": ("mnist", lambda d: (*d.training("cnn")[1:], d.rate, images(1, 28, 28))),
    "two-layer net": ("two_layer_net", lambda d: (*d.training(784)[1:], None, images(784))),
    **{
        f"cifar10 two-layer {loss}": (
            "cifar10",
            lambda d, loss=loss: (
                *d.two_layer_training(loss, d.RATES[0], d.PENALTIES[0])[1:], None, images(3, 32, 32),
            ),
        )
        for loss in ("softmax", "svm")
    },
    **{
        f"cifar10 conv {loss}": (
            "cifar10",
            lambda d, loss=loss: (*d.conv_training(loss)[1:], lambda done: 1 - done, images(3, 32, 32, count=2)),
        )
        for loss in ("softmax", "svm")
    },
    "shakespeare": ("shakespeare", writing),
    **{f"backprop {name}": ("backprop", touring(name)) for name in ("neurons", "meeting", "mlp")},
}  # fmt: skip


class Run:
    """A training of a demo: its first steps, or those from what another run kept."""

    def __init__(self, name, way, seed=0):
        mg.seed(seed)
        demo, make = TRAININGS[name]
        with imported(demo) as (module, support):
            self.optimizer, loss_of, self.steering, self.batch = make(module)
            self.step = way(support.step_of(self.optimizer, loss_of))
        self.rate = self.optimizer.lr

    def steps(self, first, last):
        losses = []
        for i in range(first, last):
            if callable(self.steering):
                self.optimizer.lr = self.rate * self.steering(i / STEPS)
            losses.append(bits(self.step(*self.batch(np.random.default_rng(i)))))
            if hasattr(self.steering, "step"):
                self.steering.step()
        return losses

    def kept(self):
        """All that the run goes on from."""
        return (
            [p.data.copy("K") for p in self.optimizer.params],
            self.optimizer.state_dict(),
            self.steering.state_dict() if hasattr(self.steering, "step") else None,
            mg.generator().bit_generator.state,
        )

    def resume(self, kept):
        arrays, optimizer, schedule, generator = kept
        for p, array in zip(self.optimizer.params, arrays, strict=True):
            p.assign(array)
        self.optimizer.load_state_dict(optimizer)
        if schedule is not None:
            self.steering.load_state_dict(schedule)
        mg.generator().bit_generator.state = generator


@pytest.mark.parametrize("name", TRAININGS)
def test_a_hundred_steps_of_a_demo_leave_the_same_bits_also_when_interrupted(name):
    def eager(f):
        return f

    whole = {}
    for way in (eager, mg.compile):
        run = Run(name, way)
        whole[way] = run.steps(0, STEPS), bits(run.kept())
    assert 1 <= programs(run.step) <= 2  # without gradients before, and with
    assert whole[mg.compile] == whole[eager]
    losses, left = whole[eager]
    assert len(set(map(str, losses))) > STEPS // 2, "it learns"
    run = Run(name, mg.compile)
    before, kept = run.steps(0, STEPS // 3), run.kept()
    run = Run(name, mg.compile, seed=1)
    run.resume(kept)
    assert before + run.steps(STEPS // 3, STEPS) == losses
    assert bits(run.kept()) == left
