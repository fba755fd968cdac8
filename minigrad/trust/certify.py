"""Certify an op: everything that a row of the table promises, checked on the user's own arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.backward import grad
from ..core.dtypes import as_array
from ..core.graph import TensorBase
from ..core.op import Primitive
from ..ops.reads import unchecked
from ..structures import as_outputs
from ..tensor import Tensor
from .gradients import gradient_function
from .other_library import Opaque

EPS = 1e-5  # the step of the central differences
TOLERANCE = 1e-5
MOST_ELEMENTS = 60  # of one argument are checked


def certify(
    op: Callable[..., Any], *args: Any, constants: Sequence[Any] = (), seed: int = 0
) -> None:
    """Check an op on the given arguments, which should be inside its domain and away from its kinks.

    args       arrays; only those of floats are differentiated
    constants  further arguments, arrays that are not differentiated
    seed       of the random numbers (upstream gradients, directions)

    Gradients of order 1 and 2 must agree with central differences in float64, element by element; those of an
    elementwise row also with broadcasting, 0-d and empty arguments. Gaps and negative strides in arguments and upstream
    gradients must change nothing, nor must a second run, a recorded derivative or arrays of another library. float32
    must stay float32, and no argument may be written. Raises AssertionError at the first failure, with the element and
    four lines that reproduce it.
    """
    arrays = [np.array(a._data if isinstance(a, TensorBase) else as_array(a)) for a in args]
    arrays = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    rng = np.random.default_rng(seed)
    for how, given in _variants(op, arrays, rng):
        case = _Case(op, given, how, rng, constants)
        case.repeats()
        case.leaves_arguments_alone()
        case.derivatives()
        case.layouts()
        case.dtypes()
        case.other_libraries()


def _variants(
    op: Any, arrays: list[Any], rng: np.random.Generator
) -> Iterator[tuple[str, list[Any]]]:
    """The arguments as they are; for an elementwise row also in other shapes, with elements drawn from them."""
    yield "as given", arrays
    if not (isinstance(op, Primitive) and op.sums_back):
        return

    def drawn(array: Any, shape: tuple[int, ...]) -> Any:
        return rng.choice(array.reshape(-1), shape) if array.size else np.zeros(shape, array.dtype)

    if all(a.size for a in arrays):
        yield "0-d", [drawn(a, ()) for a in arrays]
        for shapes in ([(2, 1), (3,)], [(3,), (2, 1)], [(), (2, 3)], [(1, 1), (3,)]):
            if len(arrays) > 1:
                yield "broadcast", [drawn(a, shapes[i % 2]) for i, a in enumerate(arrays)]
    yield "empty", [drawn(a, (0, 2)) for a in arrays]


class _Case:
    """An op on arrays of one set of shapes."""

    def __init__(
        self,
        op: Any,
        arrays: list[Any],
        how: str,
        rng: np.random.Generator,
        constants: Sequence[Any],
    ) -> None:
        self.given, self.arrays, self.how, self.constants = op, arrays, how, constants
        self.name = getattr(op, "__name__", type(op).__name__)
        self.places = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        self.outputs = self.values(arrays)
        self.seeds = [rng.standard_normal(y.shape) for y in self.outputs]
        self.first = self.gradients(arrays, self.seeds)
        self.rng = rng

    def op(self, *xs: Any) -> Any:
        """The op applied to xs and to the constants, as arrays of the same library."""
        is_opaque = any(isinstance(x, TensorBase) and isinstance(x._data, Opaque) for x in xs)
        return self.given(*xs, *(map(Opaque, self.constants) if is_opaque else self.constants))

    # What is computed --------------------------------------------------------------------------------

    def tensors(self, arrays: Sequence[Any]) -> list[Any]:
        return [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]

    def values(self, arrays: Sequence[Any]) -> list[Any]:
        return [y._data for y in as_outputs(self.op(*self.tensors(arrays)))]

    def gradients(
        self, arrays: Sequence[Any], seeds: Sequence[Any], record: bool = False, view: Any = None
    ) -> Any:
        """The gradients of sum_k <seed_k, y_k> by the float arguments, or views of them; None for no dependence."""
        xs = self.tensors(arrays)
        xs = [view(x) for x in xs] if view else xs
        outputs = as_outputs(self.op(*xs))
        total: list[Any] = [None] * len(self.places)
        for y, seed in zip(outputs, seeds, strict=True):
            if not y._requires_grad:
                continue
            found = grad(
                y, [xs[i] for i in self.places], seed, create_graph=record, retain_graph=True
            )
            for i, g in enumerate(found):
                total[i] = g if total[i] is None else total[i] if g is None else total[i] + g
        return [None if g is None else g._data for g in total]

    # What is promised --------------------------------------------------------------------------------

    def derivatives(self) -> None:
        self._against_differences(1, self.op, self.arrays, self.seeds)
        recorded = gradient_function(self.op, len(self.arrays), self.places)
        directions = [self.rng.standard_normal(self.arrays[i].shape) for i in self.places]
        self._against_differences(2, recorded, [*self.arrays, *self.seeds], directions)

    def _against_differences(self, order: int, f: Any, arrays: Any, seeds: Any) -> None:
        places = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        found = gradient_function(f, len(arrays), places)(*arrays, *seeds)

        def total(moved: list[Any]) -> float:
            outputs = as_outputs(f(*self.tensors(moved)))
            return sum(float(np.sum(y._data * v)) for y, v in zip(outputs, seeds, strict=True))

        for place, g in zip(places, found, strict=True):
            size = arrays[place].size
            chosen = (
                self.rng.permutation(size)[:MOST_ELEMENTS] if size > MOST_ELEMENTS else range(size)
            )
            for flat in chosen:
                element = np.unravel_index(flat, arrays[place].shape)
                ends = []
                for step in (EPS, -EPS):
                    moved = [np.array(a) for a in arrays]
                    moved[place][element] += step
                    ends.append(total(moved))
                numeric = (ends[0] - ends[1]) / (2 * EPS)
                if not np.isclose(g._data[element], numeric, rtol=TOLERANCE, atol=TOLERANCE):
                    self._fail(
                        f"the gradient of order {order}", place, element, g._data[element], numeric,
                        "central differences",
                    )  # fmt: skip

    def layouts(self) -> None:
        def every_second_backwards(a: Any) -> Any:
            return a[(slice(None, None, -2),) * a.ndim]

        def stored(a: Any) -> Any:
            """The array of which `every_second_backwards` is a."""
            for axis in range(a.ndim):
                a = np.repeat(np.flip(a, axis), 2, axis)
            return a

        view = every_second_backwards
        strided = self.gradients(list(map(stored, self.arrays)), self.seeds, view=view)
        self._same("arguments with gaps and negative strides", strided)
        seeds = [view(stored(s)) for s in self.seeds]
        self._same("an upstream gradient with gaps", self.gradients(self.arrays, seeds))

    def dtypes(self) -> None:
        small = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in self.arrays]
        seeds = [s.astype(np.float32) for s in self.seeds]
        for y in self.values(small):
            if y.dtype.kind == "f" and y.dtype != np.float32:
                self._fail("the dtype of the result of float32", None, (), y.dtype, "float32", "")
        for record in (False, True):
            for place, g in zip(self.places, self.gradients(small, seeds, record), strict=True):
                if g is not None and g.dtype != np.float32:
                    self._fail("the dtype of the gradient", place, (), g.dtype, "float32", "")
        for y in as_outputs(self.op(*self.tensors(small))):
            if y._node is not None and isinstance(y.shape, tuple) and not y._node.op.is_part:
                self._rules_do_not_widen(y._node)

    def _rules_do_not_widen(self, node: Any) -> None:
        """Check the dtypes of rules themselves: the engine would cast float64 to float32, and hide the lost time."""
        g = np.ones(node.shape, node.dtype)
        for place, rule, values in node.saved:
            dtype = getattr(rule.function(g, *values), "dtype", np.float32)  # of a joint rule: none
            if dtype != np.float32 and type(place) is int:
                what = "the dtype that the rule computes in, given float32,"
                self._fail(what, place, (), dtype, "float32; use Python numbers for constants", "")

    def leaves_arguments_alone(self) -> None:
        locked = self.tensors([np.array(a) for a in self.arrays])
        before = [x._data.tobytes() for x in locked]
        seeds = [s.copy() for s in self.seeds]
        for array in (*[x._data for x in locked], *seeds):
            array.flags.writeable = False
        try:
            outputs = as_outputs(self.op(*locked))
            for y, seed in zip(outputs, seeds, strict=True):
                if y._requires_grad:
                    xs = [locked[i] for i in self.places]
                    grad(y, xs, seed, create_graph=True, retain_graph=True)
        except ValueError as error:
            error.add_note(
                f"certify({self.name}): the op or a rule writes into an array it was given"
            )
            raise
        for place, (x, bytes_before) in enumerate(zip(locked, before, strict=True)):
            if x._data.tobytes() != bytes_before:
                self._fail("the argument after the call", place, (), "changed", "untouched", "")

    def repeats(self) -> None:
        for y, again in zip(self.outputs, self.values(self.arrays), strict=True):
            if y.tobytes() != again.tobytes():
                self._fail("the result of a second call", None, (), "different", "the same", "")
        self._same("a second run", self.gradients(self.arrays, self.seeds), exactly=True)
        self._same("the gradient that is recorded", self.gradients(self.arrays, self.seeds, True))

    def other_libraries(self) -> None:
        try:
            with unchecked():  # the values of such an array cannot be read
                found = self.gradients(
                    list(map(Opaque, self.arrays)), list(map(Opaque, self.seeds)), True
                )
        except TypeError as error:
            error.add_note(
                f"in certify({self.name}): with arrays of another library ({self.how}); the op or a rule names NumPy's "
                "own arrays. Make arrays with np.zeros_like, np.ones_like or like="
            )
            raise
        self._same("arrays of another library", [None if g is None else g.array for g in found])

    # Reports -----------------------------------------------------------------------------------------

    def _same(self, what: str, found: list[Any], exactly: bool = False) -> None:
        for place, g, expected in zip(self.places, found, self.first, strict=True):
            if (g is None) != (expected is None):
                self._fail(f"{what}: the gradient", place, (), g, expected, "the first run")
            if g is None:
                continue
            tolerance = 0 if exactly else 1e-12
            close = np.isclose(g, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
            if not close.all():
                element = np.unravel_index(int((~close).argmax()), close.shape)
                self._fail(
                    f"{what}: the gradient",
                    place,
                    element,
                    g[element],
                    expected[element],
                    "the first run",
                )

    def _fail(
        self, what: str, place: int | None, element: Any, found: Any, expected: Any, by: str
    ) -> None:
        element = tuple(map(int, element))
        argument = "" if place is None else f" by argument {place}"
        by = f" by {by}" if by else ""
        with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
            given = ", ".join(f"np.{a!r}" for a in self.arrays)
            seeds = ", ".join(f"np.{s!r}" for s in self.seeds)
        raise AssertionError(
            f"certify({self.name}), arguments {self.how}: {what}{argument}, element {element}, is {found}; "
            f"it should be {expected}{by}\n"
            f"    xs = [minigrad.Tensor(a, requires_grad=a.dtype.kind == 'f') for a in [{given}]]\n"
            f"    ys = {self.name}(*xs)\n"
            f"    seeds = [{seeds}]\n"
            f"    print(minigrad.grad(ys, [x for x in xs if x.requires_grad], seed=seeds[0]))"
        )
