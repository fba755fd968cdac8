"""Forward hooks: called before and after a forward, in their order, with results that replace what they got."""

import copy
import pickle

import numpy as np
import pytest

import minigrad
import nn

X = np.array([[1.0, -2.0]], np.float32)


def described(value):
    return tuple(np.asarray(v.detach() if hasattr(v, "detach") else v).tolist() for v in value)


def test_hooks_are_called_in_order_with_what_pytorch_gives_them_and_replace_as_there(torch):
    def run(package, x):
        net, calls = package.ReLU(), []

        def before(name, factor):
            def hook(module, args):
                calls.append((name, module is net, described(args)))
                return None if factor is None else args[0] * factor

            return hook

        def after(name, change):
            def hook(module, args, output):
                calls.append((name, module is net, described(args), described(output)))
                return change(output)

            return hook

        net.register_forward_hook(after("c", lambda y: y * 3))
        net.register_forward_pre_hook(before("a", None))
        handle = net.register_forward_pre_hook(before("b", -1))
        net.register_forward_hook(after("d", lambda y: None))
        outputs = [described(net(x))]
        handle.remove()
        handle.remove()
        outputs.append(described(net(x)))
        return calls, outputs

    assert run(nn, minigrad.Tensor(X)) == run(torch.nn, torch.tensor(X))


def test_a_tuple_replaces_all_arguments_and_keywords_stay():
    class Sum(nn.Module):
        def forward(self, a, b=0, *, c=0):
            return a + b + c

    net = Sum()
    net.register_forward_pre_hook(lambda module, args: (*args, 20))
    assert net(1, c=300) == 321


def test_what_a_hook_computes_is_in_the_graph_and_in_the_scope_of_its_module():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    net[0].register_forward_hook(lambda module, args, y: y * 2)
    with minigrad.record():
        total = net(X).sum()
    (cost,) = [cost for cost in minigrad.costs(total) if cost.op == "multiply"]
    assert list(cost.scope) == [net, net[0]]
    total.backward()
    w, b = (minigrad.Tensor(p.data, requires_grad=True) for p in net.parameters())
    minigrad.tanh(minigrad.linear(X, w, b) * 2).sum().backward()
    for ours, plain in zip(net.parameters(), (w, b), strict=True):
        np.testing.assert_array_equal(ours.grad.numpy(), plain.grad.numpy())


def test_an_error_in_a_hook_names_the_layer():
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))

    def fail(module, args):
        raise ValueError("not this")

    net[1][0].register_forward_pre_hook(fail)
    with pytest.raises(ValueError, match=r"^1\.0: not this"):
        net(X)


def test_a_copy_has_the_hooks_too_and_removing_from_one_leaves_the_other():
    net, met = nn.ReLU(), []
    handle = net.register_forward_hook(lambda module, args, y: met.append(module))
    twin = copy.deepcopy(net)
    handle.remove()
    net(X)
    twin(X)
    assert met == [twin]


def hook_at_top(module, args):
    return (args[0] + 1,)


def test_a_hooked_module_is_pickled_with_its_hooks_and_saved_without():
    net = nn.Linear(2, 2)
    names = list(net.state_dict())
    net.register_forward_pre_hook(hook_at_top)
    assert list(net.state_dict()) == names
    assert net.load_state_dict(net.state_dict()) == ([], [])
    twin = pickle.loads(pickle.dumps(net))
    assert twin(X).tolist() == net(X).tolist()


def test_a_hook_may_be_a_module_and_may_take_itself_away():
    class Probe(nn.Module):
        def forward(self, module, args, y):
            handle.remove()
            return y + 1

    net = nn.ReLU()
    handle = net.register_forward_hook(Probe())
    assert list(net.modules()) == [net]
    assert net(X).tolist() == [[2, 1]]
    assert net(X).tolist() == [[1, 0]]


def test_what_is_no_function_is_refused_at_once():
    for register in (nn.ReLU().register_forward_hook, nn.ReLU().register_forward_pre_hook):
        with pytest.raises(TypeError, match="a hook is a function, not a str"):
            register("print")
