"""CIFAR-10: both versions, loose or in their archive, in every place; what is missing, and what is another file."""

import gzip
import hashlib
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from cifar_files import (
    IMAGES,
    NAMES,
    TRAINING,
    archive,
    batches,
    binary_files,
    cifar_pickle,
    python_files,
)

import nn.data.cifar
from nn.data import CIFAR10, cifar10

BINARY, PYTHON = "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"
FOLDERS = {BINARY: "cifar-10-batches-bin", PYTHON: "cifar-10-batches-py"}
FILES = {BINARY: binary_files(), PYTHON: python_files()}
ARCHIVES = {name: archive(files, FOLDERS[name]) for name, files in FILES.items()}
REAL_DATA = os.environ.get("MINIGRAD_DATA", "")


@pytest.fixture(autouse=True)
def no_mirrors(home, monkeypatch):
    """No way to the real mirrors."""
    monkeypatch.setattr(nn.data.cifar, "MIRRORS", ())


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def assert_is_cifar(found, training=TRAINING):
    assert isinstance(found, CIFAR10)
    expected = batches()
    pixels = np.concatenate([expected[name][0] for name in training])
    labels = np.concatenate([expected[name][1] for name in training])
    test_pixels, test_labels = expected["test_batch"]
    np.testing.assert_array_equal(found.train_images, pixels.reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(found.train_labels, labels)
    np.testing.assert_array_equal(found.test_images, test_pixels.reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(found.test_labels, test_labels)
    assert found.class_names == tuple(NAMES)
    assert {array.dtype.name for array in found[:4]} == {"uint8", "int64"}
    assert all(array.flags.writeable for array in found[:4])


@pytest.mark.parametrize("version", [BINARY, PYTHON])
@pytest.mark.parametrize("packed", ["loose", "in their folder", "archive"])
@pytest.mark.parametrize("subfolder", ["", "cifar10"])
@pytest.mark.parametrize("how", ["argument", "variable", "cache"])
def test_cifar_is_found_in_every_place(
    tmp_path, home, monkeypatch, version, packed, subfolder, how
):
    folder = home / ".cache/minigrad" if how == "cache" else tmp_path / "data"
    if how == "variable":
        monkeypatch.setenv("MINIGRAD_DATA", str(folder))
    place = folder / subfolder / (FOLDERS[version] if packed == "in their folder" else "")
    write(place, {version: ARCHIVES[version]} if packed == "archive" else FILES[version])
    assert_is_cifar(cifar10(folder if how == "argument" else None))


def test_python_reads_the_pickles_written_here_as_they_are_meant():
    read = pickle.loads(FILES[PYTHON]["data_batch_1"], encoding="bytes")
    pixels, labels = batches()["data_batch_1"]
    np.testing.assert_array_equal(read[b"data"], pixels)
    assert read[b"labels"] == labels.tolist()
    assert len(FILES[PYTHON]["batches.meta"]) == 158  # as the official file


@pytest.mark.parametrize("version", [BINARY, PYTHON])
def test_fewer_training_files_are_welcome_and_read_in_their_order(tmp_path, version):
    files = {n: c for n, c in FILES[version].items() if "_2" not in n and "_4" not in n}
    write(tmp_path, dict(reversed(files.items())))
    fewer = ["data_batch_1", "data_batch_3", "data_batch_5"]
    assert_is_cifar(cifar10(tmp_path), fewer)
    write(tmp_path / "cifar10", {version: archive(dict(reversed(files.items())), "folder")})
    assert_is_cifar(cifar10(tmp_path), fewer)


@pytest.mark.parametrize("version", [BINARY, PYTHON])
@pytest.mark.parametrize("missing", ["test_batch", "batches.meta", "data_batch"])
def test_a_missing_file_is_an_error_that_names_what_is_needed(tmp_path, version, missing):
    write(tmp_path, {n: c for n, c in FILES[version].items() if not n.startswith(missing)})
    with pytest.raises(FileNotFoundError, match="or name no folder to have them") as caught:
        cifar10(tmp_path)
    for text in ("data_batch_1.bin", "test_batch", "batches.meta.txt", f"found in {tmp_path}, "):
        assert text in str(caught.value)


def test_a_named_folder_that_does_not_exist_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        cifar10(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


# --- The download and the archive ---------------------------------------------------------------


def known(content):
    return hashlib.sha256(content).hexdigest(), len(content)


@pytest.fixture
def cifar_mirror(mirror, monkeypatch):
    mirror.send(f"/{BINARY}", ARCHIVES[BINARY])
    monkeypatch.setattr(nn.data.cifar, "FILES", {n: known(c) for n, c in ARCHIVES.items()})
    monkeypatch.setattr(nn.data.cifar, "MIRRORS", (f"{mirror.address}/",))
    return mirror


def test_the_archive_is_downloaded_into_the_cache_and_only_once(home, cifar_mirror):
    assert_is_cifar(cifar10())
    folder = home / ".cache/minigrad/cifar10"
    assert [path.name for path in folder.iterdir()] == [BINARY]
    assert_is_cifar(cifar10())
    assert cifar_mirror.requested == [f"/{BINARY}"]


def test_the_checksum_may_be_that_of_the_archive_unzipped(home, cifar_mirror, monkeypatch):
    unzipped = gzip.decompress(ARCHIVES[BINARY])
    monkeypatch.setattr(nn.data.cifar, "FILES", {BINARY: known(unzipped)})
    assert_is_cifar(cifar10())


def test_another_archive_from_a_mirror_is_refused_and_not_kept(home, cifar_mirror):
    cifar_mirror.send(f"/{BINARY}", archive(FILES[BINARY], "elsewhere"))
    with pytest.raises(ConnectionError, match="sent content with the SHA-256") as caught:
        cifar10()
    folder = home / ".cache/minigrad/cifar10"
    assert f"CIFAR-10 is one of {BINARY}, {PYTHON} in the folder {folder}" in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("folder", ["", "/absolute", "..", "../../..", "a/b/c", "."])
def test_members_are_known_by_name_alone_and_nothing_is_written(tmp_path, folder):
    (tmp_path / BINARY).write_bytes(archive(FILES[BINARY], folder))
    assert_is_cifar(cifar10(tmp_path))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [BINARY]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_what_is_no_file_in_the_archive_is_missing(tmp_path, kind):
    (tmp_path / BINARY).write_bytes(archive(FILES[BINARY], "folder", test_batch=kind))
    with pytest.raises(
        ValueError, match=r"an archive of data_batch_1\.bin, .* expected batches.*test_b"
    ) as caught:
        cifar10(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / BINARY))


def test_a_huge_member_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(nn.data.archive, "LARGEST", 5000)
    (tmp_path / BINARY).write_bytes(ARCHIVES[BINARY])
    with pytest.raises(ValueError, match="found 12292 bytes, expected at most 5000"):
        cifar10(tmp_path)


def test_an_archive_cut_anywhere_is_an_error_that_names_it(tmp_path):
    path = tmp_path / BINARY
    for length in [*range(0, 2000, 97), len(ARCHIVES[BINARY]) // 2, len(ARCHIVES[BINARY]) - 1]:
        path.write_bytes(ARCHIVES[BINARY][:length])
        with pytest.raises(ValueError, match="expected") as caught:
            cifar10(tmp_path)
        assert str(caught.value).startswith(str(path))


def test_a_damaged_archive_is_read_or_an_error_that_names_it(tmp_path):
    plain = archive(FILES[BINARY], "folder", mode="w")
    rng = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(plain)
        for place in rng.integers(0, 2000, 3):
            damaged[place] = rng.integers(256)
        path = tmp_path / BINARY
        path.write_bytes(damaged)
        try:
            cifar10(tmp_path)
        except ValueError as error:
            message = str(error)
            assert message.startswith(str(path))


# --- What the files hold ------------------------------------------------------------------------


def changed(**changes):
    """A pickle like data_batch_1's but for the changes."""
    pixels, labels = batches()["data_batch_1"]
    batch = {b"labels": labels.tolist(), b"data": pixels}
    batch |= {name.encode(): value for name, value in changes.items()}
    return cifar_pickle({k: v for k, v in batch.items() if v is not None})


RECORDS = FILES[BINARY]["data_batch_1.bin"]
BAD = {
    "cut": ("data_batch_1.bin", RECORDS[:-1], "12291 bytes, expected one or more records of 3073"),
    "empty": ("test_batch.bin", b"", "0 bytes, expected one or more records"),
    "a label": ("data_batch_1.bin", b"\x0a" + RECORDS[1:], "the label 10, expected labels from 0"),
    "text": ("batches.meta.txt", b"cat dog", "another list of class names, expected ten names"),
    "junk": ("data_batch_3", b"<html>", "byte 0 of the pickle: the instruction 0x3c"),
    "harmful": ("batches.meta", b"cos\nsystem\n(S'x'\ntR.", "GLOBAL at byte 0 of the pickle"),
    "no data": ("test_batch", changed(data=None), "no array as data"),
    "a list as data": ("test_batch", changed(data=[1]), "no array as data"),
    "shape": ("test_batch", changed(data=np.zeros((IMAGES, 4), np.uint8)), r"shape \(4, 4\)"),
    "no labels": ("test_batch", changed(labels=None), "no list of labels, expected one for each"),
    "few labels": ("test_batch", changed(labels=[1, 2]), "2 labels, expected one for each of 4"),
    "eleventh": ("test_batch", changed(labels=[1, 2, 3, 10]), "the label 10, expected labels fr"),
    "words": ("test_batch", changed(labels=[1, 2, 3, b"cat"]), "labels that are not numbers"),
    "no names": ("batches.meta", cifar_pickle({}), "another list of class names"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_holds_something_else_is_an_error_that_names_it(tmp_path, name):
    file, content, message = BAD[name]
    version = BINARY if file in FILES[BINARY] else PYTHON
    write(tmp_path, FILES[version] | {file: content})
    with pytest.raises(ValueError, match=message) as caught:
        cifar10(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / file}: found ")
    assert "fetch it again" in str(caught.value)


def test_labels_of_more_than_a_byte_are_refused(tmp_path):
    write(tmp_path, FILES[PYTHON] | {"test_batch": changed(labels=[1, 2, 3, 256])})
    with pytest.raises(ValueError, match="the label 256"):
        cifar10(tmp_path)


@pytest.mark.skipif(
    not REAL_DATA or not Path(REAL_DATA, "cifar10").is_dir(),
    reason="MINIGRAD_DATA names no folder with the real cifar10/",
)
def test_the_real_cifar_holds_as_many_images_of_each_class():
    data = cifar10(REAL_DATA)
    assert data.class_names == tuple(NAMES)
    for images, labels in ((data.train_images, data.train_labels), data[2:4]):
        assert images.shape == (len(labels), 3, 32, 32)
        assert len(set(np.bincount(labels, minlength=10).tolist())) == 1
