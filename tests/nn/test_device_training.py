"""A model on arrays with CuPy's manners: moved, trained by every optimiser, saved, resumed, looked at, moved back."""

import copy
from contextlib import contextmanager

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import Tensor
from minigrad.picture import draw, page
from minigrad.trust.other_library import OnDevice

there = OnDevice.asarray
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((24, 4)).astype(np.float32), rng.integers(0, 3, 24)
OPTIMIZERS = sorted(
    name
    for name in nn.optim.__all__
    if isinstance(kind := getattr(nn.optim, name), type)
    and issubclass(kind, nn.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS")
)


def net(place=there, p=0.0, bias=True):
    mg.seed(0)
    layers = [nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8, affine=bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(p), nn.Linear(8, 3, bias=bias)).to(place)


def made(name, model):
    return getattr(nn.optim, name)(model.parameters(), lr=0.01)


def step(model, optimizer, place=there):
    optimizer.zero_grad()
    loss = mg.cross_entropy(model(place(X)), place(Y))
    loss.backward()
    optimizer.step()
    return loss


@contextmanager
def waits(count):
    """The host waits so many times for the device within, no more and no less."""
    before = OnDevice.waits
    yield
    assert OnDevice.waits - before == count


def states(model):
    return {name: mg.on_host(v) for name, v in model.state_dict().items()}


def assert_close(found, expected, atol=1e-5):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=atol, rtol=1e-5)


# Moving --------------------------------------------------------------------------------------------------


def test_a_model_moves_there_and_back_in_place_with_its_gradients():
    model = net(np.asarray)
    before, parameters = states(model), list(model.parameters())
    mg.cross_entropy(model(X), Y).backward()
    gradient = model[0].weight.grad.numpy()
    assert model.to(there) is model
    assert all(type(v.data) is OnDevice for _, v in model._walk())
    assert type(model[0].weight.grad.data) is OnDevice
    assert all(map(lambda p, q: p is q, model.parameters(), parameters))
    model.to(np)
    assert all(type(v.data) is np.ndarray for _, v in model._walk())
    np.testing.assert_array_equal(model[0].weight.grad.numpy(), gradient)
    assert_close({n: v for n, v in states(model).items() if "running" not in n and "num" not in n},
                 {n: v for n, v in before.items() if "running" not in n and "num" not in n}, 0)  # fmt: skip


@pytest.mark.parametrize("met", ["cuda", "cpu", np.float32(1), None])
def test_a_device_of_pytorch_is_refused_with_the_word_that_takes_its_place(met):
    with pytest.raises(TypeError, match=r"Sequential\.to: .*write \.to\(cupy\)"):
        net().to(met)


def test_a_function_that_makes_no_such_array_is_refused_and_moves_nothing():
    model = net()
    for function in (lambda a: a.tolist(), lambda a: a.astype(np.float64), lambda a: a[:1], Tensor):
        with pytest.raises(TypeError, match="an array of the same kind is needed"):
            model.to(function)
    assert all(type(v.data) is OnDevice for _, v in model._walk())


def test_a_graph_that_saved_the_parameters_before_they_moved_refuses_to_go_on():
    model = net(np.asarray)
    x = Tensor(X, requires_grad=True)
    loss = mg.cross_entropy(model(x), Y)
    model.to(there)
    with pytest.raises(RuntimeError, match="written after the forward pass"):
        loss.backward()


def test_a_host_array_meets_a_device_model_in_an_error_that_says_how_to_move_either():
    with pytest.raises(
        TypeError, match=r"arrays of minigrad and numpy do not mix; minigrad\.placed\(x, like\)"
    ):
        net()(X)


# Training ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_takes_the_same_steps_there_with_one_wait_each(name):
    weights = []
    for place in (np.asarray, there):
        model = net(place, bias=name != "Muon")
        optimizer = made(name, model)
        for _ in range(3):
            with waits(place is there):
                step(model, optimizer, place)
        weights.append(states(model))
    assert_close(weights[1], weights[0])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimiser_follows_a_model_that_moves_and_a_state_that_is_loaded(
    name, tmp_path
):
    bias = name != "Muon"
    stay, move, other = (net(bias=bias) for _ in range(3))
    a, b, c = made(name, stay), made(name, move), made(name, other)
    for _ in range(2):
        step(stay, a)
        step(move, b)
    move.to(np)
    step(stay, a)
    step(move, b, np.asarray)
    assert_close(states(move), states(stay))
    nn.save(tmp_path / "run", move, b)
    nn.load(tmp_path / "run", other, c)  # onto the device
    c.load_state_dict(a.state_dict())
    step(stay, a)
    step(other, c)
    assert_close(states(other), states(stay))


def test_lbfgs_takes_the_same_steps_there_and_goes_on_after_a_move_and_a_load():
    weights = []
    for place in (np.asarray, there):
        model = net(place).eval()
        optimizer = nn.optim.LBFGS(model.parameters(), max_iter=4, line_search_fn="strong_wolfe")

        def closure(model=model, optimizer=optimizer, place=place):
            optimizer.zero_grad()
            loss = mg.cross_entropy(model(place(X)), place(Y))
            loss.backward()
            return loss

        optimizer.step(closure)
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.step(closure)
        weights.append(states(model))
    assert_close(weights[1], weights[0], 1e-3)


def test_clipping_norms_and_averaged_models_work_there():
    model = net()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    averaged = nn.optim.swa_utils.AveragedModel(model)
    step(model, optimizer)
    assert nn.optim.clip_grad_norm_(model.parameters(), 0.01) > 0.01
    assert nn.optim.clip_grad_norm_(model.parameters(), 1.0) == pytest.approx(0.01, rel=1e-3)
    nn.optim.clip_grad_value_(model.parameters(), 1e-4)
    averaged.update_parameters(model)
    assert type(averaged.module[0].weight.data) is OnDevice


def test_dropout_draws_its_mask_there_from_a_seed_of_the_hosts_generator():
    def masks(place):
        layer = nn.Dropout(0.5, rng=np.random.default_rng(3))
        return [mg.on_host(layer(Tensor(place(np.ones((40, 50)))))) for _ in range(2)]

    with waits(0):
        layer = nn.Dropout(0.5, rng=np.random.default_rng(3))
        assert type(layer(Tensor(OnDevice(np.ones(5)))).data) is OnDevice
    first, second = masks(there)
    assert (first != second).any()
    assert 0.45 < (first == 0).mean() < 0.55
    np.testing.assert_array_equal(masks(there)[1], second)
    assert (masks(np.asarray)[0] != first).any()  # the device's own generator


def test_fit_trains_saves_and_resumes_there_bit_for_bit(tmp_path):
    def run(epochs, path, resume=False):
        model = net(p=0.3)
        data = nn.data.TensorDataset(X, Y)
        loader = nn.data.DataLoader(
            data, 8, shuffle=True, transfer=there, rng=np.random.default_rng(1)
        )
        history = nn.fit(
            model, loader, nn.optim.Adam(model.parameters(), lr=0.01), epochs=epochs, validation=loader,
            metrics={"accuracy": lambda y, t: (y.argmax(axis=1) == t).mean()}, clip_norm=1.0,
            checkpoint=path, resume=resume, progress=False,
        )  # fmt: skip
        return history, states(model)

    whole = run(4, tmp_path / "a")
    run(2, tmp_path / "b")
    history, found = run(4, tmp_path / "b", resume=True)
    assert history == whole[0]
    assert_close(found, whole[1], 0)


def test_fit_waits_once_a_step_and_twice_an_epoch_and_records_what_it_does_on_the_host():
    records = []
    for place in (np.asarray, there):
        model, data = net(place), nn.data.TensorDataset(X, Y)
        loader = nn.data.DataLoader(data, 8)  # fit moves its batches
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        metrics = {"accuracy": lambda y, t: (y.argmax(axis=1) == t).mean()}
        with waits(
            2 * (3 + 2) * (place is there)
        ):  # the loss of each step; metrics, and whether all is finite
            history = nn.fit(
                model, loader, optimizer, epochs=2, validation=loader, metrics=metrics, clip_norm=0.5, progress=False
            )  # fmt: skip
        records.append([[*record.values()] for record in history])
    np.testing.assert_allclose(*records, rtol=1e-5)


class Reader(nn.Module):
    """Two tables of rows by number, and a mean."""

    def __init__(self):
        mg.seed(0)
        self.words = nn.Embedding(10, 8, padding_idx=0, max_norm=1.5)
        self.bags = nn.EmbeddingBag(10, 8, mode="sum", padding_idx=1)
        self.mixed, self.head = (
            nn.TransformerEncoderLayer(8, 2, 8, 0.0, batch_first=True),
            nn.Linear(8, 10),
        )

    def forward(self, x):
        starts = np.arange(x.shape[0], like=x) * x.shape[1]
        return self.head(self.mixed(self.words(x)).mean(1) + self.bags(x.reshape(-1), starts))


def test_a_model_that_reads_tables_waits_once_a_step_and_a_wrong_number_changes_no_weight():
    words, labels = rng.integers(0, 10, (4, 5)), rng.integers(0, 10, 4)
    weights = []
    for place in (np.asarray, there):
        model = Reader().to(place)
        optimizer = nn.optim.Adam(model.parameters())

        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            mg.cross_entropy(model(x), y).backward()
            assert nn.optim.clip_grad_norm_(model.parameters(), 0.1) > 0.1
            optimizer.step()

        for _ in range(2):
            with waits(place is there):
                step(place(words), place(labels))
        weights.append(states(model))
    assert_close(weights[1], weights[0])
    with mg.unchecked(), waits(1):  # for the norm
        step(there(words), there(labels))
    before = states(model)
    for x, y in ((np.full((4, 5), 10), labels), (words, np.full(4, -1))):
        with pytest.raises(IndexError, match=r"index 10 at .* is outside|label -1 in row 0"):
            step(there(x), there(y))
        found = states(model)
        for name in ("mixed.linear1.weight", "head.weight", "bags.weight"):
            np.testing.assert_array_equal(found[name], before[name])


def test_a_loader_moves_every_array_of_a_batch_of_any_structure():
    class Named(nn.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return {"x": X[i], "of": (Y[i], 0.5)}

    for options in ({}, {"prefetch": 2}):
        for batch in nn.data.DataLoader(Named(), 2, transfer=there, **options):
            assert type(batch["x"]) is type(batch["of"][0]) is type(batch["of"][1]) is OnDevice
            assert batch["x"].shape == (2, 4)


# Doors ---------------------------------------------------------------------------------------------------


def test_values_of_the_host_go_through_every_door_to_where_the_tensor_lies():
    t = Tensor(OnDevice(np.zeros((2, 2))))
    t.assign([[1, 2], [3, 4]])
    t.grad = np.ones((2, 2))
    assert type(t.data) is type(t.grad.data) is OnDevice
    assert t.tolist() == t.numpy().tolist() == [[1, 2], [3, 4]]
    assert not t.numpy().flags.writeable
    assert t[0, 1].item() == float(t[0, 1]) == int(t[0, 1]) == 2
    assert repr(t) == repr(Tensor(t.numpy()))
    t.data = OnDevice(np.ones((2, 2), np.float32))
    assert t.dtype == "float64"
    twin = copy.deepcopy(t)
    assert type(twin.data) is OnDevice
    assert twin.data.array is not t.data.array
    host = Tensor(np.zeros((2, 2))).assign(t)
    assert type(host.data) is np.ndarray


def test_a_transfer_that_is_no_function_is_refused_by_name():
    loader = nn.data.DataLoader(nn.data.TensorDataset(X, Y), 4, transfer="cuda")
    with pytest.raises(TypeError, match=r"transfer is 'cuda'; a function .* cupy\.asarray"):
        iter(loader)


def test_a_saved_model_loads_here_and_there_from_arrays_of_either(tmp_path):
    model = net()
    nn.save(tmp_path / "model", model)
    for place in (np.asarray, there):
        other = net(place)
        other[0].weight.assign(np.zeros((8, 4)))
        nn.load(tmp_path / "model", other)
        assert type(other[0].weight.data) is type(place(X))
        other.load_state_dict(model.state_dict())
        other.load_state_dict(states(model))
        assert_close(states(other), states(model), 0)


def test_a_model_there_has_a_summary_and_its_graph_is_drawn_and_put_on_a_page(tmp_path):
    model = net()
    found, expected = (m.summary((4,)).rows for m in (model, net(np.asarray)))
    assert [r[:4] for r in found] == [r[:4] for r in expected]
    with mg.record():
        loss = mg.cross_entropy(model(there(X)), there(Y))
    draw(loss, tmp_path / "graph.gv")
    page(loss, tmp_path / "graph.html")
    with mg.debug():
        mg.cross_entropy(model(there(X)), there(Y)).backward()


# In place or not at all ----------------------------------------------------------------------------------


class Replaced(OnDevice):
    """An array whose `a += b` makes a new one, as dask's and JAX's do."""

    def __iadd__(self, other):
        return self + other


@pytest.mark.parametrize("door", ["to", "assign", "load", "step"])
def test_an_array_that_cannot_be_changed_in_place_is_refused_by_name_and_not_silently_kept(door):
    model = nn.Linear(4, 3)
    if door == "to":
        with pytest.raises(TypeError, match=r"to: `a \+= 1` makes a new .*\(Replaced\)"):
            model.to(Replaced.asarray)
        return
    for p in model.parameters():
        p.data = Replaced(p.data)
    mg.cross_entropy(model(Replaced(X)), Replaced(Y)).backward()
    change = {
        "assign": lambda: model.weight.assign(np.zeros((3, 4))),
        "load": lambda: model.load_state_dict(nn.Linear(4, 3).state_dict()),
        "step": nn.optim.SGD(model.parameters(), lr=0.1).step,
    }[door]
    with pytest.raises(TypeError, match=r"makes a new .*\(Replaced\)"):
        change()


def test_dasks_arrays_give_the_gradients_of_an_mlp_and_are_refused_as_parameters_to_train():
    da = pytest.importorskip("dask.array", reason="dask is not installed")
    model, x = nn.MLP([4, 5, 2]), da.from_array(X, chunks=12)
    with pytest.raises(TypeError, match=r"to: `a \+= 1` makes a new dask array"):
        model.to(da.asarray)
    for p in model.parameters():
        p.data = da.asarray(p.numpy())
    loss = (model(Tensor(x)) ** 2).sum()
    found = mg.grad(loss, [*model.parameters()])
    here = [Tensor(mg.on_host(p), requires_grad=True) for p in model.parameters()]
    for p, q in zip(model.parameters(), here, strict=True):
        p.data = q.data
    expected = mg.grad((model(Tensor(X)) ** 2).sum(), [*model.parameters()])
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(mg.on_host(f), e.numpy(), rtol=1e-4, atol=1e-5)
    p = Tensor(da.ones(3), requires_grad=True)
    p.grad = np.ones(3, p.dtype)
    optimizer = nn.optim.SGD([p], lr=0.1)
    with pytest.raises(TypeError, match="makes a new dask array"):
        optimizer.step()
