"""The parameters of a function, read from its code or asked of inspect."""

import functools
import inspect

import pytest

import minigrad as mg
from minigrad import Tensor
from minigrad.signatures import Signature


def _with_locals(a, b=1, /, c=2, *, d, e=3):
    local = a + b
    return lambda: local + c + d + e


@functools.wraps(_with_locals)
def _wrapped(a):
    return _with_locals(a, d=1)


@pytest.mark.parametrize(
    "f",
    [
        lambda: 0,
        lambda g, x, y: g,
        lambda a, b=None, c=(): a,
        lambda *xs, axis=0: xs,
        lambda a, *more, b: a,
        lambda a, **options: a,
        lambda **options: 0,
        _with_locals,
        _wrapped,
        functools.partial(_with_locals, 1),
        "text".split,
        Tensor([1.0]).sum,
    ],
)
def test_a_signature_is_that_of_inspect(f):
    parameters = inspect.signature(f).parameters
    kinds = [p.kind.name for p in parameters.values()]
    found = Signature(f)
    assert found.names == tuple(parameters)
    assert found.defaults == {
        n: p.default for n, p in parameters.items() if p.default is not p.empty
    }
    assert found.by_keyword == tuple(
        n for n, kind in zip(parameters, kinds, strict=True) if kind == "KEYWORD_ONLY"
    )
    assert found.is_variadic == (kinds[:1] == ["VAR_POSITIONAL"])
    assert found.is_open == ("VAR_KEYWORD" in kinds or "VAR_POSITIONAL" in kinds[1:])


def test_a_row_shows_its_parameters_to_editors():
    def f(x, a=1, *, b):
        return x * a * b

    def g(*xs, axis=0, by):
        return xs[0]

    assert str(inspect.signature(mg.primitive(f, x=lambda g, a, b: g * a * b))) == "(x, a=1, *, b)"
    assert str(inspect.signature(mg.primitive(g, xs=lambda g: g))) == "(*xs, axis=0, by)"
    assert str(inspect.signature(mg.maximum)) == "(a, b)"
