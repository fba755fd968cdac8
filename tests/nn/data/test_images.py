"""ImageFolder: which files are which items; and files that are no images, half of one, or a bomb."""

import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest

from nn.data import DataLoader, ImageFolder, load_image

Image = pytest.importorskip("PIL.Image")


def picture(i, size=(4, 3)):
    """An image whose pixels tell its number."""
    width, height = size
    pixels = np.full((height, width, 3), 10 * i, np.uint8)
    pixels[0, :, 0], pixels[:, 0, 1] = 1, 2
    return pixels


@pytest.fixture
def folder(tmp_path):
    """Classes b, a and C, some of them with subfolders, and files that are no images beside them."""
    root = tmp_path / "root"
    for i, name in enumerate(["b/2.png", "b/10.PNG", "a/x/1.bmp", "a/0.png", "C/only.ppm"]):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(i)).save(path)
    (root / "a/notes.txt").write_text("no image")
    (root / "beside.png").write_text("in no class")
    return root


def test_a_class_is_a_folder_and_all_names_are_sorted(folder):
    data = ImageFolder(folder)
    assert data.classes == ["C", "a", "b"]
    assert data.class_to_idx == {"C": 0, "a": 1, "b": 2}
    names = [os.path.relpath(path, folder) for path, _ in data.samples]
    assert names == ["C/only.ppm", "a/0.png", "a/x/1.bmp", "b/10.PNG", "b/2.png"]
    assert data.targets == [target for _, target in data.samples] == [0, 1, 1, 2, 2]
    assert len(data) == 5
    for (image, target), i in zip((data[k] for k in range(5)), [4, 3, 2, 1, 0], strict=True):
        assert (image.dtype, image.shape) == (np.uint8, (3, 3, 4))
        np.testing.assert_array_equal(image, picture(i).transpose(2, 0, 1))
        assert target in (0, 1, 2)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_images_may_be_decoded_by_workers(folder, workers):
    (batch,) = DataLoader(ImageFolder(folder), 5, num_workers=workers)
    assert batch[0].shape == (5, 3, 3, 4)
    assert batch[0][:, 2, 1, 1].tolist() == [40, 30, 20, 10, 0]
    assert batch[1].tolist() == [0, 1, 1, 2, 2]


def test_functions_of_ones_own_stand_in_the_places_of_torchvision(folder):
    data = ImageFolder(
        folder,
        transform=lambda image: image.resize((8, 6)).convert("L"),
        target_transform=lambda target: -target,
        is_valid_file=lambda path: "0" in os.path.basename(path) or "only" in path,
    )
    assert [os.path.basename(path) for path, _ in data.samples] == ["only.ppm", "0.png", "10.PNG"]
    image, target = data[2]
    assert (image.shape, target) == ((1, 6, 8), -2)
    data = ImageFolder(folder, loader=lambda path: np.array([len(path)]))
    assert data[0][0].tolist() == [len(data.samples[0][0])]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_images_of_every_kind_come_in_rgb(tmp_path, mode):
    path = tmp_path / ("image.tif" if mode in ("CMYK", "I;16") else "image.png")
    Image.new(mode, (5, 4)).save(path)
    image = load_image(path)
    assert (image.mode, image.size) == ("RGB", (5, 4))


def test_sixteen_bits_of_grey_become_their_upper_eight(tmp_path):
    grey = np.array([[0, 255, 256, 30000, 65535]], np.uint16)
    for name in ("image.png", "image.tif"):
        Image.fromarray(grey).save(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(load_image(tmp_path / name))[..., 0], grey // 256)


def test_a_link_to_a_folder_above_is_followed_once(folder):
    (folder / "a/again").symlink_to(folder / "a", target_is_directory=True)
    (folder / "b/of_c").symlink_to(folder / "C", target_is_directory=True)
    names = [os.path.relpath(path, folder) for path, _ in ImageFolder(folder).samples]
    assert [name for name in names if name.startswith("a")] == ["a/0.png", "a/x/1.bmp"]
    assert names[-1] == "b/of_c/only.ppm"


# Hostile files -------------------------------------------------------------------------------------------


def png_of(width, height):
    """A PNG that promises so many pixels, in a hundred bytes."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def saved(kind):
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
HOSTILE = {
    "text": (lambda: b"no image at all", "UnidentifiedImageError"),
    "empty": (lambda: b"", "UnidentifiedImageError"),
    "a program": (lambda: EPS, "UnidentifiedImageError"),
    "half a png": (lambda: saved("PNG")[:5000], "image file is truncated|broken"),
    "half a jpeg": (lambda: saved("JPEG")[:2000], "image file is truncated"),
    "half a bmp": (lambda: saved("BMP")[:2000], "image file is truncated"),
    "a wrong checksum": (lambda: saved("PNG")[:29] + bytes(4) + saved("PNG")[33:], "Error: "),
    "a bomb": (lambda: png_of(10_000, 10_000), "100000000 pixels, over PIL.Image.MAX_IMAGE_PIXELS"),
    "a great bomb": (lambda: png_of(60_000, 60_000), "Bomb"),
    "a bomb in length": (lambda: png_of(2**31 - 1, 2**31 - 1), "Error: "),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_whole_image_is_an_error_that_names_it(tmp_path, name):
    make, words = HOSTILE[name]
    path = tmp_path / "class" / "image.png"
    path.parent.mkdir()
    path.write_bytes(make())
    with pytest.raises(ValueError, match=words) as caught:
        ImageFolder(tmp_path)[0]
    assert str(caught.value).startswith(f"{path}: found ")
    assert "expected an image (JPEG, PNG" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a path")
def test_a_pipe_is_no_image_and_is_not_waited_for(tmp_path):
    (tmp_path / "class").mkdir()
    os.mkfifo(tmp_path / "class" / "image.png")
    with pytest.raises(ValueError, match=r"image\.png: found no regular file"):
        ImageFolder(tmp_path)[0]


def test_what_the_system_says_of_a_file_is_said_as_it_is(folder):
    data = ImageFolder(folder)
    os.remove(data.samples[0][0])
    with pytest.raises(FileNotFoundError, match=r"only\.ppm"):
        data[0]


def test_folders_without_classes_or_images_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"no folder in {tmp_path}; .* for each class"):
        ImageFolder(tmp_path)
    (tmp_path / "cats").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no image in .*cats; .* end with \.jpg"):
        ImageFolder(tmp_path)


def test_without_pillow_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "minigrad\[images\]"'):
        ImageFolder(folder)[0]
