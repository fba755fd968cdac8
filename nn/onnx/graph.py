"""The ONNX graph under construction: values by name, and the steps of the trace that compute them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..module import Module
from .traces import REMEDY, Affine, Axes, Trace, affine

OPSET, IR_VERSION = 18, 8  # of 2022, so that runtimes of the last years can read it


class Graph:
    """ONNX nodes and initialisers, and the names of values: `name_of` knows every value of the first trace."""

    def __init__(self, model: Module, traces: list[Trace], sizes: list[int], axes: Axes) -> None:
        self.traces, self.sizes, self.axes = traces, sizes, axes
        self.nodes: list[Any] = []
        self.initialisers: dict[str, Any] = {}
        self.used: set[str] = set()
        kind = type(model).__name__
        self.paths = {id(module): path or kind for path, module in model.named_modules()}
        # the path of the module whose op is being translated, for the names of nodes
        self.place = ""
        self._constants: dict[Any, str] = {}
        self._names: dict[int, str] = {}  # by the id of a node, a Tensor, or the array of one
        self.outputs_of: dict[int, list[str]] = {}  # by the id of a node of the first trace
        self._dtypes: dict[str, Any] = {}
        for name, value in model._walk():
            self._learn(value, name)
            self.initialisers.setdefault(self._names[id(value)], np.asarray(value.data))

    # Names -------------------------------------------------------------------------------------------

    def _learn(self, tensor: Any, name: str) -> None:
        name = self._names.setdefault(id(tensor), name)
        self._names.setdefault(id(tensor.data), name)
        self._dtypes[name] = tensor.dtype

    def add_inputs(self, names: Sequence[str]) -> None:
        for trace in self.traces:
            for name, tensor in zip(names, trace.inputs, strict=True):
                self._learn(tensor, name)

    def learn_result(self, nodes: Sequence[Any], name: str, arrays: Sequence[Any]) -> None:
        """Name the value that these nodes, one of each trace, have computed."""
        for node, array in zip(nodes, arrays, strict=True):
            self._names[id(node)] = self._names[id(array)] = name
        self._dtypes[name] = arrays[0].dtype

    def name_of(self, *things: Any) -> str | None:
        """The name of the first thing that has one: a node, a Tensor or an array."""
        for thing in things:
            name = self._names.get(id(thing))
            if name is not None:
                self.used.add(name)
                return name
        return None

    def dtype_of(self, name: str) -> Any:
        return self._dtypes[name]

    # Nodes and constants -----------------------------------------------------------------------------

    def add(
        self, op: str, inputs: Sequence[str], dtype: Any, count: int = 1, **attributes: Any
    ) -> list[str]:
        """Add a node, and return the names of its outputs, which are of `dtype`."""
        from onnx import helper

        outputs = [f"{op}_{len(self.nodes)}" + (f"_{i}" if count > 1 else "") for i in range(count)]
        name = f"{self.place}/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name, **attributes))
        self._dtypes.update(dict.fromkeys(outputs, np.dtype(dtype)))
        return outputs

    def constant(self, array: Any) -> str:
        array = np.array(array, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"constant_{len(self._constants)}"
            self.initialisers[name] = array
            self._dtypes[name] = array.dtype
        return self._constants[key]

    def cast(self, name: str, dtype: Any) -> str:
        if self.dtype_of(name) == dtype:
            return name
        return self.add("Cast", [name], dtype, to=onnx_type(dtype))[0]

    def growing(self, value: Affine, dtype: Any) -> str:
        """slope N + start, with the batch size taken from an input when the model runs."""
        i, axis = next((i, axis) for i, axis in enumerate(self.axes) if axis is not None)
        first = self._names[id(self.traces[0].inputs[i])]
        (n,) = self.add("Shape", [first], np.int64, start=axis, end=axis + 1)
        n = self.cast(n, dtype)
        (product,) = self.add("Mul", [n, self.constant(np.asarray(value.slope, dtype))], dtype)
        (result,) = self.add("Add", [product, self.constant(np.asarray(value.start, dtype))], dtype)
        if np.ndim(value.slope) == 0:
            (result,) = self.add("Squeeze", [result], dtype)
        return result


class Step:
    """One op of the trace, as its translation sees it: arguments by name, options, shapes.

    `step("x")` is the ONNX name of an argument, cast to the dtype in which the op computes; `step.raw("x")` is the name
    without a cast. Both are None for an argument that was not given.
    """

    def __init__(self, graph: Graph, nodes: Sequence[Any]) -> None:
        self.graph, self.nodes = graph, nodes
        self.node = nodes[0]
        self.op: str = self.node.op.name
        values = [node.notes.value for node in nodes]
        self.values: list[tuple[Any, ...]] = [v if isinstance(v, tuple) else (v,) for v in values]
        self.dtype = self.values[0][0].dtype
        self._inputs = [node.notes.inputs for node in nodes]
        self._sources = [node.notes.sources for node in nodes]

    # What the op was given ---------------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Any]:
        """The arrays that the op was given in the first trace, by argument."""
        return self._inputs[0]

    @property
    def members(self) -> list[str]:
        """The names of the arguments of an op on *xs."""
        return [name for name in self._inputs[0] if name.startswith("xs[")]

    def raw(self, argument: str, dtype: Any = None) -> str | None:
        source, given = self._sources[0].get(argument), self._inputs[0].get(argument)
        if source is None and given is None:
            return None
        name = self.graph.name_of(source, getattr(source, "data", None), given)
        return name or self._constant(argument, dtype)

    def __call__(self, argument: str, dtype: Any = None) -> Any:
        dtype = dtype or self.dtype
        name = self.raw(argument, dtype)
        return None if name is None else self.graph.cast(name, dtype)

    def common_dtype(self, *arguments: str) -> Any:
        """The dtype in which arguments are compared: floats win over integers, and plain numbers do not count."""
        kinds = [
            np.asarray(self.array(a)).dtype for a in arguments if hasattr(self.array(a), "dtype")
        ]
        return np.result_type(*([k for k in kinds if k.kind == "f"] or kinds))

    def array(self, argument: str) -> Any:
        """The value of an argument, an array or a number, in the first trace."""
        return self._inputs[0][argument]

    def arrays(self, argument: str) -> list[Any]:
        """The value of an argument in each trace."""
        return [inputs[argument] for inputs in self._inputs]

    def fixed(self, argument: str) -> Any:
        """An argument that is the same array at every batch size."""
        first, *others = self.arrays(argument)
        if any(not np.array_equal(first, other) for other in others):
            raise self.error(
                f"its argument `{argument}` changes with the batch", NotImplementedError
            )
        return first

    def index(self) -> list[tuple[str, Any]]:
        """The parts of an index: (the name of its argument if it is an array, else "", the part)."""
        if "index" in self.inputs:
            return [("index", self.inputs["index"])]
        indices = [dict(node.options)["index"] for node in self.nodes]
        parts = [index if isinstance(index, tuple) else (index,) for index in indices]
        names = [
            n if n in self.inputs else "" for n in (f"index[{i}]" for i in range(len(parts[0])))
        ]
        kept = [[p for p, name in zip(ps, names, strict=True) if not name] for ps in parts]
        if any(other != kept[0] for other in kept):
            raise self.error(f"its index changes with the input. {REMEDY}")
        return list(zip(names, parts[0], strict=True))

    def shape_of(self, argument: str) -> tuple[int, ...]:
        return tuple(np.shape(self.array(argument)))

    def _constant(self, argument: str, dtype: Any) -> str:
        """An argument that no op of the trace computed; a plain number gets the dtype asked for."""
        values = self.arrays(argument)
        known = affine(values, self.graph.sizes)
        if isinstance(known, Affine):
            return self.graph.growing(known, dtype or np.asarray(values[0]).dtype)
        if known is not None:
            is_number = isinstance(known, (int, float)) and not isinstance(known, bool)
            return self.graph.constant(np.asarray(known, dtype) if is_number else known)
        shape = affine([np.shape(v) for v in values], self.graph.sizes)
        filled = {_only_value(np.asarray(v)) for v in values}
        if isinstance(shape, Affine) and len(filled) == 1 and None not in filled:
            value = self.graph.constant(np.asarray(filled.pop(), np.asarray(values[0]).dtype))
            target = self.graph.growing(shape, np.int64)
            return self.graph.add("Expand", [value, target], np.asarray(values[0]).dtype)[0]
        raise self.error(
            f"its argument `{argument}` changes with the input, and was not computed by ops on it. {REMEDY}"
        )

    def option(self, name: str) -> Any:
        """An option, which must be the same at every batch size."""
        first, *others = [dict(node.options)[name] for node in self.nodes]
        if any(other != first for other in others):
            raise self.error(f"its option `{name}` changes with the input. {REMEDY}")
        return first

    # What the op gave --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values[0][0].shape)

    def target_shape(self) -> str:
        """The name of the shape of the result; an axis that grows with the batch is computed when the model runs."""
        return self._integers([values[0].shape for values in self.values])

    def _integers(self, values: Sequence[Sequence[int]]) -> str:
        known = affine([np.asarray(v, np.int64) for v in values], self.graph.sizes)
        if known is None:
            raise self.error(
                f"its shape does not grow evenly with the batch: {[*map(tuple, values)]}"
            )
        if isinstance(known, Affine):
            return self.graph.growing(known, np.int64)
        return self.graph.constant(known)

    def varying_axes(self) -> list[int]:
        """The axes of the result that grow with the batch."""
        shapes = [values[0].shape for values in self.values]
        return [axis for axis, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1]

    # What it is translated to ------------------------------------------------------------------------

    def add(self, op: str, *inputs: str | None, dtype: Any = None, **attributes: Any) -> str:
        """Add a node with one output, by default of this step's dtype; returns the name of the output."""
        names = [name or "" for name in inputs]
        while names and not names[-1]:
            names.pop()
        return self.graph.add(op, names, dtype or self.dtype, **attributes)[0]

    def constant(self, value: Any, dtype: Any = None) -> str:
        return self.graph.constant(np.asarray(value, dtype or self.dtype))

    def integers(self, *values: int) -> str:
        return self.graph.constant(np.asarray(values, np.int64))

    def error(self, problem: str, kind: type[Exception] = ValueError) -> Exception:
        where = f"in {self.path}, " if self.path else ""
        return kind(f"export_onnx: {self.op} ({where}{self.node.notes.line}): {problem}")

    @property
    def path(self) -> str:
        """The name in the model of the innermost module that the op ran in."""
        modules = [reference() for reference in reversed(self.node.notes.scope)]
        paths = self.graph.paths
        return next((paths[id(m)] for m in modules if id(m) in paths), "")


def _only_value(array: Any) -> Any:
    """The number to which all elements are equal, or None."""
    alike = array.size and (array == array.flat[0]).all()
    return array.flat[0].item() if alike else None


Translation = Callable[[Step], "str | list[str]"]


def onnx_type(dtype: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
