"""A saved model is read back as it was, by us and by PyTorch; what does not fit is refused whole."""

import json
import os
import sys

import numpy as np
import pytest

import minigrad
import nn

safetensors_numpy = pytest.importorskip("safetensors.numpy")


class Everything(nn.Module):
    """Parameters and buffers of every kind that a module may hold."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.linear = nn.Linear(3, 4, rng=rng)
        self.scale = nn.Parameter(rng.standard_normal(()))
        self.half = nn.Parameter(rng.standard_normal((2, 3)), dtype=np.float16)
        self.double = nn.Parameter(rng.standard_normal((0, 3)))
        self.count = nn.Buffer(np.array(seed))
        self.seen = nn.Buffer(np.array([True, False]) ^ bool(seed))
        self.fortran = nn.Parameter(np.asfortranarray(rng.standard_normal((3, 4, 5))))
        self.strided = nn.Parameter(rng.standard_normal((6, 4)))
        self.strided.data = rng.standard_normal((12, 8))[::-2, ::2]


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(
        a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and (a[n] == b[n]).all() for n in a
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_a_model_is_read_back_as_it_was_saved(path):
    ours, other = Everything(0), Everything(1)
    layout = other.linear.weight.data.flags.f_contiguous
    nn.save(path, ours)
    assert nn.load(path, other) == (None, None)
    assert equal(ours, other)
    assert other.linear.weight.data.flags.f_contiguous == layout


def test_weights_laid_out_in_any_order_and_byte_order_are_saved_by_their_places(path):
    model = nn.Module()
    model.w = nn.Parameter(np.arange(6.0).reshape(2, 3))
    model.w.data = np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3))
    nn.save(path, model)
    assert safetensors_numpy.load_file(path)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_parameter_with_two_names_is_saved_under_both_and_read_from_either(path):
    def tied():
        model = nn.Module()
        model.a = model.b = nn.Parameter(np.random.default_rng().standard_normal(3))
        return model

    ours, other = tied(), tied()
    nn.save(path, ours)
    saved = safetensors_numpy.load_file(path)
    assert sorted(saved) == ["a", "b"]
    nn.load(path, other)
    assert equal(ours, other)
    safetensors_numpy.save_file({"b": saved["b"] + 1}, path)
    nn.load(path, other)
    assert (other.a.data == ours.a.data + 1).all()
    safetensors_numpy.save_file({"a": saved["a"], "b": saved["b"] + 1}, path)
    with pytest.raises(ValueError, match="b: not equal to a, and in this model they are one"):
        nn.load(path, other)


def test_step_and_extra_come_back_as_plain_data_of_the_same_types(path):
    extra = {
        "none": None, "yes": True, "big": 2**200, "tuple": (1, (2.5, "three")), "inf": float("inf"), 4: [1, {}],
        "array": np.arange(3, dtype=np.uint8), "scalar": np.float32(0.1), "words": {"array": "x", "tuple": 1},
        "empty": np.zeros((2, 0)), "0-d": np.array(7), "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    }  # fmt: skip
    nn.save(path, nn.MLP([2, 3]), step=12, extra=extra)
    loaded = nn.load(path, nn.MLP([2, 3]))
    assert loaded.step == 12
    assert repr(loaded.extra) == repr(extra)


def test_a_step_or_extra_that_is_itself_an_array_never_meets_a_parameter_of_that_name(path):
    def model(value):
        model = nn.Module()
        model.step = model.extra = nn.Parameter([value])
        return model

    nn.save(path, model(1.0), step=np.int64(5), extra=np.array([7.0], np.float32))
    other = model(2.0)
    loaded = nn.load(path, other)
    assert loaded == (5, np.array([7.0], np.float32))
    assert other.extra.item() == 1.0


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"f": print}, "extra/f is a builtin_function_or_method; plain data is needed"),
        ([minigrad.Tensor(1.0)], "extra/0 is a Tensor; plain data is needed"),
        ({2.5: 1}, "extra has the key 2.5; a string or an integer is needed"),
        ({"a": np.zeros(1, np.complex128)}, "extra/a is complex128, which the safetensors format"),
    ],
)
def test_what_is_no_plain_data_is_refused_by_its_place_and_the_old_file_stays(path, extra, message):
    path.write_text("old")
    with pytest.raises(TypeError, match=message):
        nn.save(path, nn.MLP([2, 3]), extra=extra)
    with pytest.raises(ValueError, match="two arrays at extra/1"):
        nn.save(path, nn.MLP([2, 3]), extra={1: np.zeros(1), "1": np.zeros(1)})
    assert os.listdir(path.parent) == [path.name]
    assert path.read_text() == "old"


def test_the_generators_of_modules_and_the_default_one_go_on_where_they_were(path):
    def run(seed):
        rng = np.random.default_rng(seed)
        minigrad.seed(seed)
        own = np.random.Generator(np.random.MT19937(seed))
        return nn.Sequential(nn.Dropout(rng=rng), nn.Dropout(), nn.Dropout(rng=own)), rng

    x = minigrad.Tensor(np.ones((4, 5), np.float32))
    model, rng = run(1)
    model(x)
    nn.save(path, model, rng=rng)
    expected = model(x).data, rng.random()
    other, rng = run(2)
    nn.load(path, other, rng=rng)
    assert (other(x).data == expected[0]).all()
    assert rng.random() == expected[1]


def test_loading_a_model_alone_leaves_every_generator_alone(path):
    rng = np.random.default_rng(0)
    nn.save(path, nn.Sequential(nn.Dropout(rng=rng)), rng=rng)
    minigrad.seed(3)
    before = minigrad.generator().bit_generator.state
    nn.load(path, nn.Sequential(nn.Dropout()))
    assert minigrad.generator().bit_generator.state == before


def test_generators_that_differ_are_named(path):
    rng = np.random.default_rng(0)
    nn.save(path, nn.Sequential(nn.Dropout(rng=rng)), rng=rng)
    with pytest.raises(
        ValueError, match=r"the generators are default, rng = model.0.rng, needed default, rng \("
    ):
        nn.load(path, nn.Sequential(nn.Dropout()), rng=rng)
    twister = np.random.Generator(np.random.MT19937(0))
    with pytest.raises(ValueError, match="rng: rng is the state of a PCG64, needed MT19937"):
        nn.load(path, nn.Sequential(nn.Dropout(rng=twister)), rng=twister)


# Files that do not fit -----------------------------------------------------------------------------------


def test_every_entry_that_does_not_fit_is_named_with_what_was_met_and_needed(path):
    class Other(nn.Module):
        def __init__(self):
            self.a, self.b, self.c = map(nn.Parameter, np.ones((3, 2)))

    model = Other()
    state = {"a": np.zeros(3), "b": np.zeros(2, np.float32), "d": np.zeros(1)}
    safetensors_numpy.save_file(state, path)
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        nn.load(path, model)
    assert str(caught.value).split("\n  ") == [
        f"{path}: nothing was loaded.",
        "a: float64 (3,), needed float64 (2,)",
        "b: float32 (2,), needed float64 (2,)",
        "c: missing, needed float64 (2,)",
        "d: float64 (1,), not in this Other",
    ]
    assert all((w.data == 1).all() for w in model.parameters())


def test_a_file_cut_anywhere_is_refused(path):
    model = nn.MLP([2, 2])
    nn.save(path, model, step=1)
    content = path.read_bytes()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="safetensors: no whole safetensors file"):
            nn.load(path, model)


def test_a_changed_bit_never_changes_what_is_loaded(path):
    model = nn.MLP([2, 2])
    nn.save(path, model, step=1)
    saved, content = repr(model.state_dict()), path.read_bytes()
    zeros = {name: np.zeros_like(array) for name, array in model.state_dict().items()}
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        model.load_state_dict(zeros)
        try:
            nn.load(path, model)
        except ValueError:
            refused += 1
            assert repr(model.state_dict()) == repr(zeros)
        else:  # it was in the word by which a file is known as ours, or in the space behind the header
            assert repr(model.state_dict()) == saved
    assert len(content) - refused < 20


def test_files_of_other_kinds_are_refused_by_name(path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.zeros(3)}, path)
    with pytest.raises(
        ValueError, match=r"no whole safetensors file .* saved again by safetensors.torch.save_file"
    ):
        nn.load(path, nn.MLP([2, 2]))
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(3, dtype=torch.bfloat16)}, path)
    with pytest.raises(ValueError, match="w is BF16, a dtype that NumPy does not have"):
        nn.load(path, nn.MLP([2, 2]))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        nn.load(path.with_name("nowhere"), nn.MLP([2, 2]))
    with pytest.raises(IsADirectoryError):
        nn.load(path.parent, nn.MLP([2, 2]))
    with pytest.raises(TypeError, match="load: the model is a str"):
        nn.load(path, "model")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("step", None), ("extra", None), ("extra", "[" * 100_000), ("generators", None), ("generators", "5"),
        ("generators", '[{"names": [1], "state": {}}]'), ("generators", '[{"names": ["default"]}]'),
        ("generators", '[{"scalar": "0.bias"}]'), ("optimizer", '{"law": "SGD", "params": [null], "state": {}}'),
        ("optimizer", '{"law": "SGD", "params": ["0.weight", "0.bias"]}'), ("optimizer", "[]"),
        ("optimizer", '{"law": {"array": "0.bias"}, "params": ["0.weight", "0.bias"], "state": {}}'),
        ("generators", '[{"names": ["default"], "state": {"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}, '
         '"has_uint32": 0, "uinteger": 0}}]'),
    ],
)  # fmt: skip
def test_a_file_with_another_header_under_a_right_checksum_is_refused_whole(path, part, text):
    def run(seed):
        model = nn.MLP([2, 2], rng=np.random.default_rng(seed))
        return model, nn.optim.SGD(model.parameters())

    nn.save(path, *run(0))
    tensors = safetensors_numpy.load_file(path)
    length = int.from_bytes(path.read_bytes()[:8], "little")
    texts = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]
    del texts["crc32"], texts[part]
    if text is not None:
        texts[part] = text
    texts["crc32"] = nn.saving.file._checksum(tensors, texts)
    safetensors_numpy.save_file(tensors, path, texts)
    other = run(1)
    before = repr([owner.state_dict() for owner in other])
    with pytest.raises(ValueError, match=path.name):
        nn.load(path, *other)
    assert repr([owner.state_dict() for owner in other]) == before


def test_a_file_of_a_later_layout_is_refused(path):
    safetensors_numpy.save_file({"w": np.zeros(1)}, path, {"minigrad": "2"})
    with pytest.raises(ValueError, match="written in layout 2, and this minigrad reads 1"):
        nn.load(path, nn.MLP([2, 2]))


def test_a_run_cannot_be_resumed_from_weights_alone(path):
    model = nn.MLP([2, 2])
    safetensors_numpy.save_file(model.state_dict(), path)
    with pytest.raises(ValueError, match="it holds a model's weights alone"):
        nn.load(path, model, rng=np.random.default_rng())


def test_a_name_with_a_slash_is_refused(path):
    model = nn.Module()
    setattr(model, "a/b", nn.Parameter([1.0]))
    with pytest.raises(ValueError, match="the name 'a/b' holds a '/'"):
        nn.save(path, model)


def test_the_header_is_json_that_any_program_reads(path):
    nn.save(path, nn.MLP([2, 2]), step=3, extra={"best": float("-inf")})
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert header["__metadata__"]["step"] == "3"
    assert json.loads(header["__metadata__"]["extra"]) == {"best": {"float": "-inf"}}


def test_without_the_library_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "minigrad\[save\]"'):
        nn.save(path, nn.MLP([2, 2]))


# The writing of a file -----------------------------------------------------------------------------------


def test_an_error_while_writing_leaves_the_old_file_and_nothing_beside_it(path, monkeypatch):
    path.write_text("old")

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        nn.save(path, nn.MLP([2, 2]))
    assert os.listdir(path.parent) == [path.name]
    assert path.read_text() == "old"


def test_a_folder_that_is_missing_is_made(path):
    nn.save(path / "runs" / "1.safetensors", nn.MLP([2, 2]))
    assert os.listdir(path / "runs") == ["1.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_where_a_path_is_a_link_the_file_behind_it_is_replaced(path):
    link = path.with_name("latest")
    link.symlink_to(path)
    nn.save(link, nn.MLP([2, 2]))
    assert link.is_symlink()
    nn.load(path, nn.MLP([2, 2]))
