"""Augmentation: what each transform does to images, and that it leaves all else alone."""

import pickle
from collections import namedtuple

import numpy as np
import pytest

from nn.data import (
    DataLoader,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    TensorDataset,
    ToDtype,
)

Labelled = namedtuple("Labelled", "image label")
ALL = {
    "flip": RandomHorizontalFlip(),
    "crop": RandomCrop(4, padding=2),
    "dtype": ToDtype(np.float16, scale=True),
    "normalise": Normalize([0.5, 0.25], [2.0, 4.0]),
}


def generator():
    return np.random.default_rng(0)


def images(n=200, dtype=np.float32):
    return np.random.default_rng(1).integers(1, 256, (n, 2, 4, 5)).astype(dtype)


@pytest.mark.parametrize("name", ALL)
def test_a_transform_changes_images_alone_and_writes_into_nothing(name):
    x, y = images(), np.arange(200)
    x.flags.writeable = False
    alone = ALL[name](x, generator())
    assert len(alone) == 200
    assert not np.shares_memory(alone, x)
    travelled = pickle.loads(pickle.dumps(ALL[name]))  # to a worker
    np.testing.assert_array_equal(travelled(x, generator()), alone)
    for batch in ((x, y, "z"), [x, y, "z"], Labelled(x, y)):
        done = ALL[name](batch, generator())
        assert type(done) is type(batch)
        np.testing.assert_array_equal(done[0], alone)
        assert done[1] is y
        assert len(done) == len(batch)


def test_half_of_the_images_are_mirrored_left_to_right():
    x = images(dtype=np.uint8)
    y = RandomHorizontalFlip()(x, generator())
    kept = (y == x).all(axis=(1, 2, 3))
    assert 60 < kept.sum() < 140
    np.testing.assert_array_equal(y[~kept], x[~kept][..., ::-1])
    np.testing.assert_array_equal(RandomHorizontalFlip(0)(x, generator()), x)
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(x, generator()), x[..., ::-1])


def test_a_crop_is_each_window_of_the_padded_image_equally_often():
    one = images(1)
    padded = np.pad(one[0], ((0, 0), (1, 1), (1, 1)))
    crops = RandomCrop((5, 4), padding=1)(one.repeat(8000, axis=0), generator())
    assert crops.shape == (8000, 2, 5, 4)
    windows = [padded[:, i : i + 5, j : j + 4] for i in range(2) for j in range(4)]
    counts = [(crops == window).all(axis=(1, 2, 3)).sum() for window in windows]
    assert sum(counts) == 8000
    np.testing.assert_allclose(counts, 1000, atol=4 * np.sqrt(8000 / 8 * 7 / 8))
    whole = RandomCrop((4, 5))(one, generator())
    np.testing.assert_array_equal(whole, one)


def test_bytes_become_numbers_from_0_to_1_and_channels_have_mean_and_deviation_taken_off():
    x = images(dtype=np.uint8)
    y = ToDtype(np.float32, scale=True)(x, generator())
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, x / 255, rtol=1e-6)
    np.testing.assert_array_equal(ToDtype()(x, generator()), x.astype(np.float32))
    np.testing.assert_array_equal(ToDtype(np.float64, scale=True)(y, generator()), y)
    for kind in (np.uint16, np.int32, np.int8):
        most = np.full((1, 1, 2, 2), np.iinfo(kind).max, kind)
        half = ToDtype(np.float16, scale=True)(most, generator())  # whose largest number is 65504
        assert half.dtype == np.float16
        assert (half == 1).all()
    z = Normalize([0.5, 0.25], [2.0, 4.0])(y, generator())
    assert z.dtype == np.float32
    np.testing.assert_allclose(z[:, 0], (y[:, 0] - 0.5) / 2, rtol=1e-6)
    np.testing.assert_allclose(z[:, 1], (y[:, 1] - 0.25) / 4, rtol=1e-6)


def test_a_list_of_transforms_is_one_after_the_other_with_one_generator():
    def by_hand(batch, rng):
        for transform in steps:
            batch = transform(batch, rng)
        return batch

    def epoch(transform):
        rng = np.random.default_rng(3)
        loader = DataLoader(
            TensorDataset(images(), np.arange(200)), 64, transform=transform, rng=rng
        )
        return [(x.tolist(), y.tolist()) for x, y in loader], rng.random()

    steps = [RandomCrop(4, padding=2), RandomHorizontalFlip(), Normalize([0.5, 0.25], [2.0, 4.0])]
    assert epoch(steps) == epoch(tuple(steps)) == epoch(by_hand)
    assert epoch([]) == epoch(None)
    assert epoch([])[1] == np.random.default_rng(3).random()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomHorizontalFlip(2), ValueError, "p is a probability in"),
        (lambda: RandomHorizontalFlip("0.5"), ValueError, "p is a probability in .*, not '0.5'"),
        (lambda: RandomHorizontalFlip(None), ValueError, "p is a probability in .*, not None"),
        (lambda: RandomCrop(0), ValueError, "size must be an integer >= 1"),
        (lambda: RandomCrop((1, 2, 3)), ValueError, "a height and a width"),
        (lambda: RandomCrop(2, padding=-1), ValueError, "padding must be an integer >= 0"),
        (lambda: RandomCrop(7, 1)(images(), generator()), ValueError, r"\(7, 7\) .* of \(6, 7\)"),
        (lambda: ToDtype(np.uint8, scale=True), ValueError, "dtype must be a float, not uint8"),
        (lambda: Normalize([1], [0]), ValueError, "std above 0"),
        (lambda: Normalize([1, 2], [1]), ValueError, "a number for each channel"),
        (lambda: Normalize(0.5, 0.5), ValueError, "a number for each channel"),
        (lambda: ALL["normalise"](images(dtype="u1"), generator()), TypeError, "scale=True"),
        (
            lambda: ALL["normalise"](images()[:, :1], generator()),
            ValueError,
            "2 channels, the .* 1",
        ),
        (lambda: ALL["flip"](images()[0], generator()), TypeError, r"float32 \(2, 4, 5\)"),
        (lambda: ALL["flip"]({"x": images()}, generator()), TypeError, "the batch is a dict"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_what_is_needed(make, error, message):
    with pytest.raises(error, match=message):
        make()
