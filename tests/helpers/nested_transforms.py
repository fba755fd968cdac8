"""Random programs of transforms within transforms, as data, and what they compute in minigrad and in JAX.

An expression is a vector of 3 numbers made of the variables in its scope. `apply` puts a transform around a function
of a new variable, whose body uses the whole scope; so derivatives of every kind meet closures at every depth. Run as
`python nested_transforms.py FIRST COUNT` this prints what JAX makes of the programs of these seeds, as JSON: it starts
threads, and other tests fork.
"""

import json
import random
import sys
from types import SimpleNamespace

import numpy as np

UNARY = ("sin", "tanh", "gauss", "half", "mix", "turned", "square")
BINARY = ("add", "multiply", "subtract")
KINDS = ("value_and_grad", "grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "checkpoint")
MATRIX = np.random.default_rng(0).standard_normal((3, 3)) / 2


def program(seed, depth=3):
    """An expression over a scope of one variable, with transforms nested `depth` deep."""
    return _Writer(random.Random(seed)).expression(1, depth, recorded=True)


class _Writer:
    def __init__(self, rng):
        self.rng = rng

    def numbers(self):
        return [round(self.rng.uniform(-1, 1), 3) for _ in range(3)]

    def expression(self, scope, depth, recorded, size=3):
        """scope: how many variables there are; recorded: whether no_grad() is off."""
        if depth and self.rng.random() < 0.75:
            inner = self.apply(scope, depth, recorded)
            return ["binary", self.rng.choice(BINARY), inner, self.plain(scope, size)]
        return self.plain(scope, size)

    def plain(self, scope, size):
        if size <= 1 or self.rng.random() < 0.15:
            if self.rng.random() < 0.15:
                return ["constant", self.numbers()]
            # that of the innermost transform, as often as all others
            newest = scope - 2 if scope > 2 else 0
            return ["variable", self.rng.choice([newest, self.rng.randrange(scope)])]
        if self.rng.random() < 0.1:
            return ["stopped", self.plain(scope, size - 1)]
        if self.rng.random() < 0.5:
            return ["unary", self.rng.choice(UNARY), self.plain(scope, size - 1)]
        parts = [self.plain(scope, size // 2), self.plain(scope, size - size // 2)]
        return ["binary", self.rng.choice(BINARY), *parts]

    def apply(self, scope, depth, recorded):
        if recorded and self.rng.random() < 0.1:
            return ["stopped", self.apply(scope, depth, recorded=False)]
        kind = self.rng.choice(KINDS if recorded else [k for k in KINDS if k != "grad"])
        return [
            "apply",
            {
                "kind": kind,
                "body": self.expression(scope + 2, depth - 1, recorded, 4),
                "at": self.plain(scope, 2),
                "beside": self.plain(scope, 2),
                "along": self.numbers(),
                "by_name": self.rng.random() < 0.5,
                "container": self.rng.choice(["none", "dict", "list"]),
                "hook": kind not in ("grad", "checkpoint") and self.rng.random() < 0.25,
                "mode": self.rng.choice(["auto", "forward", "reverse"]),
            },
        ]


def evaluate(lib, expression, scope):
    kind, *parts = expression
    if kind == "variable":
        return scope[parts[0]]
    if kind == "constant":
        return lib.array(parts[0])
    if kind == "stopped":
        return lib.stopped(lambda: evaluate(lib, parts[0], scope))
    if kind == "unary":
        return _unary(lib, parts[0], evaluate(lib, parts[1], scope))
    if kind == "binary":
        a, b = (evaluate(lib, part, scope) for part in parts[1:])
        return a + b if parts[0] == "add" else a - b if parts[0] == "subtract" else a * b
    return _apply(lib, parts[0], scope)


def _unary(lib, name, x):
    np = lib.numpy
    return {
        "sin": lambda: np.sin(x),
        "tanh": lambda: np.tanh(x),
        "gauss": lambda: np.exp(-x * x),
        "half": lambda: x * 0.5,
        "mix": lambda: np.matmul(MATRIX, x),
        "turned": lambda: x[::-1],
        "square": lambda: x * x,
    }[name]()


def _apply(lib, options, scope):
    at = evaluate(lib, options["at"], scope)
    beside, along = evaluate(lib, options["beside"], scope), lib.array(options["along"])
    pack, unpack = {
        "none": (lambda x: x, lambda x: x),
        "dict": (lambda x: {"a": x}, lambda x: x["a"]),
        "list": (lambda x: [x], lambda x: x[0]),
    }[options["container"]]

    def f(z, q, *outer):
        z = unpack(z)
        if options["hook"]:
            z = lib.hooked(z)
        return evaluate(lib, options["body"], [*(outer or scope), z, q])

    def scalar(z, q):
        return (f(z, q) * along).sum()

    def of_first(g):
        return (lambda z: g(z, q=beside)) if options["by_name"] else (lambda z: g(z, beside))

    kind, x, t = options["kind"], pack(at), pack(along)
    if kind == "value_and_grad":
        value, gradient = lib.value_and_grad(scalar, x, beside, options["by_name"])
        return unpack(gradient) * (1 + value)
    if kind == "grad":
        return lib.grad(scalar, at, beside, pack)
    if kind == "vjp":
        value, pulled = lib.vjp(of_first(f), x, along)
        return unpack(pulled) + value
    if kind == "jvp":
        value, moved = lib.jvp(of_first(f), x, t)
        return moved + value
    if kind == "jacobian":
        return lib.numpy.matmul(unpack(lib.jacobian(of_first(f), x, options["mode"])), along)
    if kind == "hessian":
        H = unpack(unpack(lib.hessian(of_first(scalar), x)))
        return lib.numpy.matmul(H, along)
    if kind == "hvp":
        return unpack(lib.hvp(of_first(scalar), x, t))
    return lib.checkpoint(lambda z, q, *outer: f(pack(z), q, *outer))(at, beside, *scope)


def in_minigrad():
    import minigrad as mg

    def stopped(compute):
        with mg.no_grad():
            return compute() * 1  # a variable alone is no op, and would keep its history

    def hooked(z):
        if z.requires_grad:
            z.register_hook(lambda g: g * 2)
        return z

    def grad(f, at, beside, pack):
        z = at * 1 if at.requires_grad else mg.Tensor(at.data, requires_grad=True)
        y = f(pack(z), beside)
        found = mg.grad(y, z, create_graph=True) if y.requires_grad else None
        return at * 0 if found is None else found

    def value_and_grad(f, x, beside, by_name):
        of = mg.value_and_grad(f)
        return of(x, q=beside) if by_name else of(x, beside)

    def vjp(f, x, seed):
        value, pull = mg.vjp(f, x)
        return value, pull(seed)[0]

    return SimpleNamespace(
        numpy=np,
        array=lambda numbers: mg.Tensor(np.array(numbers)),
        stopped=stopped,
        hooked=hooked,
        grad=grad,
        value_and_grad=value_and_grad,
        vjp=vjp,
        jvp=lambda f, x, t: mg.jvp(f, [x], [t]),
        jacobian=lambda f, x, mode: mg.jacobian(f, mode=mode)(x),
        hessian=lambda f, x: mg.hessian(f)(x),
        hvp=lambda f, x, t: mg.hvp(f, [x], [t])[0],
        checkpoint=mg.checkpoint,
    )


def in_jax():
    import jax

    jax.config.update("jax_enable_x64", True)

    def vjp(f, x, seed):
        value, pull = jax.vjp(f, x)
        return value, pull(seed)[0]

    def value_and_grad(f, x, beside, by_name):
        of = jax.value_and_grad(f)
        return of(x, q=beside) if by_name else of(x, beside)

    return SimpleNamespace(
        numpy=jax.numpy,
        array=lambda numbers: jax.numpy.asarray(numbers, dtype="float64"),
        stopped=lambda compute: jax.lax.stop_gradient(compute()),
        hooked=lambda z: 2 * z - jax.lax.stop_gradient(z),  # the gradient times 2, by hand
        grad=lambda f, at, beside, pack: jax.grad(lambda z: f(pack(z), beside))(at),
        value_and_grad=value_and_grad,
        vjp=vjp,
        jvp=lambda f, x, t: jax.jvp(f, [x], [t]),
        jacobian=lambda f, x, mode: (jax.jacfwd if mode == "forward" else jax.jacrev)(f)(x),
        hessian=lambda f, x: jax.hessian(f)(x),
        hvp=lambda f, x, t: jax.jvp(jax.grad(f), [x], [t])[1],
        checkpoint=jax.checkpoint,
    )


def start(seed):
    """The values of the one variable of a program."""
    return np.random.default_rng(seed).uniform(-1, 1, 3)


def _print_what_jax_makes_of(first, count):
    import jax

    lib, found = in_jax(), []
    for seed in range(first, first + count):
        tree = program(seed)
        value, gradient = jax.value_and_grad(lambda x, tree=tree: evaluate(lib, tree, [x]).sum())(
            lib.array(start(seed))
        )
        found.append([float(value), np.asarray(gradient).tolist()])
    print(json.dumps(found))


if __name__ == "__main__":
    _print_what_jax_makes_of(*map(int, sys.argv[1:]))
