"""The kernels of images: the scratch that they keep between calls, and images in another order of memory."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, grad
from minigrad.ops.kernels import conv as conv_kernels
from minigrad.ops.kernels.scratch import release_scratch, scratch_bytes


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_threads_have_scratch_of_their_own_and_bitwise_the_results_of_one():
    def step(seed):
        x = Tensor(normal(4, 3, 16, 16, seed=seed), requires_grad=True)
        w = Tensor(normal(4, 3, 3, 3, seed=seed), requires_grad=True)
        y = mg.conv2d(x, w, padding=1)
        return [t.data for t in (y, *grad((y * y).sum(), [x, w]))]

    expected = {seed: step(seed) for seed in (1, 2)}
    found, kept, start = {1: [], 2: []}, {}, threading.Barrier(2)

    def work(seed):
        start.wait()
        assert scratch_bytes() == 0
        for _ in range(20):
            found[seed].append(step(seed))
        kept[seed] = scratch_bytes()

    release_scratch()
    threads = [threading.Thread(target=work, args=(seed,)) for seed in found]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert scratch_bytes() == 0
    for seed, runs in found.items():
        assert kept[seed] > 0
        assert len(runs) == 20
        for run in runs:
            for a, b in zip(run, expected[seed], strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_call_in_float64_is_exact_right_after_one_in_float32():
    x, w = normal(2, 2, 5, 5), normal(2, 2, 3, 3)
    release_scratch()
    expected = mg.conv2d(x, w, padding=1)
    release_scratch()
    mg.conv2d(x.astype("float32"), w.astype("float32"), padding=1)
    np.testing.assert_array_equal(mg.conv2d(x, w, padding=1), expected)


@pytest.mark.parametrize("limit", [0, 3000, 2**15])
def test_scratch_stays_within_its_limit_and_results_do_not_depend_on_it(monkeypatch, limit):
    expected = [mg.conv2d(normal(3, 2, n, n), normal(2, 2, 3, 3), padding=1) for n in (4, 9, 6, 4)]
    monkeypatch.setattr("minigrad.ops.kernels.scratch.LIMIT", limit)
    release_scratch()
    for n, y in zip((4, 9, 6, 4), expected, strict=True):
        np.testing.assert_array_equal(
            mg.conv2d(normal(3, 2, n, n), normal(2, 2, 3, 3), padding=1), y
        )
        assert scratch_bytes() <= limit
    release_scratch()


# Images in another order -------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_bytes", [1, 3000, 2**18])
@pytest.mark.parametrize(
    "shape", [(5, 3, 7, 9), (50, 3, 16, 16), (1, 2, 3, 4), (0, 2, 3, 4), (3, 0, 2, 2)]
)
def test_images_are_copied_whatever_their_order_in_memory(shape, rows_bytes, monkeypatch):
    monkeypatch.setattr(conv_kernels, "ROWS_BYTES", rows_bytes)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    n, c, h, w = shape
    targets = [
        np.full((c, h, w, n), np.nan, np.float32).transpose(3, 0, 1, 2),
        np.full((h, w, n, c), np.nan, np.float32).transpose(2, 3, 0, 1),
        np.full(shape, np.nan, np.float32),
    ]
    sources = [x, np.asfortranarray(x), x[::-1], np.broadcast_to(x[:1, :1], shape)]
    for y in targets:
        for source in sources if x.size else [x]:
            np.testing.assert_array_equal(conv_kernels.copy_images(source, y), source)
