"""The textbooks' systems in small: their initial losses, output sizes and gradients, and that they learn."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from barred import barred
from cifar_files import NAMES
from demo_runs import (
    assert_is_one_line_of_error,
    assert_is_whole_png,
    files,
    imported,
    interrupted,
    run,
    run_here,
)

import minigrad
import nn

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

REAL_DATA = os.environ.get("MINIGRAD_DATA", "")


@pytest.fixture
def cifar():
    with imported("cifar10") as (module, _):
        yield module


@pytest.fixture
def two_layer():
    with imported("two_layer_net") as (module, _):
        yield module


@pytest.fixture
def cifar_folder(tmp_path):
    """A folder of CIFAR-10's binary files with a few images: a bright bar of two rows, whose height is the label."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("data_batch_1.bin", 150), ("test_batch.bin", 40)):
        images, labels = barred(rng, (count, 3, 32, 32), top=5)
        records = np.column_stack([labels, images.reshape(count, -1)]).astype(np.uint8)
        (folder / name).write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n")
    return folder


def photographs(count, dtype=np.float32, rng=None):
    """Noise of CIFAR-10's shape, and labels."""
    rng = rng or np.random.default_rng(0)
    x = rng.standard_normal((count, 3, 32, 32)).astype(dtype)
    return x, rng.integers(0, 10, count)


# --- What can be known before the training ------------------------------------------------------


# the first start of seeds 11 and 12 has a hidden unit at the kink of relu, where the check must draw another one
@pytest.mark.parametrize("seed", [0, 1, 11, 12])
def test_the_two_layer_nets_gradients_agree_with_central_differences(two_layer, seed):
    minigrad.seed(seed)
    x = np.random.default_rng(seed).random((3, 60), np.float32)
    found = two_layer.gradient_differences(x, np.array([5, 0, 4]))
    assert list(found) == ["W1", "b1", "W2", "b2"]
    assert max(found.values()) < 1e-7


def test_the_check_of_gradients_finds_a_wrong_one(two_layer, monkeypatch):
    right = minigrad.cross_entropy
    monkeypatch.setattr(minigrad, "cross_entropy", lambda x, y: right(x + x.detach(), y))
    found = two_layer.gradient_differences(np.ones((3, 60), np.float32), np.array([5, 0, 4]))
    assert min(found.values()) > 1e-5


def test_the_textbooks_nets_start_from_small_weights_and_no_biases(two_layer, cifar):
    net = nn.MLP([784, 50, 10])
    with imported("two_layer_net") as (_, support):
        support.start_small(net, two_layer.DEVIATION)
    for model, deviation in ((net, 0.01), (cifar.two_layer_net(), 1e-3)):
        for name, p in model.named_parameters():
            expected = deviation if name.endswith("weight") else 0
            assert p.numpy().std() == pytest.approx(expected, rel=0.15)
            assert p.dtype == "float32"


def test_a_net_that_has_learned_nothing_has_the_loss_of_a_guess(two_layer, cifar):
    x, y = photographs(200)
    # softmax: log 10; hinge: each of nine wrong classes within the margin of 1
    for loss, expected in (("softmax", math.log(10)), ("svm", 9)):
        minigrad.seed(0)
        free, held = cifar.initial_losses(x, y, loss)
        assert free == pytest.approx(expected, rel=0.02)
        assert held > free
        net = cifar.two_layer_net()
        assert cifar.objective(net, loss, 0.0)(x, y).item() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("width", [7, 8, 32])
@pytest.mark.parametrize(
    ("field", "padding", "stride"), [(7, 3, 1), (3, 1, 2), (5, 0, 1), (2, 0, 2)]
)
def test_the_size_of_an_output_is_that_of_the_formula(cifar, width, field, padding, stride):
    size = cifar.output_size(width, field, padding, stride)
    y = nn.Conv2d(3, 2, field, stride, padding)(np.zeros((1, 3, width, width), np.float32))
    assert y.shape == (1, 2, math.floor(size), math.floor(size))


def test_the_convolutional_net_is_the_textbooks(cifar):
    net = cifar.conv_net()
    assert [type(layer).__name__ for layer in net] == [
        "Conv2d",
        "ReLU",
        "MaxPool2d",
        "Flatten",
        "Linear",
        "ReLU",
        "Linear",
    ]
    x = np.zeros((2, 3, 32, 32), np.float32)
    assert net[0](x).shape == (2, 32, 32, 32)
    assert net[:3](x).shape == (2, 32, 16, 16)
    assert net(x).shape == (2, 10)
    assert sum(p.size for p in net.parameters()) == 32 * 147 + 32 + 8192 * 100 + 100 + 1010


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_every_gradient_of_the_convolutional_net_is_right(cifar, loss):
    minigrad.seed(1)
    errors = cifar.gradient_errors(np.array([3, 1, 4, 1]), loss)
    assert len(errors) == 6
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_fifty_images_are_learned_by_heart(cifar, loss):
    minigrad.seed(0)
    steps, right = cifar.overfit(*photographs(50), loss)
    assert right == 1
    assert 0 < steps < 200


def test_the_penalty_is_half_the_sum_of_squared_weights_without_biases(cifar):
    net = cifar.conv_net(size=8, filters=3, kernel=3, hidden=7, dtype=np.float64)
    x, y = np.zeros((2, 3, 8, 8)), np.array([1, 2])
    expected = 0.5 * 0.3 * sum((net[i].weight.numpy() ** 2).sum() for i in (0, 4, 6))
    both = [cifar.objective(net, "svm", penalty)(x, y).item() for penalty in (0.0, 0.3)]
    assert both[1] - both[0] == pytest.approx(expected)


def test_half_of_the_images_are_mirrored_and_their_labels_kept(cifar):
    minigrad.seed(0)
    x, _ = photographs(400)
    ((mirrored, numbers),) = cifar.loader_of(x, np.arange(400), 400)
    x = x[numbers]
    kept = (mirrored == x).all(axis=(1, 2, 3))
    assert 150 < kept.sum() < 250
    np.testing.assert_array_equal(mirrored[~kept], x[~kept][..., ::-1])
    assert sorted(numbers) == [*range(400)]


# --- The demos in small -------------------------------------------------------------------------


def test_the_two_layer_net_prints_its_check_then_learns(workplace, mnist_folder):
    done = run(workplace, "two_layer_net.py", "--data", mnist_folder, "--epochs", 40, "--watch")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar in a log
    here = workplace["cwd"]
    assert files(here) == {"out/two_layer_net.png", "out/two_layer_net_training.html"}
    assert_is_whole_png(here / "out/two_layer_net.png")
    differences = re.findall(r"^  ([Wb][12])  (\S+)$", done.stdout, re.M)
    assert [name for name, _ in differences] == ["W1", "b1", "W2", "b2"]
    assert all(float(value) < 1e-7 for _, value in differences)
    line = r"^epoch (\d+)/40  loss (\d\.\d{4})  train accuracy (\S+)%  test accuracy (\S+)%  "
    epochs = re.findall(line, done.stdout, re.M)
    assert len(epochs) == 40
    # the first epoch is a single step, at the loss of a guess
    assert float(epochs[0][1]) == pytest.approx(math.log(10), abs=0.02)
    assert float(epochs[-1][1]) < float(epochs[0][1])


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_the_convolutional_net_is_checked_then_learns(workplace, cifar_folder, loss):
    options = ("--epochs", 4, "--batch-size", 10, "--loss", loss, "--watch")
    done = run(workplace, "cifar10.py", "--data", cifar_folder, *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar in a log
    here, name = workplace["cwd"], f"cifar10_conv_{loss}"
    pictures = {f"out/{name}_curves.png", f"out/{name}_filters.png"}
    assert files(here) == pictures | {f"out/{name}_training.html"}
    for path in pictures:
        assert_is_whole_png(here / path)
    assert "found 32 and 16" in done.stdout
    assert "50 images learned by heart: 100%" in done.stdout
    assert len(re.findall(r"^gradient of \S+ +relative error \de-\d\d$", done.stdout, re.M)) == 6
    accuracies = re.findall(r"test accuracy (\S+)%", done.stdout)
    assert len(accuracies) == 4
    assert float(accuracies[-1]) > 60


def test_the_table_of_two_layer_nets_is_decided_by_validation(
    cifar, cifar_folder, tmp_path, monkeypatch, capsys
):
    for name, value in {
        "TRAINING": 100,
        "VALIDATION": 50,
        "RATES": (1e-6, 1e-3),
        "PENALTIES": (0.1,),
    }.items():
        monkeypatch.setattr(cifar, name, value)
    options = ["--model", "two-layer", "--epochs", "10", "--batch-size", "10"]
    command = ["cifar10.py", *options, "--data", str(cifar_folder), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    cifar.main()
    text = capsys.readouterr().out
    rows = re.findall(r"^ +(\de-\d\d) +0\.1 +\S+ +\S+%  (\S+)%$", text, re.M)
    assert [rate for rate, _ in rows] == ["1e-06", "1e-03"]
    assert float(rows[0][1]) < float(rows[1][1])
    assert "best in validation: rate 1e-03, reg 0.1" in text
    accuracy = re.search(r"test accuracy (\S+)% on all 40 images", text)
    assert float(accuracy[1]) > 60
    names = {f"cifar10_two-layer_{kind}.png" for kind in ("curves", "weights")}
    assert files(tmp_path / "out") == names


# --- What is refused, and when interrupted ------------------------------------------------------


def test_cifar_without_its_files_ends_with_one_line_that_names_the_folder(
    tmp_path, monkeypatch, capsys
):
    options = ["--data", tmp_path / "absent"]
    done = run_here("cifar10", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert_is_one_line_of_error(done, tmp_path / "absent", "test_batch.bin", "cifar10")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupt_ends_the_training_with_one_line_and_no_file(workplace, cifar_folder):
    options = ("--epochs", 10**6, "--batch-size", 10, "--data", cifar_folder)
    code, stderr, seconds = interrupted(workplace, "epoch 2/", "cifar10.py", *options)
    assert code not in (0, None)
    assert stderr.strip().splitlines()[-1] == "interrupted; what was written is complete"
    assert "Traceback" not in stderr
    assert seconds < 10
    assert files(workplace["cwd"]) == set()


# --- The real data ------------------------------------------------------------------------------

with_data = pytest.mark.skipif(
    not REAL_DATA or not all(Path(REAL_DATA, name).is_dir() for name in ("mnist", "cifar10")),
    reason="MINIGRAD_DATA names no folder with the real mnist/ and cifar10/",
)


# fewer epochs than by default for the convolutional nets, and bars that a single seed clears
@pytest.mark.slow
@with_data
@pytest.mark.parametrize(
    ("demo", "options", "percent"),
    [
        ("two_layer_net.py", (), 97.0),
        ("cifar10.py", ("--model", "two-layer"), 43.0),
        ("cifar10.py", ("--epochs", 6), 55.0),
        ("cifar10.py", ("--epochs", 5, "--loss", "svm"), 52.0),
    ],
)
def test_the_real_data_are_learned(workplace, demo, options, percent):
    folder = Path(REAL_DATA).absolute()
    done = run(workplace, demo, "--data", folder, *options, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert float(re.findall(r"test accuracy (\S+)%", done.stdout)[-1]) >= percent
