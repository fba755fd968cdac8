"""The steps from a model and an example input to a file that other runtimes run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.sight import origin_of

from ..modes import evaluating
from ..module import Module
from .graph import IR_VERSION, OPSET, Graph, Step, onnx_type
from .table import TRANSLATIONS
from .traces import REMEDY, Affine, affine, traces_of

if TYPE_CHECKING:
    from minigrad.files import StrPath

BatchAxis: TypeAlias = int | tuple[int | None, ...] | None


def export(model: Module, example: Any, path: StrPath, batch_axis: BatchAxis) -> None:
    """Write the file: see `export_onnx`."""
    _import_onnx()
    if not isinstance(model, Module):
        raise TypeError(f"export_onnx: the model is a {type(model).__name__}; a Module is needed")
    inputs = [_as_array(x) for x in (example if isinstance(example, tuple) else (example,))]
    axes = batch_axis if isinstance(batch_axis, tuple) else (batch_axis,) * len(inputs)
    if len(axes) != len(inputs):
        raise ValueError(
            f"export_onnx: {len(axes)} axes in batch_axis, {len(inputs)} inputs in the example"
        )
    pairs = zip(axes, inputs, strict=True)
    axes = tuple([a + x.ndim if a is not None and a < 0 else a for a, x in pairs])
    with evaluating(model):
        traces, sizes = traces_of(model, inputs, axes)
    graph = Graph(model, traces, sizes, axes)
    names = _numbered("input", len(inputs))
    graph.add_inputs(names)
    _translate(graph)
    outputs = _outputs(graph)
    unused = [name for name in names if name not in graph.used]
    if unused:
        raise ValueError(
            f"export_onnx: no op used {unused[0]}: it has no influence, or what was made of it was made outside of "
            "minigrad's ops and would be a constant"
        )
    _write(graph, names, outputs, type(model).__name__, path)


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise ImportError(
            'export_onnx needs the package onnx: pip install "minigrad[onnx]"'
        ) from None
    return onnx


def _as_array(x: Any) -> Any:
    return np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]


def _translate(graph: Graph) -> None:
    """Translate each op of the trace in turn."""
    orders = [trace.nodes for trace in graph.traces]
    for nodes in zip(*orders, strict=False):
        whole, arrays = nodes[0], [node.notes.value for node in nodes]
        if len({node.op.name for node in nodes}) > 1:
            raise _ran_differently(graph, Step(graph, nodes))
        if whole.op.is_part:  # one output of an op with several
            name = graph.outputs_of[id(whole.parents[0])][whole.constants[0]]
            graph.learn_result(nodes, name, arrays)
            continue
        step = Step(graph, nodes)
        if len({values[0].ndim for values in step.values}) > 1:
            shapes = " and ".join(str(values[0].shape) for values in step.values)
            raise step.error(f"how many axes its result has changes with the batch: {shapes}")
        translation = TRANSLATIONS.get(step.op)
        if translation is None:
            raise step.error("there is no translation of this op", NotImplementedError)
        graph.place = step.path
        result = translation(step)
        if isinstance(result, str):
            graph.learn_result(nodes, result, arrays)
        else:
            graph.outputs_of[id(whole)] = result
    if len(set(map(len, orders))) > 1:
        raise _ran_differently(graph, step)


def _ran_differently(graph: Graph, step: Step) -> Exception:
    counts = " and ".join(str(len(trace.nodes)) for trace in graph.traces)
    return step.error(
        f"from here on the ops, {counts} in all, are not the same for other inputs: the model loops over the batch, or "
        f"asks for values. {REMEDY}"
    )


def _outputs(graph: Graph) -> list[str]:
    """The outputs of the model, under names of their own."""
    from onnx import helper

    names = _numbered("output", len(graph.traces[0].outputs))
    for name, tensor in zip(names, graph.traces[0].outputs, strict=True):
        value = graph.name_of(origin_of(tensor), tensor, tensor.data)
        if value is None:
            raise ValueError(
                f"export_onnx: {name}, of shape {tensor.shape}, was not made by minigrad's ops, and would be a constant"
            )
        graph.nodes.append(
            helper.make_node("Identity", [value], [name], f"/Identity_{len(graph.nodes)}")
        )
    return names


def _write(graph: Graph, inputs: list[str], outputs: list[str], name: str, path: StrPath) -> None:
    onnx = _import_onnx()
    from minigrad.files import whole

    traces = graph.traces
    used = {value for node in graph.nodes for value in node.input}
    proto = onnx.helper.make_graph(
        graph.nodes,
        name,
        [_value_info(graph, n, [t.inputs[i] for t in traces]) for i, n in enumerate(inputs)],
        [_value_info(graph, n, [t.outputs[i] for t in traces]) for i, n in enumerate(outputs)],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), n)
            for n, array in graph.initialisers.items()
            if n in used
        ],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(
        proto, opset_imports=[opset], ir_version=IR_VERSION, producer_name="minigrad"
    )
    onnx.checker.check_model(model)
    with whole(path) as file:
        file.write(model.SerializeToString())


def _value_info(graph: Graph, name: str, tensors: Sequence[Any]) -> Any:
    """The dtype and shape of an input or output; a size that grows with the batch is a text, its formula."""
    from onnx import helper

    sizes = [affine(n, graph.sizes) for n in zip(*[t.shape for t in tensors], strict=True)]
    shape = [str(n) if isinstance(n, Affine) else n for n in sizes]
    return helper.make_tensor_value_info(name, onnx_type(tensors[0].dtype), shape)
