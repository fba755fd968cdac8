"""MNIST: the reader of its format, and where its files are looked for."""

import gzip
import hashlib
import os
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import nn.data
import nn.data.digits
from nn.data import MNIST, mnist, read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
REAL_DATA = os.environ.get("MINIGRAD_DATA", "")
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"

gzipped = partial(gzip.compress, mtime=0)  # the same bytes at every second of the clock


@pytest.fixture(autouse=True)
def no_mirrors(home, monkeypatch):
    """No way to the real mirrors."""
    monkeypatch.setattr(nn.data.digits, "MIRRORS", ())


# --- the IDX format ---------------------------------------------------------------------------


def idx_bytes(array):
    """The array as a plain IDX file."""
    magic = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    elements = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + elements


GOOD = idx_bytes(np.arange(6, dtype=np.int32).reshape(2, 3))


@pytest.mark.parametrize("pack", [bytes, gzipped], ids=["plain", "gzipped"])
@pytest.mark.parametrize("dtype", CODES)
def test_every_idx_dtype_is_read_in_native_order_and_is_writable(tmp_path, dtype, pack):
    array = (np.arange(24).reshape(2, 3, 4) * 5 - 3 * (dtype != "u1")).astype(dtype)
    path = tmp_path / "some.idx"
    path.write_bytes(pack(idx_bytes(array)))
    found = read_idx(path)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_gzip_is_known_by_its_content_and_not_by_the_name(tmp_path):
    (tmp_path / "plain.gz").write_bytes(GOOD)
    (tmp_path / "gzipped").write_bytes(gzipped(GOOD))
    assert read_idx(tmp_path / "plain.gz").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_idx(str(tmp_path / "gzipped")).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_idx_file_may_hold_no_elements(tmp_path):
    (tmp_path / "empty").write_bytes(idx_bytes(np.zeros((0, 28, 28), np.uint8)))
    assert read_idx(tmp_path / "empty").shape == (0, 28, 28)


BAD = {
    "empty": (b"", "it is empty"),
    "three bytes": (b"\0\0\x08", "first bytes 00 00 08"),
    "a zip archive": (b"PK\x03\x04", "first bytes 50 4b 03 04"),
    "second byte": (b"\0\1" + GOOD[2:], "first bytes 00 01 0c 02"),
    "unknown dtype": (b"\0\0\x0a" + GOOD[3:], "first bytes 00 00 0a 02"),
    "no axes": (b"\0\0\x0c\0" + GOOD[4:], "first bytes 00 00 0c 00"),
    "too many axes": (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"1", "the shape (1, 1, "),
    "cut header": (GOOD[:9], "a truncated header (9 bytes"),
    "cut": (GOOD[:-1], "a truncated file (35 bytes"),
    "cut, gzipped": (gzipped(GOOD[:-1]), "a truncated file (35 bytes"),
    "longer": (GOOD + b"\0", "trailing bytes (37 bytes"),
    "longer, gzipped": (gzipped(GOOD + b"\0"), "trailing bytes (37 bytes"),
    "huge": (b"\0\0\x0e\4" + b"\xff" * 16, "a truncated file (20 bytes"),
    "huge but for a 0": (b"\0\0\x0e\4" + b"\xff" * 12 + b"\0" * 4, "the shape (4294967295, "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_idx_file_is_an_error_that_names_it(tmp_path, name):
    content, met = BAD[name]
    path = tmp_path / "bad.idx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected .* delete it and fetch it again") as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: found ")
    assert met in str(caught.value)


def test_a_gzip_file_cut_or_altered_anywhere_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "bad.gz"
    array = np.random.default_rng(0).integers(0, 256, (4, 20), dtype=np.uint8)
    whole = gzipped(idx_bytes(array))
    cut = [whole[:length] for length in range(2, len(whole))]
    # From the end of the gzip header on: not every byte of that matters.
    altered = [
        whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        for place in range(10, len(whole))
    ]
    for content in [*cut, *altered, whole + b"junk"]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="found damaged gzip") as caught:
            read_idx(path)
        assert str(path) in str(caught.value)


# --- MNIST ------------------------------------------------------------------------------------


def digits():
    """Five random images to train with and three to test with."""
    rng = np.random.default_rng(0)
    train_images, test_images = rng.integers(0, 256, (2, 5, 28, 28), dtype=np.uint8)
    train_labels, test_labels = rng.integers(0, 10, (2, 5))
    return MNIST(train_images, train_labels, test_images[:3], test_labels[:3])


def mnist_files():
    """The content of the four files of `digits`, unzipped, by official name."""
    contents = [idx_bytes(array.astype(np.uint8)) for array in digits()]
    return dict(zip(nn.data.digits.FILES, contents, strict=True))


def write_mnist(folder, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in mnist_files().items():
        if zipped:
            (folder / name).write_bytes(gzipped(content))
        else:
            (folder / name.removesuffix(".gz")).write_bytes(content)


def assert_is_digits(found):
    assert isinstance(found, MNIST)
    for array, expected in zip(found, digits(), strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


@pytest.fixture
def mnist_mirror(mirror, monkeypatch):
    """The only mirror of MNIST, which is `digits` here."""
    files = mnist_files()
    for name, content in files.items():
        mirror.send(f"/{name}", gzipped(content))
    known = {
        name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()
    }
    monkeypatch.setattr(nn.data.digits, "FILES", known)
    monkeypatch.setattr(nn.data.digits, "MIRRORS", (f"{mirror.address}/",))
    return mirror


@pytest.mark.parametrize("zipped", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize("subfolder", ["", "mnist"])
@pytest.mark.parametrize("how", ["argument", "variable", "cache", "xdg_cache"])
def test_mnist_is_found_in_every_place(tmp_path, home, monkeypatch, how, subfolder, zipped):
    folder = home / ".cache" / "minigrad" if how == "cache" else tmp_path / "data" / "minigrad"
    if how == "variable":
        monkeypatch.setenv("MINIGRAD_DATA", str(folder))
    if how == "xdg_cache":
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent))
    write_mnist(folder / subfolder, zipped)
    assert_is_digits(mnist(folder if how == "argument" else None))


def test_the_argument_comes_before_the_variable_and_that_before_the_cache(
    tmp_path, home, monkeypatch
):
    for folder in (tmp_path / "argument", tmp_path / "variable", home / ".cache" / "minigrad"):
        write_mnist(folder)
    (tmp_path / "argument" / TRAIN_LABELS).write_bytes(idx_bytes(np.full(5, 1, np.uint8)))
    (tmp_path / "variable" / TRAIN_LABELS).write_bytes(idx_bytes(np.full(5, 2, np.uint8)))
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "variable"))
    assert mnist(str(tmp_path / "argument")).train_labels.tolist() == [1] * 5
    assert mnist().train_labels.tolist() == [2] * 5
    monkeypatch.setenv("MINIGRAD_DATA", "")
    assert_is_digits(mnist())


def test_the_subfolder_comes_before_the_folder(tmp_path):
    write_mnist(tmp_path / "mnist")
    for name in mnist_files():
        (tmp_path / name).write_bytes(b"of another data set with the same file names")
    assert_is_digits(mnist(tmp_path))


def test_a_tilde_is_the_home_and_a_relative_cache_is_ignored(home, monkeypatch):
    write_mnist(home / ".cache" / "minigrad")
    monkeypatch.chdir(home)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert_is_digits(mnist())
    assert_is_digits(mnist("~/.cache/minigrad"))


@pytest.mark.parametrize("origin", ["the argument data", "MINIGRAD_DATA"])
def test_a_file_missing_in_a_named_folder_is_an_error_and_not_downloaded(
    tmp_path, home, monkeypatch, mnist_mirror, origin
):
    write_mnist(home / ".cache" / "minigrad")
    write_mnist(tmp_path / "data")
    (tmp_path / "data" / TRAIN_LABELS).unlink()
    if origin == "MINIGRAD_DATA":
        monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="or name no folder to have them") as caught:
        mnist(tmp_path / "data" if origin == "the argument data" else None)
    expected = f"{TRAIN_LABELS} not found in {tmp_path / 'data'}, the folder named by {origin}, "
    assert str(caught.value).startswith(expected)
    assert mnist_mirror.requested == []


def test_a_named_folder_that_does_not_exist_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        mnist(tmp_path / "absent")
    assert all(name in str(caught.value) for name in mnist_files())
    assert not (tmp_path / "absent").exists()


def test_mnist_is_downloaded_into_the_cache_and_only_once(home, mnist_mirror):
    assert_is_digits(mnist())
    folder = home / ".cache" / "minigrad" / "mnist"
    assert {path.name for path in folder.iterdir()} == set(mnist_files())
    assert_is_digits(mnist())
    assert len(mnist_mirror.requested) == 4


def test_only_what_the_cache_lacks_is_downloaded(home, mnist_mirror):
    folder = home / ".cache" / "minigrad"
    write_mnist(folder, zipped=False)
    (folder / TRAIN_LABELS.removesuffix(".gz")).unlink()
    assert_is_digits(mnist())
    assert mnist_mirror.requested == [f"/{TRAIN_LABELS}"]


def test_without_a_network_one_message_says_what_to_do(home, nobody, monkeypatch):
    mirrors = (f"{nobody}/one/", f"{nobody}/two/")
    monkeypatch.setattr(nn.data.digits, "MIRRORS", mirrors)
    with pytest.raises(ConnectionError) as caught:
        mnist()
    folder = home / ".cache" / "minigrad" / "mnist"
    for text in (str(folder), *mnist_files(), *mirrors):
        assert text in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("part", ["train", "t10k"])
@pytest.mark.parametrize(
    ("name", "dtype", "shape", "met"),
    [
        ("images-idx3", "u1", (3, 27, 28), "uint8 (3, 27, 28)"),
        ("images-idx3", "u1", (3, 28, 27), "uint8 (3, 28, 27)"),
        ("images-idx3", "u1", (28, 28), "uint8 (28, 28)"),
        ("images-idx3", "f4", (3, 28, 28), "float32 (3, 28, 28)"),
        ("labels-idx1", "u1", (4,), "labels uint8 (4,)"),
        ("labels-idx1", "u1", (3, 28, 28), "labels uint8 (3, 28, 28)"),
        ("labels-idx1", "i4", (3,), "labels int32 (3,)"),
    ],
)
def test_a_file_of_another_dtype_or_shape_is_an_error_that_names_it(
    tmp_path, part, name, dtype, shape, met
):
    write_mnist(tmp_path)
    path = tmp_path / f"{part}-{name}-ubyte.gz"
    path.write_bytes(idx_bytes(np.zeros(shape, dtype)))
    with pytest.raises(ValueError, match=r"expected uint8 \(.* fetch it again") as caught:
        mnist(tmp_path)
    assert str(caught.value).startswith(f"{path}: found {met}")


def test_a_label_beyond_nine_is_an_error_that_names_the_file(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / TRAIN_LABELS).write_bytes(idx_bytes(np.arange(6, 11, dtype=np.uint8)))
    with pytest.raises(ValueError, match="found the label 10, expected labels from 0") as caught:
        mnist(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / TRAIN_LABELS))


@pytest.mark.skipif(
    not REAL_DATA or not Path(REAL_DATA, "mnist").is_dir(),
    reason="MINIGRAD_DATA names no folder with the real mnist/",
)
def test_the_real_mnist_is_the_official_one():
    data = mnist(REAL_DATA)
    assert data.train_images.shape == (60000, 28, 28)
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    for array, known in zip(data, nn.data.digits.FILES.values(), strict=True):
        content = idx_bytes(array.astype(np.uint8))
        assert (hashlib.sha256(content).hexdigest(), len(content)) == known


# --- the package ------------------------------------------------------------------------------


def test_importing_the_package_loads_only_numpy_beside_the_standard_library():
    script = (
        "import sys, numpy.random\n"
        "before = set(sys.modules)\n"
        "import nn.data\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'numpy', 'minigrad', 'nn'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stderr
