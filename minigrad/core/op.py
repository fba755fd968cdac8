"""An op: what happens when it is called, and what its calls leave in the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..signatures import parameters
from .dtypes import DEFAULT_FLOAT, FLOAT16, PYTHON_NUMBERS, is_array, plain_array, unify, widened
from .graph import ATOMS, OFF, ON, PLAIN, Node, TensorBase, describe, mode, onlooker, sketch, wrap
from .options import settled, unwrap
from .rule import ALSO, MEMBER, OUTPUT, Rule, output_of

RESERVED = frozenset(("y", "joint", "also", "floats", "doc", "i", "needed"))


class Primitive:
    """An op with derivative rules; made by `primitive` and `elementwise`.

    Called with a Tensor, recording or not, it returns Tensors. Without any it returns the plain result of its function,
    because rules call ops on plain arrays.
    """

    is_part = False

    def __init__(
        self, f: Callable[..., Any], names: tuple[str, ...], defaults: dict[str, Any],
        rules: dict[str, Callable[..., Any]], joint: tuple[Sequence[str], Callable[..., Any]] | None,
        also: dict[str, Callable[..., Any]], sums_back: bool, floats: bool, doc: str | None,
    ) -> None:  # fmt: skip
        self.f: Callable[..., Any] = (lambda *args: self._parted(f(*args))[0]) if also else f
        self._computes = f  # returns the output, and with `also` further values that rules name
        self._also = also
        self.name = self.__name__ = f.__name__.strip("_")
        self.__doc__ = doc or f.__doc__
        self.names = names
        self.defaults = defaults
        self.sums_back = sums_back
        ruled = [*rules, *(joint[0] if joint else ())]
        self.arguments = tuple(name for name in names if name in ruled)
        self._slots: Sequence[int] = tuple(i for i, name in enumerate(names) if name in ruled)
        self._option_slots: Sequence[int] = tuple(
            i for i, name in enumerate(names) if name not in ruled
        )
        self._options = tuple(names[i] for i in self._option_slots)
        self._floats = floats
        # a ufunc converts integers to floats by itself; another f might compute in 8 bits and overflow
        self._floats_alone = floats and not isinstance(f, np.ufunc)
        self._check(ruled)
        self._make_rules(rules, joint)
        named = [name for rule in self.rules for name in rule.names if name != rule.argument]
        # the arguments that the rule of another one saves, counted from the end, as a Variadic's options are
        self._captured = {i - len(names) for i, name in enumerate(names) if name in named}

    def _check(self, ruled: list[str]) -> None:
        for name in (*self.names, *self._also):
            if name in RESERVED:
                raise TypeError(
                    f"{self.name}: `{name}` is reserved in rules and cannot name an argument; use args="
                )
        for name in ruled:
            if name not in self.names:
                raise TypeError(
                    f"{self.name}: a rule for `{name}`, but the arguments are {', '.join(self.names)}"
                )
            if ruled.count(name) > 1:
                raise TypeError(f"{self.name}: two rules for `{name}`")

    def _make_rules(self, rules: dict[str, Callable[..., Any]], joint: Any) -> None:
        pool = ("y", *self.names, *self._also)
        places = {name: place for place, name in enumerate(self.arguments)}
        origins = (OUTPUT, *[places.get(name) for name in self.names], *[ALSO for _ in self._also])
        self._rules = [
            Rule(name, rules[name], places[name], pool, origins, self._also) for name in rules
        ]
        # the rule that several arguments share: a joint one, or that of all members of `*xs`
        self._shared: Rule | None = None
        if joint:
            names, function = joint
            place = tuple(places[name] for name in names)
            self._shared = Rule(
                ", ".join(names), function, place, (*pool, "needed"), (*origins, None), self._also
            )

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.names)})>"

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters, for editors and `help`."""
        return inspect.Signature(parameters(self.names, self.defaults))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of the row."""
        return (*self._rules, self._shared) if self._shared is not None else tuple(self._rules)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options or len(args) != len(self.names):
            args = self._bind(args, options)
        return self._apply(args, self._slots, self._option_slots)

    def _bind(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in."""
        if len(args) > len(self.names):
            raise TypeError(
                f"{self.name}: {len(args)} arguments given, it takes {', '.join(self.names)}"
            )
        bound = list(args)
        for name in self.names[len(args) :]:
            if name in options:
                bound.append(options.pop(name))
            elif name in self.defaults:
                bound.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}: the argument `{name}` is missing")
        if options:
            raise TypeError(
                f"{self.name}: unexpected argument `{next(iter(options))}`; it takes {', '.join(self.names)}"
            )
        return tuple(bound)

    def _apply(self, args: Sequence[Any], slots: Sequence[int], option_slots: Sequence[int]) -> Any:
        """Unwrap, bring to one dtype, compute, wrap; and record if a gradient is needed.

        Differentiable arguments are at the positions `slots`, the others at `option_slots`.
        """
        values = list(args)
        parents: list[Any] = []
        constants = []  # positions of the arguments that need no gradient, then of the options
        has_tensor = needed = False
        dtype: Any = None
        is_uniform, has_number = True, False
        for i in slots:
            a = values[i]
            parent = None
            if isinstance(a, TensorBase):
                has_tensor = True
                if a._requires_grad:
                    needed = True
                    parent = a._node or a
                a = values[i] = a._data
            parents.append(parent)
            if parent is None:
                constants.append(i)
            if a.__class__ is ndarray:
                if dtype is None:
                    dtype = a.dtype
                elif a.dtype is not dtype:
                    is_uniform = False
            elif a.__class__ in PYTHON_NUMBERS:
                has_number = True
            elif a is not None:  # None: an optional argument was not given
                is_uniform = False
        for i in option_slots:
            a = values[i]
            if a.__class__ not in PLAIN:
                has_tensor = has_tensor or isinstance(a, TensorBase)
                values[i] = unwrap(a, self.name, self._name_of(i, slots))
            constants.append(i)
        if not has_tensor:
            return self._plain(values, slots, is_uniform)
        recording = mode.get()
        if recording > ON:
            return onlooker().called(self, args, slots, option_slots)
        if (
            not is_uniform
            or dtype is None
            or (has_number and not (self.sums_back and dtype.kind == "f"))
            or (self._floats and dtype.kind != "f")
        ):
            self._unify(args, values, slots)
        try:
            y = self._computes(*values)
        except Exception as error:
            self._explain(error, values, slots)
            raise
        if y.__class__ is not ndarray or self._also:
            y = self._output(y, values)
        is_float = y.dtype.kind == "f" if y.__class__ is ndarray else has_float(y)
        if needed and recording and is_float:
            return self._record(y, values, parents, constants)
        if needed and y.__class__ is ndarray and y.dtype.kind in "cO":
            raise TypeError(f"{self.name}: the result is {y.dtype}, which has no gradient")
        return tuple(map(wrap, y)) if y.__class__ is tuple else wrap(y)

    def _plain(self, values: list[Any], slots: Sequence[int], is_uniform: bool) -> Any:
        """The result of a call without any Tensor."""
        if not is_uniform:
            for i in slots:
                values[i] = plain_array(values[i], self.name)
        return self.f(*(self._in_floats(values, slots) if self._floats_alone else values))

    def _output(self, y: Any, values: list[Any]) -> Any:
        """The output as an array or a tuple of arrays; what f returned for `also` is appended to `values`."""
        if self._also:
            y, *extras = self._parted(y)
            values += extras
        return as_output(y)

    def _parted(self, result: Any) -> Any:
        """The result of an f with `also`: the output, and each value beside it."""
        count = 1 + len(self._also)
        if not isinstance(result, tuple) or len(result) != count:
            raise TypeError(
                f"{self.name}: f must return (y, {', '.join(self._also)}), a tuple of {count}, because of `also`; "
                f"it returned a {type(result).__name__}"
            )
        return result

    def _record(self, y: Any, values: list[Any], parents: list[Any], constants: list[int]) -> Any:
        """The output as a Tensor, or a tuple of them, with a new node."""
        kept = []
        for i in constants:
            v = values[i]
            kept.append(v if v.__class__ in PYTHON_NUMBERS else sketch(v))
            if v.__class__ not in ATOMS and i - len(values) + len(self._also) in self._captured:
                values[i] = settled(v)
        pool = (y, *values)
        saved = []  # (place, rule, values that the rule names)
        for rule in self._rules:
            place = rule.place
            if parents[place] is not None:
                saved.append((place, rule, rule.save(pool) if rule.names else ()))
        if self._shared is not None:
            saved += self._save_shared(self._shared, y, values, parents)
        if y.__class__ is ndarray:
            return wrap(y, Node(self, tuple(parents), tuple(saved), kept, y.shape, y.dtype))
        node = Node(self, tuple(parents), tuple(saved), kept, *shape_and_dtype(y))
        return output_of(y, node)

    def _save_shared(self, rule: Rule, y: Any, values: list[Any], parents: list[Any]) -> list[Any]:
        """The entries of `Node.saved` for the rule that several arguments share."""
        needed = tuple([parents[at] is not None for at in rule.place])
        return [(rule.place, rule, rule.save((y, *values, needed)))] if any(needed) else []

    def _unify(self, args: Sequence[Any], values: list[Any], slots: Sequence[int]) -> None:
        """Bring the differentiable arguments that were given to one dtype; if the row asks for floats, to a float."""
        given = [i for i in slots if values[i] is not None]
        is_tensor = [isinstance(args[i], TensorBase) for i in given]
        unified = unify(self.name, [values[i] for i in given], is_tensor, self.sums_back)
        for i, v in zip(given, unified, strict=True):
            is_integer = self._floats and getattr(v, "dtype", DEFAULT_FLOAT).kind in "biu"
            values[i] = v.astype(DEFAULT_FLOAT) if is_integer else v

    def _in_floats(self, args: Sequence[Any], slots: Sequence[int]) -> Sequence[Any]:
        """The arguments, with arrays of integers or bools as floats: as NumPy promotes them with float32."""
        values = list(args)
        for i in slots:
            if values[i].__class__ is ndarray and values[i].dtype.kind in "biu":
                values[i] = values[i].astype(np.result_type(values[i].dtype, DEFAULT_FLOAT))
        return values

    def _explain(self, error: Exception, values: list[Any], slots: Sequence[int]) -> None:
        """Raise an error that explains shapes that do not broadcast; to any other error add the shapes as a note."""
        shapes = [np.shape(values[i]) for i in slots if not isinstance(values[i], (list, tuple))]
        if self.sums_back and isinstance(error, ValueError):
            try:
                np.broadcast_shapes(*shapes)
            except ValueError:
                raise ValueError(
                    f"{self.name}: shapes {' and '.join(map(str, shapes))} do not broadcast: from the last axis on, "
                    "sizes must be equal or one of them 1. Use reshape or expand_dims to line the axes up"
                ) from None
        met = ", ".join(f"{self._name_of(i, slots)} {np.shape(values[i])}" for i in slots)
        libraries = {type(v).__module__.partition(".")[0] for v in values if is_array(v)}
        if len(libraries) > 1:
            met += f": arrays of {' and '.join(sorted(libraries))} do not mix; minigrad.placed(x, like) moves x"
        error.add_note(f"in minigrad.{self.name}, called with {met}")

    def _name_of(self, position: int, slots: Sequence[int]) -> str:
        return self.names[position]

    def argument_name(self, place: int) -> str:
        """The name of a differentiable argument."""
        return self.arguments[place]

    def constant_names(self, parents: Sequence[Any]) -> list[str]:
        """The names of a node's `constants`: the differentiable arguments without a parent, then the options."""
        given = [self.argument_name(place) for place, p in enumerate(parents) if p is None]
        return [*given, *self._options]

    def fit(self, c: Any, parent: Any, node: Node, place: int) -> Any:
        """A contribution in the shape and dtype of its argument; that of an elementwise row is summed to this shape.

        The rules of every other row must return the exact shape, because a sum here would hide a wrong rule.
        """
        if not (hasattr(c, "shape") and hasattr(c, "dtype")):
            raise TypeError(
                f"the gradient rule of {self.name} for {self.argument_name(place)} returned a {type(c).__name__}; "
                "an array is needed"
            )
        if isinstance(c, TensorBase) and mode.get() == OFF:  # the rule made Tensors of its own
            c = c._data
        if c.shape != parent.shape:
            if not self.sums_back or (c.shape != node.shape and c.shape not in node.shape):
                raise ValueError(
                    f"the gradient rule of {self.name} for {self.argument_name(place)} returned shape {c.shape}; the "
                    f"argument has shape {parent.shape}, in {describe(node)}"
                )
            c = sum_to_shape(c, parent.shape)
        return c if c.dtype == parent.dtype else c.astype(parent.dtype)


class Variadic(Primitive):
    """An op on any number of arrays, `f(*xs, options)`: one rule, called for each member that needs a gradient.

    In the rule `xs` is that member, `xs_shape` its shape, and `i` its place.
    """

    @property
    def __signature__(self) -> inspect.Signature:
        xs, *options = parameters(self.names, self.defaults)
        by_name = [option.replace(kind=option.KEYWORD_ONLY) for option in options]
        return inspect.Signature([xs.replace(kind=xs.VAR_POSITIONAL), *by_name])

    def _make_rules(self, rules: dict[str, Callable[..., Any]], joint: Any) -> None:
        if self._also:
            raise TypeError(f"{self.name}: an op on *{self.names[0]} has no `also`")
        if list(rules) != [self.names[0]] or joint:
            raise TypeError(
                f"{self.name}: an op on *{self.names[0]} has one rule, for `{self.names[0]}`, not for "
                f"{', '.join([*rules, *(joint[0] if joint else ())])}"
            )
        ((xs, function),) = rules.items()
        options = self.names[1:]
        origins = (OUTPUT, None, MEMBER, *[None] * len(options))
        self._rules = []
        self._shared = Rule(xs, function, 0, ("y", "i", xs, *options), origins, {})

    def __call__(self, *members: Any, **options: Any) -> Any:
        count = len(members)
        args = (*members, *self._bind((None,), options)[1:])
        return self._apply(args, range(count), range(count, len(args)))

    def _save_shared(self, rule: Rule, y: Any, values: list[Any], parents: list[Any]) -> list[Any]:
        options = values[len(parents) :]
        return [
            (i, rule, rule.save((y, i, values[i], *options)))
            for i, p in enumerate(parents)
            if p is not None
        ]

    def _name_of(self, position: int, slots: Sequence[int]) -> str:
        if position < len(slots):
            return self.argument_name(position)
        return self.names[1 + position - len(slots)]

    def argument_name(self, place: int) -> str:
        return f"{self.names[0]}[{place}]"


# Arguments and outputs, of any array library --------------------------------------------------------------


def as_output(y: Any) -> Any:
    """The result of f as an array or a tuple of arrays; NumPy returns scalars where a result is 0-d."""
    if isinstance(y, (tuple, list)):
        return tuple([as_output(part) for part in y])
    is_number = isinstance(y, (np.generic, bool, int, float))
    return np.asarray(y) if is_number else np.asarray(y, like=y) if hasattr(y, "noting") else y


def has_float(y: Any) -> bool:
    """Return whether the output, or one of several, is of floats: no gradient flows through any other."""
    return any(map(has_float, y)) if y.__class__ is tuple else y.dtype.kind == "f"


def shape_and_dtype(y: Any) -> tuple[Any, Any]:
    if y.__class__ is tuple:
        return tuple([part.shape for part in y]), tuple([part.dtype for part in y])
    return y.shape, y.dtype


def sum_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum(axis), the same within rules and of Tensors; of float16 the sum in float32, then rounded."""
    if x.dtype != FLOAT16:
        return x.sum(axis=axis, keepdims=keepdims)
    return widened(x).sum(axis=axis, keepdims=keepdims).astype(FLOAT16)


def sum_to_shape(c: Any, shape: tuple[int, ...]) -> Any:
    """c summed over the axes along which an array of `shape` was broadcast to c's shape."""
    lead = len(c.shape) - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and c.shape[lead + i] != 1]
    return sum_(c, (*range(lead), *stretched)).reshape(shape)
